"""How the Ceph of `ceph_rgw` is configured: one monitor, one storage daemon in memory, one gateway; and its keys."""

from __future__ import annotations

import base64
import secrets
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Paths are relative: every program runs inside the directory, however deep it is and whatever its name holds.
# Admin sockets are off because the path of a Unix socket ends at 107 bytes, and the lifecycle threads because they
# hold up the gateway's end by 5 seconds: it does not execute lifecycle rules.
CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = {monitor}
mon initial members = a
public addr = 127.0.0.1
keyring = keyring
chdir =
admin socket =
log file =
log to stderr = true
err to stderr = true
log flush on exit = true
mon cluster log to file = false
debug ms = 0/0
debug rgw = 0/0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data = mon
mon data avail warn = 0
mon data avail crit = 0
paxos propose interval = 0.05
paxos min wait = 0.02
osd data = osd
osd objectstore = memstore
memstore device bytes = {memory_bytes}

[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay={tcp_nodelay}
rgw enable apis = s3
rgw relaxed region enforcement = true
rgw dynamic resharding = false
rgw enable lc threads = false
"""

CAPABILITIES: Mapping[str, Mapping[str, str]] = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    "client.rgw": {"mon": "allow rwx", "osd": "allow rwx"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
}


def make_keyring() -> str:
    """Make one key per entity, with its capabilities, in the format of a keyring file."""
    lines: list[str] = []
    for entity, capabilities in CAPABILITIES.items():
        lines += [f"[{entity}]", f"key = {_key()}"]
        lines += [f'caps {service} = "{capability}"' for service, capability in capabilities.items()]
    return "\n".join(lines) + "\n"


def _key() -> str:
    """Make one random cephx key: type 1 (AES), creation time in seconds and nanoseconds, length, 16 bytes; base64."""
    key = secrets.token_bytes(16)
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, len(key)) + key).decode("ascii")
