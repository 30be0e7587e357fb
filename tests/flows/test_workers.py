"""Deployments for a work pool: the contract that `serve` keeps, and two workers that share runs, one of which dies."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from dicom_sieve import open_ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.flows.deployments import deployments
from dicom_sieve.flows.heartbeats import AUTOMATION
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import S3Access, S3Store
from tests.cli.command import run_command
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.s3_proxy import Asked, S3Proxy, s3_proxy
from tests.ledger.export import export
from tests.screening.killing import INDEXED
from tests.screening.screenings import sql, state_of
from tests.support.builders import make_instance
from tests.support.prefect_server import CLEAN, COMPUTE, SEGMENT, PrefectServer, prefect_server, running, wait_for
from tests.support.processes import descendants, kill

POOL = "dicom"
OBJECTS = 8
SETTINGS = {
    "DICOM_SIEVE_SHARD_OBJECTS": "2",
    "DICOM_SIEVE_SHARDS_IN_FLIGHT": "1",
    "DICOM_SIEVE_REQUEST_TIMEOUT_SECONDS": "300",
    "DICOM_SIEVE_READ_DEADLINE_SECONDS": "300",
}
WITHOUT_SECONDS = 45
"""Instead of 90; a run that lives is heard of every 30 s."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server to which the deployments were deployed, and nothing serves."""
    with prefect_server(tmp_path_factory.mktemp("deployed")) as started:
        command = [sys.executable, "-m", "dicom_sieve", "deploy", "--pool", POOL]
        done = subprocess.run(command, env=started.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "deployed clean-dicom/default, compute-series/default and segment-series/default",
            "a worker, on any machine: prefect worker start --pool dicom",
        ]
        yield started


class TestDeploying:
    @pytest.mark.parametrize("flow", [CLEAN, COMPUTE, SEGMENT])
    def test_the_contract_is_that_of_what_is_served(self, server: PrefectServer, flow: str) -> None:
        with temporary_settings({PREFECT_API_URL: server.url}):
            for deployment in deployments("served"):
                deployment.apply()
        names = ("parameter_openapi_schema", "enforce_parameter_schema", "entrypoint", "description", "version", "tags")

        mine, theirs = (server.deployment(name, flow) for name in ("default", "served"))

        assert {name: mine[name] for name in names} == {name: theirs[name] for name in names}
        assert mine["parameter_openapi_schema"]["additionalProperties"] is False
        assert (mine["work_pool_name"], theirs["work_pool_name"]) == (POOL, None)

    def test_what_the_contract_refuses_is_refused_by_the_call(self, server: PrefectServer) -> None:
        assert server.post({"criteria": planted.IS_CT}).status_code == 409

    def test_deploying_again_it_leaves_the_pool_as_somebody_set_it(self, server: PrefectServer) -> None:
        path = f"/work_pools/{POOL}"
        server.api.patch(path, json={"concurrency_limit": 7}).raise_for_status()
        before = server.deployment()["id"]

        with temporary_settings({PREFECT_API_URL: server.url}):
            assert run_command("deploy", "--pool", POOL, home=server.home).returncode == 0

        pool = server.api.get(path).json()
        assert (pool["type"], pool["concurrency_limit"], server.deployment()["id"]) == ("process", 7, before)
        assert (
            len([automation for automation in server.all_of("/automations/filter") if automation["name"] == AUTOMATION])
            == 1
        )
        server.api.patch(path, json={"concurrency_limit": None}).raise_for_status()

    @pytest.mark.parametrize(
        ("url", "observed"),
        [(None, "none is named"), ("http://someone:planted@127.0.0.1:9/api", "it does not answer (ConnectError)")],
    )
    def test_deploying_without_a_server_one_line_says_so(self, url: str | None, observed: str, tmp_path: Path) -> None:
        with temporary_settings({PREFECT_API_URL: url}):
            done = run_command("deploy", "--pool", POOL, home=tmp_path)

        advice = "accepted: PREFECT_API_URL, as http://prefect.example.org:4200/api"
        assert (done.returncode, done.stderr) == (1, f"dicom-sieve: no Prefect server: {observed}; {advice}\n")


@pytest.fixture
def holding(moto_server: S3Server) -> Iterator[tuple[S3Proxy, Mapping[str, threading.Event]]]:
    """A proxy before two buckets that holds back reads of some objects; by bucket, what lets them go."""
    with s3_proxy(moto_server.endpoint) as proxy:
        going = {moto_server.make_bucket(): threading.Event() for _ in range(2)}
        for bucket in going:
            for number in range(OBJECTS):
                key = f"{'held' if number >= OBJECTS // 2 else 'free'}/{number}.dcm"
                body = make_instance(SOPInstanceUID=f"1.2.{number}", Modality="CT", **planted.PATIENT)
                moto_server.client().put_object(Bucket=bucket, Key=key, Body=body)

        def hold(asked: Asked) -> None:
            if asked.is_read and "/held/" in asked.path:
                going[asked.path.split("/")[1]].wait(250)

        proxy.rule = hold
        yield proxy, going
        for event in going.values():
            event.set()


def impatient(server: PrefectServer) -> None:
    """Let Prefect wait for less long, so that this test does."""
    [found] = [automation for automation in server.all_of("/automations/filter") if automation["name"] == AUTOMATION]
    changed = {name: found[name] for name in ("name", "description", "enabled", "actions")}
    trigger = {**found["trigger"], "within": WITHOUT_SECONDS}
    server.api.put(f"/automations/{found['id']}", json={**changed, "trigger": trigger}).raise_for_status()


def worker(server: PrefectServer, name: str, ledger_url: str) -> Any:
    """Start a worker as on a machine of its own: nothing is shared but Prefect's server, the ledger and the store."""
    home = server.home / name
    home.mkdir()
    environment = {
        **server.environment,
        "HOME": str(home),
        "PREFECT_HOME": str(home),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DICOM_SIEVE_DATABASE_URL": ledger_url,
        **SETTINGS,
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--name", name, "--limit", "1"]
    return running(command, environment, home / "worker.log")


def is_held(proxy: S3Proxy, bucket: str) -> bool:
    return any(asked.is_read and asked.path.startswith(f"/{bucket}/held/") for asked in proxy.requests)


def heard_of(server: PrefectServer, run: str) -> bool:
    """Whether a run said that it lives, which it does at once where it was told to."""
    lives = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    return bool(server.api.post("/events/filter", json={"filter": lives}).raise_for_status().json()["events"])


def state(server: PrefectServer, run: str) -> str:
    return str(server.flow_run(run)["state"]["type"])


@pytest.mark.needs_postgresql
@pytest.mark.timeout(400)
def test_two_workers_share_runs_and_one_that_is_killed_costs_its_run_alone(
    server: PrefectServer,
    holding: tuple[S3Proxy, Mapping[str, threading.Event]],
    postgres_url: str,
    tmp_path: Path,
) -> None:
    proxy, going = holding
    impatient(server)
    requests = {bucket: planted.request(proxy.endpoint, bucket) for bucket in going}
    with ExitStack() as stack, open_ledger(postgres_url) as ledger:
        workers = [stack.enter_context(worker(server, name, postgres_url)) for name in ("one", "two")]
        runs = {bucket: server.start(asked) for bucket, asked in requests.items()}
        wait_for(lambda: all(is_held(proxy, bucket) for bucket in going), "both runs to read", 120)
        wait_for(lambda: sql(ledger, INDEXED) == [(OBJECTS,)], "what both read to be recorded", 60)
        processes = {process.pid: [process.pid, *descendants(process.pid)] for process in workers}
        run_by = {
            bucket: next(
                process.pid
                for process in workers
                if int(server.flow_run(run)["infrastructure_pid"]) in processes[process.pid]
            )
            for bucket, run in runs.items()
        }
        assert sorted(run_by.values()) == sorted(processes)  # one run each

        lost, kept = going
        kill(*processes[run_by[lost]])
        wait_for(lambda: state_of(ledger, runs[lost])[0] == "FAILED", "the ledger to show it", 120)
        again = server.start(requests[lost])
        for event in going.values():
            event.set()

        assert server.state(runs[kept]) == ("Completed", f"{OBJECTS} of {OBJECTS} instances passed in 1 whole series")
        assert server.state(again) == ("Completed", f"{OBJECTS} of {OBJECTS} instances passed in 1 whole series")
        wait_for(lambda: heard_of(server, runs[kept]), "the run to have said that it lives", 60)
        wait_for(lambda: state(server, runs[lost]) == "CRASHED", "Prefect to show it", WITHOUT_SECONDS + 60)
        assert state_of(ledger, runs[lost]) == ("FAILED", "its process ended before the run did")
        counts = ledger.run(again).row.counts
        assert counts is not None
        assert counts["reads"] == OBJECTS // 2  # what was read before is not read again
        after = export(ledger, runs[kept], again)
    with open_ledger(f"sqlite:///{tmp_path / 'undisturbed.db'}") as undisturbed:
        for bucket, run in ((kept, runs[kept]), (lost, again)):
            store = S3Store(S3Access(bucket, "eu-west", proxy.endpoint, planted.KEYS), "")
            screen(
                Screening(run, store, [Criterion.model_validate(criterion) for criterion in planted.IS_CT]), undisturbed
            )
        assert after == export(undisturbed, runs[kept], again)
    logs = "".join(file.read_text() for file in server.home.glob("*/worker.log"))
    assert not [value for value in (*planted.SECRETS, *planted.VALUES) if value in logs]
