"""A run whose process was killed is Crashed in Prefect and FAILED in the ledger within 120 s, without anyone's help."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.flows.heartbeats import AUTOMATION
from tests.flows import planted
from tests.flows.conftest import ledger_url
from tests.screening.screenings import state_of
from tests.support.prefect_server import SECONDS_TO_START, PrefectServer, running, wait_for
from tests.support.processes import descendants, kill

NAME = "doomed"
SERVE = f"from dicom_sieve.flows.deployments import serve_deployments; serve_deployments(1, {NAME!r})"
DIED = ("FAILED", "its process ended before the run did")
SECONDS = 120


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """An S3 server that takes requests and never answers: a run does not get any further."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(prefect: PrefectServer) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve a deployment of its own; it is registered when everything else is set up."""
    environment = {**prefect.environment, "DICOM_SIEVE_DATABASE_URL": ledger_url(prefect.home)}
    before = registered(prefect)
    with running([sys.executable, "-c", SERVE], environment, prefect.home / "doomed.log") as process:
        wait_for(lambda: registered(prefect) != before, "the deployment", SECONDS_TO_START)
        yield process


def registered(prefect: PrefectServer) -> str | None:
    """Give when the deployment was registered last."""
    answer = prefect.api.get(f"/deployments/name/clean-dicom/{NAME}")
    return str(answer.json()["updated"]) if answer.status_code == 200 else None


def start(prefect: PrefectServer, ledger: Ledger, endpoint: str) -> str:
    """Start a run and wait until it lists."""
    run = prefect.start(planted.request(endpoint, "never-answers"), NAME)
    wait_for(lambda: [row for row in ledger.runs() if row.id == run], "the run to begin", SECONDS_TO_START)
    assert ledger.run(run).row.state == "RUNNING"
    return run


def crashed(prefect: PrefectServer, run: str) -> dict[str, Any] | None:
    state: dict[str, Any] = prefect.flow_run(run)["state"]
    assert state["type"] in {"RUNNING", "CRASHED"}
    return state if state["type"] == "CRASHED" else None


@pytest.mark.timeout(400)
def test_the_server_of_the_flow_died_too(prefect: PrefectServer, served_ledger: Ledger, silent_endpoint: str) -> None:
    with serving(prefect) as process:
        run = start(prefect, served_ledger, silent_endpoint)
        processes = [process.pid, *descendants(process.pid)]
        assert len(processes) > 1

        begun = time.monotonic()
        kill(*processes)
    with serving(prefect):  # as a supervisor starts it again
        wait_for(lambda: state_of(served_ledger, run) == DIED, "the ledger to show it", SECONDS)
        state = wait_for(lambda: crashed(prefect, run), "Prefect to show it", SECONDS - (time.monotonic() - begun))

    assert state["message"] == "nothing was heard of its process for 90 s; start another run"
    assert planted.CREDENTIALS not in str(prefect.flow_run(run))


@pytest.mark.timeout(400)
def test_a_run_whose_own_process_died_is_crashed(
    prefect: PrefectServer, served_ledger: Ledger, silent_endpoint: str
) -> None:
    with serving(prefect) as process:
        run = start(prefect, served_ledger, silent_endpoint)

        begun = time.monotonic()
        kill(*descendants(process.pid))
        wait_for(lambda: crashed(prefect, run), "Prefect to show it", SECONDS)
        wait_for(
            lambda: state_of(served_ledger, run) == DIED, "the ledger to show it", SECONDS - (time.monotonic() - begun)
        )


@pytest.mark.timeout(400)
def test_one_that_is_cancelled_in_prefect_is_cancelled_in_the_ledger_too(
    prefect: PrefectServer, served_ledger: Ledger, silent_endpoint: str
) -> None:
    with serving(prefect):
        run = start(prefect, served_ledger, silent_endpoint)

        cancelling = {"state": {"type": "CANCELLING"}, "force": True}
        prefect.api.post(f"/flow_runs/{run}/set_state", json=cancelling).raise_for_status()

        wait_for(lambda: state_of(served_ledger, run)[0] == "CANCELLED", "the ledger to show it", SECONDS)
        wait_for(lambda: prefect.flow_run(run)["state"]["type"] == "CANCELLED", "Prefect to show it", SECONDS)
    assert state_of(served_ledger, run)[1] == (
        "it was cancelled, or its process was told to stop (SIGTERM); start it again: a run reads only what is missing"
    )


def automations(prefect: PrefectServer) -> list[dict[str, Any]]:
    return [automation for automation in prefect.all_of("/automations/filter") if automation["name"] == AUTOMATION]


def test_serving_again_leaves_the_automation_as_it_is_also_where_somebody_turned_it_off(prefect: PrefectServer) -> None:
    [before] = automations(prefect)
    address = f"/automations/{before['id']}"
    prefect.api.patch(address, json={"enabled": False}).raise_for_status()
    with serving(prefect):
        [after] = automations(prefect)
    prefect.api.patch(address, json={"enabled": True}).raise_for_status()

    assert after == {**before, "enabled": False, "updated": after["updated"]}


def test_serving_mends_an_automation_of_another_version_and_removes_a_second_one(prefect: PrefectServer) -> None:
    [before] = automations(prefect)
    other = {name: before[name] for name in ("name", "enabled", "actions", "trigger")}
    other["description"] = "as another version described it"
    prefect.api.put(f"/automations/{before['id']}", json=other).raise_for_status()
    prefect.api.post("/automations/", json=other).raise_for_status()

    with serving(prefect):
        [after] = automations(prefect)

    assert after["description"] == before["description"]
