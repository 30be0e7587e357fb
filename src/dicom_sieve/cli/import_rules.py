"""Rules of other tools: the criteria on stdout, to be kept in a file; what they leave out on stderr, for people."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from dicom_sieve import logs
from dicom_sieve.cli.output import text
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.importers import IMPORTERS, Imported, find_rule, import_rules, put_together
from dicom_sieve.importers.documents import LONGEST
from dicom_sieve.inert import inert


def show_imported(tool: str, file: Path, name: str | None, *, as_json: bool) -> None:
    """Print the criteria of a file of another tool.

    Args:
        tool: Whose.
        file: The file.
        name: Of one rule; None: all together.
        as_json: Whether to print each rule, with what it leaves out, in place of criteria alone.

    Raises:
        InvalidRequestError: It is no file of the tool, has no such rule, or nothing of it can be said.
    """
    if tool not in IMPORTERS:
        raise typer.BadParameter(f"{tool!r} is not known; accepted: {', '.join(IMPORTERS)}", param_hint="--from")
    try:
        rules = import_rules(tool, _read(file))
    except InvalidRequestError as error:
        raise InvalidRequestError(tuple(f"{file}: {problem}" for problem in error.problems)) from None
    if name is not None:
        problem = f"{file}: has no rule {name!r}"
        rules = [find_rule(rules, name, problem=problem, none="none, it has no rules")]
    if as_json:
        text.show_json([{"name": rule.name, "criteria": rule.criteria, "left_out": rule.left_out} for rule in rules])
        return
    for line in _report(rules):
        if logs.is_json():
            logs.tell(inert(line))
        else:
            print(inert(line), file=sys.stderr)
    text.show_json(put_together(rules) if name is None else list(_criteria_of(rules[0])))


def _read(file: Path) -> str:
    """Read a text of bounded length."""
    try:
        with file.open("rb") as stream:
            content = stream.read(4 * LONGEST + 1)  # four bytes a character, at most
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidRequestError((f"cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise InvalidRequestError(("is not UTF-8 text, or longer than is read; accepted: a text",)) from None


def _criteria_of(rule: Imported) -> Sequence[object]:
    if not rule.criteria:
        raise InvalidRequestError((f"rule {rule.name!r} cannot be said in criteria: {'; '.join(rule.left_out)}",))
    return rule.criteria


def _report(rules: Sequence[Imported]) -> Iterator[str]:
    """Say of each rule what is left out, and of all how many are said."""
    for rule in rules:
        if rule.is_whole:
            continue
        effect = "not said" if not rule.criteria else "said in part: more passes than the rule takes"
        if rule.discards and rule.criteria:
            effect = "left out, as it discards and is said in part"
        yield f"{rule.name}: {effect}"
        yield from (f"  {line}" for line in rule.left_out)
    whole = sum(rule.is_whole for rule in rules)
    part = sum(bool(rule.criteria) for rule in rules) - whole
    number = f"{len(rules):,} rule" + ("" if len(rules) == 1 else "s")
    yield f"{number}: {whole:,} said whole, {part:,} in part, {len(rules) - whole - part:,} not at all"
