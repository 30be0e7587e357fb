"""The command that tells all that is known of an object, or of a result."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicom_sieve.cli.exit import FAILED, exit_with
from dicom_sieve.cli.options import AsJson
from dicom_sieve.cli.output import text
from dicom_sieve.inert import inert

if TYPE_CHECKING:
    from dicom_sieve.ledger import Ledger
    from dicom_sieve.ledger.reading.trace import TracedObject

trace_app = typer.Typer()


@trace_app.command(epilog="Example: dicom-sieve trace 1.2.276.0.7230010.3.1.4.2323910823.3528.1597261298.712.dcm")
def trace(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A key, a path, a URI as s3://bucket/key, a file that was pulled, or the UID of an instance, a series "
            "or a study.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Tell everything known: where, when seen, values that criteria named, each run's findings, verdict, results.

    Where several objects are called so, all are told. Of a result of a computation, by its URI, path or UID: which
    series, objects, run and criteria it comes from.
    """
    from dicom_sieve.cli.output.trace import as_json as trace_as_json
    from dicom_sieve.cli.output.trace import show_result, show_trace
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.secret import secret_for

    with open_ledger() as ledger:
        objects, results = ledger.trace(name), ledger.trace_results(name)
        objects = objects or ([] if results else _trace_pulled(ledger, name))
        criteria = [
            item for traced in objects for judged in traced.decisions for item in text.compiled(judged.criteria)
        ]
        secret = secret_for(ledger.engine, criteria)
    if not objects and not results:
        exit_with(f"nothing is known of {inert(name)}", FAILED)
    if as_json:
        traces = [trace_as_json(traced) for traced in objects]
        text.show_json({"objects": traces, "results": [dataclasses.asdict(result) for result in results]})
        return
    if len(called := {(traced.endpoint, traced.bucket, traced.object_key) for traced in objects}) > 1:
        text.show_lines(f"{len(called):,} objects; an address tells one of them: s3://bucket/key, or a path", "")
    for number, show in enumerate(
        [
            *(partial(show_trace, traced, secret) for traced in objects),
            *(partial(show_result, result) for result in results),
        ]
    ):
        text.show_lines(*[""] * bool(number))
        show()


def _trace_pulled(ledger: "Ledger", name: str) -> "list[TracedObject]":
    """Tell of the object that a file was pulled from; of nothing where the name is that of no such file."""
    from dicom_sieve.publishing.pull_record import find_origin

    if (origin := find_origin(Path(name))) is None:
        return []
    run, key = origin
    place = ledger.run(run).location
    return [found for found in ledger.trace(key) if (found.endpoint, found.bucket) == (place.endpoint, place.bucket)]
