"""A ledger with a row of every kind in it, and someone with its database's password who edits it and tidies up."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.computations.beside import Beside
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.database.tables import lease, metadata, run
from dicom_sieve.ledger.reading.regions import Region
from dicom_sieve.ledger.writing.divisions import record_parts
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.ledger.writing.page_actions import record_action
from dicom_sieve.objects import Location
from dicom_sieve.stores import DirectoryStore
from tests.ledger.vandal import unguarded
from tests.screening.screenings import ct, mr, one_of, screen_ct
from tests.support.simulated_store import SimulatedStore

ELSEWHERE = Location("https://simulated", "elsewhere", "a/")
NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


def fill(ledger: Ledger, folder: Path) -> None:
    """Screen two locations, once by saved criteria; compute on one, divide and forget the other; leave a lease."""
    saved, _ = save_criteria(ledger.engine, "only-ct", one_of("CT"), "why")
    save_criteria(ledger.engine, "only-ct", one_of("CT", "MR"))
    store = SimulatedStore(
        {f"{number}": ct(f"1.5.{number}", f"1.6.{number}", PatientID=f"{number}") for number in range(4)}
    )
    store.put("damaged", b"no DICOM")
    screen_ct(store, ledger, "first", output=DirectoryStore(folder / "published"))
    store.put("3", mr("1.5.3", "1.6.3"))
    store.put("new", mr("1.5.9", "1.6.9"))
    store.delete("2")
    store.faults["new"] = -1
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "incomplete")
    store.faults.clear()
    store.on_listed = _fail
    with pytest.raises(ZeroDivisionError):
        screen_ct(store, ledger, "failed")
    store.on_listed = lambda: None
    screen_ct(store, ledger, "last", named=saved.named)
    other = SimulatedStore({"a/1": mr("1.7.1", "1.8.1"), "a/2": ct("1.7.2", "1.8.2")}, location=ELSEWHERE)
    screen_ct(other, ledger, "other")
    with ledger.lease(ELSEWHERE, on_wait=_fail) as held:
        record_parts(held, ["a/1", "a/2"])
    forget(ledger.engine, ELSEWHERE, "retention is over", clock=lambda: NOW)
    for _ in range(2):  # the second time every series was computed before
        compute_on(ledger, folder)
    with ledger.engine.begin() as connection:
        last = connection.execute(sa.select(run.c.number, run.c.location_id).where(run.c.id == "last")).one()
        left = {"location_id": last.location_id, "run_number": last.number, "holder": "gone", "expires_at": NOW}
        connection.execute(sa.insert(lease).values(left))
    record_action(ledger.engine, Action.START, person="a", role="MANAGER", run_id="last", location_id=1, place="here")
    record_action(ledger.engine, Action.SAVE, person="b", role="ADMIN", criteria=saved.named)


def compute_on(ledger: Ledger, folder: Path) -> None:
    """Compute on the series of a run; one fails."""
    outputs = DirectoryStore(folder / "results")
    with open_computation(
        ledger, "count", version="1", run="last", parameters={"a": 1}, outputs=outputs
    ) as computation:
        for number, series in enumerate(computation.series()):
            with series:
                series.record_output(f"file:/{number}", digest=f"{number}")
                source = Beside(f"file:/{number}", "d", lambda _: None)
                series.record_region(Region("Lungs", {"volume": 1.5, "none": None}, number), source)
                if number == 1:
                    raise ValueError


def _fail() -> None:
    raise ZeroDivisionError


def rows_of(ledger: Ledger, table: sa.Table) -> list[dict[str, Any]]:
    """Give all rows of a table, as the database holds them."""
    with ledger.engine.connect() as connection:
        columns = (_raw(connection.dialect, column).label(column.name) for column in table.columns)
        rows = connection.execute(sa.select(*columns).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in rows]


def _raw(dialect: sa.Dialect, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text) if dialect.name == "postgresql" else sa.type_coerce(column, sa.Text)
    return column


def other_values(column: sa.Column[Any], value: Any, dialect: str) -> list[Any]:
    """Give what somebody may put in a cell's place: other values, none, and the same told in another way."""
    values: list[Any] = [None] if column.nullable and value is not None else []
    match value:
        case None:
            values += _EXAMPLES[type(column.type).__name__]
        case int():
            values += [value + 1, value + 1_000_000]
        case bytes():
            values += [bytes([value[0] ^ 1]) + value[1:] if value else b"x"]
        case datetime.datetime():
            values += [value + datetime.timedelta(microseconds=1)]
        case str() if isinstance(column.type, sa.JSON):
            values += _other_json(value, dialect, is_text=column.name not in ("attributes", "findings"))
        case _:
            values += [f"{value}x"]
    return values


_EXAMPLES: dict[str, list[Any]] = {
    "BigInteger": [1],
    "Integer": [1],
    "Text": ["x", ""],
    "UtcDateTime": [NOW],
    "JSON": ['{"x": 1}', "null"],
}


def _other_json(text: str, dialect: str, *, is_text: bool) -> Iterator[str]:
    read = json.loads(text)
    if read is None:
        yield from ("{}", '"null"')
        return
    yield json.dumps({**read, "x": ["1"]} if isinstance(read, dict) else [*read, "MET"])
    if dialect == "postgresql" and not is_text:
        return  # jsonb has one way to hold a value
    yield f" {text}"
    if isinstance(read, dict) and read:
        name = next(iter(read))
        yield f'{{"{name}": ["US"], {text[1:]}'


def edit(connection: sa.Connection, table: sa.Table, row: dict[str, Any], column: sa.Column[Any], value: Any) -> None:
    """Put another value into one cell."""
    is_json = isinstance(column.type, sa.JSON)
    text = sa.literal(value, sa.Text)
    if is_json and connection.dialect.name == "postgresql":
        new: Any = sa.cast(text, column.type.dialect_impl(connection.dialect))
    else:
        new = text if is_json else sa.literal(value, column.type)
    if is_json and value is None:
        new = sa.null()
    its = sa.and_(*(key == row[key.name] for key in table.primary_key))
    with unguarded(connection, table.name):
        connection.execute(sa.update(table).where(its).values({column.name: new}))


@contextmanager
def undone(ledger: Ledger) -> Iterator[sa.Connection]:
    """Give a transaction of the database's owner, and undo it."""
    engine = sa.create_engine(ledger.engine.url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "postgresql":
                connection.exec_driver_sql("BEGIN")
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


ALL_TABLES = metadata.sorted_tables
