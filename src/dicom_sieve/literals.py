"""Hosts that are addresses, in however many spellings."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

IpAddress = IPv4Address | IPv6Address


def read_literal(host: str) -> IpAddress | None:
    """Read a host that is an address, in every spelling that a system's resolver takes; None for a name.

    A zone (``%1``) is dropped: the address is the same in all of them.

    Examples:
        >>> read_literal("0x7f.1") == read_literal("2130706433") == read_literal("127.0.0.1")
        True
    """
    text = host.removesuffix(".")
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(text))  # decimal, octal and hexadecimal, of one to four parts
    except OSError:
        return None
