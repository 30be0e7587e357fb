"""What the commands that compute have in common: from options to a computation, and what became of series."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from dicom_sieve.cli.exit import FAILED
from dicom_sieve.cli.output import text

if TYPE_CHECKING:
    from dicom_sieve.computations.kind import Kind
    from dicom_sieve.ledger import Ledger
    from dicom_sieve.screening.observer import Observer
    from dicom_sieve.stores.interface import Place

OF_COMPUTE = {
    "name": "NAME",
    "command": "--command",
    "version": "--version",
    "timeout_seconds": "--timeout",
    "memory_gib": "--memory",
}
OF_SCREEN = {
    "name": "--then-name",
    "command": "--then-command",
    "version": "--then-version",
    "timeout_seconds": "--then-timeout",
    "memory_gib": "--then-memory",
}

Became = Sequence[tuple[object, str | None, int]]
"""What became of the series and why, with their number."""


def read_follow_up(names: Sequence[str], line: str | None, output: str | None, **of_program: Any) -> "list[Kind]":
    """Read what is computed after a run, one after the other: computations of the registry, then a program.

    Args:
        names: Of the computations.
        line: Program and arguments; None: none.
        output: Where results go.
        of_program: Its name, and what else `kind_of_line` takes.

    Raises:
        InvalidRequestError: One is not known, or cannot be computed here, or what is said of the program is not
            accepted.
        typer.BadParameter: There is nowhere for results.
    """
    if not names and line is None:
        return []
    from dicom_sieve.computations.command import kind_of_line
    from dicom_sieve.computations.registry import find_kind

    if output is None:
        hint = "--then" if names else OF_SCREEN["command"]
        raise typer.BadParameter("there is nowhere for results; give --output, too", param_hint=hint)
    follows = [find_kind(name, "--then") for name in names]
    if line is not None:
        follows.append(kind_of_line(of_program.pop("name"), line, **of_program, called=OF_SCREEN))
    return follows


def compute_after(
    run: str, follows: "Iterable[Kind]", inputs: "Place", outputs: "Place | None", *, workers: int
) -> list[Became]:
    """Compute on what a run let pass, one after the other, and tell what became of the series of each.

    Args:
        run: Id of a completed run.
        follows: What is computed; with none nothing is opened.
        inputs: Where the judged objects lie.
        outputs: Where results go.
        workers: Series at the same time.
    """
    kinds = list(follows)
    if not kinds or outputs is None:
        return []
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.lineage import following

    with ProgressBar() as observer, open_ledger() as ledger, following(ledger, observer.note) as follower:
        return [
            compute_here(
                ledger,
                kind,
                run,
                inputs=inputs,
                outputs=outputs,
                observer=observer,
                workers=workers,
                on_begin=follower.computation,
            )
            for kind in kinds
        ]


def compute_here(ledger: "Ledger", kind: "Kind", run: str, *, observer: "Observer", **how: Any) -> Became:
    """Compute on what a run let pass, under a bar; else as `compute_one_by_one`."""
    from dicom_sieve.computations.one_by_one import compute_one_by_one
    from dicom_sieve.computations.quiet import silence_dicom

    silence_dicom()
    observer.begin("compute", None)
    return compute_one_by_one(ledger, kind, run, advance=observer.advance, **how)


def leave_where_one_failed(became: Iterable[Became]) -> None:
    """End with an exit code that tells it, where a series failed."""
    if any(row["state"] == "FAILED" for reasons in became for row in text.outcomes_of(reasons)):
        raise typer.Exit(FAILED)
