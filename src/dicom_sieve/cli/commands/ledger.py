"""The commands for those who keep the ledger itself: metrics, upgrade, backup, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicom_sieve.cli.output import text

if TYPE_CHECKING:
    from dicom_sieve.ledger.database.backup import Copy

ledger_app = typer.Typer(no_args_is_help=True, help="Look after the ledger itself.")


@ledger_app.command(epilog="Example: dicom-sieve ledger metrics > /var/lib/node_exporter/dicom_sieve.prom")
def metrics() -> None:
    """Print what the ledger holds and did, as metrics for Prometheus; the pages serve them at /metrics."""
    from dicom_sieve.ledger.reading.read_only import open_read_only
    from dicom_sieve.ledger.reading.totals import read_totals
    from dicom_sieve.reports.metrics import metrics_text

    with open_read_only() as ledger:
        text.show_lines(*metrics_text(read_totals(ledger.engine)).decode().splitlines())


@ledger_app.command(epilog="Example: dicom-sieve ledger upgrade")
def upgrade(
    backup: Annotated[bool, typer.Option(help="Copy an SQLite file first, beside it.")] = True,
) -> None:
    """Bring the ledger to the version of this software. An SQLite file is copied first."""
    from dicom_sieve.ledger.database import engine as database
    from dicom_sieve.settings import load_settings

    engine = database.connect(load_settings().database_url.get_secret_value())
    try:
        copy = database.upgrade(engine, backup=backup)
        if copy:
            text.show_lines(f"copied first to {copy}")
        text.show_lines(f"ledger {database.describe(engine)} is up to date")
    finally:
        engine.dispose()


@ledger_app.command(epilog='Example: dicom-sieve ledger backup "/backups/ledger-$(date +%F).db"')
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; for its owner alone.")],
) -> None:
    """Copy an SQLite ledger as it is now, also while runs write to it. PostgreSQL's own tools copy one there."""
    from dicom_sieve.ledger.database.backup import back_up
    from dicom_sieve.settings import load_settings

    copied = back_up(load_settings().database_url.get_secret_value(), file)
    text.show_lines(f"backed up to {copied.path}: {_describe(copied)}")


@ledger_app.command(epilog="Example: dicom-sieve ledger restore /backups/ledger-2026-11-30.db")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What 'ledger backup' or 'ledger upgrade' copied.")],
) -> None:
    """Make a copy the ledger, where there is none. What was recorded after the copy is not in it."""
    from dicom_sieve.ledger.database.backup import restore as restore_copy
    from dicom_sieve.settings import load_settings

    copied = restore_copy(load_settings().database_url.get_secret_value(), file)
    text.show_lines(f"restored to {copied.path}: {_describe(copied)}")
    if not copied.is_current:
        text.show_lines(f"it has version {copied.version}: 'dicom-sieve ledger upgrade' brings it to this software's")


def _describe(copied: "Copy") -> str:
    return f"{copied.size:,} bytes, {copied.runs:,} runs, {copied.entries:,} entries"
