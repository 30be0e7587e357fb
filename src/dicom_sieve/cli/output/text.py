"""What people read: tables and sentences made of the ledger's rows.

Everything from outside (keys, values, names) is shown inert: no markup, no control characters, no terminal sequences.
"""

import csv
import datetime
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dicom_sieve import logs
from dicom_sieve.inert import inert, inert_cell

if TYPE_CHECKING:
    from dicom_sieve.criteria import Advice, CompiledItem
    from dicom_sieve.ledger import RunRow, SeriesRow


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table. Piped it is as wide as its cells; on a terminal it fits."""
    from dicom_sieve.cli.output.tables import print_table

    print_table(columns, [[inert(cell) for cell in row] for row in rows], right=right)


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV. What a spreadsheet would take for a formula begins with an apostrophe, which there means text."""
    writer = csv.writer(sys.stdout, lineterminator=os.linesep)
    writer.writerow(columns)
    writer.writerows([inert_cell(value) for value in row] for row in rows)


def show_lines(*lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        print(inert(line))


def tell_lines(*lines: str) -> None:
    """Say what a server's start has to tell: on stdout at once, or in the log where that is JSON."""
    for line in lines:
        if logs.is_json():
            logs.tell(" ".join(inert(line).split()))
        else:
            print(inert(line), flush=True)


def show_json(content: Any) -> None:
    """Print JSON in ASCII alone: keys and values come from outside."""
    sys.stdout.write(json.dumps(content, indent=2, default=plain) + os.linesep)


def plain(value: object) -> str:
    """Give what JSON has no type for as text."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def moment(value: datetime.datetime | None) -> str:
    """Write a time in UTC, to the second."""
    return "-" if value is None else value.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def place(row: "RunRow") -> str:
    """Write a run's location."""
    return f"{row.bucket}/{row.prefix}".rstrip("/")


def compiled(row_criteria: Sequence[Mapping[str, Any]]) -> "tuple[CompiledItem, ...]":
    """Compile the criteria that the ledger holds of a run."""
    from dicom_sieve.criteria.reading import compile_recorded

    return compile_recorded(row_criteria)


def show_runs(rows: "Sequence[RunRow]") -> None:
    """Print the runs as a table."""
    counts = [row.counts or {} for row in rows]
    show_table(
        ("run", "state", "location", "started", "listed", "passed", "discarded"),
        [
            (
                row.id,
                row.state,
                place(row),
                moment(row.started_at),
                *(_number(count, name) for name in ("listed", "passed", "discarded")),
            )
            for row, count in zip(rows, counts, strict=True)
        ],
        right=("listed", "passed", "discarded"),
    )


def show_run(row: "RunRow", unread: Iterable[str]) -> None:
    """Print everything of one run, the keys of objects it could not read included."""
    show_lines(
        f"run        {row.id}",
        f"state      {row.state}" + (f": {row.failure}" if row.failure else ""),
        f"location   {place(row)} at {row.endpoint}, listed {moment(row.listed_at)}",
        f"time       {moment(row.started_at)} to {moment(row.finished_at)}, dicom-sieve {row.software_version}",
    )
    if row.milliseconds:
        steps = (f"{step} {took / 1_000:,.1f} s" for step, took in row.milliseconds.items())
        show_lines(f"steps      {', '.join(steps)}")
    if row.counts:
        from dicom_sieve.reports.words import describe_outcome

        show_lines(f"result     {describe_outcome(row.counts)}")
    if row.manifest_uri:
        show_lines(f"manifest   {row.manifest_uri}", f"digest     {row.manifest_digest}")
    if row.named:
        show_lines(f"criteria   {row.named.describe()}")
    criteria = compiled(row.criteria)
    show_lines("", *(f"criterion {number}: {criterion.describe()}" for number, criterion in enumerate(criteria, 1)))
    if row.damaged:
        show_lines("damaged objects were judged by what lies before the damage")
    if row.counts:
        show_lines("")
        show_counts(row.counts, criteria)
    show_causes((row.counts or {}).get("unread_causes", {}))
    keys = list(unread)
    if keys:
        show_lines("", "not read:", *(f"  {key}" for key in keys))


def show_causes(causes: Mapping[str, int]) -> None:
    """Print why objects could not be read, how many of each, and what to do about it."""
    if causes:
        from dicom_sieve.advice import advise_cause

        show_lines("")
        show_table(
            ("not read because", "objects", "what to do"),
            [(cause, f"{number:,}", advise_cause(cause)) for cause, number in causes.items()],
            right=("objects",),
        )


def show_counts(counts: Mapping[str, Any], criteria: "Sequence[CompiledItem]") -> None:
    """Print verdicts by reason, and series by selection."""
    from dicom_sieve.reports.words import describe_sum, reasons_to_discard

    show_table(
        ("objects", "count"),
        [
            (name, f"{counts[name]:,}")
            for name in ("listed", "passed", "discarded", "unread")
            if counts[name] or name != "unread"
        ],
        right=("count",),
    )
    reasons = reasons_to_discard(criteria, counts["findings"], counts["defects"])
    if reasons:
        show_lines("")
        show_table(
            ("reason to discard", "", "objects"),
            [(reason.sentence, reason.name, f"{reason.objects:,}") for reason in reasons],
            right=("objects",),
        )
        if why := describe_sum(reasons, counts["discarded"]):
            show_lines(why)
    if damaged := counts.get("damaged"):
        show_lines("")
        names = {
            "objects": "CORRUPT, judged or not",
            "all_before": "of these, all that was asked lies before the damage",
            "passed": "of these, passed",
        }
        show_table(
            ("damaged objects", "count"),
            [(said, f"{damaged[name]:,}") for name, said in names.items()],
            right=("count",),
        )
    show_lines("")
    _show_selections(counts)


def _show_selections(counts: Mapping[str, Any]) -> None:
    """Print series by selection, and the instances that passed in them, which runs of former versions do not count."""
    passed = counts.get("passed_in")
    columns = ("count",) if passed is None else ("count", "passed")
    show_table(
        ("series", *columns),
        [
            (
                name.lower(),
                f"{counts['series'].get(name, 0):,}",
                *(() if passed is None else (f"{passed.get(name, 0):,}",)),
            )
            for name in ("WHOLE", "PARTIAL", "NONE")
        ],
        right=columns,
    )


def outcomes_of(reasons: "Iterable[tuple[object, str | None, int]]") -> list[dict[str, object]]:
    """Give what became of the series of a computation, and why, as JSON has it."""
    return [{"state": str(state), "reason": reason, "series": number} for state, reason, number in reasons]


def show_reasons(reasons: "Sequence[tuple[object, str | None, int]]") -> None:
    """Print what became of the series of a computation, and why."""
    rows = [(str(state), reason or "", f"{number:,}") for state, reason, number in reasons]
    show_table(("state", "reason", "series"), rows, right=("series",))


def show_advice(advice: "Iterable[Advice]") -> None:
    """Print what is worth a look about criteria."""
    lines = [f"warning: {warning}" for warning in advice]
    show_lines(*([""] if lines else []), *lines)


def show_series(
    rows: "Iterable[SeriesRow]",
    facts: Sequence[str] = (),
    of: "Callable[[SeriesRow], Mapping[str, Any]]" = lambda _: {},
) -> None:
    """Print series as a table, with facts of each."""
    show_table(
        ("series", "study", "instances", "passed", "discarded", "duplicates", "selection", "conflict", *facts),
        [
            (
                row.series_instance_uid,
                " ".join(row.study_instance_uids) or row.study_instance_uid or "-",
                row.instances,
                row.passed,
                row.discarded,
                row.duplicates,
                row.selection,
                " ".join(row.conflicts) or "-",
                *("-" if value is None else str(value) for value in of(row).values()),
            )
            for row in rows
        ],
        right=("instances", "passed", "discarded", "duplicates", *facts),
    )


def _number(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts[name]:,}" if name in counts else "-"
