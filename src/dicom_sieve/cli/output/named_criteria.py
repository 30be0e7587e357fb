"""What is printed of criteria that are kept under a name."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from dicom_sieve.cli.criteria_file import describe_all
from dicom_sieve.cli.output.text import compiled, moment, show_json, show_lines, show_table
from dicom_sieve.criteria import Asked
from dicom_sieve.criteria.compile_criteria import describe_asked
from dicom_sieve.criteria.revision import compare_versions
from dicom_sieve.ledger.reading.named_criteria import RunOfCriteria, SavedCriteria


def show_saved(saved: SavedCriteria, *, is_new: bool, as_json: bool) -> None:
    """Print which version criteria were saved as, or that the newest one asks the same."""
    if as_json:
        show_json({**dataclasses.asdict(saved), "is_new": is_new})
    elif is_new:
        show_lines(f"saved {saved.named.describe()}")
    else:
        show_lines(f"not saved: {saved.named.describe()}, asks the same; its note stays as it is")


def show_list(newest: Sequence[SavedCriteria], *, as_json: bool) -> None:
    """Print the newest version of each name."""
    if as_json:
        show_json([dataclasses.asdict(saved) for saved in newest])
    elif newest:
        show_table(
            ("name", "version", "saved", "criteria", "note"),
            [
                (saved.name, saved.version, moment(saved.saved_at), len(saved.criteria), saved.note or "-")
                for saved in newest
            ],
            right=("version", "criteria"),
        )
    else:
        show_lines("no criteria saved yet; 'dicom-sieve criteria save NAME --criteria FILE.json' saves some")


def show_version(saved: SavedCriteria, *, as_json: bool) -> None:
    """Print a version."""
    if as_json:
        show_json(dataclasses.asdict(saved))
        return
    show_lines(*_head(saved), "")
    show_lines(*describe_all([asked.describe() for asked in compiled(saved.criteria)]).splitlines())


def _head(saved: SavedCriteria) -> list[str]:
    return [
        f"{saved.named.describe()}, saved {moment(saved.saved_at)} by dicom-sieve {saved.software_version}",
        *([f"note       {saved.note}"] if saved.note else []),
        f"digest     {saved.criteria_digest}",
    ]


def show_difference(before: SavedCriteria, after: SavedCriteria, *, as_json: bool) -> None:
    """Print what one version changes in another, or in one of another name."""
    revision = compare_versions(before.items(), after.items())
    if as_json:
        show_json(
            {
                "before": str(before.named),
                "after": str(after.named),
                "added": [_as_json(item) for item in revision.added],
                "removed": [_as_json(item) for item in revision.removed],
                "changed": [{"before": _as_json(was), "after": _as_json(now)} for was, now in revision.changed],
                "is_reordered": revision.is_reordered,
            }
        )
        return
    show_lines(f"from {before.named.describe()}, to {after.named.describe()}:")
    show_lines(*(f"added    {_describe(item)}" for item in revision.added))
    show_lines(*(f"removed  {_describe(item)}" for item in revision.removed))
    for was, now in revision.changed:
        show_lines(f"changed  {_describe(was)}", f"     to  {_describe(now)}")
    if revision.is_reordered:
        show_lines("criteria that both have stand in another order")
    if revision.is_empty:
        show_lines("both ask the same")


def show_history(versions: Sequence[SavedCriteria], runs: Iterable[RunOfCriteria], *, as_json: bool) -> None:
    """Print all versions, each with the runs that used it."""
    used: dict[int, list[RunOfCriteria]] = {saved.version: [] for saved in versions}
    for run in runs:
        used.setdefault(run.version, []).append(run)
    if as_json:
        show_json(
            [
                {**dataclasses.asdict(saved), "runs": [dataclasses.asdict(run) for run in used[saved.version]]}
                for saved in versions
            ]
        )
        return
    for number, saved in enumerate(versions):
        show_lines(*[""] * bool(number), *_head(saved))
        show_lines(*(f"run        {run.id} {run.state}, {moment(run.started_at)}" for run in used[saved.version]))


def _as_json(item: Asked) -> dict[str, Any]:
    return {**item.as_given(), "describe": _describe(item)}


def _describe(item: Asked) -> str:
    return describe_asked(item)
