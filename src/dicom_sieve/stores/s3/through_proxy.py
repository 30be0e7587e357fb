"""Ranges of objects, read by obstore through a proxy that the environment names: the proxy resolves (ADR 23).

It needs the extra ``dicom-sieve[proxy]``; without it boto3 reads them, for more CPU.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import GenericError, PreconditionError
from obstore.store import S3Store as ObstoreS3

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.objects import ObjectInfo, plain_etag
from dicom_sieve.stores.certificates import find_bundle, read_bundle
from dicom_sieve.stores.interface import ObjectChangedError, TransportError
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.errors import fault_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig


@dataclass(frozen=True, slots=True)
class ProxiedClient:
    """Reads ranges of one bucket.

    Attributes:
        store: obstore's client.
    """

    store: ObstoreS3

    async def read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed: one request.

        Raises:
            ObjectChangedError: The object has another etag now.
            SlowDownError: The server asks for fewer requests.
            TransportError: The server is at fault, or the connection broke or took too long.
            Exception: Any other: boto3 is to be asked.
        """
        if not is_plain(listed.key):
            raise ValueError("obstore takes no such key")
        try:
            return await self._read(listed, start, end)
        except Exception as error:  # obstore has no base class for all that it raises
            raise _told_by(error) or error from None

    async def _read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        wanted, etag = (start, end), plain_etag(listed.etag)
        answer = await obstore.get_async(self.store, listed.key, options={"range": wanted, "if_match": f'"{etag}"'})
        data = bytes(await answer.bytes_async())
        meta = answer.meta
        is_exact = len(data) == end - start and answer.range == wanted and meta["size"] == listed.size
        if not is_exact or plain_etag(meta["e_tag"] or "") != etag:
            raise ValueError("not the bytes that were asked for")
        return data


def open_proxied(access: S3Access, endpoint: str) -> ProxiedClient:
    """Open a client; every option that obstore would else take from the environment is given, but the proxy."""
    session = access.credentials.get_boto3_session()
    options: ClientConfig = {
        "allow_http": endpoint.lower().startswith("http:"),
        "connect_timeout": timedelta(seconds=access.retries.connect_timeout_seconds),
        "timeout": timedelta(seconds=access.retries.request_timeout_seconds),
    }
    if bundle := find_bundle(access.rules.ca_bundle, session):
        options["root_certificate"] = read_bundle(bundle)
    store = ObstoreS3(
        access.bucket,
        region=access.region,
        endpoint=endpoint,
        # Also for plain keys: beside those given as options, obstore sends a session token of the environment.
        credential_provider=None if access.is_anonymous else Boto3CredentialProvider(session),
        skip_signature=access.is_anonymous,
        request_payer=access.requester_pays,
        virtual_hosted_style_request=False,
        client_options=options,
        retry_config={"max_retries": 0},
    )
    return ProxiedClient(store)


def is_plain(key: str) -> bool:
    """Tell whether a key survives obstore's idea of a path (obstore#429)."""
    return key.isprintable() and not {"", ".", ".."} & set(key.split("/"))


def _told_by(error: Exception) -> DicomSieveError | None:
    """Say what obstore's error means for the read of one object; None where boto3 has to be asked.

    Only status and kind are read from the error's text: the object has changed, the server is at fault, a connection
    broke or took too long. Whatever might become a verdict is asked of boto3; so is a connection that does not open,
    since the clients differ in what they trust.
    """
    if isinstance(error, PreconditionError):
        return ObjectChangedError()
    if not isinstance(error, GenericError):
        return None
    text = str(error)
    if answered := _ANSWERED.match(text):
        return fault_of(int(answered[1]))
    if _UNANSWERED.match(text) and (kind := _KIND.search(text)) and kind[1] in _BROKEN:
        return TransportError(_BROKEN[kind[1]])
    return None


_ASKED = r"Generic S3 error: (?:Error performing GET \S+ in \S+ - )?"
_ANSWERED = re.compile(_ASKED + r"Server returned non-2xx status code: (\d{3}) ")
_UNANSWERED = re.compile(_ASKED + r"HTTP error: ")
_KIND = re.compile(r"\bHttpError \{\s+kind: (\w+),")
_BROKEN = {
    "Timeout": "ReadTimeoutError",
    "Interrupted": "ConnectionClosedError",
    "Request": "ConnectionClosedError",
}
"""What obstore calls a request that failed on its way, and what boto3 calls it."""
