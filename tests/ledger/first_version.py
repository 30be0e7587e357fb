"""A ledger as the first version made and filled it: its migration, then rows in plain SQL."""

import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.database.engine import connect
from dicom_sieve.screening.index import index_shard
from dicom_sieve.stores.read_header import Limits
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import PLACE, SimulatedStore

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
CRITERIA = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}]
JSON, TIME = sa.JSON(), sa.DateTime(timezone=True)
TYPES: dict[str, sa.types.TypeEngine[Any]] = {"attributes": JSON, "counts": JSON, "criteria": JSON, "findings": JSON}
TYPES |= dict.fromkeys(("last_modified", "started_at", "listed_at", "finished_at"), TIME)


def store_of_old() -> SimulatedStore:
    """What the location held when it was screened last: one object of it was never read."""
    return SimulatedStore(
        {"1": ct("1.5.1", "1.6.1"), "2": ct("1.5.1", "1.6.2"), "3": mr("1.5.3", "1.6.3"), "4": b"no DICOM", "5": ct()}
    )


def make_first_version(url: str) -> None:
    """Make a ledger of revision 0001: runs of all states, objects that stay, went, changed and were not read."""
    engine = connect(url)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        _fill(connection)
        connection.commit()
    engine.dispose()


def _fill(connection: sa.Connection) -> None:
    store = store_of_old()
    [shard] = [store.shard("1", "2", "3", "4")]
    read = {indexed.info.key: indexed for indexed in index_shard(store, shard, Limits()).indexed}
    infos = {listed.key: listed for listed in store.list()}
    headers = list({indexed.instance.header.digest(b""): indexed.instance.header for indexed in read.values()}.values())
    numbers = {header.digest(b""): number for number, header in enumerate(headers, 1)}

    def of(key: str, number: int, added: int, removed: int | None = None) -> dict[str, Any]:
        indexed = read.get(key)
        info = infos[key]
        return {
            "id": number,
            "location_id": 1,
            "key": key,
            "etag": info.etag,
            "size": info.size,
            "last_modified": info.last_modified,
            "header_id": indexed and numbers[indexed.instance.header.digest(b"")],
            "sop_instance_uid": indexed and indexed.instance.sop_instance_uid,
            "added_in": added,
            "removed_in": removed,
        }

    _insert(
        connection,
        "location",
        {"id": 1, "endpoint": PLACE.endpoint, "bucket": PLACE.bucket, "prefix": PLACE.prefix},
        {"id": 2, "endpoint": "file:", "bucket": "/images", "prefix": ""},
    )
    counts = {"listed": 5, "bytes": 9, "added": 5, "removed": 0}
    for number in (1, 2, 3):
        snapshot = {"id": number, "location_id": 1, "state": "COMPLETE", "started_at": NOW, "listed_at": NOW}
        _insert(connection, "snapshot", {**snapshot, "counts": counts})
    _insert(connection, "snapshot", {"id": 4, "location_id": 1, "state": "LISTING", "started_at": NOW})
    for number, header in enumerate(headers, 1):
        uids = ("study_instance_uid", "series_instance_uid", "sop_class_uid", "defect")
        content = {"digest": header.digest(b""), **{name: getattr(header, name) for name in uids}}
        _insert(connection, "header", {"id": number, "attributes": dict(header.attributes), **content})
    _insert(
        connection,
        "object",
        {**of("1", 1, 1, 2), "etag": "older", "size": 7},
        of("1", 2, 2),
        of("2", 3, 1),
        of("3", 4, 1),
        of("4", 5, 2),
        of("5", 6, 2, 3),
        of("5", 7, 3),
        {**of("3", 8, 1, 2), "key": "went"},
    )
    run = {"location_id": 1, "criteria": CRITERIA, "criteria_digest": "d", "software_version": "0", "started_at": NOW}
    ended = {**run, "finished_at": NOW}
    _insert(connection, "run", {**ended, "number": 1, "id": "a", "snapshot_id": 1, "state": "COMPLETED", "counts": {}})
    _insert(connection, "run", {**ended, "number": 2, "id": "b", "snapshot_id": 2, "state": "INCOMPLETE", "counts": {}})
    _insert(connection, "run", {**ended, "number": 3, "id": "c", "state": "FAILED", "failure": "cannot list"})
    _insert(connection, "run", {**run, "number": 4, "id": "d", "snapshot_id": 3, "state": "RUNNING"})
    for run_number in (1, 2):
        for number, header in enumerate(headers, 1):
            passed = header.attributes.get("00080060") == ("CT",)
            findings = [] if header.defect else ["MET" if passed else "NOT_MET"]
            verdict = "PASSED" if passed else "DISCARDED"
            decision = {"run_number": run_number, "header_id": number, "verdict": verdict, "findings": findings}
            _insert(connection, "decision", decision)
    if connection.dialect.name == "postgresql":  # as if its own sequences had given the keys
        for table, key in (
            ("location", "id"),
            ("snapshot", "id"),
            ("header", "id"),
            ("object", "id"),
            ("run", "number"),
        ):
            connection.execute(
                sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))")
            )


def _insert(connection: sa.Connection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        columns = (sa.column(name, TYPES[name]) if name in TYPES else sa.column(name) for name in row)
        connection.execute(sa.insert(sa.table(table, *columns)).values(row))
