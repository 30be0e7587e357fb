"""The naive way, to compare with: every object read whole by boto3 and parsed by pydicom, a Prefect task for each.

Runs in a process of its own, beside a Prefect server of its own. Reads one line of JSON: the bucket, how to reach it,
the keys. Answers with one line: what the objects took, once with a task for each and once in plain threads.
"""

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pydicom

from benchmarks.measure import Spent, spend
from benchmarks.wire import REGION, Server

THREADS = 16


def read_naively(server: Server, bucket: str, keys: Sequence[str]) -> dict[str, Spent]:
    """Read objects the naive way, in a process and with a Prefect server of its own.

    Returns:
        What it took that process: ``tasks`` with a Prefect task for each object, ``threads`` without Prefect.
    """
    asked = {"server": dataclasses.asdict(server), "bucket": bucket, "keys": list(keys)}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AWS_"))}
    with TemporaryDirectory() as home:
        environment = {
            **outside,
            "PREFECT_HOME": home,
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [sys.executable, "-m", "benchmarks.naive"]
        done = subprocess.run(
            command, input=json.dumps(asked), env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:  # else what Prefect's server says while it is stopped is of no interest
        raise RuntimeError(done.stderr)
    return {name: Spent(**spent) for name, spent in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Read what is asked for."""
    from prefect import flow, task  # noqa: PLC0415 - in this process alone

    asked = json.loads(sys.stdin.read())
    server, bucket, keys = Server(**asked["server"]), asked["bucket"], asked["keys"]
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=server.key_id,
        aws_secret_access_key=server.access_key,
    )

    def judge(key: str) -> bool:
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        dataset = pydicom.dcmread(io.BytesIO(body))
        return bool(dataset.StudyDate > "20220101" and dataset.Modality in {"CT", "MR"})

    judge_in_task = task(judge)

    @flow
    def screen_naively(some: list[str]) -> int:
        return sum(judge_in_task.map(some).result())

    def in_threads() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(judge, keys))

    screen_naively(keys[:1])  # starts Prefect's server
    spent: dict[str, Any] = {"tasks": spend(lambda: screen_naively(keys)), "threads": spend(in_threads)}
    sys.stdout.write(json.dumps({name: dataclasses.asdict(turn) for name, turn in spent.items()}) + "\n")


if __name__ == "__main__":
    main()
