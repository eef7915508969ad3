#!/bin/bash
# Tries nfs-adapter with the NFS client of Debian's kernel, in a virtual machine.
#
#   apt-get install --no-install-recommends qemu-system-x86 busybox-static cpio kmod
#   apt-get download linux-image-6.1.0-XX-cloud-amd64 && dpkg -x linux-image-*.deb KERNEL
#   cargo build -p nfs-adapter --example serve_nfs
#   contrib/nfs-kernel/run.sh KERNEL [,MOUNT_OPTIONS] [JUKEBOX_MILLIS]
#
# No kernel is installed. The machine is emulated; ACCEL=kvm is faster where it works.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kernel=$(cd "$1" && pwd)
options=${2:-,soft,timeo=30,retrans=1}
jukebox=${3:-}
serve=${SERVE:-$here/../../target/debug/examples/serve_nfs}
time_max=${TIME_MAX:-300}

work=$(mktemp -d)
server=
machine=
trap 'kill $server $machine 2> /dev/null || true; rm -rf "$work"' EXIT

# The root of the guest: busybox and the modules of NFS.
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here/init" "$root/init"
chmod +x "$root/init"
version=$(basename "$kernel"/lib/modules/*)
modules=lib/modules/$version
/sbin/depmod -b "$kernel" "$version"
mkdir -p "$root/$modules"
cp "$kernel/$modules"/modules.* "$root/$modules"
for module in virtio_pci virtio_net nfsv3; do
    /sbin/modprobe -d "$kernel" -S "$version" --show-depends "$module" |
        sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | sort -u | while read -r file; do
    to=$root/$modules/${file#*"$modules"/}
    mkdir -p "$(dirname "$to")"
    cp "$file" "$to"
done
(cd "$root" && find . | cpio -o -H newc --quiet) > "$work/initramfs"

start_server() { # ADDRESS
    # shellcheck disable=SC2086 # nothing, or a number
    : > "$work/serve.log"
    "$serve" "$1" "$work/arrived" 2000 $jukebox > "$work/serve.log" 2>&1 &
    server=$!
    until [ -s "$work/serve.log" ]; do
        kill -0 $server || { cat "$work/serve.log"; exit 1; }
        sleep 0.1
    done
}
stop_server() {
    kill -9 $server 2> /dev/null || true
    # Its port is free after its end.
    wait $server 2> /dev/null || true
}
start_server 127.0.0.1:0
address=$(head -n 1 "$work/serve.log")
port=${address##*:}

# The hashes of the lines 0 to N, as the files have them.
lines() { seq -f %015.0f 0 "$1" | sha256sum | cut -d' ' -f1; }
hashes="tfs.film=$(lines 4194303) tfs.late=$(lines 262143) tfs.small=$(lines 99)"

accel=${ACCEL:-tcg}
mkfifo "$work/console"
timeout "$time_max" qemu-system-x86_64 -machine "accel=$accel" -m 512 -smp 1 \
    -kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/initramfs" \
    -append "console=ttyS0 ${QUIET-quiet} panic=-1 tfs.port=$port tfs.options=$options $hashes" \
    -nic user,model=virtio-net-pci -no-reboot -display none -serial stdio \
    > "$work/console" 2>&1 < /dev/null &
machine=$!

failed=0
ended=0
while IFS= read -r line; do
    line=${line%$'\r'}
    printf '%s\n' "$line"
    case $line in
    "ask arrival") touch "$work/arrived" ;;
    "ask kill") stop_server ;;
    "ask restart")
        stop_server
        start_server "127.0.0.1:$port"
        ;;
    "ask end") ended=1 ;;
    FAILED*) failed=1 ;;
    esac
done < "$work/console"
if [ $ended = 0 ]; then
    echo "the machine did not come to its end"
    exit 1
fi
exit $failed
