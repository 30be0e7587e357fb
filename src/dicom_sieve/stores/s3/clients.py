"""How the S3 clients are made: boto3 for everything (ADR 5), another to read many objects for little CPU (ADR 38)."""

import logging
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config

from dicom_sieve.stores.certificates import find_bundle
from dicom_sieve.stores.endpoints import place_of
from dicom_sieve.stores.guarded import guard, is_proxied
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.pages import read_page_early
from dicom_sieve.stores.s3.ranges import RangeClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from dicom_sieve.stores.s3.through_proxy import ProxiedClient

CONNECTIONS = 64
"""Connections that boto3 keeps open at most, and threads that use them."""

_STAND_IN_REGION = "us-east-1"


def make_boto3_client(access: S3Access) -> "S3Client":
    """Open a boto3 client, without its own retries: a request is repeated with its body, as a whole.

    It lists and writes, and gives a clear error when a read fails.
    """
    silence_wire_logs()
    session = access.credentials.get_boto3_session()
    config = Config(  # type: ignore[call-arg]  # the stubs lack ignore_configured_endpoint_urls
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=access.retries.connect_timeout_seconds,
        read_timeout=access.retries.request_timeout_seconds,
        max_pool_connections=CONNECTIONS,
        # Newer defaults break ranged GETs and PUTs on servers other than AWS.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if access.endpoint else "auto"},
        # No endpoint is AWS itself, whatever the environment says: a location names where its objects lie.
        ignore_configured_endpoint_urls=True,
        signature_version=UNSIGNED if access.is_anonymous else None,
    )
    # With an endpoint, a region is only signed with, and servers have any string for one; botocore takes host labels.
    region = _STAND_IN_REGION if access.endpoint else access.region
    client = session.client(
        "s3",
        endpoint_url=access.endpoint,
        region_name=region,
        config=config,
        verify=find_bundle(access.rules.ca_bundle, session),
    )
    guard(client, access.rules)
    client.meta.events.register("before-call.s3", _follow_no_redirect)
    if access.requester_pays:
        client.meta.events.register("before-sign.s3", _say_who_pays)
    if access.endpoint:
        client.meta.events.register("before-sign.s3", partial(_sign_for, access.region))
    client.meta.events.register("before-parse.s3.ListObjectsV2", read_page_early)
    return client


def make_range_client(access: S3Access, *, endpoint: str) -> "RangeClient | ProxiedClient | None":
    """Open a client for the many reads, without retries of its own.

    Args:
        access: The bucket.
        endpoint: URL, for AWS too.

    Returns:
        None where boto3 alone is to read: the environment names a proxy, and no setting lists the endpoint, or the
            extra ``dicom-sieve[proxy]`` is not installed.

    Raises:
        UnreadableBundleError: The file of trusted certificates cannot be read.
        NoCredentialsError: There are none.
        ValueError: No request can carry the region, or the bucket.
    """
    if not is_proxied(endpoint):
        return RangeClient(access, endpoint)
    is_trusted = access.endpoint is None or access.rules.trusts(*place_of(endpoint))
    if not is_trusted or find_spec("obstore") is None:
        return None
    from dicom_sieve.stores.s3.through_proxy import open_proxied  # noqa: PLC0415 - of an extra

    return open_proxied(access, endpoint)


def _sign_for(region: str, request: Any, **_: object) -> None:
    request.context.setdefault("signing", {})["region"] = region


def _follow_no_redirect(params: dict[str, Any], **_: object) -> None:
    """Keep botocore from sending a request again to another region, or asking for one with HEAD, without end."""
    params["context"].get("s3_redirect", {})["redirected"] = True


def _say_who_pays(request: Any, **_: object) -> None:
    request.headers["x-amz-request-payer"] = "requester"


def silence_wire_logs() -> None:
    """Keep the libraries that sign requests from logging them: their debug records hold key ids and signatures."""
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
