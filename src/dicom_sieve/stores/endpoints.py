"""Which endpoints may be asked, and which of them with this machine's own credentials (ADR 23).

An endpoint is judged by the addresses that its name resolves to at the moment. Connections go to those alone.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

from botocore.utils import is_valid_uri

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.literals import read_literal
from dicom_sieve.settings import Settings
from dicom_sieve.stores.addresses import forbidden, is_metadata, is_of_this_machine

ALLOWED = "DICOM_SIEVE_ALLOWED_ENDPOINTS"
DEFAULT_CHAIN = "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS"
INPUT_DIRECTORIES = "DICOM_SIEVE_INPUT_DIRECTORIES"
LONGEST_ENDPOINT = 2_048
_PORTS = {"http": 80, "https": 443, "postgresql": 5432}
_ADDRESSES = re.compile(r"(?:.*[.])?[0-9*]+")
"""Patterns of IPv4 addresses: no name's last label is of digits alone."""
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")

Place = tuple[str, int]
"""Host and port."""


class RefusedEndpointError(DicomSieveError):
    """An endpoint that is not asked, whatever it would answer. Nothing was sent to it.

    Args:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """What a deployment says about endpoints. Whatever it says, some addresses are never asked.

    Attributes:
        allowed: Patterns of all that may be asked; empty: any.
        default_chain: Patterns of those that the default chain's credentials may be sent to, beside AWS.
        own: Hosts and ports of this deployment's own services: Prefect, the ledger.
        ca_bundle: PEM file of the trusted certificate authorities; empty: as the environment says.
        allows_metadata: Whether the address is asked where a cloud gives this machine its credentials. No request can
            say so: it is for the address that is written in this package.
        directories: Absolute paths of the directories that requests may name, with what lies below; empty: none.
    """

    allowed: tuple[str, ...] = ()
    default_chain: tuple[str, ...] = ()
    own: tuple[Place, ...] = ()
    ca_bundle: str = ""
    allows_metadata: bool = False
    directories: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings, *services: str | None) -> Self:
        """Take them from the settings.

        Args:
            settings: Hold the ledger's URL, which is one of the services.
            services: URLs of the others.
        """
        urls = (settings.database_url.get_secret_value(), *services)
        return cls(
            _patterns(settings.allowed_endpoints),
            _patterns(settings.default_chain_endpoints),
            tuple(place for url in urls if url for place in _places_of(url)),
            settings.ca_bundle,
            directories=tuple(path.strip() for path in settings.input_directories.split(",") if path.strip()),
        )

    def trusts(self, host: str, port: int) -> bool:
        """Tell whether the deployment names an endpoint itself."""
        return any(_matches(pattern, host, port) for pattern in (*self.allowed, *self.default_chain))

    def find_problem(self, endpoint: str | None, region: str, *, uses_default_chain: bool) -> str | None:
        """Tell what is wrong with an endpoint, or None; the answer never quotes it, as it might hold credentials.

        Args:
            endpoint: URL, or None for AWS.
            region: AWS region.
            uses_default_chain: Whether the request has no credentials of its own.
        """
        if endpoint is None:
            return self._find_problem_with_aws(region)
        if wrong := check_endpoint(endpoint):
            return wrong
        host, port = place_of(endpoint)
        if self.allowed and not any(_matches(pattern, host, port) for pattern in self.allowed):
            return f"is not allowed here; accepted: those that {ALLOWED} lists"
        if uses_default_chain and not any(_matches(pattern, host, port) for pattern in self.default_chain):
            return (
                "would be sent this machine's own credentials; accepted: credentials in the request, no endpoint "
                f"(AWS), or one that {DEFAULT_CHAIN} lists"
            )
        try:
            self.resolve(host, port)
        except RefusedEndpointError as error:
            return str(error)
        except OSError:  # no such name: connecting reports it
            pass
        return None

    def find_problem_at(self, endpoint: str, home: str, cloud: str, *, uses_default_chain: bool) -> str | None:
        """Tell what is wrong with an endpoint of another cloud than AWS, or None; see `find_problem`.

        Args:
            endpoint: URL.
            home: URL of the cloud itself, which this machine's own credentials may be sent to.
            cloud: Its name.
            uses_default_chain: Whether the request has no credentials of its own.
        """
        if endpoint == home:
            host, port = place_of(home)
            if self.allowed and not any(_matches(pattern, host, port) for pattern in self.allowed):
                return f"is missing, and {cloud} is not allowed here; accepted: those that {ALLOWED} lists"
            return None
        wrong = self.find_problem(endpoint, "", uses_default_chain=uses_default_chain)
        return wrong and wrong.replace("no endpoint (AWS)", f"no endpoint ({cloud})").replace("an S3 server", cloud)

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Give the addresses to connect to: all that a host has, if each of them may be asked.

        Raises:
            RefusedEndpointError: One of them may not.
            OSError: The host has none.
        """
        literal = read_literal(host)
        found = addresses_of(host, port) if literal is None else (str(literal),)
        for text in found:
            address = read_literal(text)
            if self.allows_metadata and address is not None and is_metadata(address):
                continue
            if address is None or (reason := forbidden(address)):
                kind = reason if address is not None else "no address"
                raise RefusedEndpointError(f"leads to {kind}; accepted: the address of an S3 server")
            if any(port == own_port and _is_same(text, own_host) for own_host, own_port in self.own):
                raise RefusedEndpointError("leads to Prefect or the ledger; accepted: the address of an S3 server")
        return found

    def _find_problem_with_aws(self, region: str) -> str | None:
        if not _REGION.fullmatch(region):
            return "is missing, and AWS has no region of that name; accepted: a region as eu-west-1, or an endpoint"
        if self.allowed and not any(_matches(pattern, f"s3.{region}.amazonaws.com", 443) for pattern in self.allowed):
            return f"is missing, and AWS is not allowed here; accepted: those that {ALLOWED} lists"
        return None


def check_bucket(bucket: str, endpoint: str | None) -> str | None:
    """Tell what is wrong with a bucket's name at an endpoint, or None.

    boto3 asks another host than the endpoint for a bucket that is an ARN, or one of S3 Express.
    """
    if endpoint is not None and (":" in bucket or bucket.endswith("--x-s3")):
        return "leads to another host than the endpoint; accepted: the name of a bucket there"
    return None


def check_endpoint(endpoint: str) -> str | None:
    """Tell what is wrong with the text of an endpoint, or None; the answer never quotes it."""
    if "@" in endpoint:
        return "holds credentials; accepted: https://host:port, credentials have a field of their own"
    try:
        parts = urlsplit(endpoint)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return "is no URL; accepted: https://host or https://host:port"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        return "is no http or https URL; accepted: https://host or https://host:port"
    if "?" in endpoint or "#" in endpoint:
        return "has a query or fragment; accepted: https://host or https://host:port"
    # What is not printable ASCII, clients read in different ways: they map "①" to "1", or drop a tab. After a "%" there
    # is an escape, which some of them undo, or the zone of an IPv6 address, which is of no server elsewhere.
    is_plain = endpoint.isascii() and endpoint.isprintable() and len(endpoint) <= LONGEST_ENDPOINT
    if not is_plain or "%" in parts.netloc or not is_valid_uri(endpoint):
        return "has a host name that is none; accepted: letters a to z, digits, hyphens and dots, or an IP address"
    return None


def place_of(endpoint: str) -> Place:
    """Give host and port of an endpoint."""
    parts = urlsplit(endpoint)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver for the addresses of a host.

    Raises:
        OSError: It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "no host name") from None
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_same(address: str, own_host: str) -> bool:
    """Tell whether an address is a service's: one of its own, or any of this machine where the service is here."""
    literal = read_literal(address)
    try:
        own = [read_literal(text) for text in addresses_of(own_host, 0)]
    except OSError:
        return False
    is_here = any(
        own_address is not None and (own_address.is_unspecified or is_of_this_machine(own_address))
        for own_address in own
    )
    return literal in own or (is_here and literal is not None and is_of_this_machine(literal))


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(pattern.strip().lower() for pattern in text.split(",") if pattern.strip())


def _matches(pattern: str, host: str, port: int) -> bool:
    """Tell whether a pattern is an endpoint's: ``host``, ``host:port``, ``[address]:port``; ``*`` alone is any host.

    A pattern of an address never covers a name, nor a pattern of a name an address: anybody may register names.
    """
    name, bracket, last = pattern.rpartition("]")
    before, colon, digits = last.partition(":")
    wanted = f"{name}{bracket}{before}".strip("[]").removesuffix(".")
    named = read_literal(host)
    if set(wanted) == {"*"}:
        is_host = True
    elif literal := read_literal(wanted):
        is_host = literal == named
    elif bracket or _ADDRESSES.fullmatch(wanted):
        is_host = named is not None and _covers(wanted, str(named), any_text=".*")
    else:
        is_host = named is None and _covers(wanted, host.lower().removesuffix("."), any_text="[^.]*")
    return is_host and (not colon or int(digits) == port)


def _covers(pattern: str, text: str, *, any_text: str) -> bool:
    """Tell whether a text is as a pattern says; ``*.`` at the beginning of a name is one label or more."""
    labels, rest = ("(?:[^.]+[.])+", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    return re.fullmatch(labels + any_text.join(map(re.escape, rest.split("*"))), text) is not None


def _places_of(url: str) -> Iterable[Place]:
    """Give where a service listens by its URL; nothing for a file."""
    scheme, _, rest = url.partition("://")
    before, at, after = rest.partition("@")
    if at and "/" not in before.partition(":")[0]:  # as SQLAlchemy reads it: a password may hold anything but "@"
        rest = after
    default = _PORTS.get(scheme.partition("+")[0])
    if default is None:
        return
    parts = urlsplit(f"{scheme}://{rest}")
    query = parse_qs(parts.query)
    hosts = [host for text in query.get("host", [parts.hostname or ""]) for host in text.split(",")]
    ports = [port for text in query.get("port", [str(parts.port or default)]) for port in text.split(",")]
    for host in hosts:
        name, colon, own_port = host.partition(":") if host.count(":") == 1 else (host, "", "")
        # Behind a socket in the file system there is, as a rule, a port of this machine, too.
        place = name if name and not name.startswith(("/", "@")) else "localhost"
        yield from ((place, int(port)) for port in ((own_port,) if colon else ports))
