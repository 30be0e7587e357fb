"""Connections to checked addresses alone: those of boto3, and by which proxy those of obstore (ADR 23)."""

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.utils import get_environ_proxies
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from dicom_sieve.stores.endpoints import EndpointRules, place_of
from dicom_sieve.stores.relay import way_through_relay

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore.store import ClientConfig

NOWHERE = "http://127.0.0.1:0"
"""A proxy that cannot exist: nothing listens on port 0."""


class _Checked:
    """A connection of urllib3 that resolves its host itself, and connects to what it has checked."""

    rules: ClassVar[EndpointRules]
    _dns_host: str
    host: str
    port: int
    proxy: Any

    def _new_conn(self) -> socket.socket:
        if self.proxy is not None:  # of the environment: it resolves
            return super()._new_conn()  # type: ignore[misc, no-any-return]
        name = self._dns_host
        try:
            addresses = self.rules.resolve(name.strip("[]"), self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        fault: Exception | None = None
        for address in addresses:
            self._dns_host = address
            try:
                return super()._new_conn()  # type: ignore[misc, no-any-return]
            except (NewConnectionError, ConnectTimeoutError) as error:
                fault = error
            finally:
                self._dns_host = name  # what a certificate must be of
        raise fault or NewConnectionError(self, "no address")  # type: ignore[arg-type]


class _Direct:
    """A pool of urllib3 that ignores redirects: it would parse them, though it does not follow, and fail at some."""

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        return super().urlopen(*args, **{**kwargs, "redirect": False})  # type: ignore[misc]


def guard(client: "S3Client", rules: EndpointRules) -> None:
    """Let a boto3 client connect to checked addresses alone."""
    classes = {
        "http": (AWSHTTPConnectionPool, AWSHTTPConnection),
        "https": (AWSHTTPSConnectionPool, AWSHTTPSConnection),
    }
    by_scheme = client._endpoint.http_session._pool_classes_by_scheme  # type: ignore[attr-defined]
    for scheme, (pool, connection) in classes.items():
        checked = type(f"Checked{connection.__name__}", (_Checked, connection), {"rules": rules})
        by_scheme[scheme] = type(f"Checked{pool.__name__}", (_Direct, pool), {"ConnectionCls": checked})


def find_way(endpoint: str, rules: EndpointRules, *, is_aws: bool) -> "ClientConfig | None":
    """Give the options by which obstore, which resolves by itself and follows redirects, goes nowhere else.

    - By http, the checked address is its proxy: all its requests go there, whatever their host.
    - By https, to AWS or to an endpoint that the deployment names: every other host has a proxy that cannot exist.
    - By https, to any other: through a relay of this process, which connects to checked addresses.

    Returns:
        None where the environment names a proxy for an endpoint that no setting lists: boto3 alone reads then.

    Raises:
        RefusedEndpointError: It is not to be asked.
        OSError: It has no address.
    """
    host, port = place_of(endpoint)
    is_trusted = is_aws or rules.trusts(host, port)
    scheme = endpoint.partition(":")[0].lower()
    is_http = scheme == "http"
    if get_environ_proxies(endpoint).get(scheme):
        return {"allow_http": is_http} if is_trusted else None
    if is_http:
        return {"allow_http": True, "proxy_url": _url(_answering(rules.resolve(host, port), port), port)}
    if is_trusted:
        if not is_aws:
            rules.resolve(host, port)
        return {"allow_http": False, "proxy_url": NOWHERE, "proxy_excludes": host}
    return {"allow_http": False, "proxy_url": way_through_relay(host, port, rules)}


def _answering(addresses: tuple[str, ...], port: int) -> str:
    """Give the first address that takes a connection, or the first of all."""
    for address in addresses if len(addresses) > 1 else ():
        with suppress(OSError), socket.create_connection((address, port), timeout=_PROBE_SECONDS):
            return address
    return addresses[0]


_PROBE_SECONDS = 2.0


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
