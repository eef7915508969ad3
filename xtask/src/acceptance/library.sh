# A library of real files for `tfs serve`: film.mkv and odd names, in the torrent "Odd names".

# Writes store/ and library.torrent.
make_library() {
    mkdir -p 'store/Odd names/sub'
    ffmpeg -v error -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440 \
        -t 60 -g 25 -c:v libx264 -preset ultrafast -c:a aac 'store/Odd names/film.mkv'
    printf 'plus' >"store/Odd names/a b+c 9% #1 & 'x' [y].txt"
    printf 'umlaut' >'store/Odd names/sub/ümläut é.srt'
    : >'store/Odd names/sub/empty.nfo'
    cat >make.py <<'PYTHON'
import hashlib, os

root, piece_len = "store/Odd names", 1 << 18
paths = sorted(os.path.join(d, f) for d, _, files in os.walk(root) for f in files)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return b"%d:%s" % (len(value), value)


data, files = b"", b""
for path in paths:
    content = open(path, "rb").read()
    data += content
    parts = os.path.relpath(path, root).split("/")
    files += b"d6:lengthi%de4:pathl%see" % (len(content), b"".join(map(text, parts)))
pieces = b"".join(
    hashlib.sha1(data[at : at + piece_len]).digest() for at in range(0, len(data), piece_len)
)
info = b"d5:filesl%se4:name9:Odd names12:piece lengthi%de6:pieces%se" % (
    files, piece_len, text(pieces),
)
open("library.torrent", "wb").write(b"d4:info%se" % info)
PYTHON
    python3 make.py
}

# Serves the library: KIND [OPTION]... Sets ADDRESS to HOST:PORT.
serve() {
    make_library
    "$TFS" serve "$@" --listen 127.0.0.1:0 --embedded store --offline --add library.torrent \
        >serve.out 2>serve.err &
    started+=($!)
    until_done 60 grep -qs '^serving on' serve.out || { cat serve.err; return 1; }
    ADDRESS=$(sed -n '1s|^serving on [a-z]*://\([^/]*\)/.*|\1|p' serve.out)
    export ADDRESS
}

# Ends it as a service manager does. Fails if it fails.
end_serving() {
    kill -TERM "${started[0]}"
    wait "${started[0]}"
}
