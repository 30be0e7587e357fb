"""The command that has people told: automations of Prefect that send notifications."""

from typing import Annotated

import typer

from dicom_sieve.cli.output import text

notify_app = typer.Typer()


@notify_app.command(
    epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve notify slack-webhook/team "
    "--when failed --when late"
)
def notify(
    block: Annotated[
        str, typer.Argument(metavar="BLOCK", help="Prefect's block to send by: TYPE/NAME, as slack-webhook/team.")
    ],
    *,
    when: Annotated[
        list[str] | None,
        typer.Option(metavar="SITUATION", help="failed, late, stuck, undecided or pool; several times. Default: all."),
    ] = None,
    above: Annotated[
        int, typer.Option(help="undecided: only if more objects are than this: 0, or a power of ten up to 100000000.")
    ] = 0,
) -> None:
    """Have Prefect's server send a notification when a run fails, waits too long, or leaves objects undecided."""
    from dicom_sieve.flows.notifications import ABOVE, Situation
    from dicom_sieve.flows.notifications import notify as set_up

    known = [situation.value for situation in Situation]
    if unknown := [name for name in when or () if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)}; accepted: {', '.join(known)}", param_hint="--when")
    if above not in ABOVE:
        raise typer.BadParameter(f"{above}; accepted: 0, or a power of ten, as 1, 10, 100", param_hint="--above")
    text.show_lines(*set_up(block, [Situation(name) for name in dict.fromkeys(when or known)], above=above))
