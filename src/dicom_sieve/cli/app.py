"""The command's groups, and what all commands have in common."""

import os
from typing import Annotated

import typer

from dicom_sieve.cli.commands.audit import audit_app
from dicom_sieve.cli.commands.computations import computations_app
from dicom_sieve.cli.commands.compute import compute_app
from dicom_sieve.cli.commands.criteria import criteria_app
from dicom_sieve.cli.commands.demo import demo_app
from dicom_sieve.cli.commands.export import export_app
from dicom_sieve.cli.commands.ledger import ledger_app
from dicom_sieve.cli.commands.lineage import lineage_app
from dicom_sieve.cli.commands.named_criteria import named_app
from dicom_sieve.cli.commands.notify import notify_app
from dicom_sieve.cli.commands.objects import objects_app
from dicom_sieve.cli.commands.pull import pull_app
from dicom_sieve.cli.commands.report import report_app
from dicom_sieve.cli.commands.runs import runs_app
from dicom_sieve.cli.commands.series import series_app
from dicom_sieve.cli.commands.servers import servers_app
from dicom_sieve.cli.commands.trace import trace_app
from dicom_sieve.cli.exit import say
from dicom_sieve.inert import inert
from dicom_sieve.version import __version__

app = typer.Typer(
    name="dicom-sieve",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Screen a bucket of DICOM by criteria, know why every instance was kept or discarded, "
    "and compute only on what passed.",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


def _warn_of_unknown_settings() -> None:
    if any(name.upper().startswith("DICOM_SIEVE_") for name in os.environ):
        from dicom_sieve.settings import find_unknown

        for sentence in find_unknown(os.environ):
            say(inert(sentence))


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand != "up":  # which starts `serve`, and that says it
        _warn_of_unknown_settings()


for _group in (
    criteria_app,
    runs_app,
    series_app,
    trace_app,
    servers_app,
    audit_app,
    computations_app,
    compute_app,
    demo_app,
    export_app,
    lineage_app,
    notify_app,
    objects_app,
    pull_app,
    report_app,
):
    app.add_typer(_group)
app.add_typer(ledger_app, name="ledger")
app.add_typer(named_app, name="criteria")
