"""Killed in the middle of a series: started again, the segmentation finishes the rest, and no result is there twice."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.computations.segmentation.bucket import CRITERIA, series_uid, whole
from tests.conftest import S3Server
from tests.flows.computed_rows import computed
from tests.flows.conftest import ledger_url
from tests.flows.s3_proxy import Asked, S3Proxy, s3_proxy
from tests.support.prefect_server import SEGMENT, PrefectServer, wait_for
from tests.support.processes import descendants, kill

NAME = "segment-doomed"
SERVE = f"""
import os
from dicom_sieve.flows.deployments import serve_deployments
print("serving as", os.getpid(), flush=True)
serve_deployments(1, {NAME!r})
"""
SERIES = ("a", "b", "c")


@pytest.fixture
def slow(moto_server: S3Server) -> Iterator[tuple[S3Proxy, threading.Event]]:
    """A proxy that holds reads of one series back until it is told to go on."""
    with s3_proxy(moto_server.endpoint) as proxy:
        going = threading.Event()
        going.set()
        held = sorted(SERIES, key=series_uid)[1]

        def hold(asked: Asked) -> None:
            if asked.is_read and f"/{held}/" in asked.path:
                going.wait(120)

        proxy.rule = hold
        yield proxy, going
        going.set()


@pytest.mark.timeout(400)
def test_finishes_the_rest_when_started_again(
    prefect: PrefectServer, moto_server: S3Server, slow: tuple[S3Proxy, threading.Event]
) -> None:
    proxy, going = slow
    bucket, results = moto_server.make_bucket(), moto_server.make_bucket()
    for name in SERIES:
        for key, body in whole(name).items():
            moto_server.client().put_object(Bucket=bucket, Key=key, Body=body)
    place = {"endpoint": proxy.endpoint, "region": "eu-west", "credentials": "key:secret"}
    run = prefect.start({"input_s3_parameters": {**place, "bucket": bucket}, "criteria": CRITERIA})
    assert prefect.state(run) == ("Completed", "90 of 90 instances passed in 3 whole series")
    parameters = {
        "run_id": run,
        "input_s3_parameters": {**place, "bucket": bucket},
        "output_s3_parameters": {**place, "bucket": results},
    }
    settings = {"DICOM_SIEVE_DATABASE_URL": ledger_url(prefect.home), "DICOM_SIEVE_SERIES_IN_FLIGHT": "1"}

    going.clear()
    with prefect.serving(SERVE, "segment-doomed.log", NAME, **settings) as log:
        prefect.start(parameters, NAME, SEGMENT)
        wait_for(lambda: states(prefect, run) == ["COMPLETED", "RUNNING"], "the second series", 120)
        process = int(log.read_text().split("serving as ")[1].split()[0])
        kill(process, *descendants(process))
    going.set()
    again = prefect.start(parameters, flow=SEGMENT)
    ended = prefect.state(again)

    assert ended == ("Completed", "2 series segmented, 0 refused, 0 failed, 1 computed before")
    rows = computed(ledger_url(prefect.home), run)
    first, second = sorted({row["computation_id"] for row in rows})
    series_1, series_2, series_3 = sorted(series_uid(name) for name in SERIES)
    became = {(row["computation_id"], row["series_instance_uid"], row["state"], row["failure"]) for row in rows}
    assert became == {
        (first, series_1, "COMPLETED", None),
        (first, series_2, "FAILED", "its process ended before the computation did"),
        (second, series_1, "SKIPPED", f"computed before, by computation {first}"),
        (second, series_2, "COMPLETED", None),
        (second, series_3, "COMPLETED", None),
    }
    uris = [row["output_uri"] for row in rows if row["output_uri"]]
    written = moto_server.client().list_objects_v2(Bucket=results)["Contents"]
    assert sorted(uris) == sorted(f"s3://{results}/{entry['Key']}" for entry in written)
    assert len(uris) == len(set(uris)) == 3 * len(SERIES)


def states(prefect: PrefectServer, run: str) -> list[Any]:
    by_series = {row["series_instance_uid"]: row["state"] for row in computed(ledger_url(prefect.home), run)}
    return [by_series[uid] for uid in sorted(by_series)]
