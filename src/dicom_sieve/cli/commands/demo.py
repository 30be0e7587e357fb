"""The command that shows it at work."""

from pathlib import Path
from typing import Annotated

import typer

demo_app = typer.Typer()


@demo_app.command(epilog="Example: dicom-sieve demo --keep")
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the servers running until Ctrl-C.")] = False,
    folder: Annotated[
        Path, typer.Option(help="Where it keeps all; what an earlier demo left there is removed.")
    ] = Path("dicom-sieve-demo"),
) -> None:
    """Screen a bucket of real DICOM, segment what passed, and trace it back: a minute on this machine alone."""
    from dicom_sieve.demo.run import run_demo

    run_demo(folder.resolve(), keep=keep)
