"""From the parameters of a run to stores and criteria, or to everything that is wrong with them at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError

from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.registry import find_kind
from dicom_sieve.contract.locations import (
    InputS3Parameters,
    OutputS3Parameters,
    Publish,
    S3Parameters,
    SourceParameters,
)
from dicom_sieve.contract.parameters import ANY_INPUT, RUN_ID, S3_INPUT, ByName, RawParameters
from dicom_sieve.contract.read_input import read_input
from dicom_sieve.contract.read_location import ANY_ENDPOINT, as_mapping, read_location
from dicom_sieve.criteria import Asked, Damaged
from dicom_sieve.criteria.choose import CHOOSE, UNIT, Unit
from dicom_sieve.criteria.named import NamedCriteria, check_name
from dicom_sieve.criteria.problems import describe_validation
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger import Ledger
from dicom_sieve.objects import FEWEST_ASKED, MOST_ASKED, Listing
from dicom_sieve.stores import EndpointRules, Inventory, Retries, S3Store, address_of_manifest
from dicom_sieve.stores.archives.store import ArchivesOfInventory, ArchivesOpened
from dicom_sieve.stores.interface import ListsAsOf, Place
from dicom_sieve.stores.open import READ_ONLY, open_archives
from dicom_sieve.stores.prefixes import DIVIDE, divisible

OUTPUT = "output_s3_parameters"
LOCATIONS: Mapping[str, type[S3Parameters]] = {S3_INPUT: SourceParameters, OUTPUT: S3Parameters}
"""The locations in S3 of a run of ``compute-series``, and what they may say."""
HOLDERS = (*LOCATIONS, ANY_INPUT)
"""Parameters that may hold credentials."""


Name = TypeVar("Name", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Request:
    """What a flow run was asked to do.

    Attributes:
        store: Where the objects lie.
        criteria: What is asked, and behind it what becomes of what meets it.
        output: Where to publish, or None.
        publish: What to publish there.
        preview: Whether only to tell what a run would say.
        inventory: To be read in place of listing, or None.
        damaged: What becomes of damaged objects.
        named: What the criteria were saved as, or None. As long as they are not looked up, there are none.
        listing: Whether the location is listed again.
        divide: How many parts are screened, each by a run of its own, at least; None: it is one run.
    """

    store: Place
    criteria: tuple[Asked, ...]
    output: S3Store | None
    publish: Publish = Publish.MANIFEST
    preview: bool = False
    inventory: ListsAsOf | None = None
    damaged: Damaged = Damaged.DISCARD
    named: NamedCriteria | None = None
    listing: Listing = Listing.NEW
    divide: int | None = None


@dataclass(frozen=True, slots=True)
class ComputationRequest:
    """What a run of ``compute-series`` was asked to do.

    Attributes:
        kind: What is computed.
        run_id: The run whose series are computed on.
        input: Where its objects lie.
        output: Where results are written.
        parameters: Of the computation, all of them.
    """

    kind: Kind
    run_id: str
    input: Place
    output: S3Store
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read_request(parameters: RawParameters, retries: Retries, rules: EndpointRules = ANY_ENDPOINT) -> Request:
    """Read the parameters of a run.

    Args:
        parameters: As they were given.
        retries: How long the stores are waited for.
        rules: Which endpoints may be asked.

    Raises:
        InvalidRequestError: Every problem, one line each; no line quotes credentials.
    """
    problems: list[str] = []
    field, place = _given_input(parameters, problems)
    uri = None if place is None else place.pop("inventory", None)
    store = _read_source(field, place, retries, problems, rules, model=InputS3Parameters)
    inventory: ListsAsOf | None = None if uri is None else _read_inventory(uri, f"{field}.inventory", store, problems)
    if store is not None and place is not None and place.get("archives"):
        store, inventory = _open_archives(store, inventory, f"{field}.archives", problems)
    output, publish = None, Publish.MANIFEST
    if parameters.get(OUTPUT) is not None:
        location, publish = _without_publish(parameters[OUTPUT], problems)
        output = read_location(location, OUTPUT, retries, problems, rules, model=OutputS3Parameters)
    criteria, named = _read_criteria(parameters, problems)
    preview = parameters.get("preview", False)
    if not isinstance(preview, bool):
        problems.append(f"preview: a value of type {type(preview).__name__}; accepted: true or false")
    damaged = _read_name("damaged", parameters.get("damaged", Damaged.DISCARD), Damaged.DISCARD, problems)
    listing = _read_name("listing", parameters.get("listing", Listing.NEW), Listing.NEW, problems)
    if uri is not None and listing is Listing.LAST:
        problems.append(f"{field}.inventory: with listing LAST nothing is listed; accepted: one of the two")
    if listing is Listing.LAST and store is not None:
        if isinstance(store, ArchivesOpened):
            problems.append(f"{field}.archives: with listing LAST nothing is listed; accepted: one of the two")
        store = open_archives(store, lists=False)  # what was listed last may lie in archives, and be copied
    divide = _read_divide(parameters.get(DIVIDE), problems)
    if divide is not None and store is not None:
        problems.extend(_undivided(store, publish, is_preview=preview is True, has_inventory=uri is not None))
    if problems or store is None:
        raise InvalidRequestError(tuple(problems))
    return Request(store, criteria, output, publish, preview, inventory, damaged, named, listing, divide)


def look_up_criteria(request: Request, ledger: Ledger) -> Request:
    """Give a request with the criteria that it names, and their version.

    Args:
        request: As `read_request` gave it.
        ledger: Which holds named criteria.

    Raises:
        UnknownCriteriaError: It holds none of that name, or no such version.
    """
    if request.named is None:
        return request
    saved = ledger.criteria(request.named.name, request.named.version)
    return replace(request, criteria=saved.items(), named=saved.named)


def _read_criteria(parameters: RawParameters, problems: list[str]) -> tuple[tuple[Asked, ...], NamedCriteria | None]:
    """Read a list of criteria, with what becomes of what meets them, or what both were saved as."""
    given = parameters.get("criteria")
    if isinstance(given, Mapping | ByName):
        if parameters.get(UNIT) not in (None, Unit.INSTANCE) or parameters.get(CHOOSE) is not None:
            problems.append("criteria: by name, with unit or choose; accepted: these are saved with the criteria")
        try:
            by_name = ByName.model_validate(given)
            return (), NamedCriteria(check_name(by_name.name, "criteria.name"), by_name.version)
        except ValidationError as error:
            problems.extend(describe_validation(error, "criteria", ByName))
        except InvalidRequestError as error:
            problems.extend(error.problems)
        return (), None
    criteria, wrong = read_criteria({name: parameters.get(name) for name in ("criteria", UNIT, CHOOSE)})
    problems.extend(wrong)
    return criteria, None


def _read_divide(given: Any, problems: list[str]) -> int | None:
    """Read into how many parts a run is divided, at least; None: it is not."""
    if given is None or (type(given) is int and FEWEST_ASKED <= given <= MOST_ASKED):
        return given
    problems.append(f"{DIVIDE}: not accepted; accepted: a whole number from {FEWEST_ASKED} to {MOST_ASKED}, or none")
    return None


def _undivided(store: Place, publish: Publish, *, is_preview: bool, has_inventory: bool) -> Iterator[str]:
    """Tell what is asked that cannot be done in parts."""
    if is_preview:
        yield f"{DIVIDE}: a preview is not divided; accepted: one of the two"
    if has_inventory:
        yield f"{DIVIDE}: an inventory lists the whole location; accepted: one of the two"
    if publish is Publish.COPY_WHOLE:
        yield f"{DIVIDE}: with publish COPY_WHOLE; accepted: MANIFEST, COPY: a series may lie in several parts"
    try:
        divisible(store)
    except InvalidRequestError as error:
        yield from error.problems


def _read_name(name: str, given: Any, default: Name, problems: list[str]) -> Name:
    """Read one of a few names."""
    kind = type(default)
    try:
        return kind(given)
    except ValueError:
        problems.append(f"{name}: not accepted; accepted: {', '.join(kind)}")
        return default


def _given_input(parameters: RawParameters, problems: list[str]) -> tuple[str, dict[str, Any] | None]:
    """Give which of the two inputs is given, and its members; both are a problem, and so is neither."""
    if parameters.get(ANY_INPUT) is None:
        return S3_INPUT, as_mapping(parameters.get(S3_INPUT))
    if parameters.get(S3_INPUT) is not None:
        problems.append(f"{ANY_INPUT}: given beside {S3_INPUT}; accepted: one of the two")
    return ANY_INPUT, as_mapping(parameters[ANY_INPUT])


def _read_source(
    field: str,
    place: dict[str, Any] | None,
    retries: Retries,
    problems: list[str],
    rules: EndpointRules,
    *,
    model: type[S3Parameters],
) -> Place | None:
    if field == ANY_INPUT:
        return read_input(place, field, retries, problems, rules)
    return read_location(place, field, retries, problems, rules, model=model)


def _read_inventory(uri: Any, field: str, store: Place | None, problems: list[str]) -> Inventory | None:
    try:
        address_of_manifest(uri if isinstance(uri, str) else "")
    except ValueError as error:
        problems.append(f"{field}: {error}")
        return None
    if store is not None and not isinstance(store, S3Store):
        problems.append(f"{field}: there is none of such a store; accepted with s3://bucket")
        return None
    return None if store is None else store.inventory(uri)


def _open_archives(
    store: Place, inventory: ListsAsOf | None, field: str, problems: list[str]
) -> tuple[Place, ListsAsOf | None]:
    """Have what lies in archives listed in their place, by the inventory too."""
    if store.location.scheme in READ_ONLY:
        problems.append(f"{field}: {store.location.scheme}:// holds none; accepted: false")
        return store, inventory
    opened = ArchivesOpened(store)
    return opened, inventory and ArchivesOfInventory(inventory, opened)


def _without_publish(given: Any, problems: list[str]) -> tuple[Any, Publish]:
    """Take out of the output what is to be published there."""
    location = as_mapping(given)
    asked = Publish.MANIFEST if location is None else location.pop("publish", None) or Publish.MANIFEST
    try:
        return location, Publish(asked)
    except ValueError:
        problems.append(f"output_s3_parameters.publish: not accepted; accepted: {', '.join(Publish)}")
        return location, Publish.MANIFEST


def read_computation(
    parameters: RawParameters, retries: Retries, rules: EndpointRules = ANY_ENDPOINT
) -> ComputationRequest:
    """Read the parameters of a run of ``compute-series``; see `read_request`."""
    problems: list[str] = []
    kind = None
    try:
        kind = find_kind(parameters.get("computation"))
    except InvalidRequestError as error:
        problems.extend(error.problems)
    asked: Mapping[str, Any] = {}
    try:
        asked = {} if kind is None else kind.read_parameters(_of_computation(parameters.get("parameters")))
    except InvalidRequestError as error:
        problems.extend(error.problems)
    run_id = parameters.get("run_id")
    if not isinstance(run_id, str) or not re.fullmatch(RUN_ID, run_id):
        problems.append("run_id: is none; accepted: the id of a completed run, or the beginning of it")
    source = read_source(parameters, retries, problems, rules)
    output = read_location(parameters.get(OUTPUT), OUTPUT, retries, problems, rules, model=S3Parameters)
    if problems or kind is None or source is None or output is None:
        raise InvalidRequestError(tuple(problems))
    return ComputationRequest(kind, str(run_id), source, output, asked)


def read_source(
    parameters: RawParameters, retries: Retries, problems: list[str], rules: EndpointRules = ANY_ENDPOINT
) -> Place | None:
    """Read where the objects lie that are computed on, by one of the two inputs; see `read_location`."""
    field, place = _given_input(parameters, problems)
    store = _read_source(field, place, retries, problems, rules, model=SourceParameters)
    return store and open_archives(store, lists=False)


def _of_computation(given: Any) -> Mapping[str, Any]:
    """Give the parameters of a computation; none where nothing is given."""
    found = {} if given is None else as_mapping(given)
    if found is None:
        raise InvalidRequestError((f"parameters: a value of type {type(given).__name__}; accepted: an object of JSON",))
    return found
