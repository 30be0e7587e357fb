"""How the two S3 clients are made (ADR 5): boto3 sees every key, obstore reads many objects for little CPU."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store as ObstoreS3

from dicom_sieve.stores.credentials import GivesSession, StaticCredentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AWS_ENDPOINT = "https://s3.amazonaws.com"
"""Stands for AWS itself, whatever the region: names of its buckets are unique across regions."""

CONNECT_SECONDS = 10
READ_SECONDS = 60


@dataclass(frozen=True, slots=True)
class S3Access:
    """How a bucket is reached.

    Attributes:
        bucket: Its name.
        region: Any string that the server takes for signing.
        endpoint: URL, or None for AWS itself.
        credentials: What opens a session; never shown.
    """

    bucket: str
    region: str
    endpoint: str | None
    credentials: GivesSession


def check_endpoint(endpoint: str) -> str | None:
    """Tell what is wrong with an endpoint, or None; the answer never quotes it, as it might hold credentials."""
    try:
        parts = urlsplit(endpoint)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return "is no URL; accepted: https://host or https://host:port"
    if parts.username is not None or parts.password is not None:
        return "holds credentials; accepted: https://host:port, credentials have a field of their own"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        return "is no http or https URL; accepted: https://host or https://host:port"
    if parts.query or parts.fragment:
        return "has a query or fragment; accepted: https://host or https://host:port"
    return None


def make_boto3_client(access: S3Access, *, connections: int) -> "S3Client":
    """Open a boto3 client: for listing, for odd keys, for writing, and for a clear answer when a read fails."""
    silence_wire_logs()
    session = access.credentials.get_boto3_session()
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        # Newer defaults break ranged GETs and PUTs on servers other than AWS.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if access.endpoint else "auto"},
    )
    return session.client("s3", endpoint_url=access.endpoint, region_name=access.region, config=config)


def make_obstore_client(access: S3Access) -> ObstoreS3:
    """Open an obstore client: for reading keys that it takes, without retries of its own."""
    options: dict[str, Any] = {}
    if isinstance(access.credentials, StaticCredentials):
        options["access_key_id"] = access.credentials.key_id
        options["secret_access_key"] = access.credentials.access_key
    else:
        options["credential_provider"] = Boto3CredentialProvider(access.credentials.get_boto3_session())
    if access.endpoint:
        options["endpoint"] = access.endpoint
    return ObstoreS3(
        access.bucket,
        region=access.region,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=READ_SECONDS),
        },
        retry_config={"max_retries": 0},
        **options,
    )


def silence_wire_logs() -> None:
    """Keep the libraries that sign requests from logging them: their debug records hold key ids and signatures."""
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
