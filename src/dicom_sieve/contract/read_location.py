"""From a location of a request to a bucket of S3, or to what is wrong with it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from dicom_sieve.contract.credentials import NotFound, SavedCredentials
from dicom_sieve.contract.locations import S3Parameters, SourceParameters
from dicom_sieve.criteria.problems import describe_validation
from dicom_sieve.stores import (
    Anonymous,
    DefaultChain,
    EndpointRules,
    GivesSession,
    Retries,
    S3Access,
    S3Store,
    StaticCredentials,
    check_bucket,
)

ANY_ENDPOINT = EndpointRules()
"""Any may be asked that is not forbidden always, none but AWS by the default chain."""


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
    if isinstance(given, BaseModel):  # called from Python rather than over REST
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
