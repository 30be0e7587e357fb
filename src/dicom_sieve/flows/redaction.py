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
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from dicom_sieve.criteria import Damaged
from dicom_sieve.errors import DicomSieveError, MachineError, SpentCredentialsError
from dicom_sieve.explain import explain
from dicom_sieve.flows.parameters import RUN_ID, RawParameters

REDACTED = "***"
LOCATIONS = ("input_s3_parameters", "output_s3_parameters")
KEPT = ("bucket", "prefix", "region", "publish")


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
        if told := explain(error):
            raise MachineError(told) from None
        places = "\n".join(f"  {Path(one.filename).name}:{one.lineno} {one.name}" for one in _frames(error))
        # Not with the traceback: it ends in the error's text.
        logger.error("unexpected %s, raised through\n%s", type(error).__name__, places)  # noqa: TRY400
        raise UnexpectedError(type(error).__name__) from None


def _frames(error: Exception) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _redact_location(location: Any) -> Any:
    if isinstance(location, dict):
        return {name: value if _is_kept(name, value) else REDACTED for name, value in location.items()}
    return None if location is None else REDACTED


def _is_plain(name: str, value: Any) -> bool:
    match name:
        case "criteria":
            return True
        case "preview":
            return isinstance(value, bool)
        case "damaged":
            return isinstance(value, str) and value in set(Damaged)
        case _:
            return name == "run_id" and isinstance(value, str) and bool(re.fullmatch(RUN_ID, value))


def _is_kept(name: str, value: Any) -> bool:
    if value is None or value == "":
        return True
    if name == "credentials":
        return isinstance(value, dict) and set(value) == {"$ref"}
    return isinstance(value, str) and (name in KEPT or (name == "endpoint" and "@" not in value))
