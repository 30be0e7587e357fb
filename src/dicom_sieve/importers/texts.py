"""Tests on texts: what a tool asks of the text of an attribute, as criteria ask it of values."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dicom_sieve.criteria.criterion import GroupKind
from dicom_sieve.criteria.pattern import MOST_STARS, Pattern
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute, find_keyword
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.vr.number import parse_number
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.errors import MalformedValueError
from dicom_sieve.importers.expressions import Reduced
from dicom_sieve.importers.globs import Glob, Wild, containing
from dicom_sieve.importers.interface import CannotSayError
from dicom_sieve.importers.logic import Leaf, Test, all_of, any_of, negate

_PARAGRAPHS = {"ST", "LT", "UT"}
_EXACT = {"case": "EXACT"}
_SPACE_AT_END = "white space at the ends of a value does not matter here, and it asks for some"


def attribute_named(name: str) -> Attribute:
    """Look a keyword up.

    Raises:
        CannotSayError: It is no keyword of the dictionary, or of what has no values.
    """
    tag = find_keyword(name)
    if tag is None:
        raise CannotSayError(f"{name!r} is no keyword of the DICOM dictionary")
    return attribute_at(tag)


def attribute_at(tag: int) -> Attribute:
    """Look a tag up; see `attribute_named`."""
    attribute = find_attribute(tag)
    if isinstance(attribute, UnsupportedTag):
        raise CannotSayError(attribute.reason)
    return attribute


def present(attribute: Attribute, **more: Any) -> Leaf:
    """Test whether an attribute has a value."""
    return Leaf(attribute, Operation.PRESENT, more=more)


def absent(attribute: Attribute, **more: Any) -> Leaf:
    """Test whether an attribute is absent or empty."""
    return Leaf(attribute, Operation.ABSENT, is_met_by_absent=True, more=more)


def matches(attribute: Attribute, reduced: Reduced, *, of_absent: bool | None = None, **more: Any) -> Test:
    """Test the text of one value.

    Args:
        attribute: Whose.
        reduced: The patterns.
        of_absent: What the tool says where the attribute is absent; None: what the patterns say of an empty text.
        more: Further members of the criterion.

    Raises:
        CannotSayError: There is no criterion for such a test on this attribute.
    """
    test = any_of(_matches_one(attribute, glob, is_exact=reduced.is_exact, more=more) for glob in reduced.globs)
    if reduced.is_negated:
        test = negate(test)
    says = reduced.matches_empty if of_absent is None else of_absent
    return _decide_absent(attribute, test, says=says, more=more)


def _decide_absent(attribute: Attribute, test: Test, *, says: bool, more: Mapping[str, Any]) -> Test:
    """Let a test on one attribute say of an absent one what the tool says; of present ones it says the same."""
    if isinstance(test, bool):
        if test is says:
            return test
        return absent(attribute, **more) if says else present(attribute, **more)
    if isinstance(test, Leaf):
        if test.operation is Operation.PRESENT:
            return says or test
        return test if test.operation is Operation.ABSENT and says else _decided(test, says=says)
    together = any_of if test.kind is GroupKind.ANY else all_of
    return together(_decide_absent(attribute, child, says=says, more=more) for child in test.tests)


def is_met_by_absent(test: Test) -> bool:
    """Tell whether a test on one attribute is met where that is absent."""
    if isinstance(test, bool):
        return test
    if isinstance(test, Leaf):
        return test.is_met_by_absent
    met = [is_met_by_absent(child) for child in test.tests]
    return {GroupKind.ANY: any(met), GroupKind.ALL: all(met), GroupKind.NONE: not any(met)}[test.kind]


def _decided(leaf: Leaf, *, says: bool) -> Test:
    return False if leaf.operation is Operation.ABSENT else replace(leaf, is_met_by_absent=says)


def _matches_one(attribute: Attribute, glob: Glob, *, is_exact: bool, more: Mapping[str, Any]) -> Test:
    if not glob.tokens:
        return absent(attribute, **more)
    if glob.is_any:
        return True
    if glob.is_present:
        return present(attribute, **more)
    if attribute.vr.is_number or attribute.vr.code == "DA":
        read = _number if attribute.vr.is_number else _date
        return Leaf(attribute, Operation.EQUALS, (read(glob),), more=more)
    return _matches_text(attribute, glob, is_exact=is_exact, more=more)


def _matches_text(attribute: Attribute, glob: Glob, *, is_exact: bool, more: Mapping[str, Any]) -> Test:
    if attribute.vr.code in _PARAGRAPHS and glob.text is None and glob.contained is None:
        raise CannotSayError(f"{attribute} may have several lines, at whose ends an expression stops")
    if attribute.vr.code in ("CS", "UI") and is_exact and not _can_be(attribute.vr.code, glob):
        return False  # no conforming value has such letters
    if attribute.vr.is_text and is_exact and not is_identifying(attribute):
        more = {**more, **_EXACT}
    operation, reference = _said(attribute, glob)
    return Leaf(attribute, operation, (attribute.vr.words(reference),), more=more)


def _can_be(vr: str, glob: Glob) -> bool:
    letters = "".join(glob.texts)
    return letters == letters.upper() if vr == "CS" else not set(letters) - set("0123456789.")


def _said(attribute: Attribute, glob: Glob) -> tuple[Operation, str]:
    """Give the operation and the reference of a pattern on a text, a code or a UID."""
    text, contained = glob.text, glob.contained
    if text is not None:
        if text != text.strip():
            raise CannotSayError(_SPACE_AT_END)
        return Operation.EQUALS, text
    if contained is not None and contained == contained.strip() and Operation.CONTAINS in attribute.vr.relations:
        return Operation.CONTAINS, contained
    if any(set("*?") & set(part) for part in glob.texts):
        raise CannotSayError("it has * or ? as characters beside others for any text: patterns here have no such")
    pattern = glob.pattern
    if pattern != pattern.strip():
        raise CannotSayError(_SPACE_AT_END)
    if pattern.count("*") > MOST_STARS:
        raise CannotSayError(f"it stands for any text in more than {MOST_STARS} places")
    return Operation.MATCHES, pattern


def _number(glob: Glob) -> str:
    """Give the number that a pattern stands for: tools compare it as text, criteria as a number."""
    written = "".join("." if token is Wild.ONE else str(token) for token in glob.tokens)
    try:
        parse_number(written)
    except MalformedValueError:
        raise CannotSayError("a pattern over the digits of a number; GREATER, LESS or BETWEEN can be said") from None
    return written


def _date(glob: Glob) -> str:
    return read_date(glob.text or "")


def read_date(text: str) -> str:
    """Read a date as DICOM writes it, and write it as a reference.

    Raises:
        CannotSayError: It is none.
    """
    try:
        return datetime.datetime.strptime(text, "%Y%m%d").replace(tzinfo=datetime.UTC).date().isoformat()
    except ValueError:
        raise CannotSayError("a pattern over the digits of a date; GREATER, LESS or BETWEEN can be said") from None


def values_are(attribute: Attribute, texts: Sequence[Reduced | str], **more: Any) -> Test:
    """Test that an attribute has these values, in this order, and no others.

    Args:
        attribute: Whose.
        texts: One a value, or the patterns of one.
        more: Further members of the criteria.
    """
    tests = [
        matches(attribute, text if isinstance(text, Reduced) else exactly(text), of_absent=False, value=number, **more)
        for number, text in enumerate(texts, 1)
    ]
    return all_of([*tests, absent(attribute, value=len(texts) + 1, **more)])


def matches_itself(reduced: Reduced, expression: str) -> bool:
    """Tell whether an expression, as a text, matches itself: tools also take a value that is the same.

    What only an expression has in it, as ``.*``, is taken to be in no value.
    """
    if any(sign in expression for sign in (".*", ".+", "(?")):
        return True
    fold = str if reduced.is_exact else str.casefold
    found = any(Pattern(fold(glob.pattern)).matches(fold(expression)) for glob in reduced.globs)
    return found is not reduced.is_negated


def exactly(*texts: str, is_exact: bool = True) -> Reduced:
    """Give the patterns that are met by some texts alone."""
    return Reduced(tuple(Glob((text,) if text else ()) for text in texts), is_exact)


def has_in_it(texts: Iterable[str], *, is_exact: bool = True) -> Reduced:
    """Give the patterns that are met by having one of some texts in them."""
    return Reduced(tuple(map(containing, texts)), is_exact)


def joined(attribute: Attribute, reduced: Reduced, **more: Any) -> Test:
    r"""Test the text of all values with backslashes between them; one value has none.

    Raises:
        CannotSayError: It asks of several values what criteria can only ask of one.
    """
    if attribute.is_single_valued:
        return matches(attribute, reduced, **more)
    test = any_of(_joined_one(attribute, glob, is_exact=reduced.is_exact, more=more) for glob in reduced.globs)
    return of_several(attribute, test, reduced, **more)


def of_several(attribute: Attribute, test: Test, reduced: Reduced, **more: Any) -> Test:
    """Give the test of an expression from that of its patterns: perhaps negated, and decided where nothing is there."""
    if reduced.is_negated:
        test = negate(test)
    if reduced.matches_empty is is_met_by_absent(test):
        return test
    is_there = absent(attribute, **more) if reduced.matches_empty else present(attribute, **more)
    return (any_of if reduced.matches_empty else all_of)([is_there, test])


def _joined_one(attribute: Attribute, glob: Glob, *, is_exact: bool, more: Mapping[str, Any]) -> Test:
    one = Reduced((glob,), is_exact)
    if not glob.tokens or glob.is_any or glob.is_present:
        return matches(attribute, one, **more)
    if glob.text is not None:
        return values_are(attribute, [exactly(text, is_exact=is_exact) for text in glob.text.split("\\")], **more)
    if glob.contained is not None and "\\" not in glob.contained:
        return matches(attribute, one, **more)
    if glob.start is not None and "\\" not in glob.start:
        return matches(attribute, one, value=1, **more)
    raise CannotSayError(f"{attribute} may have several values, and it is compared with all of them as one text")
