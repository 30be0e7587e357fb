"""Deciding on what varies within a series: every object is judged, on SQLite and on PostgreSQL.

The ledger is made up, seeded: series of lengths that are spread as the logarithm of a bell curve, each with a header of
its own, their objects in blocks as runs write them. Its objects have no rows, only the columns that deciding reads.
"""

import argparse
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

import numpy as np
import sqlalchemy as sa

from benchmarks.databases import Side, do_part, empty_database, in_a_process, no_one_else
from benchmarks.ledger_side import decide_again
from benchmarks.made_ledger import (
    BLOCK_HEADERS,
    CLOCK,
    HEADER_COLUMNS,
    PLACE,
    MadeHeader,
    header_row,
    relax,
    set_sequences,
    tidy,
    write_blocks,
)
from benchmarks.measure import Promise, Report, Table, run
from dicom_sieve import open_ledger
from dicom_sieve.columns.chunk import Column, as_entry
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.headers import Header
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, SIZE, BlockKind, write_block
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.tables import header, header_change, location, snapshot
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
_TIMES = {"all": "s", "all, CPU of the client": "s of the client's CPU"}


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
        each = median(turn["all"] for turn in side[work]) / objects * 1e6
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
    with open_ledger(url) as ledger, ledger.lease(PLACE, on_wait=no_one_else) as lease:
        decide_again(ledger, lease, "first", THREE[:1])  # it seals what was written
        turns = {
            work: [decide_again(ledger, lease, f"{work} {turn}", criteria) for turn in range(repetitions)]
            for work, criteria in WORKS.items()
        }
    return {**turns, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def make_ledger(url: str, objects: int) -> None:
    """Fill an empty database with headers, what counts them, and the columns of their objects."""
    chance = np.random.default_rng(20_260_101)
    lengths = _lengths(chance, objects)
    with open_ledger(url) as ledger, ledger.engine.connect() as connection:
        relax(connection)
        values = {"endpoint": PLACE.endpoint, "bucket": PLACE.bucket, "prefix": PLACE.prefix}
        connection.execute(sa.insert(location).values(id=1, **values))
        append_entry(connection, EntryKind.LOCATION, 1, {"location": list(values.values())})
        counts = {"listed": objects, "bytes": objects * _SIZE, "added": objects, "removed": 0}
        of = {"id": 1, "location_id": 1, "state": "COMPLETE"}
        connection.execute(sa.insert(snapshot).values(**of, counts=counts, started_at=CLOCK, listed_at=CLOCK))
        bulk.append(connection, header, HEADER_COLUMNS, map(header_row, _make_headers(lengths)))
        write_blocks(connection, _make_headers(lengths), 1, BLOCK_HEADERS)
        rows = ((1, number, 1, length, length * _SIZE) for number, length in enumerate(lengths.tolist(), 1))
        bulk.append(connection, header_change, [column.name for column in header_change.columns], rows)
        ends = np.cumsum(lengths)
        for first in range(0, objects, BLOCK_OBJECTS):
            _write_objects(connection, chance, lengths, ends, range(first, min(first + BLOCK_OBJECTS, objects)))
        set_sequences(connection)
        connection.commit()
        tidy(ledger)


def _lengths(chance: np.random.Generator, objects: int) -> Numbers:
    """Give how many objects each series has."""
    count = round(objects / _OBJECTS_A_SERIES)
    drawn = chance.lognormal(0, _SPREAD, count)
    lengths: Numbers = np.maximum(np.round(drawn * (objects / drawn.sum())), 1).astype(np.int64)
    lengths[np.argmax(lengths)] += objects - lengths.sum()
    return lengths


def _make_headers(lengths: Numbers) -> Iterator[MadeHeader]:
    """Make a header for each series, with as many objects as it is long."""
    for number, length in enumerate(lengths.tolist(), 1):
        attributes = {"00080060": ("CT",), "00180060": ("120",), "00281040": (f"HEADER {number}",)}
        study, patient = f"1.2.3.{number // 3}", (f"{number // 6:08d}", "MADE")
        made = Header(study, f"{study}.{number}", "1.2.840.10008.5.1.4.1.1.2", attributes, patient=patient)
        yield MadeHeader(number, made, "", length)


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
    if not do_part(given, make=make_ledger, measure=measure_one):
        run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
