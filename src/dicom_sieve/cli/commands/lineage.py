"""The command that tells where a run's result comes from, for programs that know W3C PROV."""

from typing import Annotated

import typer

from dicom_sieve.cli.options import Run
from dicom_sieve.cli.output import text

lineage_app = typer.Typer()


@lineage_app.command(epilog="Example: dicom-sieve lineage 1f3a --series > provenance.json")
def lineage(
    run: Run,
    series: Annotated[
        bool,
        typer.Option("--series", help="Name each series and each result, too; UIDs and addresses may identify."),
    ] = False,
) -> None:
    """Print where a run's result comes from and what was computed on it, as W3C PROV-JSON.

    It holds criteria and counts; no key of an object and no value of an attribute.
    """
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.lineage import describe_provenance

    with open_ledger() as ledger:
        recorded = ledger.run(run)
        text.show_json(
            describe_provenance(
                recorded.row,
                ledger.computations(recorded.row.id),
                recorded.computed(),
                series=recorded.series() if series else None,
            )
        )
