# Installs, uses, upgrades, removes and purges the .deb in a new Debian system, as its users do.
# PACKAGE and NEXT are two versions of it.

make_film
debian root
cp /etc/resolv.conf root/etc/
cp film.mkv film.torrent "$PACKAGE" "$NEXT" root/srv/
chmod 644 root/srv/*
[[ -c root/dev/fuse ]] || mknod -m 666 root/dev/fuse c 10 229

cat >root/srv/show.sh <<'SHOW'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
say() { printf '\n$ %s\n' "$*"; }
# Runs a command as root, printed as typed.
sudo_() { say "sudo $*"; "$@"; }
# Runs a line as the user, printed as typed. The log of no file may stop it.
anna() { say "$*"; su anna -c "cd; PATH=/usr/local/bin:/usr/bin:/bin; $environment $*"; }
environment=
# Everything with tfs in its name, and the users.
left() { find / -xdev \( -path /proc -o -path /home -o -path /srv -o -path /tmp \) -prune -o \
    -name '*tfs*' -print | grep -v '^/var/log/' | sort; }

apt-get -qq update
useradd --create-home --shell /bin/sh anna
left >/srv/before
cp /srv/film.torrent ~anna/
mkdir ~anna/torrents
cp /srv/film.mkv ~anna/"torrents/A film.mkv"
chown -R anna: ~anna

echo "== install"
say "sudo apt install ./$(basename "$1")"
apt-get -qq install -y --no-install-recommends "$1" >/srv/apt.log 2>&1 || { cat /srv/apt.log; exit 1; }
dpkg-query -W tfs fuse3
for file in /usr/bin/tfs /usr/sbin/mount.fuse.tfs /usr/lib/systemd/system/tfs.service \
    /usr/share/man/man1/tfs.1.gz /usr/share/bash-completion/completions/tfs; do
    test -e "$file" || { echo "$file is missing"; exit 1; }
done
tfs man --dir /tmp/man/man1
pages=$(cd /tmp/man && find man* -type f)
for page in $pages; do
    test -e "/usr/share/man/$page.gz" || { echo "the page $page is not packed"; exit 1; }
done
echo "$(echo "$pages" | wc -l) manual pages"

echo "== the quick start as written, as a normal user, with the demonstration as the server"
su anna -c 'exec tfs demo --keep' >/srv/demo.log 2>&1 &
demo=$!
for attempt in $(seq 300); do
    grep -q 'tfs unmount' /srv/demo.log && break
    sleep 0.2
done
server=$(sed -n 's/.*tfs mount --server \([^ ]*\) .*/\1/p' /srv/demo.log)
test -n "$server" || { cat /srv/demo.log; exit 1; }
su anna -c 'mkdir ~/Downloads && cp ~/film.torrent ~/Downloads/other.torrent'
# A player that compares what it reads with the original.
cat >/usr/local/bin/mpv <<'MPV'
#!/bin/sh
cmp "$1" /tmp/tfs-demo-*/original/"${1#"$HOME"/films/}" && echo "played the same bytes"
MPV
chmod 755 /usr/local/bin/mpv
sed -n '/^```console test$/,/^```$/s/^\$ //p' /usr/share/doc/tfs/docs/guide/quick-start.md |
    sed -e "s|http://127.0.0.1:3030|$server|" \
        -e 's|"Demo Film"/|"Demo Film (2026) [1080p]"/|' >/srv/quick-start
test "$(wc -l </srv/quick-start)" -ge 10 || { echo "the page has too few commands"; exit 1; }
environment="export TFS_SERVER=$server;"
while read -r line; do
    anna "$line" </dev/null
done </srv/quick-start
environment=
kill "$demo"
wait "$demo" || true

echo "== embedded, as a normal user"
anna tfs --version
anna tfs demo
anna mkdir mnt
anna "tfs mount --embedded ~/torrents --offline --add film.torrent mnt"
anna ls -l mnt
anna tfs list
anna tfs healthy
for attempt in $(seq 150); do
    su anna -c 'cmp -s ~/"mnt/A film.mkv" /srv/film.mkv' && break
    sleep 0.2
done
anna "head -c 16 'mnt/A film.mkv' | od -An -tx1"
anna "cmp 'mnt/A film.mkv' /srv/film.mkv && echo the same bytes"

echo "== upgrade, while it is mounted"
mkdir -p /etc/tfs /etc/systemd/system/multi-user.target.wants
echo '# mine' >/etc/tfs/config.toml
echo 'TFS_SERVER=http://nas:3030' >/etc/default/tfs
ln -s /usr/lib/systemd/system/tfs.service /etc/systemd/system/multi-user.target.wants/
say "sudo apt install ./$(basename "$2")"
apt-get -qq install -y --no-install-recommends "$2" >/srv/apt.log 2>&1 || { cat /srv/apt.log; exit 1; }
dpkg-query -W tfs
anna "cmp 'mnt/A film.mkv' /srv/film.mkv && echo the same bytes"
anna tfs unmount mnt

echo "== remove"
say "sudo apt remove tfs"
apt-get -qq remove -y tfs >/srv/apt.log 2>&1 || { cat /srv/apt.log; exit 1; }
left | comm -13 /srv/before - | tee /srv/removed
printf '%s\n' /etc/default/tfs /etc/systemd/system/multi-user.target.wants/tfs.service /etc/tfs \
    /var/lib/dpkg/info/tfs.list /var/lib/dpkg/info/tfs.postrm | cmp - /srv/removed

echo "== purge"
say "sudo apt purge tfs"
apt-get -qq purge -y tfs >/srv/apt.log 2>&1 || { cat /srv/apt.log; exit 1; }
left | comm -13 /srv/before - | tee /srv/purged
test ! -s /srv/purged || { echo "files are left"; exit 1; }
anna "find . -name '*tfs*' -o -name mnt -o -name torrents | sort"
test -d ~anna/.local/state/tfs || { echo "the state is gone"; exit 1; }
echo "nothing is left but the state and the files of the user"
SHOW
# Their own mounts and processes, so that nothing outlives the check, and the environment of a new
# session.
unshare --mount --pid --fork --propagation private --mount-proc="$PWD/root/proc" \
    chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /srv/show.sh "/srv/$(basename "$PACKAGE")" "/srv/$(basename "$NEXT")"
