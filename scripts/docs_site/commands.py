"""The page of all commands, from the command itself."""

import re
from collections.abc import Iterator
from typing import Any

from typer import Context
from typer.main import get_command

from dicom_sieve.cli.app import app

PROGRAM = "dicom-sieve"
INTRODUCTION = """# Commands

All commands and options, as `dicom-sieve COMMAND --help` says them. A run is called by its id, or the beginning of it.
Settings come from the [environment](../settings.md). Exit codes: 0 done, 1 failed or not intact, 2 wrong usage; where
a command has more, its text says so.
"""


def page() -> str:
    """Give the page."""
    return "\n".join([INTRODUCTION, *_sections(get_command(app), PROGRAM, None)])


def _sections(command: Any, name: str, parent: Context | None) -> Iterator[str]:
    context = Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    below = getattr(command, "commands", {})
    if parent is not None:
        yield f"## {name}\n" if name.count(" ") == 1 else f"### {name}\n"
    yield f"{_prose(command.help or '')}\n"
    if not below:
        yield f"```text\n{_usage(command, name, context)}\n```\n"
    rows = [row for parameter in command.params if (row := _row(parameter, context))]
    if rows:
        yield "\n".join(["| option | meaning | default, environment |", "| --- | --- | --- |", *rows, ""])
    for key in sorted(below):
        yield from _sections(below[key], f"{name} {key}", context)
    if parent is not None and command.epilog:
        yield f"{_examples(command.epilog)}\n"


def _examples(text: str) -> str:
    """Give what stands at the end of a command's help: examples, which begin so."""
    examples = re.sub(r"^Examples?: ", "", text).replace(f" | {PROGRAM} ", f"\n{PROGRAM} ")
    return f"```console\n{examples}\n```"


def _usage(command: Any, name: str, context: Context) -> str:
    return " ".join([name, *command.collect_usage_pieces(context)])


def _row(parameter: Any, context: Context) -> str | None:
    if parameter.param_type_name == "argument":
        names, said = _argument(parameter, context), parameter.help or ""
    else:
        record = parameter.get_help_record(context)
        if record is None:
            return None
        names, said = record
    said, bracket, facts = said.partition("  [")
    cells = (f"`{names}`", _cell(said), _cell(facts.rstrip("]") if bracket else ""))
    return f"| {' | '.join(cells)} |"


def _argument(parameter: Any, context: Context) -> str:
    return str(parameter.metavar or parameter.get_usage_pieces(context)[0].strip("[]{}.").upper())


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").strip()


def _cell(text: str) -> str:
    return " ".join(_prose(text).replace("|", "\\|").split())
