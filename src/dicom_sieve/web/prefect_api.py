"""Prefect's REST API, as any consumer uses it: runs are started by the contract, watched and cancelled."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from dicom_sieve.errors import DicomSieveError, InvalidRequestError
from dicom_sieve.web.texts import gettext, later

SECONDS = 20.0
BUSY, MOST_REPEATED, SECONDS_BETWEEN = 503, 20, 0.5
"""Where its SQLite is busy it says so, and is asked again, as Prefect's own clients do."""
SECONDS_WATCHED = 2.0
"""That who watches the service waits for an answer."""
NOT_ENDED = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")
CLEAN, COMPUTE = "clean-dicom", "compute-series"
NO_BLOCK = later("credentials: Prefect has no such block any more")
DEPLOYMENT = "default"
PROGRESS = "headers-read"
"""Key of the artifact in which a run says how far it is."""
CREDENTIALS = "aws-credentials"
"""The kind of blocks that a location's credentials may be."""
SECRETS = "secret"
"""The same in other clouds than AWS."""


class PrefectAwayError(DicomSieveError):
    """Prefect's server does not answer, or refuses."""


@dataclass(slots=True)
class PrefectApi:
    """A client of Prefect's REST API.

    Attributes:
        url: Of the API; empty: none is named.
        password: ``user:password``; None: it wants none.
    """

    url: str
    password: str | None = field(default=None, repr=False)
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        user, _, password = (self.password or "").partition(":")
        auth = (user, password) if self.password else None
        self._client = httpx.Client(base_url=self.url or "http://127.0.0.1", auth=auth, timeout=SECONDS)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def start(self, parameters: Mapping[str, Any], *, name: str = "", key: str = "") -> str:
        """Start a run of ``clean-dicom``, and give its id.

        Args:
            parameters: As the contract has them.
            name: Of the run; empty: Prefect makes one.
            key: The same run, where it was started with this key before.

        Raises:
            PrefectAwayError: It does not answer, or refuses them; it says why.
        """
        deployment = self._ask("GET", f"/deployments/name/{CLEAN}/{DEPLOYMENT}")
        body: dict[str, Any] = {"parameters": dict(parameters)}
        body |= {"name": name} if name else {}
        body |= {"idempotency_key": key} if key else {}
        return str(self._ask("POST", f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def flow_run(self, run_id: str) -> dict[str, Any] | None:
        """Give a run as Prefect has it; None: it has none of this id."""
        try:
            return dict(self._ask("GET", f"/flow_runs/{run_id}"))
        except NotThereError:
            return None

    def progress(self, run_id: str) -> tuple[str, float | None]:
        """Give how far a run says that it is: in words, and in a hundred; nothing where it has not said anything."""
        of_run = {"flow_run_id": {"any_": [run_id]}, "key": {"any_": [PROGRESS]}}
        found = self._ask("POST", "/artifacts/filter", {"artifacts": of_run, "sort": "UPDATED_DESC", "limit": 1})
        if not found:
            return "", None
        percent = found[0].get("data")
        return str(found[0].get("description") or ""), float(percent) if isinstance(percent, int | float) else None

    def is_there(self) -> bool:
        """Tell that it answers what it is asked; a server that is slow is not waited for.

        Raises:
            PrefectAwayError: It does not.
        """
        return self._count(NOT_ENDED[0]) >= 0

    def waiting(self) -> dict[str, int]:
        """Count the runs that have not ended, by state; a server that is slow is not waited for."""
        return {state: self._count(state) for state in NOT_ENDED}

    def _count(self, state: str) -> int:
        asked = {"flows": {"name": {"any_": [CLEAN, COMPUTE]}}, "flow_runs": {"state": {"type": {"any_": [state]}}}}
        return int(self._ask("POST", "/flow_runs/count", asked, seconds=SECONDS_WATCHED))

    def cancel(self, run_id: str) -> None:
        """Ask for a run to be stopped."""
        self._ask("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}, "force": False})

    def blocks(self, kind: str = CREDENTIALS) -> dict[str, str]:
        """Give the id of each block with credentials by its name; never what is in it.

        Args:
            kind: `CREDENTIALS` or `SECRETS`.
        """
        asked = {"block_documents": {"is_anonymous": {"eq_": False}}, "include_secrets": False, "limit": 200}
        found = self._ask("POST", "/block_documents/filter", asked)
        return {block["name"]: block["id"] for block in found if block["block_type"]["slug"] == kind}

    def blocks_or_why(self, kind: str = CREDENTIALS) -> tuple[dict[str, str], str]:
        """Give `blocks`, and why there are none: where Prefect's server is away; else nothing."""
        try:
            return self.blocks(kind), ""
        except PrefectAwayError as error:
            return {}, str(error)

    def _ask(self, method: str, path: str, body: Any = None, *, seconds: float = SECONDS) -> Any:
        if not self.url:
            raise PrefectAwayError(gettext("no Prefect server is named: set PREFECT_API_URL"))
        try:
            answer = self._client.request(method, path, json=body, timeout=seconds)
            for _ in range(MOST_REPEATED):
                if answer.status_code != BUSY or seconds < SECONDS:
                    break
                time.sleep(SECONDS_BETWEEN)
                answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            why = gettext("Prefect's server does not answer (%(error)s)", error=type(error).__name__)
            raise PrefectAwayError(why) from None
        if answer.status_code == 404:
            why = gettext("Prefect's server has no such thing; 'dicom-sieve up' or 'serve' leaves the deployment")
            raise NotThereError(why)
        if answer.is_error:
            raise PrefectAwayError(_why(answer))
        try:
            return answer.json() if answer.content else None
        except ValueError:  # a proxy's page to sign in, another server
            raise PrefectAwayError(
                "Prefect's server answers with what is no JSON: is PREFECT_API_URL its API?"
            ) from None


def credentials_of(name: str, blocks: Mapping[str, str]) -> dict[str, Any]:
    """Give what a request says of credentials that a block keeps; without a name it says nothing.

    Raises:
        InvalidRequestError: There is no such block.
    """
    if not name:
        return {}
    if name not in blocks:
        raise InvalidRequestError((gettext(NO_BLOCK),))
    return {"credentials": {"$ref": {"block_document_id": blocks[name]}}}


class NotThereError(PrefectAwayError):
    """Prefect's server has no such run, or no such deployment."""


def _why(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail") or answer.json().get("exception_message")
    except (ValueError, AttributeError):
        detail = None
    why = f": {detail}" if isinstance(detail, str) else ""
    return gettext("Prefect's server refuses (%(status)s)", status=answer.status_code) + why
