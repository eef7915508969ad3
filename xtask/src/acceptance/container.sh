# Builds the image over a new Debian system, runs it as its user with the right to mount, and reads
# the mount on the host, as contrib/docker/compose-embedded.yaml does it. Without Docker, and so
# without its registry: buildah builds, runc runs.

make_film
debian root
mkdir -p context/contrib/docker/prebuilt/amd64
cp "$ROOT/contrib/docker/Dockerfile" context/contrib/docker/
release_binary context/contrib/docker/prebuilt/amd64/tfs

build() { buildah --root "$PWD/images" --runroot "$PWD/run/images" --storage-driver vfs "$@"; }
base=$(build from scratch)
build add --quiet "$base" root / >/dev/null
build commit --quiet "$base" localhost/bookworm >/dev/null
build build --isolation chroot --format docker --file context/contrib/docker/Dockerfile \
    --build-arg TARGETARCH=amd64 --build-arg BASE=localhost/bookworm --build-arg BUILD=prebuilt \
    --tag localhost/tfs context >build.log 2>&1 || { cat build.log; exit 1; }
build inspect --type image --format '{{.OCIv1.Config.User}} {{.Docker.Config.Healthcheck.Test}}' \
    localhost/tfs
container=$(build from localhost/tfs)
mkdir bundle
cp -a "$(build mount "$container")" bundle/rootfs

# The host's side: a shared directory, and a film that is already there.
install -d -o 1000 -g 1000 srv srv/torrents srv/tfs srv/tfs/torrents
install -o 1000 -g 1000 film.mkv 'srv/torrents/A film.mkv'
cp film.torrent srv/torrents/
mount --bind srv/tfs srv/tfs
mount --make-rshared srv/tfs
finish_mounts() { umount --recursive --lazy "$PWD/srv/tfs" || true; finish; }
trap finish_mounts EXIT

cat >config.py <<'PYTHON'
import json, os, sys

caps = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_ADMIN"]
bind = lambda source, target, *more: {
    "destination": target, "type": "bind", "source": source, "options": ["rbind", *more],
}
here = os.getcwd()
config = {
    "ociVersion": "1.0.0",
    "process": {
        "user": {"uid": 1000, "gid": 1000},
        "args": sys.argv[1:],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XDG_STATE_HOME=/var/lib/tfs/state"],
        "cwd": "/",
        # Only what the image's programs with setuid may gain.
        "capabilities": {"bounding": caps, "effective": [], "permitted": []},
    },
    "root": {"path": "rootfs"},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        bind(here + "/srv/torrents", "/srv/torrents"),
        bind(here + "/srv/tfs", "/mnt/tfs", "rshared"),
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
        "rootfsPropagation": "shared",
        "devices": [{
            "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666,
        }],
        "resources": {"devices": [{"allow": True, "access": "rwm"}]},
    },
}
json.dump(config, open("bundle/config.json", "w"))
PYTHON
python3 config.py tfs mount --foreground --allow-other --embedded /srv/torrents --offline \
    --add /srv/torrents/film.torrent /mnt/tfs/torrents
oci() { runc --root "$PWD/run/runc" "$@"; }
(exec runc --root "$PWD/run/runc" run --bundle bundle tfs-check) >container.log 2>&1 &
runner=$!
started+=("$runner")

until_done 60 mountpoint -q srv/tfs/torrents || { cat container.log; exit 1; }
until_done 60 cmp -s film.mkv 'srv/tfs/torrents/A film.mkv' || { cat container.log; exit 1; }
echo "read on the host: $(stat -c '%n, %s bytes' 'srv/tfs/torrents/A film.mkv')"
oci exec tfs-check tfs healthy
oci exec tfs-check sh -c 'grep -E "^(Uid|CapEff)" /proc/1/status'
oci kill tfs-check TERM
wait "$runner" || true
started=()
mountpoint -q srv/tfs/torrents && { echo "it is still mounted on the host"; exit 1; }
echo "after the end of the container nothing is mounted on the host"
