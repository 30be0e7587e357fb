"""The result that a run leaves for programs, and the consumer of the documents that reads it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.flows import result as results
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.results import SCHEMA, result_of
from tests.flows.s3_proxy import Answer, Asked, S3Proxy
from tests.support.documents import code_blocks, read
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.transcript import Names, Shell, commands_of, files_of

SECONDS = 60
[CONSUMER] = code_blocks(read("docs/consumer.md"), "python")


def test_the_schema_in_the_package_is_that_of_the_code() -> None:
    assert results.json_schema() == SCHEMA


def test_a_completed_run_leaves_its_counts_and_where_the_rest_is(
    prefect: PrefectServer, moto_server: S3Server, moto_bucket: str
) -> None:
    output = planted.location(moto_server.endpoint, moto_server.make_bucket(), prefix="out")
    run = prefect.start(planted.request(moto_server.endpoint, moto_bucket, output_s3_parameters=output))
    _, message = prefect.state(run)

    told = result_of(prefect, run)

    assert (told["flow"], told["state"], told["message"]) == ("clean-dicom", "COMPLETED", message)
    assert told["ledger"] == {"address": str(prefect.home / "ledger.db"), "run_id": run}
    assert {name: told["counts"][name] for name in ("listed", "passed", "discarded", "unread")} == {
        "listed": 3,
        "passed": 2,
        "discarded": 1,
        "unread": 0,
    }
    assert told["manifest"]["uri"] == f"s3://{output['bucket']}/out/{run}/manifest.json"
    assert told["report"]["uri"] == f"s3://{output['bucket']}/out/{run}/report.html"
    assert told["report"]["link"] is None


def test_a_failed_run_leaves_why(prefect: PrefectServer, proxy: S3Proxy) -> None:
    proxy.rule = lambda _: Answer(403, "AccessDenied")
    run = prefect.start(planted.request(proxy.endpoint, "denied"))
    _, message = prefect.state(run)
    proxy.rule = lambda _: None

    told = result_of(prefect, run)

    assert (told["state"], told["message"], told["ledger"]["run_id"]) == ("FAILED", message, run)
    assert (told["counts"], told["manifest"], told["report"]) == (None, None, None)


def test_a_preview_leaves_what_a_run_would_say(prefect: PrefectServer, moto_server: S3Server, moto_bucket: str) -> None:
    run = prefect.start(planted.request(moto_server.endpoint, moto_bucket, preview=True))
    _, message = prefect.state(run)

    told = result_of(prefect, run)

    assert (told["state"], told["message"], told["preview"]) == ("COMPLETED", message, True)
    assert (told["counts"]["listed"], told["counts"]["passed"]) == (3, 2)
    assert (told["ledger"]["run_id"], told["manifest"], told["report"]) == (None, None, None)


@pytest.fixture
def endpoint_at_work(proxy: S3Proxy) -> Iterator[str]:
    """An endpoint that holds back its answers until the test has ended: a run goes no further."""
    going = threading.Event()

    def hold(_asked: Asked) -> None:
        going.wait(100)

    proxy.rule = hold
    yield proxy.endpoint
    going.set()
    proxy.rule = lambda _: None


@pytest.mark.parametrize("state", ["CANCELLING", "CANCELLED"], ids=["as the button Cancel", "forced"])
def test_a_run_that_is_cancelled_on_its_way_leaves_that_it_was(
    prefect: PrefectServer, served_ledger: Ledger, endpoint_at_work: str, state: str
) -> None:
    run = prefect.start(planted.request(endpoint_at_work, "cancelled"))
    wait_for(lambda: served_ledger.attempts(run), "the run to begin", SECONDS)

    cancel(prefect, run, state)

    told = wait_for(lambda: result_or_none(prefect, run), "the result", SECONDS)
    [row] = served_ledger.attempts(run)
    assert (told["flow"], told["state"], told["message"]) == ("clean-dicom", row.state, row.failure)
    assert told["state"] == "CANCELLED"
    assert told["ledger"] == {"address": str(prefect.home / "ledger.db"), "run_id": run}
    assert (told["counts"], told["manifest"], told["report"], told["preview"]) == (None, None, None, False)
    assert prefect.state(run)[0] == "Cancelled"


def cancel(prefect: PrefectServer, run: str, state: str) -> None:
    body = {"state": {"type": state}, "force": True}
    prefect.api.post(f"/flow_runs/{run}/set_state", json=body).raise_for_status()


def result_or_none(prefect: PrefectServer, run: str) -> dict[str, Any] | None:
    mine = {"flow_run_id": {"any_": [run]}, "key": {"any_": ["result"]}}
    return result_of(prefect, run) if prefect.all_of("/artifacts/filter", artifacts=mine) else None


def test_the_consumer_of_the_documents_prints_what_passed(
    prefect: PrefectServer, moto_server: S3Server, moto_bucket: str, tmp_path: Path
) -> None:
    output = planted.location(moto_server.endpoint, moto_server.make_bucket())
    request = planted.request(moto_server.endpoint, moto_bucket, output_s3_parameters=output)

    with consumer(prefect, request, tmp_path) as process:
        printed, problem = process.communicate(timeout=120)

    assert process.returncode == 0, problem
    assert sorted(printed.split()) == ["one.dcm", "two.dcm"]
    assert len([line for line in CONSUMER.splitlines() if line]) <= 30


def test_the_consumer_of_the_documents_says_that_the_run_was_cancelled(
    prefect: PrefectServer, served_ledger: Ledger, endpoint_at_work: str, tmp_path: Path
) -> None:
    before = {row.id for row in served_ledger.runs()}

    with consumer(prefect, planted.request(endpoint_at_work, "cancelled"), tmp_path) as process:
        run = wait_for(lambda: {row.id for row in served_ledger.runs()} - before, "the run to begin", SECONDS).pop()
        cancel(prefect, run, "CANCELLING")
        _, problem = process.communicate(timeout=120)

    assert process.returncode == 1
    assert problem.strip() == served_ledger.run(run).row.failure
    assert problem.startswith("it was cancelled, or its process was told to stop (SIGTERM)")


def test_the_tutorial_leads_a_consumer_to_what_passed(
    prefect: PrefectServer, moto_server: S3Server, moto_bucket: str, tmp_path: Path
) -> None:
    page = read("docs/tutorials/consumer.md")
    keys = moto_server.credentials
    given = {
        "http://127.0.0.1:4200/api": prefect.url,
        "user:password": "dicom-sieve:password",
        "http://localhost:9000": moto_server.endpoint,
        "challenge-tech": moto_bucket,
        '"results"': f'"{moto_server.make_bucket()}"',
        "key_id": keys.key_id,
        "access_key": keys.access_key,
    }
    names = Names(given)
    (tmp_path / "consumer.py").write_text(CONSUMER)
    (tmp_path / "run.json").write_text(names.here(files_of(page)["run.json"]))

    with Shell(
        tmp_path, {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, "true"
    ) as shell:
        for command, printed in commands_of(page):
            names.check(printed, shell.run(names.here(command)))


def consumer(prefect: PrefectServer, request: dict[str, Any], directory: Path) -> "subprocess.Popen[str]":
    """Start the program of the documents on a request."""
    (directory / "run.json").write_text(json.dumps({"parameters": request}))
    keys = {"AWS_ACCESS_KEY_ID": planted.KEYS.key_id, "AWS_SECRET_ACCESS_KEY": planted.KEYS.access_key}
    settings = {"PREFECT_API_URL": prefect.url, "PREFECT_API_AUTH_STRING": "dicom-sieve:password", "AWS_REGION": "eu"}
    return subprocess.Popen(
        [sys.executable, "-c", CONSUMER],
        env={**os.environ, **keys, **settings},
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seconds", [60])
def test_a_link_to_the_report_opens_without_credentials(s3_server: S3Server, seconds: int) -> None:
    import urllib.request

    bucket = s3_server.make_bucket()
    s3_server.client().put_object(Bucket=bucket, Key="run/report.html", Body=b"report")

    link = s3_server.store(bucket).link_to("run/report.html", seconds)

    assert link is not None
    assert f"X-Amz-Expires={seconds}" in link
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.read() == b"report"
