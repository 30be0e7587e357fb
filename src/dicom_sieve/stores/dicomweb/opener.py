"""From an address to a PACS: whether it may be asked, and with whose credentials (ADR 23)."""

import os

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.literals import read_literal
from dicom_sieve.objects import Location
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.addresses import is_of_this_machine
from dicom_sieve.stores.dicomweb.access import ACCEPTED, HTTP, DicomWebAccess, HttpCredentials, uids_of, url_of
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from dicom_sieve.stores.endpoints import ALLOWED, DEFAULT_CHAIN, EndpointRules, place_of
from dicom_sieve.stores.interface import UnwritableKeyError
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.retries import Retries

CREDENTIALS = "DICOM_SIEVE_DICOMWEB_CREDENTIALS"


def open_dicomweb(location: Location, access: Access) -> DicomWebStore:
    """Open a PACS.

    Raises:
        InvalidRequestError: It may not be asked, or not with these credentials.
    """
    settings = load_settings()
    rules, url = EndpointRules.from_settings(settings, os.environ.get("PREFECT_API_URL")), url_of(location)
    problems = []
    try:
        uids_of(location.prefix)
    except UnwritableKeyError:
        problems.append("URI: accepted behind the services' URL: studies/UID, or studies/UID/series/UID")
    own = settings.dicomweb_credentials.get_secret_value()
    is_ours = access.credentials is None and bool(own) and not access.anonymous
    credentials = None if access.anonymous else _read(own if is_ours else access.credentials, problems, is_ours)
    called = access.called[0]
    if wrong := rules.find_problem(url, "", uses_default_chain=is_ours and not access.is_named):
        problems.append(f"{called}: {wrong}")
    elif location.scheme == HTTP and not _is_near(url, rules):
        problems.append(f"{called}: is not encrypted; accepted: https, this machine, or what {ALLOWED} lists")
    elif credentials is not None and not is_ours and not access.is_named and not rules.trusts(*place_of(url)):
        listed = f"{ALLOWED} or {DEFAULT_CHAIN}"
        problems.append(f"{called}: comes from the ledger; accepted: to name it yourself, or one that {listed} lists")
    if problems:
        raise InvalidRequestError(tuple(problems))
    by_metadata = settings.dicomweb_identity == "metadata"
    access_to = DicomWebAccess(url, credentials, Retries.from_settings(settings), rules, by_metadata)
    return DicomWebStore(access_to, location)


def _read(given: object, problems: list[str], is_ours: bool) -> HttpCredentials | None:
    if given is None or isinstance(given, HttpCredentials):
        return given
    credentials = HttpCredentials.parse(given) if isinstance(given, str) else None
    if credentials is None:
        problems.append(f"{CREDENTIALS if is_ours else 'credentials'}: accepted: {ACCEPTED}")
    return credentials


def _is_near(url: str, rules: EndpointRules) -> bool:
    """Tell whether what is not encrypted goes to this machine alone, or where the deployment says."""
    host, port = place_of(url)
    if rules.trusts(host, port):
        return True
    try:
        found = rules.resolve(host, port)
    except OSError:  # no such name: nothing is sent, connecting reports it
        return False
    return all((address := read_literal(text)) is not None and is_of_this_machine(address) for text in found)
