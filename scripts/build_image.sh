#!/usr/bin/env bash
# Build the image of deploy/Dockerfile with buildah, as root, on Debian; needs no daemon, and no registry of images.
#
# What it is built from is made of Debian's packages by mmdebstrap, without the paths that Debian's own slim image
# leaves out; BASE=docker.io/library/debian:trixie-slim takes that one in its place. pip in the build trusts the
# authorities that PIP_CERT names here.
#
# Example:
#   scripts/build_image.sh && podman run --rm --read-only --tmpfs /tmp localhost/dicom-sieve dicom-sieve --version
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=${1:-localhost/dicom-sieve}
made=localhost/debian:trixie-slim
base=${BASE:-$made}

make_base() {
    local tar
    tar=$(mktemp --suffix .tar)
    mmdebstrap --quiet --variant=minbase \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        trixie "$tar"
    podman import --quiet "$tar" "$made" >/dev/null
    rm "$tar"
}

if [[ "$base" == "$made" ]] && ! podman image exists "$made"; then
    make_base
fi

options=()
if [[ -n "${PIP_CERT:-}" ]]; then
    options+=(--volume "$PIP_CERT:/run/authorities.pem:ro" --build-arg PIP_CERT=/run/authorities.pem)
fi
# chroot: steps of the build share this machine's network, and need neither namespaces nor cgroups of their own.
# docker: the format that holds a health check.
buildah build --isolation chroot --format docker --layers=false --build-arg "BASE=$base" "${options[@]}" \
    --file deploy/Dockerfile --tag "$image" .
buildah images "$image"
