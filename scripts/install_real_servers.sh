#!/usr/bin/env bash
# Install the programs that the tests against real servers start: Ceph's object
# gateway with its monitor and its storage daemon, Orthanc with DICOMweb, a
# browser, DCMTK, dicom3tools and dcm2niix.
#
# Debian packages, from whatever mirror apt is configured with. Does nothing
# when all of them are present. Starts no server: see ceph_rgw.py beside it, and
# tests/support/orthanc.py; the service that Orthanc's package starts is stopped.
#
# Example:
#   scripts/install_real_servers.sh && python -m scripts.ceph_rgw run
set -euo pipefail

packages=(
    radosgw ceph-mon ceph-osd ceph-common orthanc orthanc-dicomweb chromium dcm2niix dcmtk dicom3tools
)
attempts=3

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

if [[ ${#missing[@]} -eq 0 ]]; then
    echo "all present: ${packages[*]}"
    exit 0
fi

for ((attempt = 1; attempt <= attempts; attempt++)); do
    if apt update && apt install --yes --no-install-recommends "${missing[@]}"; then
        echo "installed: ${missing[*]}"
        if [[ " ${missing[*]} " == *" orthanc "* ]]; then
            if [[ -d /run/systemd/system ]]; then
                as_root systemctl disable --now orthanc
            else
                as_root service orthanc stop >/dev/null 2>&1 || true # where it was not started
            fi
        fi
        exit 0
    fi
    echo "attempt ${attempt} of ${attempts} failed" >&2
    if ((attempt < attempts)); then
        sleep $((attempt * 5))
    fi
done

echo "could not install: ${missing[*]}" >&2
exit 1
