"""Keep credentials and values out of Prefect: its database, its logs, its states.

Prefect stores a run's parameters in clear. As soon as the flow holds them it replaces the credentials among them by
``***``. Errors that are not ours may quote anything: only their type and the places they passed through are shown.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client

from dicom_sieve.errors import DicomSieveError, SpentCredentialsError
from dicom_sieve.flows.parameters import RawParameters

REDACTED = "***"
LOCATIONS = ("input_s3_parameters", "output_s3_parameters")


class UnexpectedError(DicomSieveError):
    """An error that is not ours: a bug, or something that broke below."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)

    def __str__(self) -> str:
        return f"unexpected {self.args[0]}; the log tells where"


def redact(parameters: RawParameters) -> RawParameters:
    """Give the parameters with every credential in clear replaced; references to blocks stay."""
    return {name: _redact_location(value) if name in LOCATIONS else value for name, value in parameters.items()}


def redact_stored(flow_run_id: UUID, parameters: RawParameters) -> None:
    """Replace credentials in the parameters that Prefect stores of a run.

    Raises:
        SpentCredentialsError: They were replaced already: the run was started a second time.
    """
    for name in LOCATIONS:
        if _credentials_of(parameters.get(name)) == REDACTED:
            raise SpentCredentialsError(name)
    redacted = redact(parameters)
    if redacted != parameters:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run_id, parameters=redacted).raise_for_status()


@contextmanager
def only_our_words(logger: "Logger | LoggerAdapter[Any]") -> Iterator[None]:
    """Let errors out without what they were caused by, and errors that are not ours without their text."""
    try:
        yield
    except DicomSieveError as error:
        raise error from None
    except Exception as error:
        places = "\n".join(f"  {Path(one.filename).name}:{one.lineno} {one.name}" for one in _frames(error))
        # Not with the traceback: it ends in the error's text.
        logger.error("unexpected %s, raised through\n%s", type(error).__name__, places)  # noqa: TRY400
        raise UnexpectedError(type(error).__name__) from None


def _frames(error: Exception) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _redact_location(value: Any) -> Any:
    credentials = _credentials_of(value)
    is_reference = isinstance(credentials, dict) and set(credentials) == {"$ref"}
    if credentials is None or is_reference:
        return value
    return {**value, "credentials": REDACTED}


def _credentials_of(value: Any) -> Any:
    return value.get("credentials") if isinstance(value, dict) else None
