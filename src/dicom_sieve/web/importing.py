"""Importing the rules of another tool: its file as text in, criteria as sentences and what they leave out, out."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.importers import IMPORTERS, Imported, find_rule, import_rules, put_together
from dicom_sieve.web.address import Given, pack
from dicom_sieve.web.asked import first_of, read_number
from dicom_sieve.web.pages import Page, form_of, person_of, show
from dicom_sieve.web.places import place_of
from dicom_sieve.web.sentences import sentences_of
from dicom_sieve.web.texts import gettext

router = APIRouter()
MOST_RULES = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a file, as the page shows it.

    Attributes:
        name: Its own.
        sentences: What it asks; empty: nothing of it can be said.
        left_out: What of it is not said, and why.
        effect: What follows of that, in words; empty: it is said whole.
        discards: Whether what it takes is discarded.
    """

    name: str
    sentences: Sequence[str]
    left_out: Sequence[str]
    effect: str
    discards: bool


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says.

    Attributes:
        rules: All rules that were asked for.
        packed: Their criteria together, for an address; empty: there are none, or they are too long for one.
        problem: Why they cannot be used; empty: they can.
    """

    rules: Sequence[Rule]
    packed: str = ""
    problem: str = ""


def read_file(tool: str, text: str, rule: str) -> Read:
    """Read the file of a tool.

    Args:
        tool: Whose; a name of `IMPORTERS`.
        text: The file.
        rule: The name of one rule; empty: all together.

    Raises:
        InvalidRequestError: It is no file of the tool, or has no such rule.
    """
    if tool not in IMPORTERS:
        raise InvalidRequestError((gettext("tool: not known; accepted: %(tools)s", tools=", ".join(IMPORTERS)),))
    if not text.strip():
        raise InvalidRequestError((gettext("the file is empty; accepted: the text of a file"),))
    rules = import_rules(tool, text)
    if rule:
        rules = [find_rule(rules, rule, problem=gettext("rule: there is none of this name"))]
    shown = [_shown(each) for each in rules]
    try:
        criteria = rules[0].criteria if rule else put_together(rules)
        given: list[Given] = [dict(each) for each in criteria]
        load_criteria(given)
        return Read(shown, pack(given))
    except InvalidRequestError as error:
        return Read(shown, problem=error.problems[0].replace("with --rule NAME", "by its name"))


def _shown(rule: Imported) -> Rule:
    effect = "" if rule.is_whole else gettext("Said in part: more passes than the rule takes.")
    if rule.discards and not rule.is_whole:
        effect = gettext("Left out, as it discards and is said in part.")
    if not rule.criteria:
        effect = gettext("Not said.")
    sentences = sentences_of([dict(each) for each in rule.criteria]) if rule.criteria else []
    return Rule(rule.name, sentences, rule.left_out, effect, rule.discards)


@router.get("/import")
def ask(request: Request) -> Response:
    """Ask for a file."""
    return _show(request)


@router.post("/import")
def read(request: Request) -> Response:
    """Say what the file asks, and what is left out. Nothing is kept of it."""
    form = form_of(request)
    tool, text, rule = (first_of(form, name) for name in ("tool", "text", "rule"))
    try:
        return _show(request, tool, text, rule.strip(), read_file(tool, text, rule.strip()))
    except InvalidRequestError as error:
        return _show(request, tool, text, rule, problems=error.problems, status=400)


def _show(
    request: Request,
    tool: str = "",
    text: str = "",
    rule: str = "",
    found: Read | None = None,
    *,
    problems: Sequence[str] = (),
    status: int = 200,
) -> Response:
    person_of(request)
    if request.method == "POST":
        number = read_number(first_of(form_of(request), "place"))
    else:
        place = place_of(request)
        number = None if place is None else place.id
    return show(
        request,
        "import.html",
        Page(gettext("Import"), "build"),
        status,
        tools=list(IMPORTERS),
        tool=tool,
        text=text,
        rule=rule,
        found=found,
        place="" if number is None else number,
        problems=problems,
        most_rules=MOST_RULES,
    )
