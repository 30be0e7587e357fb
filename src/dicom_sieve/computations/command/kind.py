"""From what is said of programs to kinds of computations."""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from dicom_sieve.computations.command.spec import Command
from dicom_sieve.computations.kind import Computes, Kind, no_parameters
from dicom_sieve.errors import InvalidRequestError, SettingsError
from dicom_sieve.workers.resources import Resources

NAME = r"[a-z0-9][a-z0-9-]{0,63}"
LARGEST_FILE = 1024 * 1024
SETTING = "DICOM_SIEVE_COMMANDS"


_COMMANDS = TypeAdapter(dict[Annotated[str, Field(pattern=f"^{NAME}$")], Command])


def read_commands(file: str) -> list[Kind]:
    """Read the programs of a deployment: a file of JSON, by their names; empty: there are none.

    Raises:
        SettingsError: It cannot be read, or says what is not known.
    """
    if not file:
        return []
    try:
        with Path(file).open("rb") as opened:
            given = _COMMANDS.validate_json(opened.read(LARGEST_FILE))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
        raise SettingsError(tuple(f"{SETTING}: {problem}" for problem in problems)) from None
    except OSError as error:
        raise SettingsError((f"{SETTING}: {file} cannot be read: {error.strerror}",)) from None
    return [kind_of(name, each) for name, each in given.items()]


def kind_of_line(
    name: str,
    line: str,
    *,
    version: str,
    timeout_seconds: float,
    memory_gib: float | None,
    called: Mapping[str, str],
) -> Kind:
    """Make the computation of a program that somebody names on a command line.

    Args:
        name: What the ledger calls it.
        line: Program and arguments as a shell would be given them; none reads them.
        version: Of what it does.
        timeout_seconds: That a series may take.
        memory_gib: Of addresses that each of its processes may have; None: as many as there are.
        called: What the command line calls each of these, ``command`` for the line.

    Raises:
        InvalidRequestError: Every problem, a sentence each, by the names of the command line.
    """
    problems = []
    if not re.fullmatch(NAME, name):
        problems.append(f"{called['name']}: accepted: up to 64 small letters, digits and hyphens, the first no hyphen")
    try:
        words = shlex.split(line)
    except ValueError as error:
        words = []
        problems.append(f"{called['command']}: {str(error).lower()}")
    else:
        if not words:
            problems.append(f"{called['command']}: names no program")
    given = {"command": words or ["program"], "version": version, "timeout_seconds": timeout_seconds}
    given |= {"memory_gib": memory_gib}
    try:
        command = Command.model_validate(given)
    except ValidationError as error:
        problems += [f"{called[str(each['loc'][0])]}: {_said(each)}" for each in error.errors(include_input=False)]
    if problems:
        raise InvalidRequestError(tuple(problems))
    return kind_of(name, command)


def _said(problem: Mapping[str, Any]) -> str:
    """Give what pydantic found in its own words, which quote no value."""
    text = str(problem["msg"])
    return text[:1].lower() + text[1:]


def kind_of(name: str, command: Command) -> Kind:
    """Make the computation of a program; its arguments are its parameters on record."""
    return Kind(
        name=name,
        version=command.version,
        description=command.description,
        done="computed",
        load=partial(_load, command),
        read_parameters=partial(_record, command.command),
        resources=Resources(command.cpus, command.gpus),
    )


def _load(command: Command) -> Computes:
    from dicom_sieve.computations.command.run import run_on_series  # noqa: PLC0415 - requests name few kinds

    return partial(run_on_series, command)


def _record(command: Sequence[str], given: Mapping[str, Any]) -> Mapping[str, Any]:
    if given == {"command": list(command)}:  # as it was recorded
        return given
    no_parameters(given)
    return {"command": list(command)}
