"""Keep what the software of one version writes: a ledger of it as JSON, for the tests of upgrades.

The software of that version does it by itself, in processes of its own: it screens a bucket of moto's three times, and
computes. So a checkout of a former version is enough. For each new version of the ledger, before it is released:

    git archive COMMIT src | tar --extract --directory DIRECTORY
    python -m scripts.keep_edition DIRECTORY/src tests/ledger/editions/0019.json
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from tests.ledger.kept_editions import AFTER, BEFORE, BUCKET, CRITERIA, ENDPOINT, OTHER_CRITERIA, PORT

COMMAND = "from dicom_sieve.cli import main; main()"
COMPUTE = """
import sys
from dicom_sieve import open_ledger
with open_ledger() as ledger:
    run = [row for row in ledger.runs() if row.state == "COMPLETED"][-1].id
    try:
        from dicom_sieve.computations import open_computation
        computing = open_computation(ledger, "count", version="1", run=run)
    except ImportError:
        computing = ledger.computation("count", version="1", run=run)
    with computing as computation:
        for number, series in enumerate(computation.series()):
            with series:
                if number == 1:
                    raise ZeroDivisionError
"""


def main() -> None:
    """Write the ledger that a version makes."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=PORT, verbose=False)
    server.start()
    try:
        with TemporaryDirectory(prefix="dicom-sieve-") as folder:
            _use(source, Path(folder))
            rows = _rows(Path(folder) / ".dicom-sieve" / "ledger.db")
    finally:
        server.stop()
    target.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")


def _use(source: Path, home: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(source), **keys}
    client = boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    for bucket in (BUCKET, "published"):
        client.create_bucket(Bucket=bucket)

    def put(objects: Mapping[str, bytes]) -> None:
        for key, body in objects.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def run(program: str, *arguments: str, expected: int = 0) -> None:
        command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode != expected:
            raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")

    def screen(bucket: str, criteria: Any, *more: str, expected: int = 0) -> None:
        (home / "criteria.json").write_text(json.dumps(criteria))
        place = ("screen", f"s3://{bucket}", "--criteria", "criteria.json", "--endpoint", ENDPOINT)
        run(COMMAND, *place, *more, expected=expected)

    put(BEFORE)
    screen(BUCKET, CRITERIA, "--output", "s3://published/kept")
    for key in BEFORE.keys() - AFTER.keys():
        client.delete_object(Bucket=BUCKET, Key=key)
    put({key: body for key, body in AFTER.items() if BEFORE.get(key) != body})
    screen(BUCKET, OTHER_CRITERIA)
    screen("missing", CRITERIA, expected=1)
    if (source / "dicom_sieve" / "ledger" / "migrations" / "versions" / "0005_computations.py").exists():
        run(COMPUTE)
    if list((source / "dicom_sieve" / "ledger" / "migrations" / "versions").glob("0014_*")):
        run(COMMAND, "criteria", "save", "kept", "--criteria", "criteria.json")
        screen(BUCKET, CRITERIA)


def _rows(file: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
            if not name.startswith("sqlite_")
        ]
        return {
            table: [
                {name: {"hex": value.hex()} if isinstance(value, bytes) else value for name, value in dict(row).items()}
                for row in connection.execute(f"SELECT * FROM {table}")
            ]
            for table in tables
        }


if __name__ == "__main__":
    main()
