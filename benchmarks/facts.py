"""Facts of series at size, on SQLite and on PostgreSQL: all measured, one series measured again, and asked for.

The ledger is made up, seeded, with ten slices a series, in blocks as runs write them; each database is measured by a
process of its own. Beside measuring, the database alone reads the same columns through our driver and unpacks them; a
criterion on a fact takes turns with one on a stable tag.
"""

import argparse
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import Side, do_part, empty_database, in_a_process, no_one_else
from benchmarks.made_ledger import CLOCK, PLACE, make_headers, make_ledger
from benchmarks.made_slices import SIZE_BYTES, write_slices
from benchmarks.measure import Promise, Report, Spent, Table, interleave, ratio, run, spend
from dicom_sieve import open_ledger
from dicom_sieve.columns.pass_objects import OWN_KEYS
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, ID, BlockKind, blocks_of
from dicom_sieve.ledger.database.packed_blocks import grouped, read_packed
from dicom_sieve.ledger.database.tables import header, header_change, object_, snapshot
from dicom_sieve.ledger.reading.kept_facts import has_kept
from dicom_sieve.ledger.writing.facts import keep_facts
from dicom_sieve.ledger.writing.header_counts import keep_sums
from dicom_sieve.objects import Damaged
from dicom_sieve.screening import preview_known

LARGE = 1_000_000
IMAGES = 10
MIB = 1024 * 1024
DATABASES = ("SQLite", "PostgreSQL")
FACT = [{"measure": "SLICES", "operation": "AT_LEAST", "reference": "8"}]
STABLE = [{"dicom_tag": ["0010", "0040"], "operation": "EQUALS", "reference": "F"}]
_CHANGED = 3
"""The snapshot with one slice more."""
Row = tuple[str | float | None, ...]


def measure(chosen: argparse.Namespace) -> Report:
    """Measure both databases, one after the other."""
    series = LARGE if chosen.large else chosen.series
    sides: dict[str, Side] = {}
    for name in DATABASES:
        with empty_database(name) as url:
            in_a_process("benchmarks.facts", "make", url, series)
            sides[name] = in_a_process("benchmarks.facts", "measure", url, chosen.repetitions)
    return Report(
        "facts",
        {"series": series, "images": series * IMAGES, "turns": chosen.repetitions},
        tuple(promise for name, side in sides.items() for promise in _promises(name, side, series)),
        (_figures(sides, series),),
        sides,
    )


def measure_one(url: str, repetitions: int) -> Side:
    """Measure one database in this process."""
    with open_ledger(url) as ledger:
        with ledger.lease(PLACE, on_wait=no_one_else) as lease:
            keep_sums(lease)
            measuring = _seconds(spend(lambda: keep_facts(lease, 1)))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            bare = _seconds(spend(lambda: read_bare(ledger)))
            add_a_slice(ledger)
            keep_sums(lease)
            touched = _seconds(spend(lambda: keep_facts(lease, _CHANGED)))
        if not all(has_kept(ledger.engine, (number, 1), Damaged.DISCARD) for number in (1, _CHANGED)):
            raise ValueError("the facts were to be kept")
        works = {name: _previewing(ledger, asked) for name, asked in (("fact", FACT), ("stable", STABLE))}
        previews = interleave(works, repetitions + 1)
    return {
        "measuring": measuring,
        "bare": bare,
        "touched": touched,
        "previews": {name: [_seconds(spent) for spent in turns[1:]] for name, turns in previews.items()},
        "peak_bytes": peak * 1024,
    }


def _seconds(spent: Spent) -> Mapping[str, float]:
    return {"wall": spent.wall, "cpu": spent.cpu}


def _previewing(ledger: Ledger, given: list[dict[str, Any]]) -> Callable[[], Spent]:
    criteria, problems = read_criteria(given)
    if problems:
        raise ValueError(problems)
    return lambda: spend(lambda: preview_known(PLACE, criteria, ledger))


def read_bare(ledger: Ledger) -> None:
    """Read the columns of all objects that facts are made of, and do nothing with them."""
    with ledger.engine.connect() as connection:
        for group in grouped(blocks_of(connection, BlockKind.OBJECT, 1)):
            read_packed(connection, group, [ID, HEADER, ADDED_IN], OWN_KEYS)


def add_a_slice(ledger: Ledger) -> None:
    """Take a snapshot in which a series in the middle has one slice more."""
    with ledger.engine.begin() as connection:
        headers, edition = connection.execute(sa.select(sa.func.max(header.c.id), sa.func.max(header.c.edition))).one()
        objects = connection.scalar(sa.select(sa.func.max(object_.c.id))) or 0
        of = max(int(headers) // 2, 1)
        counts = {"listed": objects + 1, "bytes": 0, "added": 1, "removed": 0}
        taken = {"location_id": 1, "state": "COMPLETE", "counts": counts, "started_at": CLOCK, "listed_at": CLOCK}
        connection.execute(sa.insert(snapshot).values(id=_CHANGED, **taken))
        made = next(each for each in make_headers(of, images=IMAGES) if each.id == of)
        values = {"key": made.key(IMAGES), "etag": "new", "size": SIZE_BYTES, "last_modified": CLOCK}
        its = {"id": objects + 1, "location_id": 1, "header_id": of, "added_in": _CHANGED}
        connection.execute(sa.insert(object_).values(**values, **its, sop_instance_uid=made.sop_instance_uid(IMAGES)))
        change = {"location_id": 1, "header_id": of, "snapshot_id": _CHANGED, "instances": 1, "bytes": SIZE_BYTES}
        connection.execute(sa.insert(header_change).values(change))
        write_slices(connection, _CHANGED, edition, [(of, 1)], first_id=objects + 1, first_number=IMAGES)


def _promises(name: str, side: Side, series: int) -> tuple[Promise, ...]:
    million = side["measuring"]["cpu"] / series * 1e6
    fact, stable = ([turn["cpu"] for turn in side["previews"][which]] for which in ("fact", "stable"))
    return (
        Promise(f"all facts on {name}, s of CPU for a million series", 5.0, million, "s", at_least=False),
        Promise(f"facts of one touched series on {name}", 0.2, side["touched"]["cpu"], "s", at_least=False),
        Promise(f"a criterion on a fact on {name}: times one on a tag", 1.0, ratio(fact, stable), at_least=False),
        Promise(f"peak of resident memory, facts on {name}", 512.0, side["peak_bytes"] / MIB, "MiB", at_least=False),
    )


def _figures(sides: Mapping[str, Side], series: int) -> Table:
    def preview(which: str) -> Callable[[Side], float]:
        return lambda side: median(turn["cpu"] for turn in side["previews"][which])

    works: dict[str, Callable[[Side], float]] = {
        "all facts measured and kept, s of CPU": lambda side: side["measuring"]["cpu"],
        "the same, s": lambda side: side["measuring"]["wall"],
        "times reading and unpacking the columns alone, CPU": lambda side: ratio(
            [side["measuring"]["cpu"]], [side["bare"]["cpu"]]
        ),
        "one slice added: facts of its series, s of CPU": lambda side: side["touched"]["cpu"],
        "preview with a criterion on a fact, s of CPU": preview("fact"),
        "preview with a criterion on a stable tag, s of CPU": preview("stable"),
        "peak of resident memory, MiB": lambda side: side["peak_bytes"] / MIB,
    }
    rows: tuple[Row, ...] = tuple((work, *(of(side) for side in sides.values())) for work, of in works.items())
    return Table(f"**Facts of {series:,} series**", ("work", *sides), rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--series", type=int, default=100_000, help="ten slices each")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of previews")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} series: half an hour")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if not do_part(given, make=lambda url, series: make_ledger(url, series, 0, images=IMAGES), measure=measure_one):
        run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
