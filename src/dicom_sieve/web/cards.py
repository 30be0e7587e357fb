"""Cards as a page shows them: each with its sentence, its counts, what is worth a look, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dicom_sieve.criteria import (
    Advice,
    CompiledCriterion,
    CompiledItem,
    CompiledMeasure,
    Finding,
    GroupKind,
    Leaf,
    advise,
    compile_criteria,
)
from dicom_sieve.criteria.choose import CHOOSE, UNIT
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.would_be import ItemCounts, StepLeft, Three, WouldBe
from dicom_sieve.web.address import Given
from dicom_sieve.web.given import Path, is_whole, kind_of, operations_of, write_path
from dicom_sieve.web.names import CHOOSE_A_VALUE, HEADINGS, Parts, parts_of
from dicom_sieve.web.texts import gettext


@dataclass(slots=True)
class Card:
    """One card.

    Attributes:
        path: Where it stands.
        given: As JSON has it.
        parts: Its sentence.
        item: Compiled; None: it has no value yet, or makes no sense.
        problems: What is wrong with it.
        kind: Of a group.
        children: Of a group.
        counts: What it would do; None: that is not known.
        three: Its counts, in the unit of the page.
        notes: What is worth a look.
        absent: Instances that do not pass for want of a value, where a negation is why; else 0.
        series_absent: Their series, as far as is known.
    """

    path: Path
    given: Given
    parts: Parts
    item: CompiledItem | None = None
    problems: tuple[str, ...] = ()
    kind: GroupKind | None = None
    children: list["Card"] = field(default_factory=list)
    counts: ItemCounts | None = None
    three: Three | None = None
    notes: list[str] = field(default_factory=list)
    absent: int = 0

    @property
    def address(self) -> str:
        """The path as an address has it."""
        return write_path(self.path)

    @property
    def number(self) -> int:
        """From 1."""
        return self.path[-1] + 1

    @property
    def heading(self) -> str:
        """Of a group."""
        return "" if self.kind is None else gettext(HEADINGS[self.kind])


@dataclass(frozen=True, slots=True)
class Built:
    """All cards, and what would come of them.

    Attributes:
        cards: In their order.
        steps: Behind them: ``unit`` and ``choose``, as JSON has them.
        would_be: What would come of all; None: not all of them can be counted.
        problem: Why not; empty: because a card has no value yet.
        is_whole: Whether a run can be started.
        steps_left: What each leaves, steps behind the cards included, in the unit of the page.
    """

    cards: tuple[Card, ...]
    steps: tuple[Given, ...]
    would_be: WouldBe | None
    problem: str
    is_whole: bool
    steps_left: tuple[StepLeft, ...] = ()

    def find(self, path: Path | None) -> Card | None:
        """Give a card by its path; None: there is none."""
        return next((card for card in flatten(self.cards) if card.path == path), None)


def flatten(cards: Sequence[Card]) -> Iterator[Card]:
    """Give all cards, those in groups among them."""
    for card in cards:
        yield card
        yield from flatten(card.children)


def divide_steps(given: Sequence[Given]) -> tuple[list[Given], list[Given]]:
    """Tell criteria from the steps behind them."""
    steps = [each for each in given if list(each) in ([UNIT], [CHOOSE])]
    return [each for each in given if list(each) not in ([UNIT], [CHOOSE])], steps


def build(given: Sequence[Given], counts: CountsAtOnce | None, *, by_series: bool = False) -> Built:
    """Make the cards of criteria, and count.

    Args:
        given: Criteria and steps, as JSON has them.
        counts: Of the place; None: there is none.
        by_series: Whether cards count series; else they count instances.
    """
    listed, steps = divide_steps(given)
    cards = [_card(each, (place,)) for place, each in enumerate(listed)]
    good = [card for card in cards if card.item is not None]
    is_all_good = len(good) == len(cards) and bool(cards)
    would_be, problem = None, ""
    if counts is not None and good:
        asked = [card.given for card in good] + (steps if is_all_good else [])
        try:
            would_be = counts.count(load_criteria(asked), by_series=by_series)
        except (LedgerError, InvalidRequestError) as error:
            problem = str(error)
    if would_be is not None:
        for card, of_card in zip(good, would_be.items, strict=False):
            _give(card, of_card)
    if is_all_good:
        _advise(cards, would_be)
    if not is_all_good:
        return Built(tuple(cards), tuple(steps), None, problem, is_whole=False)
    left = () if would_be is None else tuple(_steps_left(cards, would_be, by_series=by_series))
    return Built(tuple(cards), tuple(steps), would_be, problem, is_whole=True, steps_left=left)


def _steps_left(cards: Sequence[Card], would_be: WouldBe, *, by_series: bool) -> Iterator[StepLeft]:
    sentences = [card.parts.sentence for card in cards]
    sentences += [of.item.describe() for of in would_be.items[len(cards) :]]
    for sentence, left in zip(sentences, would_be.left, strict=True):
        yield StepLeft(sentence, left.by_series if by_series else left.three)


def _card(given: Given, path: Path) -> Card:
    kind = kind_of(given)
    children = [] if kind is None else [_card(each, (*path, place)) for place, each in enumerate(given[kind.value])]
    problems: tuple[str, ...] = ()
    if is_whole(given):
        try:
            [item] = compile_criteria(load_criteria([given]))
        except InvalidRequestError as error:
            problems = tuple(problem.removeprefix("criteria[0]").lstrip(".: ") for problem in error.problems)
        else:
            return Card(path, given, parts_of(item), item, (), kind, children)
    return Card(path, given, _parts_of_draft(given, kind), None, problems, kind, children)


def _parts_of_draft(given: Given, kind: GroupKind | None) -> Parts:
    """Give the sentence of a card that has no value yet."""
    if kind is not None:
        return Parts(gettext(HEADINGS[kind]))
    leaf = leaf_of(given)
    if leaf is None:
        return Parts(gettext("This criterion"), value=gettext(CHOOSE_A_VALUE))
    parts = parts_of(leaf)
    words = {operation.value: said for operation, said in operations_of(given).items()}
    return Parts(
        parts.subject, parts.keyword, parts.tag, words.get(str(given.get("operation")), ""), gettext(CHOOSE_A_VALUE)
    )


def leaf_of(given: Given) -> Leaf | None:
    """Compile what a card looks at, whatever it is compared with; None: it makes no sense."""
    for operation, reference in (("PRESENT", None), ("AT_LEAST", "1"), ("EQUALS", "AXIAL"), ("AT_LEAST", "018Y")):
        tried = {name: value for name, value in given.items() if name not in {"reference", "tolerance", "case"}}
        tried["operation"] = operation
        if reference is not None:
            tried["reference"] = reference
        try:
            [item] = compile_criteria(load_criteria([tried]))
        except InvalidRequestError:
            continue
        if isinstance(item, CompiledCriterion | CompiledMeasure):
            return item
    return None


def _give(card: Card, counts: ItemCounts) -> None:
    card.counts, card.three = counts, counts.by_series or counts.three
    for child, of_child in zip(card.children, counts.children, strict=False):
        _give(child, of_child)


def _advise(cards: Sequence[Card], would_be: WouldBe | None) -> None:
    """Say what is worth a look; of negations, how many instances do not pass for want of a value."""
    items = [card.item for card in cards if card.item is not None]
    for advice in advise(items):
        _note(cards, advice)
    if would_be is None:
        return
    for card in flatten(cards):
        item, counts = card.item, card.counts
        if counts is None or not isinstance(item, CompiledCriterion | CompiledMeasure):
            continue
        if item.is_negated and item.if_absent is None:
            lacking = (Finding.ABSENT, Finding.EMPTY)
            card.absent = sum(counts.findings.get(finding, 0) for finding in lacking)


def _note(cards: Sequence[Card], advice: Advice) -> None:
    cards[advice.criteria[0] - 1].notes.append(advice.text)
