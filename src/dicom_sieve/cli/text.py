"""What people read: tables and sentences made of the ledger's rows.

Everything from outside (keys, values, names) is shown inert: no markup, no control characters, no terminal sequences.
"""

import csv
import datetime
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_sieve.criteria import CompiledCriterion, Criterion, compile_criteria
from dicom_sieve.ledger import RunRow, SeriesRow
from dicom_sieve.publishing.report.words import reasons_to_discard

console = Console(soft_wrap=True, highlight=False)


def inert(text: object) -> str:
    """Write control, format and unassigned characters as escapes."""
    shown = str(text)
    if shown.isprintable():  # nearly all are, and there may be millions
        return shown
    return "".join(
        one if not unicodedata.category(one).startswith("C") else one.encode("unicode_escape").decode() for one in shown
    )


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; as wide as its cells, so that it can be piped."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(inert(cell)) for cell in row))
    wide = Console(width=max(console.width, 10_000), highlight=False) if not console.is_terminal else console
    wide.print(table)


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV. What a spreadsheet would take for a formula begins with an apostrophe, which there means text."""
    writer = csv.writer(sys.stdout, lineterminator=os.linesep)
    writer.writerow(columns)
    writer.writerows([_cell(one) for one in row] for row in rows)


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{inert(value)}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else inert(value)


def show_lines(*lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(Text(inert(line)))


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


def place(row: RunRow) -> str:
    """Write a run's location."""
    return f"{row.bucket}/{row.prefix}".rstrip("/")


def compiled(row_criteria: Sequence[Mapping[str, Any]]) -> tuple[CompiledCriterion, ...]:
    """Compile the criteria that the ledger holds of a run."""
    return compile_criteria([Criterion.model_validate(one) for one in row_criteria])


def show_runs(rows: Sequence[RunRow]) -> None:
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


def show_run(row: RunRow, unread: Iterable[str]) -> None:
    """Print everything of one run, the keys of objects it could not read included."""
    show_lines(
        f"run        {row.id}",
        f"state      {row.state}" + (f": {row.failure}" if row.failure else ""),
        f"location   {place(row)} at {row.endpoint}, listed {moment(row.listed_at)}",
        f"time       {moment(row.started_at)} to {moment(row.finished_at)}, dicom-sieve {row.software_version}",
    )
    if row.manifest_uri:
        show_lines(f"manifest   {row.manifest_uri}", f"digest     {row.manifest_digest}")
    criteria = compiled(row.criteria)
    show_lines("", *(f"criterion {number}: {one.describe()}" for number, one in enumerate(criteria, 1)))
    if row.damaged:
        show_lines("damaged objects were judged by what lies before the damage")
    if row.counts:
        show_lines("")
        show_counts(row.counts, criteria)
    keys = list(unread)
    if keys:
        show_lines("", "not read:", *(f"  {key}" for key in keys))


def show_counts(counts: Mapping[str, Any], criteria: Sequence[CompiledCriterion]) -> None:
    """Print verdicts by reason, and series by selection."""
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
            [(one.sentence, one.name, f"{one.objects:,}") for one in reasons],
            right=("objects",),
        )
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
    show_table(
        ("series", "count"),
        [(name.lower(), f"{counts['series'].get(name, 0):,}") for name in ("WHOLE", "PARTIAL", "NONE")],
        right=("count",),
    )


def show_series(rows: Iterable[SeriesRow]) -> None:
    """Print series as a table."""
    show_table(
        ("series", "study", "instances", "passed", "discarded", "duplicates", "selection"),
        [
            (
                row.series_instance_uid,
                row.study_instance_uid or "-",
                row.instances,
                row.passed,
                row.discarded,
                row.duplicates,
                row.selection,
            )
            for row in rows
        ],
        right=("instances", "passed", "discarded", "duplicates"),
    )


def _number(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts[name]:,}" if name in counts else "-"
