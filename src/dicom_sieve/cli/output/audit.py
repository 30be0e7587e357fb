"""What people read of a verification, and before they forget."""

import datetime
from dataclasses import asdict
from typing import TYPE_CHECKING

from dicom_sieve.cli.output.text import moment, show_lines, show_table
from dicom_sieve.inert import inert
from dicom_sieve.ledger.audit.damage import Forgotten, Verification
from dicom_sieve.ledger.audit.forget import Holdings
from dicom_sieve.objects import Location

if TYPE_CHECKING:
    from dicom_sieve.publishing.anchor import AnchorComparison


def show_verification(result: Verification, held: "AnchorComparison | None") -> None:
    """Print what was looked at, every damaged row in words, and what a verification cannot say.

    Args:
        result: Of the ledger by itself.
        held: What an anchor says; None where none was asked.
    """
    looked = ", ".join(
        f"{count:,} {name}"
        for name, count in (
            ("sealed runs", result.runs),
            ("decisions", result.decisions),
            ("headers", result.headers),
            ("objects", result.objects),
            ("computations", result.computations),
            *([("versions of criteria", result.criteria)] if result.criteria else []),
        )
    )
    if result.is_empty:
        show_lines("nothing to verify: no run has ended in this ledger")
    elif result.is_intact:
        show_lines(f"intact: {looked}")
    else:
        _show_damages(result, looked)
    _show_anchor(held)
    if result.former_computations:
        show_lines(f"{result.former_computations:,} computations of a former version are not sealed")
    if result.computing:
        show_lines(f"{result.computing:,} computations have not ended: they are sealed when they do")
    if result.before_seals:
        show_lines(f"{len(result.before_seals):,} runs are from before there were seals: nothing can be said of them")
    for run_id in result.under_way:
        show_lines(
            f"run {run_id} has not ended: it is sealed when it ends, or when the next run on its location begins"
        )
    if result.unsealed:
        show_lines(f"{result.unsealed:,} listings since the last run are not sealed yet: the next run seals them")
    for row in result.forgotten:
        show_lines(_describe(row))
    if result.ends:
        show_lines("", "The last seals. Kept elsewhere, they show later that nothing before them was sealed again:")
        show_table(
            ("location", "run", "seal"),
            [(Location(end.endpoint, end.bucket, end.prefix), end.run_id, end.seal) for end in result.ends],
        )


def _show_damages(result: Verification, looked: str) -> None:
    show_lines(*(damage.describe() for damage in result.damages))
    if result.damaged > len(result.damages):
        show_lines(f"… and {result.damaged - len(result.damages):,} more")
    if result.damaged:
        show_lines("", f"NOT intact: {result.damaged:,} rows are not as they were sealed; looked at {looked}")
    if result.half_forgotten:
        show_lines(f"NOT verified: {len(result.half_forgotten):,} locations are half forgotten; looked at {looked}")
    if result.is_unsealed:
        show_lines(f"NOT verified: runs have ended, and not one of them is sealed; looked at {looked}")


def _show_anchor(held: "AnchorComparison | None") -> None:
    if held is None:
        show_lines("No anchor was asked: rows that were sealed again, and an end that was cut off, are not found.")
        return
    if held.differences:
        show_lines(f"NOT as the anchor says: {len(held.differences):,} differences")
    else:
        show_lines(f"as the anchor says, by {held.entries:,} seals")
    if held.unanchored:
        show_lines(f"{held.unanchored:,} seals are not at the anchor yet: 'dicom-sieve anchor' pushes them")


def show_holdings(
    place: Location, holdings: Holdings, *, is_interrupted: bool, used_at: datetime.datetime | None = None
) -> None:
    """Print what forgetting a location will remove."""
    used = f", last used {moment(used_at)}" if used_at else ""
    show_lines(f"the ledger holds of {place} at {place.endpoint}{used}:")
    show_table(
        ("what", "count"),
        [(name, f"{count:,}") for name, count in asdict(holdings).items()],
        right=("count",),
    )
    show_lines(
        "Headers are those that no other location uses. All of it will be removed from the ledger, for good.",
        "Manifests and objects in the store, and backups of the database, are not touched.",
    )
    if is_interrupted:
        show_lines("Somebody began to forget this location before and was interrupted: this will finish it.")


def _describe(row: Forgotten) -> str:
    place = inert(Location(row.endpoint, row.bucket, row.prefix))
    if row.finished_at is None:
        return f"{place} is half forgotten since {moment(row.started_at)}: run 'dicom-sieve forget' again to finish it"
    what = ", ".join(f"{count:,} {name}" for name, count in (row.counts or {}).items())
    return f"{place} was forgotten on {moment(row.finished_at)} ({what}; last seal {row.last_seal}): {row.reason}"
