"""Whether Prefect's server is there and lets us in, asked before anything is done with it."""

from http import HTTPStatus

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL

from dicom_sieve.errors import DicomSieveError, NoServerError

_REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class ServerPasswordError(DicomSieveError):
    """A Prefect server that does not let us in.

    Args:
        status: What it answered, an HTTP status.
        has_password: Whether one was sent.
    """

    def __init__(self, status: int, has_password: bool) -> None:
        super().__init__(status, has_password)

    def __str__(self) -> str:
        status, has_password = self.args
        observed = "does not accept the password of PREFECT_API_AUTH_STRING" if has_password else "wants a password"
        return (
            f"Prefect's server {observed} (HTTP {status}); accepted: PREFECT_API_AUTH_STRING=user:password, as the "
            "server has it; that of 'dicom-sieve up' is in ~/.dicom-sieve/prefect/api-password"
        )


def check_named_server() -> None:
    """Ask the server that Prefect's settings name, from the environment or a profile.

    Where none is named, Prefect would start one of its own: on a port that nobody knows, until this process ends.

    Raises:
        NoServerError: None is named, or it does not answer.
        ServerPasswordError: It does not let us in.
    """
    if not (PREFECT_API_URL.value() or "").strip():
        raise NoServerError("none is named")
    with get_client(sync_client=True) as client:
        check_server(client)


def check_server(client: SyncPrefectClient) -> None:
    """Ask the server something that it answers to its users alone.

    Raises:
        NoServerError: It does not answer.
        ServerPasswordError: It does not let us in.
    """
    if (problem := client.api_healthcheck()) is not None:
        raise NoServerError(f"it does not answer ({type(problem).__name__})")
    try:
        client.read_work_pools(limit=1)
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status not in _REFUSALS:
            raise NoServerError(f"it answers with an error (HTTP {status})") from None
        raise ServerPasswordError(status, bool(PREFECT_API_AUTH_STRING.value() or PREFECT_API_KEY.value())) from None
