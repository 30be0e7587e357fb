#!/usr/bin/env bash
# An empty machine: Debian's smallest system in a folder, with a user, "you", and nothing of this checkout.
# Needs root and mmdebstrap. A command in it has processes, temporary files and shared memory of its own, which end
# with it, and of the environment only what is named before it; the network is this machine's.
#
# Examples:
#   scripts/empty_machine.sh make /tmp/empty
#   scripts/empty_machine.sh run /tmp/empty root apt-get update
#   scripts/empty_machine.sh run /tmp/empty you TERM=xterm bash
set -euo pipefail

make() {
    mmdebstrap --quiet --variant=minbase trixie "$1"
    chroot "$1" useradd --create-home --shell /bin/bash you
}

run() {
    local root=$1 user=$2
    shift 2
    # shellcheck disable=SC2016 # it is the inner shell that puts in what stands for arguments
    exec unshare --mount --pid --ipc --fork --kill-child sh -c '
        root=$1 user=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mkdir -p "$root/dev/shm"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        home=$(chroot "$root" getent passwd "$user" | cut -d: -f6)
        exec chroot --userspec="$user:$user" "$root" \
            env --ignore-environment --chdir="$home" HOME="$home" USER="$user" LANG=C.UTF-8 \
            PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    ' sh "$root" "$user" "$@"
}

case "${1:-}" in
make) make "$2" ;;
run) shift && run "$@" ;;
*)
    echo "usage: $0 make ROOT | run ROOT USER [NAME=VALUE...] COMMAND..." >&2
    exit 2
    ;;
esac
