"""Deciding on what varies within a series: every object is judged, on SQLite and on PostgreSQL.

The ledger is made up, seeded: series of lengths that are spread as the logarithm of a bell curve, each with a header of
its own, their objects in blocks as runs write them. Its objects have no rows, only the columns that
deciding reads.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from statistics import median

import numpy as np
import sqlalchemy as sa

from benchmarks.databases import Side, empty_database, in_a_process, no_one_else
from benchmarks.made_ledger import BLOCK_HEADERS, CLOCK, HEADER_COLUMNS, PLACE, SECRET
from benchmarks.measure import Promise, Report, Table, run
from dicom_sieve import Ledger, open_ledger
from dicom_sieve.arenas import limit_arenas
from dicom_sieve.columns.chunk import Column, as_entry, column_of
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.criteria import Criterion, Operation, compile_criteria
from dicom_sieve.headers import Header
from dicom_sieve.headers.header import digest_patient
from dicom_sieve.ledger.audit.seals import seal_rows
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, SIZE, BlockKind, owner_numbers, write_block
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import header, header_change, location, snapshot
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.writing.header_counts import keep_sums
from dicom_sieve.ledger.writing.runs import begin_run, bind_snapshot, finish_run
from dicom_sieve.screening import Silent
from dicom_sieve.screening.decide import decide, recording
from dicom_sieve.screening.refresh import RunOptions

MIB = 1024 * 1024
DATABASES = ("SQLite", "PostgreSQL")
BLOCK_OBJECTS = RunOptions.objects_together
LARGE = 10_000_000
"""The Imaging Data Commons has 58,800,000, in 1.04 million series: ``--objects 58800000``."""
_OBJECTS_A_SERIES = 56.5
_SPREAD = 1.1
"""Of the logarithm of lengths."""
_SIZE = 524_288
SLICE_LOCATION, TUBE_CURRENT, EXPOSURE_TIME = ("0020", "1041"), ("0018", "1151"), ("0018", "1150")
THREE = (
    Criterion(dicom_tag=SLICE_LOCATION, operation=Operation.GREATER, reference="-40"),
    Criterion(dicom_tag=TUBE_CURRENT, operation=Operation.LESS, reference="400"),
    Criterion(dicom_tag=EXPOSURE_TIME, operation=Operation.LESS, reference="900"),
)
WORKS: Mapping[str, Sequence[Criterion]] = {"one criterion": THREE[:1], "three criteria": THREE}
SECONDS_A_MILLION = {"one criterion": 0.15, "three criteria": 0.3}
_TIMES = {"wall": "s", "cpu": "s of the client's CPU"}


def measure(chosen: argparse.Namespace) -> Report:
    """Measure databases, one after the other."""
    objects = chosen.objects or (LARGE if chosen.large else 1_000_000)
    sides: dict[str, Side] = {}
    for name in DATABASES:
        with empty_database(name) as url:
            in_a_process("benchmarks.varying", "make", url, objects)
            sides[name] = in_a_process("benchmarks.varying", "measure", url, chosen.repetitions)
    return Report(
        "varying",
        {"objects": objects, "objects a block": BLOCK_OBJECTS, "turns": chosen.repetitions},
        tuple(promise for name, side in sides.items() for promise in _promises(name, side, objects)),
        (_table(sides),),
        sides,
    )


def _promises(name: str, side: Side, objects: int) -> Iterator[Promise]:
    for work, limit in SECONDS_A_MILLION.items():
        each = median(turn["wall"] for turn in side[work]) / objects * 1e6
        text = f"deciding on objects on {name}, {work}, seconds for a million"
        yield Promise(text, limit, each, "s", at_least=False)
    peak = side["peak_bytes"] / MIB
    yield Promise(f"peak of resident memory, deciding on objects, {name}", 512.0, peak, "MiB", at_least=False)


def _table(sides: Mapping[str, Side]) -> Table:
    works = [(f"{work}: {name}", work, what) for work in WORKS for what, name in _TIMES.items()]
    rows: list[tuple[str | float | None, ...]] = [
        (label, *(median(turn[what] for turn in side[work]) for side in sides.values())) for label, work, what in works
    ]
    rows.append(("peak of resident memory, MiB", *(side["peak_bytes"] / MIB for side in sides.values())))
    return Table("**Deciding on objects**", ("work", *sides), tuple(rows))


def measure_one(url: str, repetitions: int) -> Side:
    """Measure one database in this process."""
    limit_arenas()  # as in each process of a run
    with open_ledger(url) as ledger, ledger.lease(PLACE, on_wait=no_one_else) as lease:
        decide_again(ledger, lease, THREE[:1], "first")  # it seals what was written
        turns = {
            work: [decide_again(ledger, lease, criteria, f"{work} {turn}") for turn in range(repetitions)]
            for work, criteria in WORKS.items()
        }
    return {**turns, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def decide_again(ledger: Ledger, lease: Lease, given: Sequence[Criterion], run_id: str) -> dict[str, float]:
    """Do all that a run over an unchanged location does behind its listing."""
    wall, cpu = time.perf_counter(), time.process_time()
    criteria = compile_criteria(given)
    known = last_snapshot(ledger.engine, lease.place)
    keep_sums(lease)
    with lease.writing() as connection:
        number, _ = begin_run(
            connection,
            execution_id=run_id,
            lease=lease,
            criteria=[criterion.as_given() for criterion in given],
            criteria_digest="",
            started_at=CLOCK,
            software_version="",
        )
        bind_snapshot(connection, number, known.id)
    with recording(lease, number) as keep:
        counts = decide(ledger, known, criteria, Silent(), keep)
    ledger.analyze("decision_page", "outcome")
    seal_rows(lease, number)
    with lease.writing() as connection:
        finish_run(connection, number, state=RunState.COMPLETED, finished_at=CLOCK, counts=counts)
    if not counts["passed"] or not counts["discarded"]:
        raise ValueError("criteria that part nothing measure nothing")
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def make_ledger(url: str, objects: int) -> None:
    """Fill an empty database with headers, what counts them, and the columns of their objects."""
    chance = np.random.default_rng(20_260_101)
    lengths = _lengths(chance, objects)
    with open_ledger(url) as ledger, ledger.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        values = {"endpoint": PLACE.endpoint, "bucket": PLACE.bucket, "prefix": PLACE.prefix}
        connection.execute(sa.insert(location).values(id=1, **values))
        append_entry(connection, EntryKind.LOCATION, 1, {"location": list(values.values())})
        counts = {"listed": objects, "bytes": objects * _SIZE, "added": objects, "removed": 0}
        of = {"id": 1, "location_id": 1, "state": "COMPLETE"}
        connection.execute(sa.insert(snapshot).values(**of, counts=counts, started_at=CLOCK, listed_at=CLOCK))
        _write_headers(connection, len(lengths))
        rows = ((1, number, 1, length, length * _SIZE) for number, length in enumerate(lengths.tolist(), 1))
        bulk.append(connection, header_change, [column.name for column in header_change.columns], rows)
        ends = np.cumsum(lengths)
        for first in range(0, objects, BLOCK_OBJECTS):
            _write_objects(connection, chance, lengths, ends, range(first, min(first + BLOCK_OBJECTS, objects)))
        if connection.dialect.name == "postgresql":
            for name in ("location", "snapshot", "header", "block"):
                connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))")
        connection.commit()
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tidy:
            is_postgresql = tidy.dialect.name == "postgresql"
            tidy.exec_driver_sql("VACUUM ANALYZE" if is_postgresql else "PRAGMA wal_checkpoint(TRUNCATE)")


def _lengths(chance: np.random.Generator, objects: int) -> Numbers:
    """Give how many objects each series has."""
    count = round(objects / _OBJECTS_A_SERIES)
    drawn = chance.lognormal(0, _SPREAD, count)
    lengths: Numbers = np.maximum(np.round(drawn * (objects / drawn.sum())), 1).astype(np.int64)
    lengths[np.argmax(lengths)] += objects - lengths.sum()
    return lengths


def _write_headers(connection: sa.Connection, count: int) -> None:
    numbers = iter(range(1, count + 1))
    while some := list(islice(numbers, BLOCK_HEADERS)):
        made = [_made_header(number) for number in some]
        uids = ((of.study_instance_uid, of.series_instance_uid, of.sop_class_uid) for of in made)
        patients = [digest_patient(of.patient, SECRET) for of in made]
        digests = [of.digest(SECRET) for of in made]
        rows = (
            (number, digest, *of_uids, None, patient)
            for number, digest, of_uids, patient in zip(some, digests, uids, patients, strict=True)
        )
        bulk.append(connection, header, HEADER_COLUMNS, rows)
        tags = sorted({tag for of in made for tag in of.attributes})
        owners = ((of.series_instance_uid, of.study_instance_uid, p) for of, p in zip(made, patients, strict=True))
        columns = {tag: column_of([as_entry(of.attributes.get(tag)) for of in made]) for tag in tags}
        write_block(
            connection, BlockKind.HEADER, 1, some, columns=columns, numbers=owner_numbers(owners), digests=digests
        )


def _made_header(number: int) -> Header:
    attributes = {"00080060": ("CT",), "00180060": ("120",), "00281040": (f"HEADER {number}",)}
    study, series = f"1.2.3.{number // 3}", f"1.2.3.{number // 3}.{number}"
    return Header(study, series, "1.2.840.10008.5.1.4.1.1.2", attributes, patient=(f"{number // 6:08d}", "MADE"))


def _write_objects(
    connection: sa.Connection, chance: np.random.Generator, lengths: Numbers, ends: Numbers, block: range
) -> None:
    """Write a block of objects: slices that follow each other, tube current and exposure time as scanners set them.

    Args:
        connection: Within a transaction.
        chance: Where what varies comes from.
        lengths: Objects of each series.
        ends: The place behind the last object of each.
        block: Places of the block's objects.
    """
    places = np.array(block)
    series = np.searchsorted(ends, places, "right")
    slices = places - (ends[series] - lengths[series])
    tenths_of_mm = -((series * 37) % 1500) + slices * (10 + series % 4 * 5)
    swing = (120 * np.sin(slices / 9 + series)).astype(int)
    current = np.clip(250 + swing + chance.integers(-9, 10, len(places)), 10, 800)
    write_block(
        connection,
        BlockKind.OBJECT,
        1,
        (places + 1).tolist(),
        columns={
            "00201041": _column(tenths_of_mm, lambda tenths: f"{tenths / 10:.1f}"),
            "00181151": _column(current, str),
            "00181150": _column(300 + 100 * (series % 8), str),
        },
        numbers={
            HEADER: (series + 1).tolist(),
            SIZE: np.full(len(places), _SIZE).tolist(),
            ADDED_IN: np.ones(len(places), np.int64).tolist(),
        },
        location_id=1,
    )


def _column(values: Numbers, text: Callable[[int], str]) -> Column:
    distinct, codes = np.unique(values, return_inverse=True)
    width = np.uint8 if len(distinct) <= 1 << 8 else np.uint16
    return Column(tuple(as_entry((text(value),)) for value in distinct.tolist()), codes.astype(width))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, help="how many")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} objects")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if given[:1] == ["--make"]:  # how it starts itself
        make_ledger(given[1], int(given[2]))
        sys.stdout.write("{}")
    elif given[:1] == ["--measure"]:
        sys.stdout.write(json.dumps(measure_one(given[1], int(given[2]))))
    else:
        run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
