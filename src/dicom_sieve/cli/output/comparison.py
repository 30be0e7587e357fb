"""What ``compare`` opens and prints: sides, series, sums. Series are printed as they come, however many there are."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from dicom_sieve.cli.criteria_file import NAMED, read_asked
from dicom_sieve.cli.find_location import LIST_FIRST, find_known
from dicom_sieve.cli.output import text
from dicom_sieve.criteria import Damaged, compile_criteria
from dicom_sieve.criteria.seal_tables import tables_in as find_tables
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.secret import read_secret
from dicom_sieve.objects import Location
from dicom_sieve.reports.compare_runs import Compared, Reason, SeriesChange, SeriesSide, Side, Summary
from dicom_sieve.reports.open_sides import Tried
from dicom_sieve.reports.open_sides import open_sides as open_both
from dicom_sieve.screening.tables import with_their_tables
from dicom_sieve.stores.find_table import HoldsTables

Sides = Mapping[Side, Compared]
COLUMNS = (
    "change",
    "series_instance_uid",
    "study_instance_uid",
    *(f"{side.value.lower()}_{name}" for side in Side for name in ("selection", "passed", "instances")),
    "reasons",
)


def open_sides(
    ledger: Ledger,
    a: str,
    b: str,
    location: str | None,
    endpoint: str | None,
    *,
    damaged: Damaged | None,
    tables_in: Sequence[HoldsTables] = (),
) -> Sides:
    """Find runs, and read files of criteria, which are tried on what the run beside them judged."""
    names = {Side.A: a, Side.B: b}
    runs = {side: None if _is_criteria(name) else ledger.run(name).row for side, name in names.items()}
    is_run = [row is not None for row in runs.values()]
    if any(is_run) and location is not None:
        raise typer.BadParameter("is for two files of criteria; a run has its own", param_hint="--location")
    if damaged is not None and all(is_run):
        raise typer.BadParameter("is for a file of criteria; a run has its own", param_hint="--damaged")
    if location is None and not any(is_run):
        raise typer.BadParameter("missing: where are two files of criteria tried?", param_hint="--location")
    first, second = (runs[side] or _try(names[side], ledger, tables_in) for side in Side)

    def place() -> Location:
        return find_known(ledger, location or "", endpoint, LIST_FIRST)

    return open_both(ledger, first, second, place, damaged or Damaged.DISCARD)


def _try(name: str, ledger: Ledger, places: Sequence[HoldsTables]) -> Tried:
    asked = read_asked(Path(name))
    tables = find_tables(compile_criteria(asked.items))
    if tables and not places:
        raise typer.BadParameter(f"missing: where does {tables[0].table} lie?", param_hint="--tables")
    _, compiled = with_their_tables(asked.items, places, partial(read_secret, ledger.engine))
    return Tried(str(asked.named or name), compiled)


def _is_criteria(name: str) -> bool:
    return name.startswith(NAMED) or Path(name).is_file()


def show_csv(changes: Iterable[SeriesChange]) -> None:
    """Print the series alone."""
    text.show_csv(
        COLUMNS,
        (
            (
                change.change.value,
                change.series_instance_uid,
                change.study_instance_uid or "",
                *_standing(change.a),
                *_standing(change.b),
                _reasons(change),
            )
            for change in changes
        ),
    )


def show_json(sides: Sides, changes: Iterable[SeriesChange], summary: Summary) -> None:
    """Print one JSON object; ``series`` may be long, and is written as it comes."""
    described = {side.value: _describe(side, compared) for side, compared in sides.items()}
    sys.stdout.write(f'{{"sides": {_json(described)},\n"series": [')
    for number, series_change in enumerate(changes):
        content = {
            "change": series_change.change,
            "series_instance_uid": series_change.series_instance_uid,
            "study_instance_uid": series_change.study_instance_uid,
            "A": dict(zip(("selection", "passed", "instances"), _standing(series_change.a), strict=True)),
            "B": dict(zip(("selection", "passed", "instances"), _standing(series_change.b), strict=True)),
            "reasons": _reasons_as_json(series_change.reasons),
        }
        sys.stdout.write(f"{',' if number else ''}\n{_json(content)}")
    series = [
        {"change": change, "A": selection_a, "B": selection_b, "series": count}
        for (change, selection_a, selection_b), count in sorted(summary.series.items(), key=str)
    ]
    sums = {
        **{name: getattr(summary, name) for name in ("came_in", "went_out", "arrived", "left")},
        "passed": {side: summary.passed[side] for side in Side},
        "series": series,
        "reasons": _reasons_as_json(summary.reasons),
        **({"read_again": summary.read_again} if summary.read_again else {}),
    }
    sys.stdout.write(f'\n],\n"summary": {_json(sums)}}}\n')


def show_text(sides: Sides, changes: Iterable[SeriesChange], summary: Summary) -> None:
    """Print the sides in words, one line a series, and the sums."""
    for side, compared in sides.items():
        what = "run" if compared.run_number else "criteria"
        text.show_lines(f"{side}  {what} {compared.name}, objects as listed {text.moment(compared.snapshot.listed_at)}")
        for number, criterion in enumerate(compared.criteria, 1):
            text.show_lines(f"   {side}{number}  {criterion.describe()}")
        if compared.damaged is Damaged.JUDGE:
            text.show_lines("   damaged objects are judged by what lies before the damage")
    text.show_lines("")
    for change in changes:
        stands = f"{_words(change.a)} -> {_words(change.b)}"
        text.show_lines(f"{change.change:<7}  {change.series_instance_uid}  {stands}  {_reasons(change)}")
    text.show_lines(*[""] * bool(summary.series))
    _show_sums(sides, summary)


def _show_sums(sides: Sides, summary: Summary) -> None:
    rows = [
        ("pass in A", summary.passed[Side.A]),
        ("come in by the criteria", summary.came_in),
        ("go out by the criteria", -summary.went_out),
    ]
    if sides[Side.A].snapshot.id != sides[Side.B].snapshot.id:
        text.show_lines("The bucket was listed again between A and B; what that changed is told apart.", "")
        if summary.read_again:
            text.show_lines(f"Objects read again between A and B, for more attributes: {summary.read_again:,}.")
            text.show_lines("Each of them counts as one that went from the bucket and one that came.", "")
        rows += [("came to the bucket", summary.arrived), ("went from the bucket", -summary.left)]
    rows.append(("pass in B", summary.passed[Side.B]))
    text.show_table(("instances", "count"), [(name, f"{count:,}") for name, count in rows], right=("count",))
    if summary.series:
        text.show_lines("")
        text.show_table(
            ("series", "A", "B", "count"),
            [
                (change, selection_a or "-", selection_b or "-", f"{count:,}")
                for (change, selection_a, selection_b), count in sorted(summary.series.items(), key=str)
            ],
            right=("count",),
        )
        text.show_lines("")
        text.show_table(
            ("reason", "", "instances"),
            [
                (_why(reason, sides), reason.finding or reason.defect or "", f"{count:,}")
                for reason, count in _in_order(summary.reasons)
            ],
            right=("instances",),
        )


def _in_order(reasons: Mapping[Reason, int]) -> list[tuple[Reason, int]]:
    def place(counted: tuple[Reason, int]) -> tuple[str, int, str]:
        reason, _ = counted
        return reason.side, reason.criterion or 0, reason.finding or reason.defect or ""

    return sorted(reasons.items(), key=place)


def _why(reason: Reason, sides: Sides) -> str:
    if reason.defect is not None:
        return f"{reason.side}: {reason.defect.describe()}"
    if reason.criterion is None:
        return f"not in the bucket of {reason.side}"
    return f"{reason.side}{reason.criterion}: {sides[reason.side].criteria[reason.criterion - 1].describe()}"


def _reasons(change: SeriesChange) -> str:
    def say(reason: Reason) -> str:
        if reason.defect is not None:
            return f"{reason.side} {reason.defect}"
        return f"{reason.side}{reason.criterion} {reason.finding}" if reason.criterion else f"not in {reason.side}"

    return "; ".join(f"{say(reason)} {count}" for reason, count in _in_order(change.reasons))


def _reasons_as_json(reasons: Mapping[Reason, int]) -> list[dict[str, Any]]:
    return [{**reason._asdict(), "instances": count} for reason, count in _in_order(reasons)]


def _standing(series: SeriesSide) -> tuple[str | None, int, int]:
    return series.selection, series.passed, series.instances


def _words(series: SeriesSide) -> str:
    return f"{series.selection} {series.passed}/{series.instances}" if series.instances else "-"


def _describe(side: Side, compared: Compared) -> dict[str, Any]:
    return {
        "name": compared.name,
        "run": compared.run_number is not None,
        "location": dataclasses.asdict(compared.snapshot.place),
        "listed_at": compared.snapshot.listed_at.isoformat(),
        "damaged": compared.damaged.value,
        "criteria": {f"{side}{number}": criterion.describe() for number, criterion in enumerate(compared.criteria, 1)},
    }


def _json(content: Any) -> str:
    return json.dumps(content)
