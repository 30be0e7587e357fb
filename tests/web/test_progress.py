"""A run that is not over: its page says how far it is, as Prefect and the ledger know it, and stops it."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import StoreError
from dicom_sieve.web.prefect_api import PrefectApi
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore
from tests.web.served import pages, see, words

FLOW_RUN = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
DESCRIPTION = "16,661 objects listed, 12,000 of 16,661 headers read"


class Server:
    """What Prefect's server answers, and what it was asked."""

    def __init__(self) -> None:
        self.state = "RUNNING"
        self.artifacts: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.is_away = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as Prefect 3 does."""
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, request.url.path, body))
        if self.is_away:
            raise httpx.ConnectError("away")
        if request.url.path == f"/flow_runs/{FLOW_RUN}":
            return httpx.Response(
                200, json={"name": "brave-fox", "state_type": self.state, "state": {"message": "why"}}
            )
        if request.url.path == "/artifacts/filter":
            return httpx.Response(200, json=self.artifacts)
        if request.url.path == f"/flow_runs/{FLOW_RUN}/set_state":
            return httpx.Response(201, json={"status": "ACCEPT"})
        return httpx.Response(404, json={"detail": "not found"})


def api_of(answer: Callable[[httpx.Request], httpx.Response]) -> PrefectApi:
    api = PrefectApi("http://prefect/api")
    api.close()
    api._client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://prefect")
    return api


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with open_ledger("sqlite://") as opened:
        yield opened


@pytest.fixture
def client(ledger: Ledger, server: Server) -> Iterator[TestClient]:
    with pages(ledger, api_of(server.answer)) as served:
        yield served


def page_of(client: TestClient, run_id: str = FLOW_RUN) -> str:
    answer = client.get(f"/runs/{run_id}")
    assert answer.status_code == 200
    return answer.text


class TestWaiting:
    def test_a_run_that_only_prefect_knows_waits(self, client: TestClient, server: Server) -> None:
        server.state = "SCHEDULED"

        page = page_of(client)

        assert "The run waits to begin" in page
        assert 'data-again="2000"' in page
        assert "brave-fox" in page

    def test_a_run_says_how_far_it_is(self, client: TestClient, server: Server) -> None:
        server.artifacts = [{"data": 72.0, "description": DESCRIPTION}]

        page = page_of(client)

        assert DESCRIPTION in page
        assert '<progress id="far" max="100" value="72.0">' in page

    def test_a_run_that_nobody_knows_is_not_there(self, client: TestClient) -> None:
        assert client.get(f"/runs/{OTHER}").status_code == 404
        assert client.get("/runs/no-uuid").status_code == 404

    def test_a_run_that_crashed_before_the_ledger_knew_it_says_why(self, client: TestClient, server: Server) -> None:
        server.state = "CRASHED"

        page = page_of(client)

        assert "The run failed" in page
        assert "why" in page
        assert "data-again" not in page

    def test_without_prefect_the_page_says_so(self, client: TestClient, server: Server) -> None:
        server.is_away = True

        assert "Prefect&#39;s server does not answer" in page_of(client)


class TestStopping:
    def test_asks_prefect_to_cancel(self, client: TestClient, server: Server) -> None:
        page = page_of(client)
        [token] = set(re.findall(r'name="token" value="([^"]+)"', page))

        answer = client.post(f"/runs/{FLOW_RUN}/stop", data={"token": token}, follow_redirects=False)

        assert answer.headers["location"] == f"/runs/{FLOW_RUN}"
        assert server.asked[-1] == (
            "POST",
            f"/flow_runs/{FLOW_RUN}/set_state",
            {"state": {"type": "CANCELLING"}, "force": False},
        )

    def test_a_form_of_elsewhere_stops_nothing(self, client: TestClient, server: Server) -> None:
        assert client.post(f"/runs/{FLOW_RUN}/stop", data={"token": "another"}).status_code == 403
        assert not any(method == "POST" for method, _, _ in server.asked)


def test_a_run_that_is_over_does_not_ask_prefect(client: TestClient, ledger: Ledger, server: Server) -> None:
    screen_ct(SimulatedStore({"1": ct()}), ledger, FLOW_RUN)

    assert "1 of 1 instances passed" in words(see(client, f"/runs/{FLOW_RUN}"))
    assert server.asked == []


def test_the_page_of_a_flow_run_is_that_of_its_last_attempt(client: TestClient, ledger: Ledger) -> None:
    screen_ct(SimulatedStore({"1": ct()}), ledger, f"{FLOW_RUN}.2")

    assert "1 of 1 instances passed" in words(see(client, f"/runs/{FLOW_RUN}"))


def test_a_run_that_failed_says_why_and_can_be_run_again(client: TestClient, ledger: Ledger) -> None:
    def away() -> None:
        raise StoreError("list", "s3://bucket", "no answer")

    store = SimulatedStore({"1": ct()})
    store.on_listed = away
    with pytest.raises(StoreError):
        screen_ct(store, ledger, FLOW_RUN)

    page = page_of(client)

    assert "The run failed" in page
    assert "no answer" in page
    assert "Change and run again" in page
    assert "data-again" not in page
