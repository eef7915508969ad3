# Functions for the scripts of the checks. $TFS and $ROOT are set, and the directory is empty.

export HOME=$PWD XDG_CONFIG_HOME=$PWD/.config XDG_STATE_HOME=$PWD/.state XDG_CACHE_HOME=$PWD/.cache
export XDG_RUNTIME_DIR=$PWD/run
mkdir -m 700 "$XDG_RUNTIME_DIR"

started=()

# Ends what the check has started, the last first.
finish() {
    local index
    for ((index = ${#started[@]} - 1; index >= 0; index--)); do
        kill -TERM "${started[index]}" 2>/dev/null || true
        wait "${started[index]}" || true
    done
}
trap finish EXIT

# Runs a command, and fails if it fails or prints anything.
quietly() {
    local printed
    printed=$("$@" 2>&1) || { echo "$* failed: $printed"; return 1; }
    [[ -z $printed ]] || { echo "$* printed: $printed"; return 1; }
}

# Repeats a command until it succeeds, for at most this many seconds.
until_done() {
    local seconds=$1 end
    shift
    end=$((SECONDS + seconds))
    until "$@"; do
        ((SECONDS < end)) || { echo "not within $seconds s: $*"; return 1; }
        sleep 0.2
    done
}

# Starts the demonstration. Sets MOUNT to its mount, and SERVER to the address of its rqbit.
demo() {
    "$TFS" demo --keep >demo.log 2>&1 &
    started+=($!)
    until_done 180 grep -q 'tfs unmount' demo.log || { cat demo.log; return 1; }
    export MOUNT SERVER
    MOUNT=$(sed -n 's/.*tfs unmount //p' demo.log)
    SERVER=$(sed -n 's/.*tfs mount --server \([^ ]*\) .*/\1/p' demo.log)
}

# Mounts the server of the demonstration once more: DIRECTORY [OPTION]...
mounted() {
    "$TFS" mount -f --server "$SERVER" "$@" >mount.log 2>&1 &
    started+=($!)
    until_done 60 mountpoint -q "$1" || { cat mount.log; return 1; }
}

# Runs tests of the workspace, and fails if one was skipped: PACKAGE TARGET NAME
cargo_test() {
    export _TFS_SKIPPED_TESTS=$PWD/skipped
    : >skipped
    (cd "$ROOT" && cargo test --locked --all-features -p "$1" --test "$2" -- "$3")
    [[ ! -s skipped ]] || { cat skipped; return 1; }
}

# Types a line and the Tab key in a real shell: SHELL LINE WANTED
completes() {
    local shell=$1 line=$2 wanted=$3 command
    local -a tmux=(tmux -u -f /dev/null -S "$PWD/tmux")
    case $shell in
        bash) command="bash --norc --noprofile -i"; set -- "source tfs.bash" ;;
        zsh) command="zsh -f -i"; set -- "autoload -U compinit; compinit -u -D; source tfs.zsh" ;;
        fish) command="fish --no-config -i"; set -- "source tfs.fish" ;;
    esac
    PATH=$(dirname "$TFS"):$PATH TFS_SERVER=$SERVER LC_ALL=C.UTF-8 \
        "${tmux[@]}" new-session -d -x 150 -y 30 "$command"
    "${tmux[@]}" send-keys -l -- "$1; clear; echo ready"
    "${tmux[@]}" send-keys Enter
    until_done 30 shows '^ready'
    "${tmux[@]}" send-keys -l -- "$line"
    "${tmux[@]}" send-keys Tab
    # The shell reads this when it has completed.
    "${tmux[@]}" send-keys -l -- '%%'
    until_done 30 shows '%%'
    "${tmux[@]}" capture-pane -p | grep '%%'
    "${tmux[@]}" capture-pane -p | grep -qF -- "$wanted %%"
    "${tmux[@]}" kill-server
}

# Returns whether the terminal of `completes` shows a line with this pattern.
shows() {
    tmux -S "$PWD/tmux" capture-pane -p | grep -q -- "$1"
}

# Writes film.mkv, and film.torrent of it with the name "A film.mkv".
make_film() {
    cat >make.py <<'PYTHON'
import hashlib, random

data = random.Random(1).randbytes(3_000_000)
piece_len = 1 << 16
pieces = b"".join(
    hashlib.sha1(data[at : at + piece_len]).digest() for at in range(0, len(data), piece_len)
)
name = b"A film.mkv"
info = b"d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%se" % (
    len(data), len(name), name, piece_len, len(pieces), pieces,
)
open("film.mkv", "wb").write(data)
open("film.torrent", "wb").write(b"d4:info%se" % info)
PYTHON
    python3 make.py
}

# Makes a small Debian system in a new directory. Its packages are kept for later checks.
debian() {
    mkdir -p "$ROOT/target/acceptance-debootstrap"
    debootstrap --variant=minbase --include=ca-certificates \
        --cache-dir="$(readlink -f "$ROOT/target/acceptance-debootstrap")" \
        bookworm "$1" >debootstrap.log || { cat debootstrap.log; return 1; }
    # The installer of Debian makes it; fusermount3 needs it.
    ln -sf /proc/self/mounts "$1/etc/mtab"
}

# Copies the release binary if it is built, else the binary under test, without symbols.
release_binary() {
    local binary=$ROOT/target/release/tfs
    [[ -x $binary ]] || binary=$TFS
    strip -o "$1" "$binary"
}

# Makes two versions of the .deb: PACKAGE and the later one NEXT.
packages() {
    release_binary tfs
    local version
    for version in 0.2.0 0.2.1; do
        (cd "$ROOT" && cargo xtask dist deb --binary "$OLDPWD/tfs" --deb-version $version) \
            >packages.log 2>&1 || { cat packages.log; return 1; }
        PACKAGE=${NEXT:-}
        # cargo-deb prints the name too.
        NEXT=$(grep '\.deb$' packages.log | tail -n 1)
    done
    export PACKAGE NEXT
}
