"""How the two S3 clients are made (ADR 5): boto3 reads every key, obstore reads many objects for little CPU."""

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store as ObstoreS3

from dicom_sieve.stores.certificates import find_bundle, read_bundle
from dicom_sieve.stores.guarded import find_way, guard
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.pages import read_page_early

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 64
"""Connections that boto3 keeps open at most, and threads that use them."""

_STAND_IN_REGION = "us-east-1"


def make_boto3_client(access: S3Access) -> "S3Client":
    """Open a boto3 client, without its own retries: a request is repeated with its body, as a whole.

    It lists, writes, reads the keys that obstore cannot, and gives a clear error when a read fails.
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


def make_obstore_client(access: S3Access, *, endpoint: str) -> ObstoreS3 | None:
    """Open an obstore client, without its own retries, for reading the keys that it accepts.

    Every option that obstore would else take from the environment is given.

    Args:
        access: The bucket.
        endpoint: URL, for AWS too.

    Returns:
        None where boto3 alone is to read.

    Raises:
        RefusedEndpointError: The endpoint is not to be asked.
        UnreadableBundleError: The file of trusted certificates cannot be read.
        OSError: The endpoint has no address.
    """
    way = find_way(endpoint, access.rules, is_aws=access.endpoint is None)
    if way is None:
        return None
    session = access.credentials.get_boto3_session()
    if bundle := find_bundle(access.rules.ca_bundle, session):
        way["root_certificate"] = read_bundle(bundle)
    return ObstoreS3(
        access.bucket,
        region=access.region,
        endpoint=endpoint,
        # Also for plain keys: beside those given as options, obstore sends a session token of the environment.
        credential_provider=None if access.is_anonymous else Boto3CredentialProvider(session),
        skip_signature=access.is_anonymous,
        request_payer=access.requester_pays,
        virtual_hosted_style_request=False,
        client_options={
            **way,
            "connect_timeout": timedelta(seconds=access.retries.connect_timeout_seconds),
            "timeout": timedelta(seconds=access.retries.request_timeout_seconds),
        },
        retry_config={"max_retries": 0},
    )


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


def is_plain(key: str) -> bool:
    """Tell whether a key survives obstore's idea of a path (obstore#429)."""
    return key.isprintable() and not {"", ".", ".."} & set(key.split("/"))
