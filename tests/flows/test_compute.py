"""From one REST call: cleaning, its event, segmentation, results in the bucket, all of it in the ledger."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.computations.segmentation.bucket import CRITERIA, PHANTOM, SERIES, fill, instance_uids, series_uid, whole
from tests.computations.segmentation.overlap import dice
from tests.conftest import S3Server
from tests.flows.computed_rows import Rows, computed
from tests.flows.conftest import ledger_url
from tests.lineage import openlineage_rules
from tests.lineage.conftest import to_file
from tests.support.prefect_server import COMPUTE, SEGMENT, PrefectServer, wait_for

CHAINED = """
from dicom_sieve.flows.deployments import serve_deployments
from dicom_sieve.flows.follow_up import read_following
serve_deployments(2, {name!r}, following=read_following({{}}, {then!r}))
"""
SLICE_MISSING = (
    "the slices are not evenly spaced: 8.00 mm between slices 12 and 13, 4.00 mm between most; a slice may be missing"
)


def location(server: S3Server, bucket: str, **more: Any) -> dict[str, Any]:
    """Give a location; its credentials are those of the process that serves."""
    return {"endpoint": server.endpoint, "bucket": bucket, "region": "eu-west", **more}


def environment(server: S3Server) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": server.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": server.credentials.access_key,
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": server.endpoint.partition("://")[2],
    }


def segmentation_of(prefect: PrefectServer, run: str, name: str) -> str:
    """Wait for the flow run that follows a cleaning run, and give its id."""

    def look() -> list[str]:
        runs = prefect.all_of(
            "/flow_runs/filter", flows={"name": {"any_": [SEGMENT]}}, deployments={"name": {"any_": [name]}}
        )
        return [str(flow_run["id"]) for flow_run in runs if flow_run["parameters"]["run_id"] == run]

    [found] = wait_for(look, "the run that follows", 60)
    return found


def body_of(server: S3Server, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(server.client().get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.mark.timeout(300)
def test_a_cleaning_run_on_moto_is_followed_by_the_segmentation_of_its_series(
    prefect: PrefectServer, moto_server: S3Server, tmp_path: Path
) -> None:
    told = tmp_path / "lineage.jsonl"

    run = _clean_and_segment(prefect, moto_server, ledger_url(prefect.home), **to_file(told))

    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("clean-dicom", "START"),
        ("clean-dicom", "COMPLETE"),
        ("lung-segmentation", "START"),
        ("lung-segmentation", "COMPLETE"),
    ]
    assert {event["run"]["runId"] for event in events[:2]} == {run}
    for event in events:
        openlineage_rules.validate(event)
    [results] = events[-1]["outputs"]
    uris = {row["output_uri"] for row in computed(ledger_url(prefect.home), run)}
    assert {uri.startswith(f"{results['namespace']}/{results['name']}/") for uri in uris} == {True}


@pytest.mark.timeout(300)
def test_series_are_computed_on_in_processes_of_their_own(
    prefect: PrefectServer, moto_server: S3Server, tmp_path: Path
) -> None:
    trace = tmp_path / "processes"  # sitecustomize of every process that starts says its command line
    trace.mkdir()
    (tmp_path / "sitecustomize.py").write_text(NOTES_PROCESSES.format(folder=str(trace)))
    paths = f"{tmp_path}:{prefect.environment.get('PYTHONPATH', '')}".rstrip(":")

    more = {"DICOM_SIEVE_TASK_RUNNER": "processes", "DICOM_SIEVE_SERIES_IN_FLIGHT": "2", "PYTHONPATH": paths}
    _clean_and_segment(prefect, moto_server, ledger_url(prefect.home), **more)

    assert any("multiprocessing.spawn" in file.read_text() for file in trace.iterdir())


NOTES_PROCESSES = """
import os, pathlib
command = pathlib.Path("/proc/self/cmdline").read_bytes().decode("utf-8", "replace")
pathlib.Path({folder!r}, str(os.getpid())).write_text(command)
"""


@pytest.mark.needs_rgw
@pytest.mark.needs_postgresql
@pytest.mark.timeout(300)
def test_a_cleaning_run_on_ceph_is_followed_by_the_segmentation_of_its_series(
    prefect: PrefectServer, rgw_server: S3Server, postgres_url: str
) -> None:
    _clean_and_segment(prefect, rgw_server, postgres_url)


def _clean_and_segment(prefect: PrefectServer, server: S3Server, url: str, **more: str) -> str:
    bucket, results = server.make_bucket(), server.make_bucket()
    fill(server.client(), bucket, "whole")
    name = f"chained-{server.name}"
    then = {
        "input_s3_parameters": location(server, bucket),
        "output_s3_parameters": location(server, results, prefix="segmented"),
    }
    code = CHAINED.format(name=name, then=then)
    request = {"input_s3_parameters": location(server, bucket), "criteria": CRITERIA}
    settings = {**environment(server), "DICOM_SIEVE_DATABASE_URL": url, **more}
    with prefect.serving(code, f"{name}.log", name, **settings):
        run = prefect.start(request, name)
        assert prefect.state(run) == ("Completed", "30 of 30 instances passed in 1 whole series")
        following = segmentation_of(prefect, run, name)
        ended = prefect.state(following)

    assert ended == ("Completed", "1 series segmented, 0 refused, 0 failed, 0 computed before")
    rows = computed(url, run)
    assert {(row["series_instance_uid"], row["name"], row["state"]) for row in rows} == {
        (series_uid("whole"), "lung-segmentation", "COMPLETED")
    }
    bodies = {row["output_uri"].rpartition("/")[2]: body_of(server, row["output_uri"]) for row in rows}
    assert sorted(bodies) == ["preview.png", "segmentation.dcm", "volumes.json"]
    assert {hashlib.sha256(body).hexdigest() for body in bodies.values()} == {row["output_digest"] for row in rows}
    written = server.client().list_objects_v2(Bucket=results)["Contents"]
    assert {f"s3://{results}/{entry['Key']}" for entry in written} == {row["output_uri"] for row in rows}
    _check_results(bodies)
    [uid] = {row["output_sop_instance_uid"] for row in rows} - {None}
    assert pydicom.dcmread(io.BytesIO(bodies["segmentation.dcm"])).SOPInstanceUID == uid
    [event] = _events(prefect, run)
    assert event["payload"] == {
        "run_id": run,
        "counts": {"listed": 30, "passed": 30, "discarded": 0, "series": {"WHOLE": 1}},
        "undecided": 0,
    }
    assert event["resource"]["dicom-sieve.bucket"] == bucket
    return run


def _check_results(bodies: dict[str, bytes]) -> None:
    body, lungs = PHANTOM.masks()
    seg = highdicom.seg.segread(io.BytesIO(bodies["segmentation.dcm"]))
    pixels = seg.get_pixels_by_source_instance(list(instance_uids("whole"))).astype(bool)
    assert dice(pixels[..., 0], body) >= 0.95
    assert dice(pixels[..., 1], lungs) >= 0.95
    referenced = {
        instance.ReferencedSOPInstanceUID
        for series in seg.ReferencedSeriesSequence
        for instance in series.ReferencedInstanceSequence
    }
    assert referenced == set(instance_uids("whole"))
    volumes = json.loads(bodies["volumes.json"])
    voxel_ml = np.prod(PHANTOM.spacing) / 1000
    assert volumes["lungs_ml"] == pytest.approx(lungs.sum() * voxel_ml, rel=0.03)
    assert volumes["body_ml"] == pytest.approx(body.sum() * voxel_ml, rel=0.03)
    assert Image.open(io.BytesIO(bodies["preview.png"])).format == "PNG"


def _events(prefect: PrefectServer, run: str) -> Rows:
    wanted = {"event": {"name": ["dicom-sieve.run.completed"]}, "resource": {"id": [f"dicom-sieve.run.{run}"]}}
    return list(prefect.api.post("/events/filter", json={"filter": wanted}).raise_for_status().json()["events"])


@pytest.mark.timeout(300)
def test_every_series_is_computed_on_or_refused_with_its_reason_and_only_once(
    prefect: PrefectServer, moto_server: S3Server
) -> None:
    bucket, results = moto_server.make_bucket(), moto_server.make_bucket()
    fill(moto_server.client(), bucket, *SERIES)
    place = {"endpoint": moto_server.endpoint, "region": "eu-west", "credentials": "a:b"}
    run = prefect.start({"input_s3_parameters": {**place, "bucket": bucket}, "criteria": CRITERIA})
    assert prefect.state(run)[0] == "Completed"
    moto_server.client().put_object(Bucket=bucket, Key="changed/003", Body=whole("changed")["changed/004"])
    parameters = {
        "run_id": run,
        "input_s3_parameters": {**place, "bucket": bucket},
        "output_s3_parameters": {**place, "bucket": results},
    }

    first = prefect.start(parameters, flow=SEGMENT)
    first_state = prefect.state(first)
    before = moto_server.client().list_objects_v2(Bucket=results)["Contents"]
    second = prefect.start({"computation": "lung-segmentation", **parameters}, flow=COMPUTE)
    second_state = prefect.state(second)

    assert first_state == ("Completed", "2 series segmented, 4 refused, 0 failed, 0 computed before")
    assert second_state == ("Completed", "0 series segmented, 4 refused, 0 failed, 2 computed before")
    assert moto_server.client().list_objects_v2(Bucket=results)["Contents"] == before
    assert len(before) == 6
    rows = computed(ledger_url(prefect.home), run)
    earlier, other = sorted({row["computation_id"] for row in rows})
    refused = {
        "one discarded": ("REFUSED", "not whole: 1 of 30 objects did not pass"),
        "slice missing": ("REFUSED", SLICE_MISSING),
        "changed": ("REFUSED", "the object has changed since it was listed"),
        "other modality": ("REFUSED", "not CT Image Storage: only single-frame CT is segmented"),
    }
    assert _states(rows, earlier) == {**refused, "whole": ("COMPLETED", None), "slice twice": ("COMPLETED", None)}
    skipped = ("SKIPPED", f"computed before, by computation {earlier}")
    assert _states(rows, other) == {**refused, "whole": skipped, "slice twice": skipped}
    assert prefect.flow_run(first)["parameters"]["output_s3_parameters"]["credentials"] == "***"
    assert prefect.flow_run(second)["parameters"]["computation"] == "lung-segmentation"
    of_first = {"flow_run_id": {"any_": [first]}, "key": {"any_": ["series"]}}
    [shown] = prefect.all_of("/artifacts/filter", artifacts=of_first)
    assert "| REFUSED | not whole: 1 of 30 objects did not pass | 1 |" in shown["data"]
    tasks = prefect.all_of("/task_runs/filter", flow_runs={"id": {"any_": [first]}})
    assert len(tasks) == 5  # one a series that was tried


def _states(rows: Rows, computation: int) -> dict[str, tuple[str, str | None]]:
    names = {series_uid(name): name for name in SERIES}
    return {
        names[row["series_instance_uid"]]: (row["state"], row["failure"])
        for row in rows
        if row["computation_id"] == computation
    }
