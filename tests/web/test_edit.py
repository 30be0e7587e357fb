"""Changes of cards: whatever is done in whatever order, what is left are cards that criteria can be made of."""

import base64
import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.criterion import MOST_LEVELS
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web import address
from dicom_sieve.web.address import Given
from dicom_sieve.web.bars import references_of
from dicom_sieve.web.edit import Change, change, new_card
from dicom_sieve.web.given import is_whole, kind_of, operations_of, read_path, vr_of, write_path

CT: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}
THIN: Given = {"dicom_tag": ["0018", "0050"], "operation": "AT_MOST", "reference": "3"}
DATED: Given = {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2020-12-31"}
NAMES = ("Modality", "StudyDate", "SliceThickness", "SeriesDescription", "AGE", "PLANE", "SLICES", "PatientSex")
ACTIONS = ("remove", "copy", "up", "down", "group", "out", "join", "kind", "pass", "add", "set", "new")


def do(cards: Sequence[Given], action: str, **form: str | list[str]) -> Change:
    return change(cards, action, {name: [value] if isinstance(value, str) else value for name, value in form.items()})


def paths(cards: Sequence[Given], before: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    found = []
    for place, card in enumerate(cards):
        found.append((*before, place))
        if (kind := kind_of(card)) is not None:
            found += paths(card[kind.value], (*before, place))
    return found


def leaves(cards: Sequence[Given]) -> list[str]:
    found = []
    for card in cards:
        kind = kind_of(card)
        found += [json.dumps(card, sort_keys=True)] if kind is None else leaves(card[kind.value])
    return sorted(found)


class TestOneChange:
    def test_an_attribute_or_a_measure_is_added_and_opened_without_a_value(self) -> None:
        first = do([], "add", attribute="Modality")
        second = do(first.cards, "add", attribute="AGE")

        assert first.cards == [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": []}]
        assert (first.open, second.open) == ((0,), (1,))
        assert second.cards[1] == {"measure": "AGE", "operation": "AT_LEAST", "reference": "018Y"}
        assert [is_whole(card) for card in second.cards] == [False, True]

    @pytest.mark.parametrize(
        ("operation", "values", "reference"),
        [
            ("IN", ["CT", "MR", "CT"], ["CT", "MR"]),
            ("NOT_IN", ["CT"], ["CT"]),
            ("EQUALS", ["CT", "MR"], "CT"),
            ("CONTAINS", ["C"], ["C"]),
            ("PRESENT", ["CT"], None),
        ],
    )
    def test_a_reference_has_the_shape_that_its_operation_takes(
        self, operation: str, values: list[str], reference: Any
    ) -> None:
        [card] = do([CT], "set", card="0", operation=operation, value=values).cards

        assert card.get("reference") == reference
        assert len(compile_criteria(load_criteria([card]))) == 1

    def test_a_group_is_made_with_the_card_above_joined_and_left(self) -> None:
        grouped = do([CT, THIN, DATED], "group", card="1").cards
        joined = do(grouped, "join", card="1", into="0").cards
        left = do(joined, "out", card="0.1").cards

        assert grouped == [{"any": [CT, THIN]}, DATED]
        assert joined == [{"any": [CT, THIN, DATED]}]
        assert left == [{"any": [CT, DATED]}, THIN]
        assert do(left, "kind", card="0", kind="none").cards[0] == {"none": [CT, DATED]}

    def test_a_card_dropped_on_a_card_makes_a_group_and_an_empty_group_goes(self) -> None:
        assert do([CT, THIN], "join", card="1", into="0").cards == [{"any": [CT, THIN]}]
        assert do([{"any": [CT]}, THIN], "remove", card="0.0").cards == [THIN]
        assert do([{"any": [CT]}, THIN], "out", card="0.0").cards == [CT, THIN]

    def test_what_has_no_value_passes_on_request_alone(self) -> None:
        passing = do([CT], "pass", card="0").cards
        assert passing == [{**CT, "if_absent": "MET"}]
        assert do(passing, "set", card="0", value=["CT"], absent="").cards == [CT]

    def test_too_deep_is_refused_in_words(self) -> None:
        deep: list[Given] = [CT]
        for _ in range(MOST_LEVELS):
            deep = [{"all": deep}]
        with pytest.raises(InvalidRequestError, match="deeper is not accepted"):
            do([*deep, THIN], "join", card="1", into=".".join("0" * (MOST_LEVELS + 1)))

    @pytest.mark.parametrize(
        ("action", "form", "why"),
        [
            ("remove", {"card": "7"}, "there is none here"),
            ("remove", {"card": "x"}, "accepted: a path"),
            ("set", {"card": "0", "operation": "SMALLER"}, "not defined"),
            ("add", {"attribute": "Nothing"}, "no keyword"),
            ("add", {"attribute": "Modality", "card": "0"}, "no group"),
            ("out", {"card": "0"}, "in no group"),
            ("join", {"card": "0", "into": "0"}, "into itself"),
            ("kind", {"card": "0", "kind": "any"}, "of a group"),
            ("json", {"json": "{"}, "no JSON"),
            ("json", {"json": "3"}, "no list"),
            ("drop table", {}, "not known"),
        ],
    )
    def test_what_cannot_be_done_is_said_and_leaves_all(self, action: str, form: dict[str, str], why: str) -> None:
        cards = [CT]
        with pytest.raises(InvalidRequestError, match=why):
            do(cards, action, **form)
        assert cards == [CT]


@given(st.data())
def test_any_changes_in_any_order_leave_cards_and_lose_none_unasked(data: st.DataObject) -> None:
    cards: list[Given] = [CT, THIN, DATED]
    for _ in range(data.draw(st.integers(1, 12))):
        action = data.draw(st.sampled_from(ACTIONS))
        known = paths(cards)
        path = data.draw(st.sampled_from(known)) if known else (0,)
        into = data.draw(st.sampled_from(known)) if known else (0,)
        form = {
            "card": "" if action == "add" and data.draw(st.booleans()) else write_path(path),
            "into": write_path(into),
            "kind": data.draw(st.sampled_from(["any", "all", "none"])),
            "attribute": data.draw(st.sampled_from(NAMES)),
            "value": data.draw(st.sampled_from(["CT", "1", "2020-01-01", ""])),
        }
        before = leaves(cards)
        try:
            changed = do(cards, action, **form)
        except InvalidRequestError:
            continue
        cards = changed.cards
        if action in {"up", "down", "group", "out", "join", "kind"}:
            assert leaves(cards) == before, action
        assert all(kind_of(card) is None or card[kind_of(card)] for card in cards)  # type: ignore[index]
        assert address.unpack(address.pack(cards)) == cards
        if changed.open is not None:
            assert changed.open in paths(cards)


@given(st.text(max_size=200))
def test_an_address_that_somebody_changed_is_refused_and_nothing_else_happens(text: str) -> None:
    with suppress(InvalidRequestError):
        assert isinstance(address.unpack(text), list)


def test_an_address_stands_for_no_more_than_its_bound() -> None:
    text = f"[{' ' * address.MOST_TEXT}]"
    bomb = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()
    assert len(bomb) < address.LONGEST
    with pytest.raises(InvalidRequestError, match="not whole"):
        address.unpack(bomb)
    many = [{"dicom_tag": "Modality", "reference": [hex(number**9) for number in range(9_000)]}]
    with pytest.raises(InvalidRequestError, match="saved under a name"):
        address.pack(many)


@pytest.mark.parametrize("text", ["", "1.", "-1", "1.2.3.4.5", "1000", "a"])
def test_a_path_is_numbers_alone(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_path(text)


@pytest.mark.parametrize(
    ("name", "operation", "label", "before", "references"),
    [
        ("StudyDate", "GREATER", "2021", [], ["2020-12-31"]),
        ("StudyDate", "AT_LEAST", "2021-03", [], ["2021-03-01"]),
        ("StudyDate", "AT_MOST", "2021", [], ["2021-12-31"]),
        ("StudyDate", "BETWEEN", "2021", [], ["2021-01-01", "2021-12-31"]),
        ("StudyDate", "BETWEEN", "2023", ["2021-01-01", "2021-12-31"], ["2021-01-01", "2023-12-31"]),
        ("StudyDate", "BETWEEN", "2019", ["2021-01-01", "2021-12-31"], ["2019-01-01", "2021-12-31"]),
        ("SliceThickness", "AT_MOST", "2 to 3", [], ["3"]),
        ("SliceThickness", "AT_LEAST", "-10 to 0", [], ["-10"]),
        ("AGE", "AT_LEAST", "20 to 29 years", [], ["020Y"]),
    ],
)
def test_a_bar_is_the_bound_that_it_stands_for(
    name: str, operation: str, label: str, before: list[str], references: list[str]
) -> None:
    from dicom_sieve.criteria import Operation

    card = new_card(name)
    assert operation in {each.value for each in operations_of(card)}
    assert references_of(vr_of(card), Operation(operation), label, before) == references
