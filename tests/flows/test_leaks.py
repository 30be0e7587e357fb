"""Planted credentials and patients' values are found nowhere but where they belong, however a run ends."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from tests.computations.segmentation.bucket import objects, slices
from tests.computations.segmentation.phantom import with_text
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import ledger_url
from tests.flows.results import result_of
from tests.flows.s3_proxy import Answer, Asked, S3Proxy, s3_proxy
from tests.support.blocks import texts_of_chunks
from tests.support.builders import make_instance
from tests.support.prefect_server import SEGMENT, PrefectServer, wait_for

pytestmark = pytest.mark.timeout(900)  # whose turn is first waits for eleven runs

LEDGER_PASSWORD = "planted-password"
BOMB = "PLANTEDBOMB"
CALL = "import json, sys; from dicom_sieve.flows.screen import clean_dicom; clean_dicom(**json.loads(sys.stdin.read()))"

SECRETS = (*planted.SECRETS, *(quote(secret, safe="") for secret in planted.SECRETS), LEDGER_PASSWORD)
VALUES = (*planted.VALUES, BOMB)


def _refuse(when: Callable[[Asked], bool], status: int, code: str) -> Callable[[Asked], Answer | None]:
    """Answer so, and repeat in the message what real servers repeat there, and what no server should."""
    return lambda asked: Answer(status, code, f"{asked.authorization} {planted.CREDENTIALS}") if when(asked) else None


RULES = {
    "wrong secret": _refuse(lambda _: True, 403, "SignatureDoesNotMatch"),
    "may list but not read": _refuse(lambda asked: asked.is_read, 403, "AccessDenied"),
    "output denied": _refuse(lambda asked: asked.method == "PUT", 403, "AccessDenied"),
    "one object cannot be read": _refuse(
        lambda asked: asked.is_read and asked.path.endswith("two.dcm"), 503, "SlowDown"
    ),
}


@pytest.fixture(scope="module")
def proxies(moto_server: S3Server) -> Iterator[dict[str, S3Proxy]]:
    """A proxy for each rule."""
    with ExitStack() as stack:
        running = {name: stack.enter_context(s3_proxy(moto_server.endpoint)) for name in RULES}
        for name, rule in RULES.items():
            running[name].rule = rule
        yield running


@pytest.fixture(scope="module")
def bomb_bucket(prefect: PrefectServer, moto_server: S3Server) -> str:
    """A bucket whose only object makes the database itself raise an error that quotes a patient."""
    with open_ledger(ledger_url(prefect.home)) as ledger, ledger.engine.begin() as connection:
        connection.execute(
            sa.text(
                f"CREATE TRIGGER bomb BEFORE INSERT ON chunk WHEN instr(NEW.data, CAST('{BOMB}' AS BLOB)) "
                f"BEGIN SELECT RAISE(ABORT, '{planted.PATIENT['PatientName']} {planted.CREDENTIALS}'); END"
            )
        )
    name = moto_server.make_bucket()
    moto_server.client().put_object(Bucket=name, Key="bomb.dcm", Body=make_instance(Modality=BOMB, **planted.PATIENT))
    return name


@pytest.fixture(scope="module")
def results_bucket(moto_server: S3Server) -> str:
    return moto_server.make_bucket()


@pytest.fixture(scope="module")
def phantoms(moto_server: S3Server) -> str:
    """A bucket of two CT series of the same patient; in one of them a number is none."""
    name = moto_server.make_bucket()
    plain = {**planted.PATIENT, "StudyDate": "20230314"}
    for series in ("sound", "broken"):
        for key, sound in objects(series, slices(series, **plain)).items():
            body = with_text(sound, "RescaleSlope", planted.PATIENT["PatientID"]) if series == "broken" else sound
            moto_server.client().put_object(Bucket=name, Key=key, Body=body)
    return name


@pytest.fixture(scope="module")
def runs(
    prefect: PrefectServer,
    moto_server: S3Server,
    moto_bucket: str,
    bomb_bucket: str,
    results_bucket: str,
    proxies: dict[str, S3Proxy],
    phantoms: str,
) -> dict[str, str]:
    """Ids of runs that end in every way there is, by name; all ended."""
    endpoint = moto_server.endpoint
    output = {"output_s3_parameters": planted.location(endpoint, results_bucket)}
    requests = {
        "completed": planted.request(endpoint, moto_bucket, **output),
        "wrong bucket": planted.request(endpoint, "no-such-bucket"),
        "unexpected": planted.request(endpoint, bomb_bucket),
        "senseless": planted.request(
            endpoint, moto_bucket, criteria=[{**planted.IS_CT[0], "operation": "GREATER"}], **output
        ),
        "phantoms": planted.request(endpoint, phantoms),
        **{name: planted.request(proxies[name].endpoint, moto_bucket) for name in RULES},
    }
    requests["output denied"] = planted.request(
        endpoint,
        moto_bucket,
        output_s3_parameters=planted.location(proxies["output denied"].endpoint, results_bucket),
    )
    ids = {name: prefect.start(request) for name, request in requests.items()}
    ids["misshapen"] = prefect.start(
        {"input_s3_parameters": [planted.CREDENTIALS], "criteria": planted.IS_CT}, enforce_parameter_schema=False
    )
    ids["unknown parameter"] = prefect.start(
        {**planted.request(endpoint, moto_bucket), "comment": planted.CREDENTIALS}, enforce_parameter_schema=False
    )
    ids["ledger unreachable"] = _call_without_ledger(prefect, planted.request(endpoint, moto_bucket))
    for run in ids.values():
        prefect.state(run)
    segmented = _segment(prefect, ids["phantoms"], endpoint, proxies, phantoms, moto_server.make_bucket())
    for run in segmented.values():
        prefect.state(run)
    return {**ids, **segmented}


def _segment(
    prefect: PrefectServer, run: str, endpoint: str, proxies: dict[str, S3Proxy], bucket: str, results: str
) -> dict[str, str]:
    """Start segmentations that end in every way; those that would compute the same, one after the other."""
    denied, unreadable = proxies["output denied"].endpoint, proxies["may list but not read"].endpoint
    asked: dict[str, Any] = {
        "run_id": run,
        "input_s3_parameters": planted.location(endpoint, bucket),
        "output_s3_parameters": planted.location(endpoint, results),
    }
    changes: dict[str, Any] = {
        "segmented to where it is denied": {"output_s3_parameters": planted.location(denied, results)},
        "segmented from where it is denied": {"input_s3_parameters": planted.location(unreadable, bucket)},
        "segmented": {},
        "segmented, of another bucket": {"input_s3_parameters": planted.location(endpoint, "no-such-bucket")},
        "segmented, misshapen": {"run_id": planted.CREDENTIALS, "output_s3_parameters": [planted.CREDENTIALS]},
        "segmented, unknown parameter": {"comment": planted.CREDENTIALS},
    }
    ids = {}
    for name, change in changes.items():
        ids[name] = prefect.start({**asked, **change}, flow=SEGMENT, enforce_parameter_schema=False)
        prefect.state(ids[name])
    return ids


def _call_without_ledger(prefect: PrefectServer, request: dict[str, Any]) -> str:
    """Call the flow from Python, with a ledger that nobody can reach; gives the run's id."""
    before = {run["id"] for run in prefect.all_of("/flow_runs/filter")}
    with (prefect.home / "called.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-c", CALL],
            input=json.dumps(request).encode(),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **prefect.environment,
                "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
                "DICOM_SIEVE_DATABASE_URL": f"postgresql://ledger:{LEDGER_PASSWORD}@127.0.0.1:1/ledger",
            },
            check=False,
            timeout=120,
        )
    (run,) = (
        run["id"]
        for run in prefect.all_of("/flow_runs/filter")
        if run["id"] not in before and run["deployment_id"] is None
    )
    return str(run)


ENDS = {
    "completed": ("Completed", "2 of 3 instances passed in 1 partial series"),
    "wrong bucket": ("Failed", "cannot list s3://no-such-bucket: NoSuchBucket (HTTP 404); check the name"),
    "unexpected": ("Failed", "unexpected IntegrityError; the log tells where"),
    "senseless": ("Failed", "criteria[0]: Modality (0008,0060) is a Code String (CS): operation GREATER is not"),
    "wrong secret": ("Failed", "SignatureDoesNotMatch (HTTP 403); check the access key and the region"),
    "may list but not read": ("Failed", "not one object can be read (3 refused)"),
    "output denied": ("Failed", "AccessDenied (HTTP 403); the credentials lack a right"),
    "one object cannot be read": ("Failed", "is INCOMPLETE: 1 of 3 objects could not be read"),
    "misshapen": ("Failed", "input_s3_parameters: missing; accepted: bucket, region"),
    "unknown parameter": ("Crashed", "Process exited with status code: 1"),
    "ledger unreachable": ("Failed", "the ledger cannot be reached: postgresql://127.0.0.1:1/ledger"),
    "segmented": ("Completed", "1 series segmented, 1 refused, 0 failed, 0 computed before"),
    "segmented to where it is denied": ("Failed", "0 series segmented, 1 refused, 1 failed"),
    "segmented from where it is denied": ("Completed", "0 series segmented, 2 refused, 0 failed"),
    "segmented, of another bucket": ("Failed", "the inputs are s3://no-such-bucket"),
    "segmented, misshapen": ("Failed", "run_id: is none; accepted: the id of a completed run, or the beginning of it"),
    "segmented, unknown parameter": ("Crashed", "Process exited with status code: 1"),
}


class TestTheEnd:
    @pytest.mark.parametrize("name", ENDS)
    def test_the_end_is_told_in_words(self, prefect: PrefectServer, runs: dict[str, str], name: str) -> None:
        wanted_state, wanted_words = ENDS[name]

        state, message = prefect.state(runs[name])

        assert state == wanted_state
        assert wanted_words in message

    @pytest.mark.parametrize("name", [name for name, (state, _) in ENDS.items() if state != "Crashed"])
    def test_the_end_is_told_to_programs(self, prefect: PrefectServer, runs: dict[str, str], name: str) -> None:
        state, message = prefect.state(runs[name])
        ended = "INCOMPLETE" if name == "one object cannot be read" else state.upper()

        told = result_of(prefect, runs[name])

        assert (told["state"], told["message"]) == (ended, message)

    def test_the_end_of_a_segmentation_counts_series(self, prefect: PrefectServer, runs: dict[str, str]) -> None:
        assert result_of(prefect, runs["segmented"])["computation"]["series"] == {"COMPLETED": 1, "REFUSED": 1}

    def test_the_end_of_an_incomplete_run_is_in_the_ledger(self, served_ledger: Ledger, runs: dict[str, str]) -> None:
        recorded = served_ledger.run(runs["one object cannot be read"])

        assert recorded.row.state == "INCOMPLETE"
        assert [row.object_key for row in recorded.unread()] == ["two.dcm"]

    def test_the_end_of_a_series_that_was_refused_names_the_attribute_and_not_its_value(
        self, served_ledger: Ledger, runs: dict[str, str]
    ) -> None:
        failures = [row.failure for row in served_ledger.run(runs["phantoms"]).computed() if row.state == "REFUSED"]

        assert "an instance lacks RescaleSlope" in failures
        assert _found([("ledger", str(failures))], SECRETS + VALUES) == []

    def test_the_end_of_an_unexpected_error_says_where(self, prefect: PrefectServer, runs: dict[str, str]) -> None:
        logs = prefect.all_of("/logs/filter", logs={"flow_run_id": {"any_": [runs["unexpected"]]}})

        assert any("unexpected IntegrityError, raised through" in log["message"] for log in logs)
        assert any("headers.py:" in log["message"] for log in logs)

    @pytest.mark.parametrize("name", [name for name, (state, _) in ENDS.items() if state == "Failed"])
    def test_the_end_that_is_a_failure_is_no_traceback_of_ours(
        self, prefect: PrefectServer, runs: dict[str, str], name: str
    ) -> None:
        logs = prefect.all_of("/logs/filter", logs={"flow_run_id": {"any_": [runs[name]]}})

        assert any(log["message"] == prefect.state(runs[name])[1] and log["level"] == 40 for log in logs)
        assert not any("Traceback" in log["message"] and "dicom_sieve" in log["message"] for log in logs)


class TestPrefect:
    def test_stores_nothing_planted_in_any_row(self, prefect: PrefectServer, runs: dict[str, str]) -> None:
        wait_for(
            lambda: prefect.flow_run(runs["unknown parameter"])["parameters"]["comment"] == "***", "the crash hook", 30
        )
        wait_for(
            lambda: prefect.flow_run(runs["segmented, unknown parameter"])["parameters"]["comment"] == "***",
            "the crash hook",
            30,
        )
        time.sleep(3)  # events are stored some time after they are sent

        assert _found(((table, repr(row)) for table, row in prefect.rows()), SECRETS + VALUES) == []

    @pytest.mark.usefixtures("runs")
    @pytest.mark.parametrize(
        "path",
        ["flow_runs/filter", "task_runs/filter", "logs/filter", "artifacts/filter", "deployments/filter"],
    )
    def test_prefect_answers_nothing_planted(self, prefect: PrefectServer, path: str) -> None:
        answers = prefect.all_of(f"/{path}")

        assert answers
        assert _found(((path, json.dumps(answer)) for answer in answers), SECRETS + VALUES) == []

    def test_prefect_answers_nothing_planted_of_one_run(self, prefect: PrefectServer, runs: dict[str, str]) -> None:
        paths = [f"/flow_run_states/?flow_run_id={run}" for run in runs.values()]
        paths += [f"/flow_runs/{run}{more}" for run in runs.values() for more in ("", "/graph-v2")]

        answers = [(path, prefect.api.get(path).raise_for_status().text) for path in paths]

        assert _found(answers, SECRETS + VALUES) == []

    @pytest.mark.usefixtures("runs")
    def test_prefect_tells_of_no_event_with_anything_planted(self, prefect: PrefectServer) -> None:
        page = prefect.api.post("/events/filter", json={"limit": 50}).raise_for_status().json()
        events = list(page["events"])
        while page["next_page"]:
            page = prefect.api.get(page["next_page"]).raise_for_status().json()
            events.extend(page["events"])

        assert len(events) >= page["total"] > 0
        assert _found((("events", json.dumps(event)) for event in events), SECRETS + VALUES) == []

    @pytest.mark.usefixtures("runs")
    def test_prefect_keeps_nothing_planted_in_other_files(self, prefect: PrefectServer) -> None:
        """Logs on every level, what processes print, results. Databases are judged by their rows."""
        files = [file for file in prefect.home.rglob("*") if file.is_file() and ".db" not in file.name]

        assert {"server.log", "serve.log", "called.log"} <= {file.name for file in files}
        texts = ((file.name, file.read_bytes().decode(errors="replace")) for file in files)
        assert _found(texts, SECRETS + VALUES) == []

    @pytest.mark.usefixtures("runs")
    def test_logs_on_every_level(self, prefect: PrefectServer) -> None:
        """Or the tests above would find nothing for want of anything."""
        served = (prefect.home / "serve.log").read_text()

        assert "DEBUG   | prefect" in served
        assert "DEBUG   | httpcore" in served


class TestWhatIsKept:
    @pytest.mark.usefixtures("runs")
    def test_what_is_kept_in_the_ledger_holds_no_credentials(self, served_ledger: Ledger) -> None:
        with served_ledger.engine.connect() as connection:
            names = sa.inspect(connection).get_table_names()
            rows = [(name, repr(row)) for name in names for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
        rows += [("values", value) for value in texts_of_chunks(served_ledger)]

        assert _found(rows, SECRETS) == []
        assert "values: PLANTEDDAY" in _found(rows, ("PLANTEDDAY",))  # values belong there
        assert _found(rows, ("PLANTED^PATIENT",)) == []  # who somebody is does not

    def test_what_is_kept_in_the_manifest_holds_no_credentials(
        self, moto_server: S3Server, results_bucket: str, runs: dict[str, str], tmp_path: Path
    ) -> None:
        client = moto_server.client()
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=results_bucket)["Contents"]]
        texts = [
            (key, client.get_object(Bucket=results_bucket, Key=key)["Body"].read().decode("latin-1")) for key in keys
        ]

        assert f"{runs['completed']}/manifest.json" in keys
        assert _found(texts, SECRETS + VALUES) == []


def _found(texts: Any, planted_texts: tuple[str, ...]) -> list[str]:
    """Say where something planted stands; each place and text once."""
    return sorted({f"{place}: {secret}" for place, text in texts for secret in planted_texts if secret in text})
