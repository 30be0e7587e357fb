"""Where processes listen, as the kernel tells it."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LISTENING = "0A"
"""A state of TCP, in `/proc/net/tcp`; see proc(5)."""
_WORD = 8


def addresses_listened_on(processes: Collection[int]) -> set[IPv4Address | IPv6Address]:
    """Give the addresses of all TCP sockets on which some processes listen; IPv4 in IPv6 as IPv4."""
    listening = {inode: address for table in ("tcp", "tcp6") for inode, address in _listening(table)}
    return {listening[inode] for number in processes for inode in _sockets_of(number) if inode in listening}


def _listening(table: str) -> Iterator[tuple[str, IPv4Address | IPv6Address]]:
    for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == _LISTENING:
            yield rest[5], _address(local.partition(":")[0])


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address: words of 32 bits as this machine holds them, in hex."""
    words = [bytes.fromhex(text[start : start + _WORD])[::-1] for start in range(0, len(text), _WORD)]
    if len(words) == 1:
        return IPv4Address(words[0])
    found = IPv6Address(b"".join(words))
    return found.ipv4_mapped or found


def _sockets_of(number: int) -> Iterator[str]:
    """Give the inodes of a process's sockets."""
    with suppress(OSError):  # it has ended
        for file in Path(f"/proc/{number}/fd").iterdir():
            with suppress(OSError):  # it was closed
                kind, _, inode = str(file.readlink()).partition(":[")
                if kind == "socket":
                    yield inode.removesuffix("]")
