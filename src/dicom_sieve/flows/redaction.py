"""Keep credentials and values out of Prefect: its database, its logs, its states.

Prefect stores a run's parameters in clear. As soon as the flow holds them it replaces the credentials among them by
``***``. Errors that are not ours may quote anything: only their type and the places they passed through are shown.
"""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from dicom_sieve.computations.registry import kinds
from dicom_sieve.contract.parameters import RUN_ID, RawParameters
from dicom_sieve.criteria import Damaged, Operation
from dicom_sieve.criteria.choose import Unit
from dicom_sieve.errors import DicomSieveError, MachineError, SpentCredentialsError
from dicom_sieve.explain import explain
from dicom_sieve.objects import Listing

REDACTED = "***"
_NAMES = {"damaged": Damaged, "listing": Listing, "unit": Unit}
"""Parameters that are one of a few names."""
LOCATIONS = ("input_s3_parameters", "output_s3_parameters", "input")
KEPT = ("bucket", "prefix", "region", "publish")
SWITCHES = ("anonymous", "requester_pays")
ADDRESSES = ("endpoint", "inventory")
"""Kept without what may be a secret in a URL: user and password, query, fragment."""
OF_A_STORE = re.compile(r"(?:s3|gs|az)://[^/@?#:]+(?:/.*)?|(?:file://)?/(?!/).*", re.DOTALL)
"""An address of a store, which has no place for a secret; all behind the bucket is the prefix."""
OF_A_BLOCK = re.compile(r"[0-9A-Fa-f-]{1,36}")
STORED_IN_CLEAR = (
    "credentials came as a text: it lay in Prefect's database in clear until now, and may lie in freed pages of its "
    'file still; use a block: {"$ref": "<id of a block>"}'
)


class UnexpectedError(DicomSieveError):
    """An error that is not ours: a bug, or something that broke below."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)

    def __str__(self) -> str:
        return f"unexpected {self.args[0]}; the log tells where"


def redact(parameters: RawParameters) -> RawParameters:
    """Give the parameters with whatever may be a credential in clear replaced; references to blocks stay.

    A request may be of any shape: what is not known is replaced, too.
    """
    kept = {name: _redact_location(parameters[name]) for name in LOCATIONS if name in parameters}
    if "criteria" in parameters:
        kept["criteria"] = _redact_criteria(parameters["criteria"])
    return {name: kept.get(name, value if _is_plain(name, value) else REDACTED) for name, value in parameters.items()}


def redact_stored(flow_run_id: UUID, parameters: RawParameters) -> None:
    """Replace credentials in the parameters that Prefect stores of a run."""
    redacted = redact(parameters)
    if redacted != parameters:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run_id, parameters=redacted).raise_for_status()


def redact_crashed(flow: object, flow_run: FlowRun, state: object) -> None:
    """Do so after a crash: it may have come before the flow's first line."""
    redact_stored(flow_run.id, flow_run.parameters)


def refuse_spent(parameters: RawParameters) -> None:
    """Refuse parameters whose credentials were replaced: their run was started a second time.

    Raises:
        SpentCredentialsError: Names the parameter.
    """
    for name in LOCATIONS:
        location = parameters.get(name)
        if location == REDACTED or (isinstance(location, dict) and location.get("credentials") == REDACTED):
            raise SpentCredentialsError(name)


@contextmanager
def only_our_words(logger: "Logger | LoggerAdapter[Any]") -> Iterator[None]:
    """Let errors out without what they were caused by, and errors that are not ours without their text.

    What is no bug, as a disk that is full, comes out in a sentence of ours.
    """
    try:
        yield
    except DicomSieveError as error:
        raise error from None
    except Exception as error:
        if explained := explain(error):
            raise MachineError(explained) from None
        places = "\n".join(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in _frames(error))
        # Not with the traceback: it ends in the error's text.
        logger.error("unexpected %s, raised through\n%s", type(error).__name__, places)  # noqa: TRY400
        raise UnexpectedError(type(error).__name__) from None


def _frames(error: Exception) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _redact_location(location: Any) -> Any:
    if isinstance(location, dict):
        return {name: _redact_member(name, value) for name, value in location.items()}
    return None if location is None else REDACTED


def _redact_member(name: str, value: Any) -> Any:
    if value is None or value == "":
        return value
    if name == "uri" and isinstance(value, str):
        return value if OF_A_STORE.fullmatch(value) else _without_secrets(value)
    if name in ADDRESSES and isinstance(value, str):
        return _without_secrets(value)
    return value if _is_kept(name, value) else REDACTED


def _without_secrets(address: str) -> str:
    """Give a URL without user, password, query and fragment; what is no URL is replaced as a whole.

    So is a URL whose end of the password cannot be told: keys hold slashes, which end what comes before the path.

    Examples:
        >>> _without_secrets("https://key:secret@localhost:9000/?sig=secret"), _without_secrets("key:secret")
        ('https://localhost:9000/', '***')
    """
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where there is a colon, and no number behind it
    except ValueError:
        return REDACTED
    host = parts.netloc.rpartition("@")[2]
    is_url = parts.scheme and host and not host.endswith(":") and "@" not in parts.path + parts.query + parts.fragment
    return f"{parts.scheme}://{host}{parts.path}" if is_url else REDACTED


def is_reference(credentials: Any) -> bool:
    """Tell whether credentials are a reference to a block, in one of the two forms that Prefect has for it."""
    if not isinstance(credentials, dict) or set(credentials) != {"$ref"}:
        return False
    reference = credentials["$ref"]
    if isinstance(reference, dict) and set(reference) == {"block_document_id"}:
        reference = reference["block_document_id"]
    return isinstance(reference, str) and bool(OF_A_BLOCK.fullmatch(reference))


def has_secret(parameters: RawParameters) -> bool:
    """Tell whether a location among the parameters holds what may be a secret, and is not removed already."""
    return any(may_hold_secret(parameters.get(name)) for name in LOCATIONS)


def may_hold_secret(location: Any) -> bool:
    """Tell whether something would have to be removed from a location, of whatever shape."""
    return bool(_redact_location(location) != location)


def _redact_criteria(criteria: Any) -> Any:
    if not isinstance(criteria, list):
        return None if criteria is None else REDACTED
    return [_redact_criterion(criterion) for criterion in criteria]


def _redact_criterion(criterion: Any) -> Any:
    if not isinstance(criterion, dict):
        return REDACTED
    return {name: value if _is_of_a_criterion(name, value) else REDACTED for name, value in criterion.items()}


def _is_of_a_criterion(name: str, value: Any) -> bool:
    match name:
        case "dicom_tag":
            return isinstance(value, list) and all(isinstance(part, str) and len(part) <= 4 for part in value)
        case "operation":
            return isinstance(value, str) and value in set(Operation)
        case "reference":
            references = value if isinstance(value, list) else [value]
            # An address is the reference of no criterion, and may hold a password.
            return all(isinstance(reference, str) and "://" not in reference for reference in references)
        case _:
            return False


def _is_plain(name: str, value: Any) -> bool:
    match name:
        case "preview":
            return isinstance(value, bool)
        case "damaged" | "listing" | "unit":
            return isinstance(value, str) and value in set(_NAMES[name])
        case "choose":
            return value is None
        case "divide":
            return value is None or type(value) is int
        case "computation":
            return isinstance(value, str) and value in kinds()
        case _:
            return name == "run_id" and isinstance(value, str) and bool(re.fullmatch(RUN_ID, value))


def _is_kept(name: str, value: Any) -> bool:
    if name == "credentials":
        return is_reference(value)
    if name in SWITCHES:
        return isinstance(value, bool)
    return isinstance(value, str) and name in KEPT and (name == "prefix" or not {"@", "?"} & set(value))
