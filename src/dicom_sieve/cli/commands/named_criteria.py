"""The commands for criteria that are kept under a name, in versions that never change."""

from typing import Annotated

import typer

from dicom_sieve.cli.options import AsJson, CriteriaFile

named_app = typer.Typer(
    no_args_is_help=True, help="Keep criteria under a name, in versions that never change; runs say which they used."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the criteria are called.")]
NameVersion = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION]", help="What the criteria are called; without a version the newest.")
]


@named_app.command(
    epilog='Example: dicom-sieve criteria save thin-axial-ct --criteria criteria.json --note "5 mm is too thick"'
)
def save(
    *,
    name: Name,
    criteria: CriteriaFile,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, in one line; it is kept with the version.")] = "",
    as_json: AsJson = False,
) -> None:
    """Save criteria as the next version of a name, if they make sense and the newest one asks something else."""
    from dicom_sieve.cli.criteria_file import read_criteria_file
    from dicom_sieve.cli.output import named_criteria
    from dicom_sieve.cli.output.text import show_lines
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.writing.named_criteria import save_criteria
    from dicom_sieve.publishing.anchor import open_anchor, push_or_say
    from dicom_sieve.settings import load_settings

    asked = read_criteria_file(criteria)
    anchored = open_anchor(load_settings())  # a wrong setting fails before anything is saved
    with open_ledger() as ledger:
        saved, is_new = save_criteria(ledger.engine, name, asked, note)
        named_criteria.show_saved(saved, is_new=is_new, as_json=as_json)
        if is_new:
            push_or_say(ledger, anchored, lambda line: None if as_json else show_lines(line))


@named_app.command("list", epilog="Example: dicom-sieve criteria list --json | jq '.[].name'")
def list_(as_json: AsJson = False) -> None:
    """List the names, each with its newest version."""
    from dicom_sieve.cli.output.named_criteria import show_list
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.named_criteria import list_newest

    with open_ledger() as ledger:
        show_list(list_newest(ledger.engine), as_json=as_json)


@named_app.command(
    epilog="Examples: dicom-sieve criteria show thin-axial-ct"
    " | dicom-sieve criteria show thin-axial-ct@3 --json > criteria.json"
)
def show(name: NameVersion, as_json: AsJson = False) -> None:
    """Show a version in sentences; with --json as a file of criteria."""
    from dicom_sieve.cli.output.named_criteria import show_version
    from dicom_sieve.criteria.named import read_named
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.named_criteria import find_criteria

    named = read_named(name, "NAME")
    with open_ledger() as ledger:
        show_version(find_criteria(ledger.engine, named), as_json=as_json)


@named_app.command(
    epilog="Examples: dicom-sieve criteria diff thin-axial-ct@1 thin-axial-ct"
    " | dicom-sieve criteria diff thin-axial-ct 1 3"
)
def diff(
    *,
    a: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Before; without a version the newest.")],
    b: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="After; or, with a third argument, the version before.")
    ],
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="The version after, of the name that comes first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what the second version adds, removes and changes; which series that concerns is told by compare."""
    from dicom_sieve.cli.output.named_criteria import show_difference
    from dicom_sieve.criteria.named import NamedCriteria, check_name, read_named, read_version
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.named_criteria import find_criteria

    if version is None:
        before, after = (read_named(text, "NAME") for text in (a, b))
    else:
        name = check_name(a, "NAME")
        before, after = (NamedCriteria(name, read_version(text, "VERSION")) for text in (b, version))
    with open_ledger() as ledger:
        versions = [find_criteria(ledger.engine, named) for named in (before, after)]
    show_difference(*versions, as_json=as_json)


@named_app.command(epilog="Example: dicom-sieve criteria history thin-axial-ct")
def history(name: Name, as_json: AsJson = False) -> None:
    """List all versions of a name, the newest first, and the runs that used each."""
    from dicom_sieve.cli.output.named_criteria import show_history
    from dicom_sieve.criteria.named import check_name
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.named_criteria import list_versions, runs_of

    check_name(name, "NAME")
    with open_ledger() as ledger:
        show_history(list_versions(ledger.engine, name), runs_of(ledger.engine, name), as_json=as_json)
