"""From the parameters of a run to stores and criteria, or to everything that is wrong with them at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.registry import find_kind
from dicom_sieve.contract.credentials import NotFound, SavedCredentials
from dicom_sieve.contract.parameters import (
    RUN_ID,
    ByName,
    InputS3Parameters,
    OutputS3Parameters,
    Publish,
    RawParameters,
    S3Parameters,
    SourceParameters,
)
from dicom_sieve.criteria import Asked, Damaged
from dicom_sieve.criteria.choose import CHOOSE, UNIT, Unit
from dicom_sieve.criteria.named import NamedCriteria, check_name
from dicom_sieve.criteria.problems import describe_validation
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger import Ledger
from dicom_sieve.stores import (
    Anonymous,
    DefaultChain,
    EndpointRules,
    GivesSession,
    Inventory,
    Retries,
    S3Access,
    S3Store,
    StaticCredentials,
    address_of_manifest,
    check_bucket,
)

ANY_ENDPOINT = EndpointRules()
"""Any may be asked that is not forbidden always, none but AWS by the default chain."""
LOCATIONS: Mapping[str, type[S3Parameters]] = {
    "input_s3_parameters": SourceParameters,
    "output_s3_parameters": S3Parameters,
}
"""The locations of a run of ``compute-series``, and what they may say."""


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
    """

    store: S3Store
    criteria: tuple[Asked, ...]
    output: S3Store | None
    publish: Publish = Publish.MANIFEST
    preview: bool = False
    inventory: Inventory | None = None
    damaged: Damaged = Damaged.DISCARD
    named: NamedCriteria | None = None


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
    input: S3Store
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
    place = as_mapping(parameters.get("input_s3_parameters"))
    uri = None if place is None else place.pop("inventory", None)
    store = read_location(place, "input_s3_parameters", retries, problems, rules, model=InputS3Parameters)
    inventory = None if uri is None else _read_inventory(uri, store, problems)
    output, publish = None, Publish.MANIFEST
    if parameters.get("output_s3_parameters") is not None:
        location, publish = _without_publish(parameters["output_s3_parameters"], problems)
        output = read_location(location, "output_s3_parameters", retries, problems, rules, model=OutputS3Parameters)
    criteria, named = _read_criteria(parameters, problems)
    preview = parameters.get("preview", False)
    if not isinstance(preview, bool):
        problems.append(f"preview: a value of type {type(preview).__name__}; accepted: true or false")
    damaged = _read_damaged(parameters.get("damaged", Damaged.DISCARD), problems)
    if problems or store is None:
        raise InvalidRequestError(tuple(problems))
    return Request(store, criteria, output, publish, preview, inventory, damaged, named)


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


def _read_damaged(given: Any, problems: list[str]) -> Damaged:
    try:
        return Damaged(given)
    except ValueError:
        problems.append(f"damaged: not accepted; accepted: {', '.join(Damaged)}")
        return Damaged.DISCARD


def _read_inventory(uri: Any, store: S3Store | None, problems: list[str]) -> Inventory | None:
    try:
        address_of_manifest(uri if isinstance(uri, str) else "")
    except ValueError as error:
        problems.append(f"input_s3_parameters.inventory: {error}")
        return None
    return None if store is None else store.inventory(uri)


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
    source, output = (
        read_location(parameters.get(name), name, retries, problems, rules, model=kind)
        for name, kind in LOCATIONS.items()
    )
    if problems or kind is None or source is None or output is None:
        raise InvalidRequestError(tuple(problems))
    return ComputationRequest(kind, str(run_id), source, output, asked)


def _of_computation(given: Any) -> Mapping[str, Any]:
    """Give the parameters of a computation; none where nothing is given."""
    found = {} if given is None else as_mapping(given)
    if found is None:
        raise InvalidRequestError((f"parameters: a value of type {type(given).__name__}; accepted: an object of JSON",))
    return found


def read_location(
    given: Any,
    field: str,
    retries: Retries,
    problems: list[str],
    rules: EndpointRules = ANY_ENDPOINT,
    *,
    model: type[S3Parameters] = S3Parameters,
) -> S3Store | None:
    """Read where objects lie and how to reach them; what is wrong with it is added to the problems.

    Args:
        given: As it came.
        field: Its name, which problems begin with.
        retries: How long the store is waited for.
        problems: Is added to.
        rules: Which endpoints may be asked.
        model: What may be said of such a location.
    """
    given = as_mapping(given)
    if given is None:
        problems.append(f"{field}: missing; accepted: bucket, region, and optionally endpoint, credentials, prefix")
        return None
    credentials = _read_credentials(given.pop("credentials", None), f"{field}.credentials", problems)
    try:
        location = model.model_validate(given)
    except ValidationError as error:
        problems.extend(describe_validation(error, field, model))
        return None
    if credentials is None:
        return None
    if isinstance(location, SourceParameters) and location.anonymous:
        problems.extend(_contradictions(location, credentials, field))
        credentials = Anonymous()
    access = _read_access(location, credentials, retries, rules)
    if wrong := list(_find_problems(location, access, field)):
        problems.extend(wrong)
        return None
    return S3Store(access, location.prefix)


def _read_access(location: S3Parameters, credentials: GivesSession, retries: Retries, rules: EndpointRules) -> S3Access:
    saved = credentials if isinstance(credentials, SavedCredentials) else None
    endpoint = (location.endpoint or (saved.endpoint if saved else "")).rstrip("/") or None
    if saved and saved.ca_bundle:
        rules = replace(rules, ca_bundle=saved.ca_bundle)
    pays = isinstance(location, SourceParameters) and location.requester_pays
    return S3Access(location.bucket, location.region, endpoint, credentials, retries, rules, pays)


def _contradictions(location: SourceParameters, credentials: GivesSession, field: str) -> Iterator[str]:
    if not isinstance(credentials, DefaultChain):
        yield f"{field}.anonymous: true, with credentials; accepted: one of the two"
    if location.requester_pays:
        yield f"{field}.requester_pays: true, with anonymous: nobody would pay; accepted: one of the two"


def _find_problems(location: S3Parameters, access: S3Access, field: str) -> Iterator[str]:
    """Tell what is wrong with how a location is to be reached."""
    saved = access.credentials if isinstance(access.credentials, SavedCredentials) else None
    of_block = saved.endpoint.rstrip("/") if saved else ""
    if of_block and location.endpoint and of_block.lower() != (access.endpoint or "").lower():
        yield (
            f"{field}.endpoint: is another than the block's aws_client_parameters.endpoint_url; accepted: the same in "
            "both, or one of them alone"
        )
        return
    named = f"{field}.endpoint:"
    if of_block and not location.endpoint:
        named = f"{field}.credentials: the block's aws_client_parameters.endpoint_url"
    # What is not known to bring keys of its own may use this machine's.
    is_ours = saved.lacks_keys if saved else not isinstance(access.credentials, StaticCredentials | Anonymous)
    if wrong := access.rules.find_problem(access.endpoint, access.region, uses_default_chain=is_ours):
        yield f"{named} {wrong}"
    elif wrong := check_bucket(access.bucket, access.endpoint):
        yield f"{field}.bucket: {wrong}"
    if saved:
        yield from saved.find_problems(field, access.region, access.endpoint)


def as_mapping(given: Any) -> dict[str, Any] | None:
    """Give a location's members; None where it is no location."""
    if isinstance(given, S3Parameters):  # called from Python rather than over REST
        return {name: getattr(given, name) for name in type(given).model_fields}
    return dict(given) if isinstance(given, dict) else None


def _read_credentials(given: Any, field: str, problems: list[str]) -> GivesSession | None:
    if given is None or given == "":
        return DefaultChain()
    if isinstance(given, NotFound):
        problems.append(f"{field}: {given.problem}")
        return None
    if isinstance(given, GivesSession):
        return given
    if isinstance(given, str):
        keys = StaticCredentials.parse(given)
        if keys is None:
            problems.append(f"{field}: no colon between two parts; accepted: key_id:access_key")
        return keys
    problems.append(f'{field}: not accepted; accepted: key_id:access_key, or a block as {{"$ref": "<block id>"}}')
    return None
