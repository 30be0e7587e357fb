"""Positions and orientations are read as value by value."""

import math
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dicom_sieve.columns.chunk import Entry, as_entry
from dicom_sieve.columns.geometry import ImageState
from dicom_sieve.columns.vectors import MOST_DIGITS, parse_vectors
from dicom_sieve.dicom.marks import BYTES, IDENTITY, MARKS, NOT_KEPT
from dicom_sieve.dicom.vr.number import parse_number
from dicom_sieve.errors import MalformedValueError

Read = tuple[tuple[float, ...], int, ImageState]
GIVEN, ABSENT, UNKNOWN = ImageState
NOTHING = (0.0, 0.0)
written = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-2000, max_value=2000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.from_regex(r"[+-]?([0-9]{0,3}\.[0-9]{0,3}|[0-9]{1,3})([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
odd = st.text(st.sampled_from(f"019.+-eEn x\t\xa0\ud800\ufffd{MARKS}"), max_size=6)
values = st.one_of(written, written.map(" {} ".format), odd, st.sampled_from(["nan", "inf", "1_0", "1" * 65, "1e999"]))
entries = (
    st.none() | st.lists(values, max_size=3).map(as_entry) | st.lists(written, min_size=2, max_size=2).map(as_entry)
)


def read_one_by_one(entry: Entry) -> Read:
    texts = [] if entry is None else entry.split("\0")[:-1]
    if not any(text.strip(" \t\xa0") for text in texts):  # what is no text is something
        return NOTHING, 0, ABSENT
    try:
        numbers = [parse_number(text) for text in texts]
    except MalformedValueError:
        return NOTHING, 0, UNKNOWN
    found = tuple(map(float, numbers))
    if len(found) != 2 or not all(map(math.isfinite, found)):
        return NOTHING, 0, UNKNOWN
    return found, min(max(digits_of(number) for number in numbers), MOST_DIGITS), GIVEN


def digits_of(number: Decimal) -> int:
    return len(f"{number:f}".partition(".")[2])


def read(listed: list[Entry], size: int = 2) -> list[Read]:
    vectors, digits, states = parse_vectors(listed, size)
    assert [array.dtype.str for array in (vectors, digits, states)] == ["<f8", "|i1", "|u1"]
    return [
        (tuple(vector), count, ImageState(state))
        for vector, count, state in zip(vectors.tolist(), digits.tolist(), states.tolist(), strict=True)
    ]


@given(st.lists(entries, max_size=8))
@settings(max_examples=300)
@example([as_entry([" \ufffd"])])
@example([as_entry(["1e5", "2"]), as_entry(["3", "4.25"])])
@example([as_entry(["+1", "-.5"]), as_entry(["++1", "1"]), as_entry(["+-1", "1"]), as_entry(["-", "."])])
def test_entries_are_read_as_value_by_value(listed: list[Entry]) -> None:
    assert read(listed) == [read_one_by_one(entry) for entry in listed]


@given(st.lists(st.lists(written, min_size=3, max_size=3), min_size=1))
def test_the_double_nearest_to_a_number_is_read(listed: list[list[str]]) -> None:
    found = parse_vectors([as_entry(texts) for texts in listed], 3)[0]
    for vector, texts in zip(found.tolist(), listed, strict=True):
        try:
            numbers = [float(parse_number(text)) for text in texts]
        except MalformedValueError:
            continue
        assert vector == (numbers if all(map(math.isfinite, numbers)) else [0, 0, 0])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1.5", "-2"], ((1.5, -2), 1, GIVEN)),
        (["1.50", "2.125"], ((1.5, 2.125), 3, GIVEN)),
        (["1.50e1", "2"], ((15, 2), 1, GIVEN)),
        (["1.5e-10", "2"], ((1.5e-10, 2), 11, GIVEN)),
        (["1e-300", "2E+003"], ((1e-300, 2000), MOST_DIGITS, GIVEN)),
        (["1e400", "1.5"], (NOTHING, 0, UNKNOWN)),
        (["1e0400", "1"], (NOTHING, 0, UNKNOWN)),
        ([" 1.5", "2 "], ((1.5, 2), 1, GIVEN)),
        (["\t1.5\xa0", "2"], ((1.5, 2), 1, GIVEN)),
        (["1 5", "2"], (NOTHING, 0, UNKNOWN)),
        (["1,5", "2"], (NOTHING, 0, UNKNOWN)),
        (["0x1", "2"], (NOTHING, 0, UNKNOWN)),
        (["1", ""], (NOTHING, 0, UNKNOWN)),
        (["1"], (NOTHING, 0, UNKNOWN)),
        (["1", "2", "3"], (NOTHING, 0, UNKNOWN)),
        (["1", "2", NOT_KEPT], (NOTHING, 0, UNKNOWN)),
        ([NOT_KEPT], (NOTHING, 0, UNKNOWN)),
        ([IDENTITY + "0123"], (NOTHING, 0, UNKNOWN)),
        ([BYTES + "00", "1"], (NOTHING, 0, UNKNOWN)),
        (["0" * 64, "1"], ((0, 1), 0, GIVEN)),
        (["0" * 65, "1"], (NOTHING, 0, UNKNOWN)),
        ([], (NOTHING, 0, ABSENT)),
        ([""], (NOTHING, 0, ABSENT)),
        (["", " "], (NOTHING, 0, ABSENT)),
        (None, (NOTHING, 0, ABSENT)),
    ],
)
def test_what_is_read_of_an_entry(texts: list[str] | None, expected: Read) -> None:
    plain = as_entry(["3", "4.5"])
    assert read([plain, as_entry(texts), plain]) == [((3, 4.5), 1, GIVEN), expected, ((3, 4.5), 1, GIVEN)]
    assert read([as_entry(texts)]) == [expected]


def test_no_entries_are_no_vectors() -> None:
    vectors, digits, states = parse_vectors([], 6)
    assert (vectors.shape, len(digits), len(states)) == ((0, 6), 0, 0)
