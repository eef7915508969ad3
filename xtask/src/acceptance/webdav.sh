serve webdav
url=http://$ADDRESS
film="$url/Odd%20names/film.mkv"
local='store/Odd names/film.mkv'
# The embedded rqbit verifies the files first.
until_done 60 curl -sf "$film" -o film && cmp film "$local"

echo '-- curl'
curl -sf -r 1000000-1999999 "$film" | cmp - <(tail -c +1000001 "$local" | head -c 1000000)
etag=$(curl -sfI "$film" | tr -d '\r' | sed -n 's/^etag: //Ip')
test "$(curl -s -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" "$film")" = 304
test "$(curl -s -o /dev/null -w '%{http_code}' -T film "$url/new.mkv")" = 405
curl -sf "$url/Odd%20names/?m3u" | grep -q "^$film\$"

echo '-- rclone'
remote=(--webdav-url "$url" --webdav-vendor other --config /dev/null)
rclone "${remote[@]}" lsf -R :webdav: | sort >listed
(cd store && find . -mindepth 1 \( -type d -printf '%P/\n' -o -printf '%P\n' \)) | sort >wanted
diff wanted listed
rclone "${remote[@]}" copy :webdav: copied && diff -r store copied
rclone "${remote[@]}" cat --offset 500000 --count 70000 ':webdav:Odd names/film.mkv' |
    cmp - <(tail -c +500001 "$local" | head -c 70000)
if rclone "${remote[@]}" --retries 1 copyto film :webdav:new 2>/dev/null; then exit 1; fi
rclone --config /dev/null --http-url "$url/" copy :http: by-http && diff -r store by-http

echo '-- cadaver'
printf 'ls\ncd "Odd names"\nls\nget film.mkv got.mkv\nput make.py new\nquit\n' |
    cadaver "$url/" >cadaver.log 2>&1
cmp got.mkv "$local"
grep -q 'Uploading .* failed' cadaver.log

echo '-- litmus'
port=$((20000 + RANDOM % 10000))
python3 "$ROOT/xtask/src/acceptance/litmus.py" $port "${ADDRESS##*:}" /Odd%20names/ 2>shim.log &
started+=($!)
until_done 30 curl -s -o /dev/null "http://127.0.0.1:$port/"
TESTS='http basic props locks' litmus -k "http://127.0.0.1:$port/" >litmus.log 2>&1 || true
grep -qF "summary for \`http': of 4 tests run: 4 passed" litmus.log
for test in options precond propfind_invalid propfind_invalid2 propfind_d0 propextended propwformed
do
    grep -q " $test\.* pass" litmus.log || { grep "$test" litmus.log; exit 1; }
done

echo '-- gio'
cat >gio.sh <<SHELL
set -eu
gio mount dav://$ADDRESS/ 2>gio.log
gio list "dav://$ADDRESS/Odd%20names/" | grep -q film.mkv
gio cat "dav://$ADDRESS/Odd%20names/film.mkv" | cmp - "\$PWD/$local"
gio mount -u dav://$ADDRESS/
SHELL
timeout 60 dbus-run-session -- bash gio.sh 2>dbus.log

echo '-- ffprobe, ffmpeg'
ffprobe -v error -show_entries format=duration "$film" | grep -q '^duration=60'
for at in 0 40 59; do
    for input in "$film" "$local"; do
        ffmpeg -v error -ss $at -i "$input" -frames:v 1 -f md5 - </dev/null
    done | uniq | wc -l | grep -qx 1
done

echo '-- davfs2'
# It mounts, and compares a known path: davfs2 1.6 lists no folder on Linux 6.18. Its directory for
# process ids is one of this check, as not every machine lets it write there.
mkdir dav
printf 'ask_auth 0\nuse_locks 0\n' >davfs.conf
cat >dav.sh <<SHELL
set -eu
mount -t tmpfs -o mode=755 none /run
install -d -m 1775 -g davfs2 /run/mount.davfs
mount -t davfs -o ro,conf=$PWD/davfs.conf $url/ dav
cmp 'dav/Odd names/film.mkv' '$local'
umount dav
SHELL
unshare --mount bash dav.sh

echo '-- the end'
end_serving
