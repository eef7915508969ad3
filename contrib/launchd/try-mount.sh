#!/bin/sh
# Mounts an embedded server without torrents on macOS, looks at the mount, and unmounts it. Used by
# the workflow ci.yml: no test of the workspace mounts on macOS.
# Usage: try-mount.sh PROGRAM
set -eu
tfs=$1
dir=$(mktemp -d)
# Settings and state of this user are left alone.
export HOME="$dir" XDG_STATE_HOME="$dir/state" XDG_CONFIG_HOME="$dir/config"
mkdir "$dir/mnt" "$dir/data"
trap '"$tfs" unmount --force "$dir/mnt" >/dev/null 2>&1 || true' EXIT
"$tfs" doctor || true
"$tfs" mount --embedded "$dir/data" --offline "$dir/mnt"
mount | grep "$dir/mnt"
ls -la "$dir/mnt"
if touch "$dir/mnt/new" 2>/dev/null; then
    echo "the mount is not read-only"
    exit 1
fi
"$tfs" status
"$tfs" unmount "$dir/mnt"
if mount | grep -q "$dir/mnt"; then
    echo "the mount is still there"
    exit 1
fi
echo "mounted and unmounted"
