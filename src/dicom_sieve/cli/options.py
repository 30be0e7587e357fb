"""Arguments and options that several commands take."""

from typing import Annotated

import typer

SCHEME = "s3://"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.")]
