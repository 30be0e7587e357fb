"""From a location to a container of Azure Blob Storage."""

import re
from collections.abc import Mapping

from dicom_sieve.objects import Location
from dicom_sieve.stores.azure.credentials import find_credentials, read_credentials
from dicom_sieve.stores.azure.service import AzureService, home_of
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.rest.errors import NotCredentialsError
from dicom_sieve.stores.rest.opening import Opening, open_for_user
from dicom_sieve.stores.rest.service import Signs
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Unsigned

CLOUD = "Azure Blob Storage"
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]|\$(?:root|web|logs)")


def open_azure(location: Location, access: Access) -> Place:
    """Open a container for the user of this machine; see `open_for_user`."""
    return open_for_user(location, access, make_azure)


def make_azure(opening: Opening, problems: list[str]) -> RestStore | None:
    """Make a container's store; what is wrong is added to the problems, and nothing is sent."""
    account, _, container = opening.location.bucket.partition("/")
    called, found = opening.called, len(problems)
    if not _ACCOUNT.fullmatch(account):
        problems.append(f"{called[1]}: no name of a storage account; accepted: 3 to 24 small letters and digits")
    if not _CONTAINER.fullmatch(container):
        problems.append(f"{called[1]}: no name of a container; accepted: 3 to 63 small letters, digits and hyphens")
    if len(problems) > found:
        return None
    home = home_of(account)
    url = opening.endpoint or home
    problems.extend(opening.find_problems(url, home, CLOUD))
    try:
        signer = _signer(opening, account)
    except NotCredentialsError as error:
        problems.append(f"{called[2]}: {error}")
        return None
    if len(problems) > found:
        return None
    return RestStore(
        AzureService(account, container, signer, url, opening.rules, opening.retries), opening.location.prefix
    )


def _signer(opening: Opening, account: str) -> Signs:
    given, rules, retries = opening.access.credentials, opening.rules, opening.retries
    if opening.access.anonymous:
        return Unsigned()
    if given is None:
        return find_credentials(account, rules, retries)
    return read_credentials(given if isinstance(given, Mapping) else str(given), account, rules, retries)
