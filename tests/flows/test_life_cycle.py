"""Prefect's buttons and ours agree: pause, resume, delete, retry, and stopping one of those who serve."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import make_planted_bucket
from tests.flows.s3_proxy import Answer, Asked, S3Proxy, s3_proxy
from tests.screening.screenings import state_of
from tests.support.prefect_server import CLEAN, SECONDS_TO_START, SEGMENT, PrefectServer, running, wait_for

AGAIN = "it reads only what is missing"
DELETED = ("CANCELLED", f"its flow run was deleted in Prefect; start another run: {AGAIN}")
PAUSED = ("CANCELLED", f"it was paused in Prefect; resume it there, or start another run: {AGAIN}")
FORCED = ("CANCELLED", f"it was cancelled in Prefect; start another run: {AGAIN}")
RETRY = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the Prefect UI"}
SECONDS = 60
SERVE = "from dicom_sieve.flows.deployments import serve_deployments; serve_deployments(1, 'stopped')"


@pytest.fixture
def held(moto_server: S3Server) -> Iterator[tuple[S3Proxy, threading.Event]]:
    """A proxy that holds back what it is asked until it is told to let go."""
    going = threading.Event()

    def hold(_asked: Asked) -> None:
        going.wait(100)

    with s3_proxy(moto_server.endpoint) as proxy:
        proxy.rule = hold
        yield proxy, going
        going.set()


def begin(prefect: PrefectServer, ledger: Ledger, endpoint: str, bucket: str) -> str:
    """Start a run without credentials of its own, and wait until it is at work."""
    location = planted.location(endpoint, bucket, credentials=None)
    run = prefect.start({"input_s3_parameters": location, "criteria": planted.IS_CT})
    wait_for(lambda: [row for row in ledger.runs() if row.id == run], "the run to begin", SECONDS)
    return run


def set_state(prefect: PrefectServer, run: str, **state: Any) -> None:
    answer = prefect.api.post(f"/flow_runs/{run}/set_state", json={"state": state, "force": True}).raise_for_status()
    assert answer.json()["status"] == "ACCEPT"


def start_again(prefect: PrefectServer, run: str) -> tuple[str, str]:
    """Do what the button "Retry" of Prefect's UI does, and wait for the end."""
    count = prefect.flow_run(run)["run_count"]
    set_state(prefect, run, **RETRY)
    wait_for(lambda: prefect.flow_run(run)["run_count"] > count, "the run to start again", SECONDS)
    return prefect.state(run)


def processes_of(run: str) -> list[int]:
    """Give the processes that execute a flow run, by their environment."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            if f"PREFECT__FLOW_RUN_ID={run}".encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def attempts(ledger: Ledger, run: str) -> list[tuple[str, str]]:
    return [(row.id, row.state) for row in ledger.runs() if row.id.startswith(run)]


def test_a_run_that_is_deleted_while_it_works_ends_in_order(
    prefect: PrefectServer, served_ledger: Ledger, held: tuple[S3Proxy, threading.Event]
) -> None:
    run = begin(prefect, served_ledger, held[0].endpoint, "deleted")
    assert processes_of(run)

    prefect.api.delete(f"/flow_runs/{run}").raise_for_status()

    wait_for(lambda: state_of(served_ledger, run) == DELETED, "the ledger to show it", SECONDS)
    wait_for(lambda: not processes_of(run), "its process to end", SECONDS)
    assert prefect.api.get(f"/flow_runs/{run}").status_code == 404


@pytest.mark.parametrize("name", ["Paused", "Suspended"])
def test_a_run_that_is_paused_ends_in_order_and_goes_on_when_it_is_resumed(
    prefect: PrefectServer,
    served_ledger: Ledger,
    held: tuple[S3Proxy, threading.Event],
    moto_server: S3Server,
    name: str,
) -> None:
    proxy, going = held
    run = begin(prefect, served_ledger, proxy.endpoint, make_planted_bucket(moto_server))
    assert processes_of(run)

    set_state(prefect, run, type="PAUSED", name=name)
    wait_for(lambda: state_of(served_ledger, run) == PAUSED, "the ledger to show it", SECONDS)
    wait_for(lambda: not processes_of(run), "its process to end", SECONDS)
    assert prefect.flow_run(run)["state"]["type"] == "PAUSED"
    going.set()
    prefect.api.post(f"/flow_runs/{run}/resume", json={}).raise_for_status()

    assert prefect.state(run)[0] == "Completed"
    assert attempts(served_ledger, run) == [(f"{run}.2", "COMPLETED"), (run, "CANCELLED")]


def test_a_run_whose_state_is_set_to_cancelled_ends_in_order(
    prefect: PrefectServer, served_ledger: Ledger, held: tuple[S3Proxy, threading.Event]
) -> None:
    run = begin(prefect, served_ledger, held[0].endpoint, "cancelled")

    set_state(prefect, run, type="CANCELLED")

    wait_for(lambda: state_of(served_ledger, run) == FORCED, "the ledger to show it", SECONDS)
    assert prefect.state(run)[0] == "Cancelled"


class TestStartingAgain:
    @pytest.mark.parametrize("credentials", [planted.CREDENTIALS, None], ids=["text", "none"])
    def test_a_completed_run_stays_as_it_is_and_says_so(
        self,
        prefect: PrefectServer,
        served_ledger: Ledger,
        moto_server: S3Server,
        moto_bucket: str,
        credentials: str | None,
    ) -> None:
        request = planted.request(moto_server.endpoint, moto_bucket)
        request["input_s3_parameters"]["credentials"] = credentials
        run = prefect.start(request)
        _, message = prefect.state(run)

        for _ in range(2):
            assert start_again(prefect, run) == (
                "Completed",
                f"{message}; it was completed before, and stays as it is: start another run to screen again",
            )

        assert attempts(served_ledger, run) == [(run, "COMPLETED")]

    def test_a_preview_that_completed_stays_as_it_is(
        self, prefect: PrefectServer, moto_server: S3Server, moto_bucket: str
    ) -> None:
        run = prefect.start(planted.request(moto_server.endpoint, moto_bucket, preview=True))
        _, message = prefect.state(run)

        state, again = start_again(prefect, run)

        assert (state, again.partition("; it was completed before")[0]) == ("Completed", message)

    def test_a_failed_run_whose_credentials_are_gone_stays_as_it_is_and_says_so(
        self, prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy
    ) -> None:
        proxy.rule = lambda _: Answer(403, "AccessDenied")
        run = prefect.start(planted.request(proxy.endpoint, "denied"))
        state, failure = prefect.state(run)
        proxy.rule = lambda _: None

        again = start_again(prefect, run)

        assert state == "Failed"
        assert again == (
            "Failed",
            (
                f"run {run} is FAILED, and stays as it is: {failure}\n"
                "input_s3_parameters.credentials were removed from this run when it first started: trigger a new run, "
                "or pass a reference to an AwsCredentials block, which can be started again"
            ),
        )
        assert attempts(served_ledger, run) == [(run, "FAILED")]

    def test_a_failed_run_that_can_be_repeated_is_repeated(
        self, prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy, moto_bucket: str
    ) -> None:
        proxy.rule = lambda _: Answer(403, "AccessDenied")
        location = planted.location(proxy.endpoint, moto_bucket, credentials=None)
        run = prefect.start({"input_s3_parameters": location, "criteria": planted.IS_CT})
        assert prefect.state(run)[0] == "Failed"
        proxy.rule = lambda _: None

        assert start_again(prefect, run)[0] == "Completed"
        assert attempts(served_ledger, run) == [(f"{run}.2", "COMPLETED"), (run, "FAILED")]


def test_stopping_one_that_serves_leaves_the_deployments_as_they_are(prefect: PrefectServer) -> None:
    environment = {**prefect.environment, "DICOM_SIEVE_DATABASE_URL": f"sqlite:///{prefect.home / 'stopped.db'}"}
    with running([sys.executable, "-c", SERVE], environment, prefect.home / "stopped.log"):
        wait_for(
            lambda: (
                all(prefect.api.get(f"/deployments/name/{flow}/stopped").is_success for flow in (CLEAN, SEGMENT))
                and "Discovered 0" in (prefect.home / "stopped.log").read_text()
            ),
            "the deployments",
            SECONDS_TO_START,
        )

    assert [prefect.deployment("stopped", flow)["paused"] for flow in (CLEAN, SEGMENT)] == [False, False]
