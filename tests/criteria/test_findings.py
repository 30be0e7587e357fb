"""Operation x VR x value: every finding, worked out another way.

Dates are compared as ISO text after `datetime.strptime`, ages as fractions of days, codes by hand.
"""

import datetime
import itertools
import string
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.criteria import CompiledCriterion, Criterion, Finding, Operation, compile_criteria, find, leaves_of

TAGS = {"DA": ("0008", "0020"), "AS": ("0010", "1010"), "CS": ("0008", "0060")}
ACCEPTED = {
    ("DA", "EQUALS"),
    ("DA", "IN"),
    ("DA", "GREATER"),
    ("DA", "LESS"),
    ("AS", "EQUALS"),
    ("AS", "IN"),
    ("AS", "GREATER"),
    ("AS", "LESS"),
    ("CS", "EQUALS"),
    ("CS", "IN"),
}
YEAR = Fraction(3652425, 10000)
DAYS = {"D": Fraction(1), "W": Fraction(7), "M": YEAR / 12, "Y": YEAR}


def find_by(vr: str, operation: str, reference: str | list[str], values: Sequence[str] | None) -> str:
    criterion = Criterion(dicom_tag=TAGS[vr], operation=Operation(operation), reference=reference)
    (compiled,) = leaves_of(compile_criteria([criterion]))
    assert isinstance(compiled, CompiledCriterion)
    return find(compiled, values).value


def iso_date(text: str) -> str | None:
    """The day of a DICOM date as ISO text."""
    digits = text.replace(".", "") if len(text) == 10 and text[4::3] == ".." else text
    if len(digits) != 8 or set(digits) - set(string.digits):
        return None
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=datetime.UTC).date().isoformat()
    except ValueError:
        return None


def days_old(text: str) -> Fraction | None:
    number, unit = text[:-1], text[-1:].replace("d", "D").replace("w", "W").replace("m", "M").replace("y", "Y")
    if not 1 <= len(number) <= 4 or set(number) - set(string.digits) or unit not in DAYS:
        return None
    return int(number) * DAYS[unit]


def upper(text: str) -> str:
    return "".join(chr(ord(letter) - 32) if letter in string.ascii_lowercase else letter for letter in text)


WHITE = set(" \0\t\n\v\f\r\x85\xa0\ufffd")


def bare(text: str) -> str:
    """A text without white space around it; one of NULs alone, as headers hold them, is none."""
    text = text.replace("\xc2\xa0", " ")
    places = [place for place, letter in enumerate(text) if letter not in WHITE]
    return text[places[0] : places[-1] + 1] if places else "\ufffd" * ("\ufffd" in text)


def expected(vr: str, operation: str, reference: str | list[str], values: Sequence[str] | None) -> str:
    """The oracle."""
    if values is None:
        return "ABSENT"
    stripped = [bare(text) for text in values if bare(text)]
    if not stripped:
        return "EMPTY"
    references = reference if isinstance(reference, list) else [reference]
    met, conforming = False, False
    for text in stripped:
        ours: str | Fraction | None
        theirs: list[str | Fraction | None]
        if vr == "DA":
            ours, theirs = iso_date(text), list(references)
        elif vr == "AS":
            ours, theirs = days_old(text), [days_old(value) for value in references]
        else:
            ours, theirs = upper(text), [upper(bare(value)) for value in references]
        if vr == "CS":
            allowed = string.ascii_uppercase + string.digits + "_ "
            conforming |= len(text) <= 16 and not set(upper(text)) - set(allowed)
        else:
            conforming |= ours is not None
        if ours is not None:
            if operation in {"EQUALS", "IN"}:
                met |= ours in theirs
            else:
                assert theirs[0] is not None
                met |= (ours > theirs[0]) if operation == "GREATER" else (ours < theirs[0])  # type: ignore[operator]  # both are of one type
    return "MET" if met else "NOT_MET" if conforming else "MALFORMED"


REFERENCES = {"DA": ["2022-01-01", "1999-12-31"], "AS": ["018M", "002Y"], "CS": ["CT", "MR"]}
VALUES: dict[str, dict[str, tuple[str, ...] | None]] = {
    "DA": {
        "equal": ("20220101",),
        "later": ("20220102",),
        "earlier": ("20211231",),
        "other reference": ("19991231",),
        "ACR-NEMA, equal": ("2022.01.01",),
        "ACR-NEMA, later": ("2022.01.02",),
        "ACR-NEMA, no day": ("2022.02.30",),
        "absent": None,
        "empty": (),
        "blank": ("",),
        "spaces and NULs": (" \0 ", "\0"),
        "padded with spaces": ("  20220101  ",),
        "padded with NULs": ("20220101\0\0",),
        "no day": ("20220230",),
        "leap day": ("20240229",),
        "no leap day": ("20230229",),
        "year 0": ("00000101",),
        "ISO": ("2022-01-01",),
        "short": ("202201",),
        "with time": ("20220101120000",),
        "mixed separators": ("2022.0101",),
        "other digits": ("\u0662\u0660\u0662\u0662\u0660\u0661\u0660\u0661",),
        "range": ("20210101-20221231",),
        "NUL inside": ("2022\ufffd0101",),
        "line break": ("20220101\n",),
        "tabs and no-break spaces": ("\t20220101\xa0", "\xc2\xa020220102\v"),
        "multi-valued, one meets": ("19000101", "20220101", "20990101"),
        "multi-valued, blank and malformed": ("", "never"),
        "multi-valued, malformed and conforming": ("never", "20000101"),
        "multi-valued, blank and conforming": ("", "20220101"),
    },
    "AS": {
        **{f"each unit: {number}{unit}": (f"{number}{unit}",) for number in ("000", "001", "999") for unit in "DWMY"},
        "equal": ("018M",),
        "padded with spaces": (" 018M ",),
        "padded with NULs": ("018M\0\0",),
        "lower case": ("018m",),
        "across units, just older": ("548D",),
        "across units, just younger": ("547D",),
        "across units, equal": ("024M",),
        "weeks, older": ("079W",),
        "weeks, younger": ("078W",),
        "absent": None,
        "empty": (),
        "blank": ("  ",),
        "one digit": ("7Y",),
        "two digits": ("45Y",),
        "no digit": ("Y",),
        "five digits": ("00018M",),
        "tab and line break": ("\t018M\r\n",),
        "no unit": ("064",),
        "four digits": ("0018M",),
        "not known": ("N-A",),
        "other unit": ("018H",),
        "letter that upper-cases to another": ("018\u017f", "018\u00df"),
        "other digits": ("\u0660\u0661\u0668M",),
        "space inside": ("018 M",),
        "negative": ("-18M",),
        "multi-valued, one meets": ("001D", "018M", "099Y"),
        "multi-valued, malformed and conforming": ("45", "017M"),
        "multi-valued, both malformed": ("45", "?"),
    },
    "CS": {
        "equal": ("CT",),
        "other": ("PT",),
        "other reference": ("MR",),
        "lower case": ("ct",),
        "padded with spaces": ("  CT ",),
        "padded with NULs": ("CT\0",),
        "absent": None,
        "empty": (),
        "blank": (" ", "\0", ""),
        "conforming, longest": ("A" * 16,),
        "too long": ("A" * 17,),
        "hyphen": ("X-RAY",),
        "hyphen beside one that meets": ("X-RAY", "CT"),
        "sharp s": ("\u00df",),
        "no text": ("\ufffd",),
        "line break behind a NUL": ("CT\ufffd\n",),
        "no-break spaces": ("\xa0CT\xc2\xa0",),
        "prefix": ("CTA",),
        "multi-valued, one meets": ("PT", "CT"),
        "multi-valued, malformed and conforming": ("X-RAY", "PT"),
    },
}
CASES = [(vr, operation, name) for vr, operation in sorted(ACCEPTED) for name in VALUES[vr]]


@pytest.mark.parametrize(("vr", "operation", "name"), CASES)
def test_every_operation_on_every_kind_of_value(vr: str, operation: str, name: str) -> None:
    reference = REFERENCES[vr] if operation == "IN" else REFERENCES[vr][0]
    values = VALUES[vr][name]

    assert find_by(vr, operation, reference, values) == expected(vr, operation, reference, values)


@pytest.mark.parametrize(
    ("vr", "operation", "reference", "values", "finding"),
    [
        ("DA", "GREATER", "2022-01-01", ("20220101",), "NOT_MET"),
        ("DA", "GREATER", "2022-01-01", ("2022.01.02",), "MET"),
        ("DA", "LESS", "2022-01-01", ("20220101",), "NOT_MET"),
        ("DA", "EQUALS", "2022-01-01", ("20220230",), "MALFORMED"),
        ("AS", "GREATER", "018M", ("002Y",), "MET"),
        ("AS", "LESS", "018M", ("078W",), "MET"),
        ("AS", "EQUALS", "012M", ("001Y",), "MET"),
        ("AS", "EQUALS", "007D", ("001W",), "MET"),
        ("AS", "EQUALS", "365D", ("001Y",), "NOT_MET"),
        ("AS", "EQUALS", "030D", ("001M",), "NOT_MET"),
        ("AS", "GREATER", "000D", ("45",), "MALFORMED"),
        ("AS", "GREATER", "000D", ("45Y",), "MET"),
        ("AS", "EQUALS", "017Y", ("17Y", "?"), "MET"),
        ("AS", "EQUALS", "17y", ("0017Y",), "MET"),
        ("AS", "LESS", "018Y", ("7Y\n",), "MET"),
        ("AS", "EQUALS", "006M", ("6M",), "MET"),
        ("AS", "EQUALS", "017Y", ("00017Y",), "MALFORMED"),
        ("DA", "EQUALS", "2022-01-01", ("\t20220101\xa0",), "MET"),
        ("DA", "EQUALS", "2022-01-01", ("\n",), "EMPTY"),
        ("CS", "EQUALS", "CT", ("CT\ufffd\n",), "MET"),
        ("CS", "EQUALS", "CT", ("\xc2\xa0CT\xc2\xa0",), "MET"),
        ("CS", "EQUALS", "CT\xa0", ("CT\v\f",), "MET"),
        ("CS", "EQUALS", "ct", ("CT ",), "MET"),
        ("CS", "EQUALS", "X-RAY", ("x-ray",), "MET"),
        ("CS", "EQUALS", "SS", ("\u00df",), "MALFORMED"),
        ("CS", "IN", ["CT", "MR"], ("MR", "X-RAY"), "MET"),
        ("CS", "IN", ["CT"], (), "EMPTY"),
        ("CS", "IN", ["CT"], None, "ABSENT"),
    ],
)
def test_findings_that_anyone_can_check(
    vr: str, operation: str, reference: str | list[str], values: tuple[str, ...] | None, finding: str
) -> None:
    assert find_by(vr, operation, reference, values) == finding


def test_no_age_of_one_unit_is_ordered_otherwise_than_its_days() -> None:
    ages = [f"{number:03}{unit}" for unit in "DWMY" for number in (0, 1, 4, 12, 30, 31, 52, 53, 365, 366, 730, 999)]
    for age, other in itertools.product(ages, ages):
        for operation in ("EQUALS", "GREATER", "LESS"):
            assert find_by("AS", operation, other, (age,)) == expected("AS", operation, other, (age,))


padding = st.text(" \0\t\n\xa0", max_size=2)
junk = st.text(string.digits + string.ascii_letters + " ._-\0\n\xa0\u00b5\u00df\ufffd", max_size=18)
dates = st.dates(datetime.date(1, 1, 1), datetime.date(9999, 12, 31))
ages = st.builds("{:03}{}".format, st.integers(0, 999), st.sampled_from("DWMYdwmy"))
codes = st.sampled_from(["CT", "mr", "PT", "X-RAY", "A_1", "A B"])
texts = {
    "DA": dates.map(lambda day: day.isoformat().replace("-", ""))
    | dates.map(lambda day: day.isoformat().replace("-", ".")),
    "AS": ages,
    "CS": codes,
}
references = {"DA": dates.map(datetime.date.isoformat), "AS": ages, "CS": codes}


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str, str | list[str], tuple[str, ...] | None]:
    vr, operation = draw(st.sampled_from(sorted(ACCEPTED)))
    text = st.one_of(st.tuples(padding, texts[vr], padding).map("".join), junk, st.just(""))
    given_values = draw(st.none() | st.lists(text, max_size=4).map(tuple))
    reference = draw(st.lists(references[vr], min_size=1, max_size=3))
    return vr, operation, reference if operation == "IN" else reference[0], given_values


@pytest.mark.slow
@settings(max_examples=1500)
@given(question=questions())
def test_any_question_is_answered_as_by_the_oracle(
    question: tuple[str, str, str | list[str], tuple[str, ...] | None],
) -> None:
    assert find_by(*question) == expected(*question)


def test_the_findings_are_a_closed_set_and_describe_themselves() -> None:
    assert [finding.value for finding in Finding] == [
        "MET",
        "NOT_MET",
        "ABSENT",
        "EMPTY",
        "MALFORMED",
        "UNREACHED",
        "UNDECIDED",
        "SERIES",
        "NOT_CHOSEN",
    ]
    assert len({finding.describe() for finding in Finding}) == 9
    assert all(finding.describe().endswith(".") for finding in Finding)
