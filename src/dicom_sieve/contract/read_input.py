"""From the parameter ``input`` to a store of any kind, or to everything that is wrong with it; nothing is sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicom_sieve.contract.credentials import NotFound, SavedSecret
from dicom_sieve.contract.locations import InputParameters, SourceParameters
from dicom_sieve.contract.read_location import as_mapping, read_location
from dicom_sieve.criteria.problems import describe_validation
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import FILE, S3, Location
from dicom_sieve.stores import DirectoryStore, EndpointRules, Retries
from dicom_sieve.stores.azure.open import make_azure
from dicom_sieve.stores.azure.service import AZURE
from dicom_sieve.stores.endpoints import INPUT_DIRECTORIES
from dicom_sieve.stores.gcs.open import make_gcs
from dicom_sieve.stores.gcs.service import GCS
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.open import DEFAULT_REGION, PACS, make_pacs, read_address
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.rest.opening import Makes, Opening

CLOUDS: Mapping[str, Makes] = {GCS: make_gcs, AZURE: make_azure, **dict.fromkeys(PACS, make_pacs)}
_OF_S3 = ("region", "inventory", "requester_pays")
_OF_REQUESTS = ("credentials", "endpoint", "anonymous", *_OF_S3)
ACCEPTED = "uri, and optionally credentials, endpoint, region, inventory, anonymous, requester_pays, archives"


def read_input(given: Any, field: str, retries: Retries, problems: list[str], rules: EndpointRules) -> Place | None:
    """Read where objects lie and how to reach them; what is wrong with it is added to the problems.

    Args:
        given: As it came; ``inventory`` has been taken out.
        field: Its name, which problems begin with.
        retries: How long the store is waited for.
        problems: Is added to.
        rules: Which endpoints may be asked, and which directories read.
    """
    members = as_mapping(given)
    if members is None:
        problems.append(f"{field}: is no location; accepted: {ACCEPTED}")
        return None
    found = len(problems)
    credentials = _take_credentials(members, field, problems)
    read, location = _read_members(members, field, problems)
    if read is None or location is None or len(problems) > found:
        return None
    if location.scheme == S3:
        said: dict[str, Any] = {"bucket": location.bucket, "prefix": location.prefix, "credentials": credentials}
        said |= {"endpoint": read.endpoint, "region": read.region or DEFAULT_REGION}
        said |= {"anonymous": read.anonymous, "requester_pays": read.requester_pays}
        return read_location(said, field, retries, problems, rules, model=SourceParameters)
    problems.extend(_misplaced(location, read, credentials, field))
    if len(problems) > found:
        return None
    if location.scheme == FILE:
        return _open_directory(location, field, problems, rules)
    access = Access(None, None, credentials, read.anonymous)
    called = (f"{field}.endpoint", f"{field}.uri", f"{field}.credentials")
    endpoint = (read.endpoint or "").rstrip("/")
    return CLOUDS[location.scheme](Opening(location, endpoint, access, retries, rules, called), problems)


def _take_credentials(members: dict[str, Any], field: str, problems: list[str]) -> Any:
    """Take the credentials out of the members; a secret as what it keeps."""
    given = members.pop("credentials", None) or None
    if isinstance(given, NotFound):
        problems.append(f"{field}.credentials: {given.problem}")
        return None
    return given.value if isinstance(given, SavedSecret) else given


def _read_members(
    members: dict[str, Any], field: str, problems: list[str]
) -> tuple[InputParameters | None, Location | None]:
    """Read the other members, and the address among them."""
    try:
        read = InputParameters.model_validate(members)
    except ValidationError as error:
        problems.extend(describe_validation(error, field, InputParameters))
        return None, None
    try:
        location = read_address(read.uri)
    except InvalidRequestError as error:
        problems.extend(f"{field}.uri: {problem}" for problem in error.problems)
        return read, None
    if location.scheme not in {S3, FILE, *CLOUDS}:
        problems.append(f"{field}.uri: {location.scheme}:// is not opened by a request")
    return read, location


def _misplaced(location: Location, read: InputParameters, credentials: Any, field: str) -> list[str]:
    """Tell what is said that such a store does not know."""
    is_directory = location.scheme == FILE
    names, what = (_OF_REQUESTS, "a directory") if is_directory else (_OF_S3, f"{location.scheme}://")
    accepted = "accepted: none" if is_directory else "accepted with s3://bucket"
    given = read.model_copy(update={"credentials": credentials})
    wrong = [f"{field}.{name}: {what} knows none; {accepted}" for name in names if getattr(given, name)]
    if not is_directory and not isinstance(credentials, str | Mapping | None):
        wrong.append(f"{field}.credentials: of another kind; accepted: a text, or a block of type Secret")
    return wrong


def _open_directory(location: Location, field: str, problems: list[str], rules: EndpointRules) -> DirectoryStore | None:
    """Open a directory of this machine, if it lies in one that the deployment lists: links on the way are followed."""
    path = Path(location.bucket).resolve()
    if not any(path.is_relative_to(Path(allowed).resolve()) for allowed in rules.directories):
        problems.append(
            f"{field}.uri: a directory that is not allowed here; accepted: those that {INPUT_DIRECTORIES} lists"
        )
        return None
    return DirectoryStore(path, location.prefix)
