"""The ledger at size, on SQLite and on PostgreSQL: deciding again, listing again, tracing, and the space that it takes.

The ledger is made up, seeded, with ten objects a header; each database is measured by a process of its own. Beside it
the database alone does the same inserts and reads, through its driver, in turns with ours.
"""

import argparse
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from benchmarks.databases import Side, do_part, empty_database, in_a_process, no_one_else
from benchmarks.ledger_side import (
    ListedStore,
    Steps,
    ask_for_series,
    bytes_held,
    decide_again,
    decide_bare,
    index_what_changed,
    list_again,
    list_bare,
    list_unchanged,
    middle,
    seconds_of_unchanged,
    trace_some,
    try_criteria,
)
from benchmarks.made_ledger import LISTED, PLACE, make_ledger
from benchmarks.measure import Promise, Report, Table, ratio, run
from dicom_sieve import open_ledger

LARGE = 1_000_000
MIB = 1024 * 1024
TRACES = 20
SECONDS_A_MILLION = {"SQLite": 0.5, "PostgreSQL": 0.7}
Row = tuple[str | float | None, ...]


def measure(chosen: argparse.Namespace) -> Report:
    """Measure both databases, one after the other."""
    headers = LARGE if chosen.large else chosen.headers
    listed = LARGE if chosen.large else chosen.listed
    sides: dict[str, Side] = {}
    for name in SECONDS_A_MILLION:
        with empty_database(name) as url:
            in_a_process("benchmarks.ledger", "make", url, headers, listed)
            sides[name] = in_a_process("benchmarks.ledger", "measure", url, headers, listed, chosen.repetitions)
    objects = next(iter(sides.values()))["objects"]
    return Report(
        "ledger",
        {"headers": headers, "objects": objects, "keys_listed": listed, "turns": chosen.repetitions},
        tuple(promise for name, side in sides.items() for promise in _promises(name, side, headers, listed)),
        (_steps(sides), _times(sides, listed), _sizes(sides, headers)),
        sides,
    )


def measure_one(url: str, headers: int, listed: int, repetitions: int) -> Side:
    """Measure one database in this process."""
    with open_ledger(url) as ledger:
        ours, bare, lists, indexed, bare_lists, unchanged = [], [], [], [], [], []
        with ledger.lease(PLACE, on_wait=no_one_else) as lease:
            first = decide_again(ledger, lease, "first")  # it seals every object, those after it what is new: nothing
            whole = bytes_held(ledger)
            run_bytes = 0
            for turn in range(repetitions):
                before = bytes_held(ledger)
                ours.append(decide_again(ledger, lease, f"run-{turn}"))
                run_bytes += bytes_held(ledger) - before
                bare.append(decide_bare(ledger, turn))
        with ledger.lease(LISTED, on_wait=no_one_else) as lease:
            for turn in range(repetitions):
                lists.append(list_again(lease, ListedStore(listed, turn + 1)))
                indexed.append(index_what_changed(lease))
                bare_lists.append(list_bare(ledger))
                unchanged.append(list_unchanged(lease, ListedStore(listed, turn + 1)))
        traces = trace_some(ledger, headers, TRACES)
        series = ask_for_series(ledger, "first", headers)
        tried = [try_criteria(ledger, "first") for _ in range(repetitions)]
        counts = ledger.run("first").row.counts or {}
    return {
        "objects": counts["passed"] + counts["discarded"],
        "first": first,
        "ours": ours,
        "bare": bare,
        "lists": lists,
        "indexed": indexed,
        "bare_lists": bare_lists,
        "unchanged": unchanged,
        "traces": traces,
        "series": series,
        "tried": tried,
        "bytes": whole,
        "run_bytes": run_bytes / repetitions,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _promises(name: str, side: Side, headers: int, listed: int) -> Iterator[Promise]:
    wall, bare = ([turn["all"] for turn in side[which]] for which in ("ours", "bare"))
    each = middle(side["ours"])["all"] / headers * 1e6
    text = f"deciding again on {name}, seconds for a million headers"
    yield Promise(text, SECONDS_A_MILLION[name], each, "s", at_least=False)
    yield Promise(f"deciding again on {name}: times the bare database", 2.5, ratio(wall, bare), at_least=False)
    keys = listed / middle(side["lists"])["all"]
    yield Promise(f"listing again on {name}, a hundredth changed", 50_000.0, keys, "keys/s")
    yield Promise(
        f"listing again on {name}, nothing changed",
        500_000.0,
        listed / seconds_of_unchanged(side["unchanged"]),
        "keys/s",
    )
    slowest = max(max(seconds) for seconds in side["traces"].values()) * 1e3
    yield Promise(f"trace of one UID or key on {name}, the slowest", 50.0, slowest, "ms", at_least=False)
    tried = {work: seconds / headers * 1e6 for work, seconds in middle(side["tried"]).items()}
    yield Promise(f"preview on {name}, seconds for a million headers", 1.0, tried["preview"], "s", at_least=False)
    one = tried["values of an attribute"]
    yield Promise(f"values on {name}, seconds for a million headers", 0.5, one, "s", at_least=False)
    yield Promise(f"report on {name}, seconds for a million headers", 5.0, tried["report"], "s", at_least=False)
    yield Promise(f"peak of resident memory, ledger on {name}", 512.0, side["peak_bytes"] / MIB, "MiB", at_least=False)


def _steps(sides: Mapping[str, Side]) -> Table:
    """Show what the steps of deciding again take."""
    rows: list[Row] = []
    for name, side in sides.items():
        rows += [(f"{name}: {step}", seconds) for step, seconds in middle(side["ours"]).items()]
        rows.append((f"{name}: the bare database", middle(side["bare"])["all"]))
    return Table("**Deciding again**", ("step", "s"), tuple(rows))


def _times(sides: Mapping[str, Side], listed: int) -> Table:
    """Show what else is asked of a ledger."""

    def milliseconds(side: Side, way: str) -> float:
        return float(median(side["traces"][way])) * 1e3

    def keys(turns: list[Steps]) -> float:
        return listed / middle(turns)["all"]

    works: dict[str, Callable[[Side], float]] = {
        "listing again, keys/s": lambda side: keys(side["lists"]),
        "listing again, nothing changed, keys/s": lambda side: listed / seconds_of_unchanged(side["unchanged"]),
        "the bare database reading and changing as much, keys/s": lambda side: keys(side["bare_lists"]),
        "recording headers of what changed, objects/s": lambda side: median(side["indexed"]),
        "trace by key, ms": lambda side: milliseconds(side, "key"),
        "trace by SOP Instance UID, ms": lambda side: milliseconds(side, "SOP Instance UID"),
        "trace by Series Instance UID, ms": lambda side: milliseconds(side, "Series Instance UID"),
        "`series_decision`, one series of a run, ms": lambda side: side["series"]["one series"] * 1e3,
        "`series_decision`, all series of a run, s": lambda side: side["series"]["all series"],
        "preview without listing, s": lambda side: middle(side["tried"])["preview"],
        "values of one attribute, s": lambda side: middle(side["tried"])["values of an attribute"],
        "all attributes with their numbers of values, s": lambda side: middle(side["tried"])["attributes"],
        "compare two sets of criteria, s": lambda side: middle(side["tried"])["compare"],
        "report of a run, s": lambda side: middle(side["tried"])["report"],
    }
    rows: tuple[Row, ...] = tuple((work, *(of(side) for side in sides.values())) for work, of in works.items())
    return Table("**Listing, tracing, asking**", ("work", *sides), rows)


def _sizes(sides: Mapping[str, Side], headers: int) -> Table:
    sizes: dict[str, Callable[[Side], float]] = {
        "bytes an object, its part of headers and indexes included": lambda side: side["bytes"] / side["objects"],
        "bytes a header, of one run": lambda side: side["run_bytes"] / headers,
        "the ledger, MiB": lambda side: side["bytes"] / MIB,
        "peak of resident memory, MiB": lambda side: side["peak_bytes"] / MIB,
    }
    rows: tuple[Row, ...] = tuple((size, *(of(side) for side in sides.values())) for size, of in sizes.items())
    return Table("**Space**", ("size", *sides), rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headers", type=int, default=100_000, help="distinct ones; ten times as many objects")
    parser.add_argument("--listed", type=int, default=200_000, help="keys of the location that is listed again")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} headers and keys: half an hour")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if not do_part(given, make=make_ledger, measure=measure_one):
        run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
