"""Addresses to which no request is sent, in whatever spelling they are given (ADR 23)."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from dicom_sieve.literals import IpAddress

_METADATA = {
    *(ip_address(text) for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16")),
    *(ip_address(text) for text in ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254")),
}
"""Where clouds answer with the credentials of the machine that asks: AWS, EKS, Alibaba, Azure, Google."""
_NEVER: dict[str, tuple[IPv4Network | IPv6Network, ...]] = {
    "an address of a link alone": (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10")),  # RFC 3927, RFC 4291
    "no address of a machine": (
        *(IPv4Network(text) for text in ("0.0.0.0/8", "192.0.0.0/24", "240.0.0.0/4")),  # RFC 6890
        IPv6Network("::/128"),
    ),
    "a multicast address": (IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8")),
}
_LAST_32_BITS = (
    IPv6Network("::/96"),  # RFC 4291, 2.5.5.1
    IPv6Network("::ffff:0:0/96"),  # RFC 4291, 2.5.5.2
    IPv6Network("::ffff:0:0:0/96"),  # RFC 2765, 2.1
    IPv6Network("64:ff9b::/96"),  # RFC 6052
    IPv6Network("64:ff9b:1::/48"),  # RFC 8215
)
"""IPv6 addresses that lead to an IPv4 address, which is their last 32 bits."""
_ISATAP = 0x5EFE  # RFC 5214, 6.1


def forbidden(address: IpAddress) -> str | None:
    """Say why no request goes to an address, or to the IPv4 address within it; None where one may."""
    plain = IPv6Address(int(address)) if address.version == 6 else address  # a zone is part of equality
    return next((reason for candidate in (plain, *_within(plain)) if (reason := _forbidden(candidate))), None)


def is_metadata(address: IpAddress) -> bool:
    """Tell whether an address is one where clouds answer with the credentials of the machine that asks."""
    return address in _METADATA


def is_of_this_machine(address: IpAddress) -> bool:
    """Tell whether an address is one of this machine's own; nothing is sent for that."""
    plain = next(iter(_within(address)), address)
    if plain.is_loopback:
        return True
    family = socket.AF_INET if plain.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(plain), 0))
        except OSError:
            return False
    return True


def _forbidden(address: IpAddress) -> str | None:
    if address in _METADATA:
        return "an address of a cloud's metadata"
    return next(
        (reason for reason, networks in _NEVER.items() if any(address in network for network in networks)), None
    )


def _within(address: IpAddress) -> tuple[IPv4Address, ...]:
    """Give the IPv4 addresses that an IPv6 address leads to."""
    if not isinstance(address, IPv6Address) or address in (IPv6Address("::"), IPv6Address("::1")):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo or ()
    sixtofour = (address.sixtofour,) if address.sixtofour else ()
    is_last = any(address in network for network in _LAST_32_BITS) or (int(address) >> 32) & 0xFFFF == _ISATAP
    return (*((last,) if is_last else ()), *sixtofour, *teredo)
