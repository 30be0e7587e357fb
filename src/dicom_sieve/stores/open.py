"""From an address to a store: for readers of objects in Python, and for commands that read where a run judged."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import DIRECTORY_ENDPOINT, FILE, S3, Location, prefix_of, split_uri
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.azure.open import open_azure
from dicom_sieve.stores.azure.service import AZURE
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.stores.endpoints import ALLOWED, DEFAULT_CHAIN, EndpointRules, check_bucket, place_of
from dicom_sieve.stores.gcs.open import open_gcs
from dicom_sieve.stores.gcs.service import GCS
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.opener import Access, Opener
from dicom_sieve.stores.rest.opening import Opening
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.s3.access import AWS_ENDPOINT, S3Access
from dicom_sieve.stores.s3.credentials import Anonymous, DefaultChain, GivesSession, StaticCredentials
from dicom_sieve.stores.s3.store import S3Store

DEFAULT_REGION = "us-east-1"
TRUSTED = f"{ALLOWED} or {DEFAULT_CHAIN}"
"""The settings that list the endpoints which a deployment names itself."""
_ALONE = "nothing is signed, so there is nobody with credentials, or to pay; accepted: anonymous alone"


def open_store(
    where: str | Path | Location,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    credentials: str | GivesSession | Mapping[str, Any] | None = None,
    anonymous: bool = False,
    requester_pays: bool = False,
    archives: bool = False,
) -> Place:
    """Open the place where objects lie, to read them: bound to the etags that were judged.

    What a run judged in an archive is read there, too.

    Args:
        where: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://account/container/prefix``, or of another scheme
            that `OPENERS` has; a directory, or the location of a run (``run.location``).
        endpoint: URL of the server; None: that of the location, else, for S3, ``AWS_ENDPOINT_URL``, else the cloud
            itself.
        region: None: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, or us-east-1.
        credentials: Of S3 ``key_id:access_key``, of Google the JSON of a key, of Azure an account's key or a SAS; None:
            this machine's own. Both go to the cloud, to an endpoint that is named here or in ``AWS_ENDPOINT_URL``, and
            to those that ``DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS`` lists; what is given, also to those of
            ``DICOM_SIEVE_ALLOWED_ENDPOINTS``.
        anonymous: Requests are not signed, as for a public bucket: there are no credentials.
        requester_pays: The owner of the credentials pays for the requests, where the bucket wants that.
        archives: Whether ``list`` gives what lies in ZIP and tar archives in place of these.

    Raises:
        InvalidRequestError: It is no address, or its endpoint may not be asked. Credentials are never quoted.

    Examples:
        >>> open_store("/data/images").location.bucket
        '/data/images'
    """
    location = where if isinstance(where, Location) else read_address(str(where))
    if location.scheme in CLOUDS:
        own = own_endpoint(endpoint)
        access = Access(own, region, credentials, anonymous, requester_pays, own is not None)
        return open_archives(open_location(location, access), lists=archives)
    named = (endpoint or os.environ.get("AWS_ENDPOINT_URL") or "").rstrip("/")
    lies_at = location.endpoint
    if endpoint or (named and location.scheme == S3 and location is not where):
        lies_at = named
    url = None if lies_at == AWS_ENDPOINT else lies_at
    is_named = lies_at == named or (location is not where and location.scheme in READ_ONLY)  # the address names it
    access = Access(url, region, credentials, anonymous, requester_pays, is_named)
    return open_archives(open_location(location, access), lists=archives)


def open_archives(place: Place, *, lists: bool) -> Place:
    """Read what lies in archives of a place, too.

    Args:
        place: Where archives may lie.
        lists: Whether members are listed in place of their archives.

    Raises:
        InvalidRequestError: They are to be listed, and such a place holds none.
    """
    if place.location.scheme in READ_ONLY:
        if lists:
            raise InvalidRequestError((f"archives: {place.location.scheme}:// holds none; accepted: false",))
        return place
    return ArchivesOpened(place, lists=lists)


def open_location(location: Location, access: Access) -> Place:
    """Open a location by its scheme.

    Raises:
        InvalidRequestError: The scheme is not known, or its store refuses.
    """
    if (opener := OPENERS.get(location.scheme)) is None:
        raise InvalidRequestError((describe_unknown(location.scheme),))
    return opener(location, access)


def describe_unknown(scheme: str) -> str:
    """Say that a scheme is not known, and which are."""
    accepted = ", ".join(f"{name}://" for name in sorted(OPENERS))
    return f"{scheme}:// is not known; accepted: {accepted}, or a directory"


def describe_web(text: str) -> str | None:
    """Say what to type in place of an address of the web; None where a text is none. No query is repeated."""
    if not text.lower().startswith(("http://", "https://")):
        return None
    for pattern, form in _TYPE_INSTEAD:
        if found := pattern.fullmatch(text.partition("?")[0].partition("#")[0]):
            return (
                f"an address of the web is no location; type {form.format(*map(unquote, found.groups())).rstrip('/')}"
            )
    accepted = f"s3://bucket/prefix, {GCS}://bucket/prefix, {FORMS[AZURE]}"
    return f"an address of the web is no location; accepted: {accepted}, and the server's own address as the endpoint"


def describe_no_bucket(text: str, scheme: str) -> str:
    """Say that an address names no bucket, and how one is written."""
    what = "no account and container" if scheme == AZURE else "no bucket"
    return f"{text} names {what}; accepted: {FORMS.get(scheme, f'{scheme}://bucket/prefix')}"


def own_endpoint(endpoint: str | None) -> str | None:
    """Give the endpoint that is named for another cloud than AWS; what the environment has for AWS's tools is none."""
    url = (endpoint or "").rstrip("/")
    return url if url and url != os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/") else None


def open_bucket(
    bucket: str,
    prefix: str,
    endpoint: str | None,
    region: str,
    credentials: GivesSession,
    *,
    requester_pays: bool = False,
    called: tuple[str, str] = ("endpoint", "the bucket"),
) -> S3Store:
    """Open a bucket for a caller who names it and sends their own credentials: no setting has to list its endpoint.

    Args:
        bucket: Its name.
        prefix: Prefix of all keys.
        endpoint: URL of the S3 server; None: AWS.
        region: Region of the bucket.
        credentials: Credentials that are sent there.
        requester_pays: Whether their owner pays.
        called: Names of endpoint and bucket in errors.

    Raises:
        InvalidRequestError: The endpoint, or the bucket there, may not be asked.
    """
    settings = load_settings()
    rules = EndpointRules.from_settings(settings, os.environ.get("PREFECT_API_URL"))
    if wrong := rules.find_problem(endpoint, region, uses_default_chain=False):
        raise InvalidRequestError((f"{called[0]}: {wrong}",))
    if wrong := check_bucket(bucket, endpoint):
        raise InvalidRequestError((f"{called[1]} {wrong}",))
    url, retries = endpoint and endpoint.rstrip("/"), Retries.from_settings(settings)
    return S3Store(S3Access(bucket, region, url, credentials, retries, rules, requester_pays), prefix)


def _open_directory(location: Location, access: Access) -> DirectoryStore:
    del access  # a directory is read by this machine
    return DirectoryStore(Path(location.bucket), location.prefix)


def _open_s3(location: Location, access: Access) -> S3Store:
    url, credentials, pays = access.endpoint, access.credentials, access.requester_pays
    region = access.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    session = Anonymous() if access.anonymous else _read_credentials(credentials)
    if access.anonymous and (credentials is not None or pays):
        raise InvalidRequestError((f"anonymous: {_ALONE}",))
    called = access.called
    store = open_bucket(location.bucket, location.prefix, url, region, session, requester_pays=pays, called=called)
    # Who names an endpoint sends credentials of their own there; a location may come from somebody else's request.
    if url is not None and not access.is_named and not access.anonymous:
        _refuse_of_ledger(url, region, store.access.rules, is_given=credentials is not None)
    return store


def _open_dicomweb(location: Location, access: Access) -> Place:
    with _extra_of(location):
        from dicom_sieve.stores.dicomweb.opener import open_dicomweb  # noqa: PLC0415 - of an extra
    return open_dicomweb(location, access)


def make_pacs(opening: Opening, problems: list[str]) -> Place | None:
    """Make the store of a PACS for a request; what is wrong is added to the problems, and nothing is sent."""
    try:
        with _extra_of(opening.location):
            from dicom_sieve.stores.dicomweb.opener import make_dicomweb  # noqa: PLC0415 - of an extra
    except InvalidRequestError as error:
        problems.extend(f"{opening.called[1]}: {problem}" for problem in error.problems)
        return None
    access = replace(opening.access, endpoint=opening.endpoint or None, is_named=False)
    location, rules, retries = opening.location, opening.rules, opening.retries
    return make_dicomweb(location, access, rules, retries, problems=problems, called=opening.called)


@contextmanager
def _extra_of(location: Location) -> Iterator[None]:
    """Say which extra a store needs, where its client is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in {"dicomweb_client", "requests"}:
            raise
        wrong = f"{location.scheme}:// needs a package more; pip install 'dicom-sieve[dicomweb]'"
        raise InvalidRequestError((wrong,)) from None


PACS = ("dicomweb+http", "dicomweb+https")
OPENERS: dict[str, Opener] = {
    FILE: _open_directory,
    S3: _open_s3,
    GCS: open_gcs,
    AZURE: open_azure,
    **dict.fromkeys(PACS, _open_dicomweb),
}
"""By the scheme of an address: the only list of stores."""
READ_ONLY = frozenset(PACS)
"""Schemes of stores that nothing is written to."""
CLOUDS = frozenset({GCS, AZURE})
"""Schemes of stores that know an endpoint only where one is named for them: ``AWS_ENDPOINT_URL`` is none of theirs."""
FORMS = {
    AZURE: f"{AZURE}://account/container/prefix",
    **{scheme: f"{scheme}://host/dicom-web" for scheme in PACS},
}
"""How addresses are written, where that is not ``scheme://bucket/prefix``."""
_TYPE_INSTEAD = (
    (
        re.compile(r"https?://(?:storage\.googleapis\.com|storage\.cloud\.google\.com)/([^/?#]+)/?([^?#]*)"),
        "gs://{}/{}",
    ),
    (re.compile(r"https?://([^./?#@:]+)\.storage\.googleapis\.com/?([^?#]*)"), "gs://{}/{}"),
    (re.compile(r"https?://([^./?#@:]+)\.(?:blob|dfs)\.[^/?#]+/([^/?#]+)/?([^?#]*)"), "az://{}/{}/{}"),
    (re.compile(r"https?://([^/?#@:]+)\.s3[.-][^/?#]*amazonaws\.com/?([^?#]*)"), "s3://{}/{}"),
    (re.compile(r"https?://s3[.-][^/?#]*amazonaws\.com/([^/?#]+)/?([^?#]*)"), "s3://{}/{}"),
)
"""Addresses of the web, and what is typed in place of them. A query is never repeated: it may authorize."""


def _refuse_of_ledger(url: str, region: str, rules: EndpointRules, *, is_given: bool) -> None:
    """Refuse to send credentials to an endpoint that the ledger names alone, and no setting.

    Args:
        url: URL of the endpoint.
        region: Region of the bucket.
        rules: What the settings say about endpoints.
        is_given: Whether the caller gave the credentials; else they are the default chain's.
    """
    if is_given:
        is_trusted, whose, listed = rules.trusts(*place_of(url)), "the credentials that you give", TRUSTED
    else:
        is_trusted = rules.find_problem(url, region, uses_default_chain=True) is None
        whose, listed = "this machine's own credentials", DEFAULT_CHAIN
    if not is_trusted:
        wrong = f"{url} comes from the ledger, and would be sent {whose}"
        accepted = f"to name it yourself (endpoint, --endpoint), or one that {listed} lists"
        raise InvalidRequestError((f"endpoint: {wrong}; accepted: {accepted}",))


def read_address(text: str) -> Location:
    """Read an address, or the path of a directory; of S3, as if it were AWS's.

    Raises:
        InvalidRequestError: Its scheme is not known, or it names no bucket.
    """
    if wrong := describe_web(text):
        raise InvalidRequestError((wrong,))
    parts = split_uri(text)
    if parts is None or parts[0] == FILE:
        path = Path(text.removeprefix(f"{FILE}://"))
        return Location(DIRECTORY_ENDPOINT, str(path.expanduser().resolve()))
    scheme, bucket, prefix = parts
    scheme = scheme.lower() if scheme.lower() in READ_ONLY else scheme
    if scheme not in OPENERS:
        raise InvalidRequestError((describe_unknown(scheme),))
    if not bucket:
        raise InvalidRequestError((f"{describe_no_bucket(text, scheme)}, or a directory",))
    return Location(AWS_ENDPOINT if scheme == S3 else f"{scheme}:", bucket, prefix_of(scheme, prefix))


def _read_credentials(credentials: str | GivesSession | Mapping[str, Any] | None) -> GivesSession:
    if credentials is None:
        return DefaultChain()
    if isinstance(credentials, GivesSession):
        return credentials
    keys = StaticCredentials.parse(credentials) if isinstance(credentials, str) else None
    if keys is None:
        raise InvalidRequestError(("credentials: no colon between two parts; accepted: key_id:access_key",))
    return keys
