"""The command that writes a run's report."""

import webbrowser
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve import private
from dicom_sieve.cli.exit import FAILED, exit_with
from dicom_sieve.cli.options import Run
from dicom_sieve.cli.output import text
from dicom_sieve.errors import InvalidRequestError

REPORTS = Path("~/.dicom-sieve/reports")
"""Where reports go that are only looked at."""


class Format(StrEnum):
    """How a report is written."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


report_app = typer.Typer()


@report_app.command(epilog="Examples: dicom-sieve report 1f3a --open | dicom-sieve report 1f3a --output report.html")
def report(
    run: Run,
    *,
    opened: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    output: Annotated[Path | None, typer.Option(help="Where to write it; without it, it is printed.")] = None,
    how: Annotated[
        Format | None,
        typer.Option("--format", help="By default what the output's ending says; HTML with --open, else Markdown."),
    ] = None,
    min_cell: Annotated[
        int, typer.Option(min=1, help="Fewer instances than this are not told apart by their values; 1 shows all.")
    ] = 5,
) -> None:
    """Tell what a run did and why: attrition, near misses, values seen, what is worth a look.

    It shows how often values occur: treat it as you treat the images.
    """
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.reports import ENDINGS, make_report, render

    chosen = how or _format_of(output, ENDINGS, opened=opened)
    with open_ledger() as ledger:
        made = make_report(ledger.run(run), min_cell=min_cell)
    content = render(made, chosen)
    if output is None and opened:
        output = REPORTS.expanduser() / f"{made.run.id}.{ENDINGS[chosen]}"
        private.make_folder(output.parent)
    if output is None:
        text.show_lines(*content.splitlines())
        return
    _write(output, content)
    text.show_lines(f"{output}")
    if opened and not webbrowser.open(output.resolve().as_uri()):
        exit_with("no browser could be started; the report is written", FAILED)


def _format_of(output: Path | None, endings: Mapping[str, str], *, opened: bool) -> Format:
    """Take the format from a file's ending."""
    if output is None:
        return Format.HTML if opened else Format.MARKDOWN
    named = {f".{ending}": Format(name) for name, ending in endings.items()}
    if output.suffix not in named:
        accepted = ", ".join(named)
        raise InvalidRequestError(
            (f"--output: {output.name} does not say its format; accepted: {accepted}; or --format",)
        )
    return named[output.suffix]


def _write(path: Path, content: str) -> None:
    """Write a file for its owner alone: it tells of patients' values."""
    try:
        with private.overwrite(path) as file:
            file.write(content.encode())
    except OSError as error:
        raise InvalidRequestError((f"--output: {path} cannot be written: {error.strerror}",)) from None
