"""Several triggers at the same time: one snapshot is taken at a time, nothing is read twice, each run decides all."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import Any

import httpx
import pytest

from dicom_sieve import Ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.s3_proxy import S3Proxy
from tests.screening.screenings import sql
from tests.support.prefect_server import PrefectServer

RUNS = 3
POSTS = 100
AT_ONCE = 4
"""With 16, Prefect's own server on SQLite stands still for a minute at a time; `dicom-sieve up` makes one at a time."""


def request(proxy: S3Proxy, bucket: str) -> dict[str, Any]:
    return {
        "input_s3_parameters": {"endpoint": proxy.endpoint, "bucket": bucket, "region": "eu-west"},
        "criteria": planted.IS_CT,
    }


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    """A bucket that no other test screens."""
    name = moto_server.make_bucket()
    for key, body in planted.objects().items():
        moto_server.client().put_object(Bucket=name, Key=key, Body=body)
    return name


@pytest.mark.timeout(300)
def test_runs_over_one_location_share_what_is_read_and_take_their_snapshots_in_turn(
    prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy, bucket: str
) -> None:
    runs = [prefect.start(request(proxy, bucket)) for _ in range(RUNS)]

    states = [prefect.state(run) for run in runs]

    assert states == [("Completed", "2 of 3 instances passed in 1 partial series")] * RUNS
    assert sum(seen.is_read and bucket in seen.path for seen in proxy.requests) == len(planted.objects())
    verdicts = [
        sql(
            served_ledger,
            "SELECT object_key, verdict FROM instance_decision WHERE run_id = :run ORDER BY object_key",
            run=run,
        )
        for run in runs
    ]
    assert verdicts == [[("one.dcm", "PASSED"), ("three.dcm", "DISCARDED"), ("two.dcm", "PASSED")]] * RUNS
    times = sql(
        served_ledger,
        "SELECT snapshot.started_at, run.finished_at FROM run JOIN snapshot ON snapshot.id = run.snapshot_id "
        "JOIN location ON location.id = run.location_id WHERE bucket = :bucket ORDER BY snapshot.id",
        bucket=bucket,
    )
    assert len(times) == RUNS
    assert all(end <= start for (_, end), (start, _) in pairwise(times))


@pytest.mark.timeout(600)
def test_one_request_posted_a_hundred_times_with_one_key_is_one_run(
    prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy, bucket: str
) -> None:
    path = f"/deployments/{prefect.deployment()['id']}/create_flow_run"
    body = {"parameters": request(proxy, bucket), "idempotency_key": f"of {bucket}"}

    def post(_: int) -> httpx.Response:
        """Post until there is an answer; whether a request without one was heard is what the key is for."""
        while True:
            with suppress(httpx.TransportError):
                answer = prefect.api.post(path, json=body)
                if answer.status_code != 503:  # Prefect's database was busy
                    return answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(post, range(POSTS)))

    assert {answer.status_code for answer in answers} <= {200, 201}
    [run] = {answer.json()["id"] for answer in answers}
    assert prefect.state(run)[0] == "Completed"
    query = "SELECT run.id, run.state FROM run JOIN location ON location.id = location_id WHERE bucket = :bucket"
    assert sql(served_ledger, query, bucket=bucket) == [(run, "COMPLETED")]
