"""Which certificate authorities both clients trust (ADR 27)."""

import os
import ssl
import stat
from pathlib import Path

import boto3
from botocore.httpsession import get_cert_path

from dicom_sieve.errors import DicomSieveError

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Environment variables that AWS's own tools read, too."""
LARGEST = 16 << 20
"""Size in bytes of a file of certificates; all public authorities are 0.3 MB."""


class UnreadableBundleError(DicomSieveError):
    """A file of certificates that cannot be read, or is none.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)

    def __str__(self) -> str:
        return (
            f"{self.args[0]} holds no certificates that can be read; accepted: a file in PEM, as named by "
            "DICOM_SIEVE_CA_BUNDLE, a block's verify_cert_path or AWS_CA_BUNDLE"
        )


def find_bundle(named: str, session: boto3.Session) -> str | None:
    """Give the file of the trusted authorities; None where each client trusts its own.

    Args:
        named: Path in a setting or a block; empty where neither names one.
        session: Its profile may name a file, as the environment may.

    Raises:
        UnreadableBundleError: It holds none that can be read.
    """
    of_session = session._session.get_config_variable("ca_bundle")  # AWS_CA_BUNDLE, or the profile's ca_bundle
    path = named or of_session or os.environ.get(VARIABLES[1])
    if path:
        read_bundle(path)
    return path or None


def trusted_authorities(named: str) -> str:
    """Give the file of the authorities that clients beside boto3 trust: the named one, the environment's, or boto3's.

    Args:
        named: Path in a setting; empty where it names none.

    Raises:
        UnreadableBundleError: The file that is named holds none that can be read.
    """
    path = named or next((found for name in VARIABLES if (found := os.environ.get(name))), "")
    if path:
        read_bundle(path)
    return path or str(get_cert_path(True))


def read_bundle(path: str) -> bytes:
    """Read a file of certificates.

    Raises:
        UnreadableBundleError: It holds none that can be read.
    """
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:  # a block may name a pipe, or an endless file
            raise UnreadableBundleError(path)
        text = Path(path).read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError):
        raise UnreadableBundleError(path) from None
    if not context.cert_store_stats()["x509"]:
        raise UnreadableBundleError(path)
    return text
