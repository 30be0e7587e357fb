"""Inputs and outputs lie apart: what a run writes must not be what the next one reads."""

import os
from urllib.parse import urlsplit

from dicom_sieve.literals import read_literal
from dicom_sieve.objects import DIRECTORY_ENDPOINT, S3, Location

_AWS = ".amazonaws.com"
_PORTS = {"http": 80, "https": 443}


def describe_overlap(source: Location, output: Location) -> str | None:
    """Say how an output and an input lie within each other, and what to do; None where they lie apart.

    Buckets are compared by server, name and prefix, directories by where their paths lead.
    """
    if _bucket(source) != _bucket(output):
        return None
    read, written = _begin(source), _begin(output).rstrip("/") + "/"
    if not (written.startswith(read) or read.startswith(written)):
        return None
    if written.rstrip("/") == read.rstrip("/"):
        how = f"the output {output} is the input itself"
    elif written.startswith(read):
        how = f"the output {output} lies inside the input {source}"
    else:
        how = f"the input {source} lies inside the output {output}"
    advice = (
        "a directory beside the input"
        if source.endpoint == DIRECTORY_ENDPOINT
        else "another bucket, or prefixes of which neither begins with the other"
    )
    return f"{how}: what is written there would be screened by the next run; accepted: {advice}"


def _bucket(location: Location) -> tuple[str, str]:
    if location.endpoint == DIRECTORY_ENDPOINT:
        return DIRECTORY_ENDPOINT, ""
    if location.scheme != S3:
        scheme, _, url = location.endpoint.partition(":")
        return f"{scheme}:{_server(url) if url else ''}", location.bucket
    return _server(location.endpoint), location.bucket


def _server(endpoint: str) -> str:
    """Name a server, however it is written: all of AWS is one, its buckets have one namespace."""
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".")
    if host.endswith(_AWS):
        return _AWS
    port = parts.port or _PORTS.get(parts.scheme)
    return f"{_plain(host)}:{port}{parts.path.rstrip('/')}"


def _plain(host: str) -> str:
    """Write a host in one way; all of loopback is this machine."""
    address = read_literal(host)
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain is None:
        return host
    return "localhost" if plain.is_loopback else str(plain)


def _begin(location: Location) -> str:
    """Give what the addresses of its objects begin with, within its bucket or the file system."""
    if location.endpoint == DIRECTORY_ENDPOINT:
        return f"{os.path.realpath(location.bucket).rstrip('/')}/{location.prefix}"
    return f"/{location.prefix}"
