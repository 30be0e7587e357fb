"""The contract's JSON over REST: every object of the bucket has its verdict, in the ledger and in the manifest."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from tests.conftest import S3Server
from tests.flows.conftest import SHARD_OBJECTS, ledger_url
from tests.real.bucket import CRITERIA, Expected, expected, fill
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.ray_cluster import running_ray

SERVE = 'from dicom_sieve.flows.deployments import serve_deployments; serve_deployments(1, "{}")'


@pytest.mark.timeout(240)
def test_a_consumer_screens_a_bucket_on_moto_into_sqlite(
    prefect: PrefectServer, moto_server: S3Server, tmp_path: Path
) -> None:
    run = _screen_over_rest(prefect, moto_server, "default", ledger_url(prefect.home), tmp_path)

    tasks = wait_for(lambda: _task_runs(prefect, run), "the tasks to be recorded", 30)
    assert len(tasks) == -(-len(expected()) // SHARD_OBJECTS)
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    shown = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
    data = {artifact["key"]: artifact["data"] for artifact in shown}
    assert set(data) == {"headers-read", "verdicts", "reasons", "attrition", "report", "result"}
    assert data["headers-read"] == 100
    named = "Criterion 1: StudyDate (0008,0020) is later than 2003-01-01"
    assert next(row["name"] for row in json.loads(data["reasons"]) if row["reason"] == named) == "NOT_MET"
    [address] = re.findall(r"\((.*)\)", data["report"])
    assert address.startswith(f"{moto_server.endpoint}/bucket-")
    assert address.endswith(f"/screened/{run}/report.html")


@pytest.mark.needs_rgw
@pytest.mark.needs_postgresql
@pytest.mark.timeout(240)
def test_a_consumer_screens_a_bucket_on_ceph_into_postgresql(
    prefect: PrefectServer, rgw_server: S3Server, postgres_url: str, tmp_path: Path
) -> None:
    settings = {"DICOM_SIEVE_DATABASE_URL": postgres_url}
    with prefect.serving(SERVE.format("on-postgresql"), "serve-postgresql.log", "on-postgresql", **settings):
        _screen_over_rest(prefect, rgw_server, "on-postgresql", postgres_url, tmp_path)

    with _engine(postgres_url) as engine:
        assert "flow_run" not in sa.inspect(engine).get_table_names()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("runner", ["processes", "ray"])
def test_a_consumer_screens_a_bucket_with_workers_of_other_kinds(
    prefect: PrefectServer, moto_server: S3Server, tmp_path: Path, runner: str
) -> None:
    settings = {
        "DICOM_SIEVE_TASK_RUNNER": runner,
        "DICOM_SIEVE_DATABASE_URL": ledger_url(tmp_path),
        "DICOM_SIEVE_SHARD_OBJECTS": str(SHARD_OBJECTS),
        "DICOM_SIEVE_SHARDS_IN_FLIGHT": "2",
    }
    with ExitStack() as stack:
        if runner == "ray":  # two nodes, the S3 server and the flow, each at an address of its own
            settings["DICOM_SIEVE_RAY_ADDRESS"] = stack.enter_context(running_ray(apart=True)).client_address
        log = stack.enter_context(prefect.serving(SERVE.format(runner), f"serve-{runner}.log", runner, **settings))
        run = _screen_over_rest(prefect, moto_server, runner, settings["DICOM_SIEVE_DATABASE_URL"], tmp_path)
        tasks = wait_for(lambda: _task_runs(prefect, run), "the tasks to be recorded", 30)

    assert len(tasks) == -(-len(expected()) // SHARD_OBJECTS)
    assert moto_server.credentials.access_key not in log.read_text()


def _screen_over_rest(prefect: PrefectServer, server: S3Server, deployment: str, ledger: str, scratch: Path) -> str:
    bucket, results = server.make_bucket(), server.make_bucket()
    fill(server.client(), bucket)
    access = {
        "endpoint": server.endpoint,
        "credentials": f"{server.credentials.key_id}:{server.credentials.access_key}",
        "region": "eu-west",
    }

    run = prefect.start(
        {
            "input_s3_parameters": {**access, "bucket": bucket},
            "criteria": CRITERIA,
            "output_s3_parameters": {**access, "bucket": results, "prefix": "screened", "publish": "COPY"},
        },
        deployment,
    )
    state, message = prefect.state(run)

    passed = sum(instance.verdict == "PASSED" for instance in expected().values())
    assert (state, message.partition(": ")[0]) == ("Completed", f"{passed} of {len(expected())} instances passed")
    assert _recorded(ledger, run) == expected()
    assert _published(server, results, f"screened/{run}", scratch) == expected()
    kept = {key for key, instance in expected().items() if instance.verdict == "PASSED"}
    copies = f"screened/{run}/objects/"
    assert {key.removeprefix(copies) for key in _keys(server, results, copies)} == kept
    return run


def _keys(server: S3Server, bucket: str, prefix: str) -> list[str]:
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def _recorded(ledger: str, run: str) -> dict[str, Expected]:
    query = sa.text("SELECT object_key, verdict, findings, defect FROM instance_decision WHERE run_id = :run")
    with _engine(ledger) as engine, engine.connect() as connection:
        rows = connection.execute(query, {"run": run}).all()
    assert len(rows) == len({row.object_key for row in rows})
    return {row.object_key: Expected(row.verdict, tuple(_list(row.findings)), row.defect) for row in rows}


def _list(findings: Any) -> list[str]:
    """SQLite gives JSON as text, PostgreSQL as what it means."""
    return list(json.loads(findings) if isinstance(findings, str) else findings)


def _published(server: S3Server, bucket: str, folder: str, scratch: Path) -> dict[str, Expected]:
    """Fetch the manifest's parts as anyone would, and read them with DuckDB."""
    client = server.client()
    manifest = json.loads(client.get_object(Bucket=bucket, Key=f"{folder}/manifest.json")["Body"].read())
    for part in manifest["parts"]:
        file = scratch / part["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(client.get_object(Bucket=bucket, Key=f"{folder}/{part['path']}")["Body"].read())
    parts = f"{scratch}/instances/*/*.parquet"
    with duckdb.connect() as reader:
        rows = reader.execute("SELECT object_key, verdict, findings, defect FROM read_parquet(?)", [parts]).fetchall()
    assert len(rows) == len({row[0] for row in rows})
    return {key: Expected(verdict, tuple(findings), defect) for key, verdict, findings, defect in rows}


def _task_runs(prefect: PrefectServer, run: str) -> list[dict[str, Any]] | None:
    found = prefect.all_of("/task_runs/filter", flow_runs={"id": {"any_": [run]}})
    return found if found and all(task["state_type"] == "COMPLETED" for task in found) else None


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
