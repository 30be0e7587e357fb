"""What every Value Representation keeps: those of the registry, and the example of the guide."""

import datetime
import itertools
from contextlib import suppress

import pytest
from examples.vr_decimal_string import DS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dicom_sieve.dicom.vr import VRS, Operation, ValueType
from dicom_sieve.dicom.vr.number import NUMBERS
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.dicom.vr.text import TEXTS
from dicom_sieve.dicom.vr.value_type import PRESENCE, WHITE_SPACE, Comparable
from dicom_sieve.errors import MalformedValueError
from tests.support.documents import read, section, table


def as_value(text: str) -> str:
    """Write a date and time of ISO 8601 as an object holds it."""
    moment, sign, offset = text.partition("+")
    return moment.translate(DIGITS) + sign + offset.replace(":", "")


DAYS = st.dates(min_value=datetime.date(1, 1, 1))
REFERENCES: dict[str, st.SearchStrategy[str]] = {
    "AS": st.from_regex(r"[0-9]{1,4}[DWMYdwmy]", fullmatch=True),
    "CS": st.from_regex(r"[A-Za-z0-9_]{1,16}", fullmatch=True),
    "DA": DAYS.map(datetime.date.isoformat),
    **dict.fromkeys(
        (vr.code for vr in NUMBERS), st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{1,6})?(E-?[0-9]{1,3})?", fullmatch=True)
    ),
    "DS": st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{1,6})?", fullmatch=True),
    **dict.fromkeys((vr.code for vr in (*TEXTS, PN)), st.from_regex(r"[A-Za-zäß0-9_*]{1,16}", fullmatch=True)),
    "UI": st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,5}){0,6}", fullmatch=True),
    "TM": st.times().map(lambda time: time.isoformat()),
    "DT": st.datetimes(timezones=st.sampled_from([None, datetime.UTC])).map(lambda moment: moment.isoformat()),
}
"""Texts that a criterion may hold, by VR."""
DIGITS = str.maketrans("", "", "-:T")
VALUES = REFERENCES | {
    "DA": DAYS.map(lambda day: day.isoformat().replace("-", "")),
    "TM": REFERENCES["TM"].map(lambda text: text.translate(DIGITS)),
    "DT": REFERENCES["DT"].map(as_value),
}
"""Texts that an object may hold, by VR."""
ALL = [vr for vr in ({DS.code: DS} | VRS | {DS.code: DS}).values() if vr.relations]
few = settings(max_examples=30)
"""The same is asked of many VRs, and must not take minutes."""
each_vr = pytest.mark.parametrize("vr", ALL, ids=str)


def read_or_none(vr: ValueType, text: str) -> Comparable | None:
    """Read a value; None where it is none, which no other error may say."""
    try:
        return vr.parse(text)
    except MalformedValueError:
        return None


@each_vr
class TestEachVr:
    def test_each_vr_has_values_and_references_here(self, vr: ValueType) -> None:
        assert vr.code in REFERENCES, f"say in {__name__} how values of {vr} are written"
        assert vr.code in VALUES

    def test_each_vr_is_filed_under_its_code(self, vr: ValueType) -> None:
        assert len(vr.code) == 2
        assert vr.code.isupper()
        assert VRS.get(vr.code, vr) is vr or vr is DS
        assert vr == type(vr)()
        assert len({hash(vr), hash(type(vr)())}) == 1

    def test_each_vr_says_what_it_is_and_what_it_accepts(self, vr: ValueType) -> None:
        assert vr.long_name.title() == vr.long_name
        what, _, accepted = vr.accepted.partition("; accepted: ")
        assert what.startswith(("is not a ", "is not an "))
        assert ", as " in accepted or accepted.startswith("ISO")

    def test_each_vr_has_operations_each_with_words_of_its_own(self, vr: ValueType) -> None:
        assert {Operation.EQUALS, Operation.IN} <= vr.relations.keys() <= set(Operation) - PRESENCE.keys()
        assert (Operation.GREATER in vr.relations) == (Operation.LESS in vr.relations)
        assert all(words.startswith(("is", "contains", "matches", "does not")) for words in vr.relations.values())
        assert len(set(vr.relations.values())) == len(vr.relations)

    def test_each_vr_has_a_placeholder_that_is_a_value(self, vr: ValueType) -> None:
        assert vr.placeholder is None or vr.find(vr.placeholder) is not None

    @few
    @given(data=st.data())
    def test_each_vr_reads_any_text_or_says_that_it_cannot(self, vr: ValueType, data: st.DataObject) -> None:
        text = data.draw(st.text() | VALUES[vr.code])
        value = read_or_none(vr, text)
        assert value is None or hash(value) == hash(vr.parse(text))
        assert vr.find(text) in {value, None}

    @few
    @given(data=st.data())
    def test_each_vr_reads_any_reference_or_says_that_it_cannot(self, vr: ValueType, data: st.DataObject) -> None:
        with suppress(MalformedValueError):
            vr.parse_reference(data.draw(st.text()))

    @few
    @given(data=st.data())
    def test_each_vr_reads_a_value_alike_with_white_space_around(self, vr: ValueType, data: st.DataObject) -> None:
        text = data.draw(st.text() | VALUES[vr.code])
        before, behind = data.draw(st.text(WHITE_SPACE, max_size=3)), data.draw(st.text(WHITE_SPACE, max_size=3))

        assert read_or_none(vr, before + text + behind) == read_or_none(vr, text)

    @few
    @given(data=st.data())
    def test_each_vr_reads_a_reference_back_from_its_words(self, vr: ValueType, data: st.DataObject) -> None:
        text = data.draw(REFERENCES[vr.code])
        value = vr.parse_reference(text)

        assert vr.parse_reference(vr.words(text)) == value
        assert vr.words(vr.words(text)) == vr.words(text)
        assert vr.parse_reference(text) == value
        assert hash(vr.parse_reference(vr.words(text))) == hash(value)

    @few
    @given(data=st.data())
    def test_each_vr_reads_references_and_values_as_what_can_be_equal(self, vr: ValueType, data: st.DataObject) -> None:
        text = data.draw(REFERENCES[vr.code])
        written = {"DA": text.translate(DIGITS), "TM": text.translate(DIGITS), "DT": as_value(text)}.get(vr.code, text)

        assert vr.parse(written) == vr.parse_reference(text)

    @few
    @given(data=st.data())
    def test_each_vr_counts_each_value_in_a_bar_with_a_label(self, vr: ValueType, data: st.DataObject) -> None:
        bins = [vr.bin_of(vr.parse(text)) for text in data.draw(st.lists(VALUES[vr.code], min_size=1, max_size=8))]

        assert vr.scales
        for scale in vr.scales:
            labels = {scale.widen(bin_): scale.label(scale.widen(bin_)) for bin_ in bins}
            assert all(0 < len(label) <= 64 and label.isprintable() for label in labels.values())
            assert len(set(labels.values())) == len(labels)

    @few
    @given(data=st.data())
    def test_each_vr_never_has_more_bars_on_a_wider_scale(self, vr: ValueType, data: st.DataObject) -> None:
        bins = {vr.bin_of(vr.parse(text)) for text in data.draw(st.lists(VALUES[vr.code], min_size=2, max_size=30))}
        bars = [len({scale.widen(bin_) for bin_ in bins}) for scale in vr.scales]

        assert bars == sorted(bars, reverse=True)

    @few
    @given(data=st.data())
    def test_each_vr_knows_of_values_between_two(self, vr: ValueType, data: st.DataObject) -> None:
        assert vr.is_any_between(None, None)
        if Operation.LESS not in vr.relations:
            return
        low, middle, high = sorted(vr.parse(text) for text in data.draw(st.tuples(*[VALUES[vr.code]] * 3)))  # type: ignore[type-var]
        assert not vr.is_any_between(middle, middle)
        assert not vr.is_any_between(high, low) or low == high
        if low != middle != high:
            assert vr.is_any_between(low, high)
            assert vr.is_any_between(None, middle)
            assert vr.is_any_between(low, None)

    @few
    @given(data=st.data())
    def test_orders_values_where_it_has_an_order(self, vr: ValueType, data: st.DataObject) -> None:
        if Operation.LESS not in vr.relations:
            return
        first, second = (vr.parse(text) for text in data.draw(st.tuples(VALUES[vr.code], VALUES[vr.code])))
        assert (first < second) + (first == second) + (first > second) == 1  # type: ignore[operator]
        if first < second:  # type: ignore[operator]
            assert vr.bin_of(first) <= vr.bin_of(second)  # type: ignore[operator]


class TestAllTogether:
    def test_all_together_have_codes_and_names_of_their_own(self) -> None:
        assert len({vr.code for vr in ALL}) == len({vr.long_name for vr in ALL}) == len(ALL)
        assert not any(vr == other for vr, other in itertools.combinations(ALL, 2))

    def test_all_together_are_in_the_document_of_criteria(self) -> None:
        rows = table(section(read("docs/criteria.md"), "Which attributes"))
        assert sorted(row[0] for row in rows) == sorted(f"{vr} ({vr.long_name})" for vr in VRS.values())

    @example("1.0", "1")
    @given(st.decimals(-99, 99, places=2).map(str), st.decimals(-99, 99, places=1).map(str))
    def test_the_example_compares_by_value(self, first: str, second: str) -> None:
        assert (DS.parse(first) == DS.parse(second)) == (float(first) == float(second))
