"""From a location to a bucket of Google Cloud Storage."""

from collections.abc import Mapping

from dicom_sieve.objects import Location
from dicom_sieve.stores.gcs.credentials import OfThisMachine, read_credentials
from dicom_sieve.stores.gcs.service import GOOGLE, GcsService
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.rest.errors import NotCredentialsError
from dicom_sieve.stores.rest.opening import Opening, open_for_user
from dicom_sieve.stores.rest.service import Signs
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Bearer, Unsigned

CLOUD = "Google Cloud Storage"


def open_gcs(location: Location, access: Access) -> Place:
    """Open a bucket for the user of this machine; see `open_for_user`."""
    return open_for_user(location, access, make_gcs)


def make_gcs(opening: Opening, problems: list[str]) -> RestStore | None:
    """Make a bucket's store; what is wrong is added to the problems, and nothing is sent."""
    url, found = opening.endpoint or GOOGLE, len(problems)
    problems.extend(opening.find_problems(url, GOOGLE, CLOUD))
    try:
        signer = _signer(opening)
    except NotCredentialsError as error:
        problems.append(f"{opening.called[2]}: {error}")
        return None
    if len(problems) > found:
        return None
    service = GcsService(opening.location.bucket, signer, url, opening.rules, opening.retries)
    return RestStore(service, opening.location.prefix)


def _signer(opening: Opening) -> Signs:
    given = opening.access.credentials
    if opening.access.anonymous:
        return Unsigned()
    if given is None:
        return Bearer(OfThisMachine(opening.rules, opening.retries))
    return Bearer(read_credentials(given if isinstance(given, Mapping) else str(given), opening.rules, opening.retries))
