"""From an address to a PACS: whether it may be asked, and with whose credentials (ADR 23)."""

import os
from collections.abc import Iterator
from dataclasses import replace

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.literals import read_literal
from dicom_sieve.objects import Location
from dicom_sieve.settings import Settings, load_settings
from dicom_sieve.stores.addresses import is_of_this_machine
from dicom_sieve.stores.dicomweb.access import ACCEPTED, HTTP, DicomWebAccess, HttpCredentials, uids_of, url_of
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from dicom_sieve.stores.endpoints import ALLOWED, DEFAULT_CHAIN, EndpointRules, place_of
from dicom_sieve.stores.interface import UnwritableKeyError
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.retries import Retries

CREDENTIALS = "DICOM_SIEVE_DICOMWEB_CREDENTIALS"
CALLED = ("endpoint", "URI", "credentials")


def open_dicomweb(location: Location, access: Access) -> DicomWebStore:
    """Open a PACS for the user of this machine: the environment's settings hold.

    Raises:
        InvalidRequestError: It may not be asked, or not with these credentials.
    """
    settings = load_settings()
    rules = EndpointRules.from_settings(settings, os.environ.get("PREFECT_API_URL"))
    if access.endpoint == location.endpoint:  # which is no URL: the address has that
        access = replace(access, endpoint=None)
    problems: list[str] = []
    called = (access.called[0], *CALLED[1:])
    store = make_dicomweb(location, access, rules, Retries.from_settings(settings), problems=problems, called=called)
    # Who names an endpoint sends credentials of their own there; a location may come from somebody else's request.
    is_given = access.credentials is not None and not access.is_named
    if is_given and not problems and not rules.trusts(*place_of(url_of(location))):
        listed = f"{ALLOWED} or {DEFAULT_CHAIN}"
        wrong = "comes from the ledger, and would be sent the credentials that you give"
        problems.append(f"{called[0]}: {wrong}; accepted: to name it yourself, or one that {listed} lists")
    if problems or store is None:
        raise InvalidRequestError(tuple(problems))
    return store


def make_dicomweb(
    location: Location,
    access: Access,
    rules: EndpointRules,
    retries: Retries,
    *,
    problems: list[str],
    called: tuple[str, str, str] = CALLED,
) -> DicomWebStore | None:
    """Make the store of a PACS; what is wrong is added to the problems, and nothing is sent.

    Args:
        location: Where it is: its address has the URL of the services.
        access: Whose credentials are sent. Those of this machine go where the caller names the endpoint, or a setting.
        rules: Which endpoints may be asked.
        retries: Timeouts and attempts.
        problems: Is added to.
        called: Names of endpoint, address and credentials in problems.
    """
    settings, url, found = load_settings(), url_of(location), len(problems)
    try:
        uids_of(location.prefix)
    except UnwritableKeyError:
        problems.append(f"{called[1]}: accepted behind the URL of the services: studies/UID, or studies/UID/series/UID")
    credentials = _read_credentials(access, settings, problems, called[2])
    problems.extend(f"{called[0]}: {wrong}" for wrong in _find_problems(location, access, rules, settings))
    if len(problems) > found:
        return None
    by_metadata = settings.dicomweb_identity == "metadata"
    return DicomWebStore(DicomWebAccess(url, credentials, retries, rules, by_metadata), location)


def _find_problems(location: Location, access: Access, rules: EndpointRules, settings: Settings) -> Iterator[str]:
    """Tell what is wrong with the endpoint, or with sending credentials there."""
    url = url_of(location)
    is_ours = _is_ours(access, settings) and not access.is_named
    if wrong := rules.find_problem(url, "", uses_default_chain=is_ours):
        yield wrong.replace("no endpoint (AWS), ", "").replace("an S3 server", "a PACS")
    elif access.endpoint and place_of(access.endpoint) != place_of(url):
        yield "is another than that of the address, which is asked; accepted: the same, or none"
    elif location.scheme == HTTP and not _is_near(url, rules):
        yield f"is not encrypted; accepted: https, this machine, or what {ALLOWED} lists"


def _is_ours(access: Access, settings: Settings) -> bool:
    """Tell whether this machine's own credentials would be sent."""
    return access.credentials is None and not access.anonymous and bool(_own(settings))


def _own(settings: Settings) -> str:
    return settings.dicomweb_credentials.get_secret_value()


def _read_credentials(access: Access, settings: Settings, problems: list[str], called: str) -> HttpCredentials | None:
    given: object = _own(settings) if _is_ours(access, settings) else access.credentials
    if access.anonymous and given is not None:
        problems.append(f"{called}: beside anonymous, which sends none; accepted: one of the two")
    if given is None or isinstance(given, HttpCredentials):
        return given
    credentials = HttpCredentials.parse(given) if isinstance(given, str) else None
    if credentials is None:
        problems.append(f"{CREDENTIALS if _is_ours(access, settings) else called}: accepted: {ACCEPTED}")
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
