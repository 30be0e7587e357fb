"""The pages over a ledger, with a simulated Prefect: who asks is named in a header, as a proxy does it."""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.testclient import TestClient

from dicom_sieve import Ledger
from dicom_sieve.settings import Settings
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Role, Sessions
from dicom_sieve.web.prefect_api import SECONDS, NotThereError, PrefectApi, PrefectAwayError

HEADER = "x-signed-in"
ROLES = {"vera": Role.VIEWER, "mona": Role.MANAGER, "adam": Role.ADMIN}
RUN = "5f0c9d2e-0000-4000-8000-{:012d}"
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


class SimulatedPrefect(PrefectApi):
    """Prefect's REST API, as far as the pages ask it; it keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__("http://prefect")
        self.started: list[dict[str, Any]] = []
        self.states: list[tuple[str, str]] = []
        self.flow_runs: dict[str, dict[str, Any]] = {}
        self.progress_of: dict[str, dict[str, Any]] = {}
        self.is_away = False

    def _ask(self, method: str, path: str, body: Any = None, *, seconds: float = SECONDS) -> Any:
        assert seconds > 0
        if self.is_away:
            raise PrefectAwayError("Prefect's server does not answer (ConnectError)")
        if path.endswith("/create_flow_run"):
            self.started.append(body)
            keys = [each.get("idempotency_key") for each in self.started]
            run_id = RUN.format(keys.index(body.get("idempotency_key")))
            self.flow_runs.setdefault(run_id, {"parameters": body["parameters"], "state_type": "SCHEDULED"})
            return {"id": run_id}
        if path == "/block_documents/filter":
            kinds = {"hospital": "aws-credentials", "azure-key": "secret"}
            return [
                {"name": name, "id": f"block-{number}", "block_type": {"slug": kind}}
                for number, (name, kind) in enumerate(kinds.items(), 1)
            ]
        if path in {"/artifacts/filter", "/flow_runs/count"}:
            return self._count_or_find(path, body)
        if path.endswith("/set_state"):
            self.states.append((path.split("/")[2], body["state"]["type"]))
            return {}
        if path.startswith("/flow_runs/"):
            found = self.flow_runs.get(path.removeprefix("/flow_runs/"))
            if found is None:
                raise NotThereError("no such run")
            return found
        return {"id": "deployment"} if path.startswith("/deployments/") else []

    def _count_or_find(self, path: str, body: Any) -> Any:
        if path == "/flow_runs/count":
            [state] = body["flow_runs"]["state"]["type"]["any_"]
            return sum(each.get("state_type") == state for each in self.flow_runs.values())
        asked = body["artifacts"]
        assert asked["key"] == {"any_": ["headers-read"]}
        return [self.progress_of[run] for run in asked["flow_run_id"]["any_"] if run in self.progress_of]


class Site:
    """The pages, as several people see them.

    Attributes:
        ledger: Beneath.
        prefect: Where runs are started.
        context: What all pages need.
    """

    def __init__(self, ledger: Ledger, settings: Settings | None = None) -> None:
        self.ledger, self.prefect = ledger, SimulatedPrefect()
        proxy = Proxy(HEADER, roles=ROLES)
        settings = settings or Settings()
        self.context = context = Context(ledger, self.prefect, Sessions("admin:secret"), proxy, settings)
        self._client = TestClient(
            make_app(context), "http://localhost", client=("127.0.0.1", 1), follow_redirects=False
        )

    def get(self, address: str, name: str = "mona", status: int = 200) -> str:
        """Give a page, of this status."""
        answer = self._client.get(address, headers={HEADER: name})
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, address: str, form: Mapping[str, str], name: str = "mona", *, token: str | None = None) -> Any:
        """Send a form as its page has it, with the token of who sends it, or another."""
        own = self.token(name) if token is None else token
        return self._client.post(address, data={"token": own, **form}, headers={HEADER: name})

    def close(self) -> None:
        """End what goes on behind the pages."""
        self.context.close()
        self.prefect.close()

    def token(self, name: str) -> str:
        """Give the token that somebody's forms have."""
        found = _TOKEN.search(self.get("/places", name))
        assert found is not None
        return found[1]


@contextmanager
def site_of(ledger: Ledger) -> Iterator[Site]:
    """Serve the pages over a ledger."""
    site = Site(ledger)
    try:
        yield site
    finally:
        site.close()


def words(page: str) -> str:
    """Give the text of a page's content, its spaces as one."""
    content = page.partition("<main")[2].partition("</main>")[0]
    content = re.sub(r"<(textarea|option|select)\b.*?</\1>", " ", content, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())
