"""Connections of boto3 and of urllib3 to checked addresses alone (ADR 23)."""

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from dicom_sieve.stores.certificates import trusted_authorities
from dicom_sieve.stores.endpoints import EndpointRules, place_of
from dicom_sieve.stores.retries import Retries

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    by_scheme.update(checked_pools(classes, rules))


def checked_pools(classes: Mapping[str, tuple[type, type]], rules: EndpointRules) -> dict[str, type]:
    """Give, by scheme, pools whose connections are to checked addresses alone, and which follow no redirect.

    Args:
        classes: By scheme the pool of urllib3, and its connection, that are made so.
        rules: Which addresses may be asked.
    """
    pools = {}
    for scheme, (pool, connection) in classes.items():
        checked = type(f"Checked{connection.__name__}", (_Checked, connection), {"rules": rules})
        pools[scheme] = type(f"Checked{pool.__name__}", (_Direct, pool), {"ConnectionCls": checked})
    return pools


def is_proxied(endpoint: str) -> bool:
    """Tell whether the environment names a proxy for an endpoint."""
    return bool(get_environ_proxies(endpoint).get(endpoint.partition(":")[0].lower()))


def checked_pool(endpoint: str, rules: EndpointRules, retries: Retries, connections: int) -> HTTPConnectionPool:
    """Give connections to one endpoint, opened to checked addresses alone, or through the environment's proxy.

    Args:
        endpoint: URL.
        rules: Which addresses may be connected to, and which authorities are trusted.
        retries: Timeouts.
        connections: That are kept open, at most.

    Raises:
        UnreadableBundleError: The file of trusted certificates cannot be read.
    """
    scheme, (host, port) = endpoint.partition(":")[0].lower(), place_of(endpoint)
    timeout = Timeout(retries.connect_timeout_seconds, retries.request_timeout_seconds)
    how: dict[str, Any] = {"timeout": timeout, "maxsize": connections, "retries": False}
    if scheme == "https":
        how |= {"ca_certs": trusted_authorities(rules.ca_bundle), "cert_reqs": "CERT_REQUIRED"}
    if proxy := get_environ_proxies(endpoint).get(scheme):
        return ProxyManager(proxy, **how).connection_from_host(host, port, scheme)
    named = f"[{host}]" if ":" in host else host
    if scheme == "https":
        pool: HTTPConnectionPool = HTTPSConnectionPool(named, port, **how)
        pool.ConnectionCls = type("CheckedConnection", (_Checked, HTTPSConnection), {"rules": rules})
    else:
        pool = HTTPConnectionPool(named, port, **how)
        pool.ConnectionCls = type("CheckedConnection", (_Checked, HTTPConnection), {"rules": rules})
    return pool
