"""Traces: a run is a trace whose steps and shards are spans, whatever the shards run in; nothing of a patient in it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.screening.steps import STEPS
from tests.cli.command import environment_of
from tests.flows import planted
from tests.screening.screenings import ct
from tests.support.prefect_server import wait_for
from tests.support.traces import TraceReceiver, receiving_traces
from tests.support.up import IS_CT, running_up

pytestmark = pytest.mark.timeout(600)
RUNNERS = ("threads", "processes", "ray")
OBJECTS, SHARD = 6, 2
WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry.exporter.otlp.proto.http.trace_exporter"] = None
from dicom_sieve.cli import main
main()
"""


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    with receiving_traces() as running:
        yield running


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of three series whose patients have names."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(OBJECTS):
        data = ct(f"1.5.{number % 3 + 1}", f"1.6.{number + 1}", **planted.PATIENT)
        (folder / f"PLANTED-KEY-{number}").write_bytes(data)
    return folder


def run(home: Path, *arguments: str, **environment: str) -> str:
    """Run the command as a process, which has to succeed, and give its output."""
    return execute(home, "-m", "dicom_sieve", *arguments, **environment)


def execute(home: Path, *arguments: str, **environment: str) -> str:
    """Run Python so."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment_of(home, DICOM_SIEVE_SHARD_OBJECTS=str(SHARD), **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def screen(home: Path, images: Path, **environment: str) -> str:
    """Screen in a process, and give the run's id."""
    (home / "criteria.json").write_text(json.dumps(IS_CT))
    asked = ("screen", str(images), "--criteria", str(home / "criteria.json"), "--output", str(home / "out"), "--json")
    return str(json.loads(run(home, *asked, **environment))["run_id"])


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_run_is_a_trace_and_each_step_and_shard_a_span(
    runner: str, receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    began = time.time_ns()
    run_id = screen(tmp_path, images, DICOM_SIEVE_TASK_RUNNER=runner, **receiver.environment)

    [root] = receiver.named("run")
    assert root.parent == ""
    assert root.attributes == {
        "run_id": run_id,
        "criteria": 1,
        "listed": OBJECTS,
        "passed": OBJECTS,
        "discarded": 0,
        "unread": 0,
    }
    steps = sorted(receiver.children(root), key=lambda span: span.began)
    assert tuple(step.name for step in steps) == STEPS
    [index] = receiver.named("index")
    shards = receiver.named("shard")
    assert receiver.children(index) == sorted(shards, key=receiver.spans.index)
    assert sorted(shard.attributes["number"] for shard in shards) == [1, 2, 3]
    assert [shard.attributes["read"] for shard in shards] == [SHARD] * 3
    assert all(index.began <= shard.began < shard.ended <= index.ended for shard in shards)
    assert len(receiver.spans) == 1 + len(STEPS) + 3
    assert {span.trace for span in receiver.spans} == {root.trace}
    assert all(began <= span.began <= span.ended <= time.time_ns() for span in receiver.spans)
    with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
        measured = ledger.run(run_id).row.milliseconds or {}
    for step in steps:
        assert measured[step.name] == pytest.approx((step.ended - step.began) / 1e6, abs=20)


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_computation_is_a_trace_and_each_series_a_span(
    runner: str, receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    run_id = screen(tmp_path, images)

    asked = ("compute", run_id, "mine", "--output", str(tmp_path / "results"), "--workers", "2")
    run(
        tmp_path,
        *asked,
        "--command",
        "cp -r {input} {output}/copied",
        DICOM_SIEVE_TASK_RUNNER=runner,
        **receiver.environment,
    )

    [root] = receiver.named("computation")
    assert root.attributes["run_id"] == run_id
    assert root.attributes["computation"] == "mine"
    series = receiver.children(root)
    assert [(each.name, each.attributes) for each in series] == [
        ("series", {"instances": 2, "state": "COMPLETED"}),
    ] * 3
    assert len(receiver.spans) == 4


def test_nothing_of_a_patient_no_place_and_no_credential_is_sent(
    receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    screen(tmp_path, images, AWS_SECRET_ACCESS_KEY=planted.CHAIN.access_key, **receiver.environment)

    sent = b"".join(receiver.bodies)
    assert len(receiver.spans) > 9
    for secret in (*planted.VALUES, *planted.SECRETS, "PLANTED-KEY", str(images), str(tmp_path), "planted-header"):
        assert secret.encode() not in sent
    assert {headers["authorization"] for headers in receiver.headers} == {"planted-header"}
    assert {resource["service.name"] for resource in receiver.resources} == {"dicom-sieve"}


def test_the_name_of_the_service_is_the_environments(receiver: TraceReceiver, images: Path, tmp_path: Path) -> None:
    screen(tmp_path, images, OTEL_SERVICE_NAME="radiology", **receiver.environment)

    assert {resource["service.name"] for resource in receiver.resources} == {"radiology"}


def test_an_error_is_its_type_alone(receiver: TraceReceiver, tmp_path: Path) -> None:
    (tmp_path / "criteria.json").write_text(json.dumps(IS_CT))
    asked = ("screen", "s3://PLANTED-BUCKET", "--criteria", str(tmp_path / "criteria.json"))
    environment = environment_of(tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", **receiver.environment)

    done = subprocess.run(
        [sys.executable, "-m", "dicom_sieve", *asked, "--endpoint", "http://127.0.0.1:9"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert {span.name: span.error for span in receiver.spans} == {"run": "StoreError", "list": "StoreError"}
    assert [span.events for span in receiver.spans] == [0, 0]
    assert b"PLANTED-BUCKET" not in b"".join(receiver.bodies)


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_sent_unless_it_is_asked_for(
    environment: dict[str, str], receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    screen(tmp_path, images, **{**receiver.environment, **environment})

    assert receiver.spans == []


def test_without_the_extra_nothing_is_sent_and_nothing_breaks(
    receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "criteria.json").write_text(json.dumps(IS_CT))
    asked = ("screen", str(images), "--criteria", str(tmp_path / "criteria.json"))

    execute(tmp_path, "-c", WITHOUT_THE_EXTRA, *asked, **receiver.environment)

    assert receiver.spans == []


def test_a_receiver_that_is_away_holds_no_run_up(images: Path, tmp_path: Path) -> None:
    (tmp_path / "criteria.json").write_text(json.dumps(IS_CT))
    environment = environment_of(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://user:planted-password@127.0.0.1:9")

    done = subprocess.run(
        [sys.executable, "-m", "dicom_sieve", "screen", str(images), "--criteria", str(tmp_path / "criteria.json")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "planted-password" not in done.stderr


def test_headers_that_cannot_be_read_are_not_logged(receiver: TraceReceiver, images: Path, tmp_path: Path) -> None:
    screen(tmp_path, images, **{**receiver.environment, "OTEL_EXPORTER_OTLP_HEADERS": "planted-secret-without-name"})

    assert receiver.spans  # nothing was printed, which `run` holds all to


def test_a_flow_run_is_a_trace_with_prefects_own_spans_in_it(
    receiver: TraceReceiver, images: Path, tmp_path: Path
) -> None:
    settings = {"DICOM_SIEVE_INPUT_DIRECTORIES": str(images), "DICOM_SIEVE_SHARD_OBJECTS": str(SHARD)}
    with running_up(tmp_path, **settings, **receiver.environment) as up:
        body = {"input": {"uri": str(images)}, "criteria": IS_CT}
        run_id = str(up.post(body).raise_for_status().json()["id"])
        assert up.end_of(run_id)["type"] == "COMPLETED"
        wait_for(lambda: receiver.named("run"), "the trace of the run, which its process sends as it ends", 60)

    [root] = receiver.named("run")
    assert root.attributes["run_id"] == run_id
    [index] = receiver.named("index")
    assert [shard.parent for shard in receiver.named("shard")] == [index.id] * 3
    of_trace = {span.id for span in receiver.spans if span.trace == root.trace}
    assert all(span.parent in of_trace for span in receiver.spans if span.trace == root.trace and span.parent)
    sent = b"".join(receiver.bodies)
    for secret in (*planted.VALUES, str(images), "PLANTED-KEY"):
        assert secret.encode() not in sent
