"""Prefect as its users use it, in the versions that are locked: its metadata admits others with which this breaks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import S3Server
from tests.flows import planted
from tests.support.prefect_server import SECONDS_TO_END, SERVE, PrefectServer, prefect_server, wait_for

LISTS = (
    "artifact ls",
    "automation ls",
    "block ls",
    "block type ls",
    "concurrency-limit ls",
    "deployment ls",
    "deployment schedule ls clean-dicom/default",
    "flow ls",
    "flow-run ls",
    "global-concurrency-limit ls",
    "task-run ls",
    "variable ls",
    "work-pool ls",
    "work-queue ls",
)
SECONDS_A_COMMAND = 120


def command(prefect: PrefectServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Prefect's own command."""
    return subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        env=dict(prefect.environment),
        capture_output=True,
        text=True,
        timeout=SECONDS_A_COMMAND,
        check=False,
    )


@pytest.fixture
def request_with_block(prefect: PrefectServer, moto_server: S3Server, moto_bucket: str) -> dict[str, Any]:
    """Parameters without a secret: a schedule keeps what it is given."""
    return with_block(prefect, moto_server, moto_bucket)


def with_block(prefect: PrefectServer, moto_server: S3Server, moto_bucket: str) -> dict[str, Any]:
    request = planted.request(moto_server.endpoint, moto_bucket)
    request["input_s3_parameters"]["credentials"] = {"$ref": block_of(prefect.api)}
    return request


def block_of(api: httpx.Client) -> str:
    """Make an AWS Credentials block through the server's API, as its page does."""
    kind = api.get("/block_types/slug/aws-credentials").raise_for_status().json()
    [schema, *_] = api.post(
        "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
    ).json()
    data = {"aws_access_key_id": planted.KEYS.key_id, "aws_secret_access_key": planted.KEYS.access_key}
    block = {"block_type_id": kind["id"], "block_schema_id": schema["id"], "is_anonymous": True, "data": data}
    return str(api.post("/block_documents/", json=block).raise_for_status().json()["id"])


def runs_of(prefect: PrefectServer, **more: Any) -> Iterator[dict[str, Any]]:
    """Give the runs that schedules made."""
    runs = prefect.all_of("/flow_runs/filter", flow_runs={"deployment_id": {"any_": [prefect.deployment()["id"]]}})
    return (run for run in runs if run["auto_scheduled"] and all(run[name] == value for name, value in more.items()))


def test_a_cron_schedule_makes_a_run_that_completes(prefect: PrefectServer, request_with_block: dict[str, Any]) -> None:
    address = f"/deployments/{prefect.deployment()['id']}/schedules"
    schedule = {"schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True, "parameters": request_with_block}
    [made] = prefect.api.post(address, json=[schedule]).raise_for_status().json()
    try:
        run = wait_for(lambda: next(runs_of(prefect, state_type="COMPLETED"), None), "a run", SECONDS_TO_END)
    finally:
        prefect.api.delete(f"{address}/{made['id']}").raise_for_status()

    assert run["created_by"]["type"] == "SCHEDULE"
    assert run["parameters"] == request_with_block


@pytest.mark.parametrize("arguments", LISTS)
def test_prefects_command_lists(prefect: PrefectServer, arguments: str) -> None:
    ended = command(prefect, *arguments.split())

    assert ended.returncode == 0, ended.stderr
    assert "validation error" not in ended.stdout + ended.stderr


def test_a_run_that_waits_is_cancelled_and_deleted(prefect: PrefectServer, moto_server: S3Server) -> None:
    later: dict[str, Any] = {
        "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
    }
    run = prefect.start(planted.request(moto_server.endpoint, "later"), **later)

    assert command(prefect, "flow-run", "cancel", run).returncode == 0
    assert prefect.state(run)[0] == "Cancelled"
    assert command(prefect, "flow-run", "delete", run).returncode == 0
    assert prefect.api.get(f"/flow_runs/{run}").status_code == 404


def test_a_schedule_is_paused_and_resumed(prefect: PrefectServer, request_with_block: dict[str, Any]) -> None:
    address = f"/deployments/{prefect.deployment()['id']}/schedules"
    yearly = {"schedule": {"cron": "0 0 1 1 *", "timezone": "UTC"}, "active": True, "parameters": request_with_block}
    [made] = prefect.api.post(address, json=[yearly]).raise_for_status().json()

    def is_active() -> bool:
        return bool(next(known["active"] for known in prefect.deployment()["schedules"] if known["id"] == made["id"]))

    for verb, active in (("pause", False), ("resume", True)):
        assert command(prefect, "deployment", "schedule", verb, "clean-dicom/default", made["id"]).returncode == 0
        assert is_active() is active
    prefect.api.delete(f"{address}/{made['id']}").raise_for_status()


@pytest.mark.timeout(400)
def test_a_second_server_goes_on_where_the_first_one_stopped(
    moto_server: S3Server, moto_bucket: str, tmp_path: Path
) -> None:
    with prefect_server(tmp_path) as first, first.serving(SERVE, "serve.log", **ledger_of(tmp_path)):
        before = first.start(with_block(first, moto_server, moto_bucket))
        assert first.state(before)[0] == "Completed"
    with prefect_server(tmp_path) as second:
        assert second.state(before)[0] == "Completed"
        with second.serving(SERVE, "serve.log", **ledger_of(tmp_path)):
            after = second.start(with_block(second, moto_server, moto_bucket))
            assert second.state(after)[0] == "Completed"


def ledger_of(home: Path) -> dict[str, str]:
    return {"DICOM_SIEVE_DATABASE_URL": f"sqlite:///{home / 'ledger.db'}"}
