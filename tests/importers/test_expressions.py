"""Regular expressions reduce to patterns that match what the expressions match, or are refused in words."""

import os
import re

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from dicom_sieve.criteria.pattern import Pattern
from dicom_sieve.importers.expressions import Mode, Reduced, reduce_expression
from dicom_sieve.importers.globs import Wild
from dicom_sieve.importers.interface import CannotSayError

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000")) // 3
RUN = {Mode.SEARCH: re.search, Mode.MATCH: re.match, Mode.FULL: re.fullmatch}
atoms = st.sampled_from(["a", "b", "A", "ab", ".", r"\.", r"\d", r"\s", "[ab]", "[a-c]", "[0-2]", "", "1", " "])
parts = st.recursive(
    atoms,
    lambda part: st.one_of(
        st.builds("{}{}".format, part, part),
        st.builds("({}|{})".format, part, part),
        st.builds("(?:{}){}".format, part, st.sampled_from(["?", "{2}", "{1,2}", "*", "+", "??"])),
        st.sampled_from([".*", ".+", ".*?", ".?", ".{2}"]),
        st.builds("{}|{}".format, part, part),
    ),
    max_leaves=6,
)
expressions = st.one_of(
    st.builds("{}{}{}".format, st.sampled_from(["", "^", "(?i)", "(?i)^"]), parts, st.sampled_from(["", "$"])),
    st.builds(
        "{}((?!{}).){}{}".format, st.sampled_from(["", "^"]), parts, st.sampled_from("*+"), st.sampled_from(["", "$"])
    ),
    st.builds("{}(?!.*{}){}".format, st.sampled_from(["", "^"]), parts, st.sampled_from(["", ".*", ".+", ".*$"])),
)


def matched(reduced: Reduced, text: str) -> bool:
    """Tell whether a text matches, by another matcher."""
    if not text:
        return reduced.matches_empty
    fold = str if reduced.is_exact else str.casefold
    patterns = [
        "".join(token.value if isinstance(token, Wild) else token for token in glob.tokens) for glob in reduced.globs
    ]
    return any(Pattern(fold(pattern)).matches(fold(text)) for pattern in patterns) is not reduced.is_negated


@example("(?:.*)+", ["", "a"], Mode.SEARCH)
@given(expressions, st.lists(st.text("abAB12. ", max_size=5), min_size=3, max_size=8), st.sampled_from(Mode))
@settings(max_examples=CASES, deadline=None)
def test_patterns_match_what_the_expression_matches(expression: str, texts: list[str], mode: Mode) -> None:
    try:
        reduced = reduce_expression(expression, mode)
    except CannotSayError:
        event("refused")
        return

    compiled = re.compile(expression)
    assert [matched(reduced, text) for text in texts] == [RUN[mode](compiled, text) is not None for text in texts]


@pytest.mark.parametrize(
    ("expression", "mode", "patterns"),
    [
        (".*foo.*", Mode.FULL, ["*foo*"]),
        ("foo", Mode.SEARCH, ["*foo*"]),
        ("^foo$", Mode.SEARCH, ["foo"]),
        ("foo", Mode.MATCH, ["foo*"]),
        (".*(MPRAGE|T1w).*", Mode.FULL, ["*MPRAGE*", "*T1w*"]),
        (".*field.?map.*", Mode.FULL, ["*fieldmap*", "*field?map*"]),
        ("[Tt]1", Mode.FULL, ["T1", "t1"]),
        ("^No series description|(.*?)", Mode.SEARCH, ["No series description*", "*"]),
        (".*TSE.*vfl.*", Mode.FULL, ["*TSE*vfl*"]),
        (r"T1_TFE1\.0", Mode.FULL, ["T1_TFE1.0"]),
        ("no manufacturers allowed ^", Mode.SEARCH, []),
    ],
)
def test_expressions_that_people_write_become_these_patterns(expression: str, mode: Mode, patterns: list[str]) -> None:
    reduced = reduce_expression(expression, mode)

    assert [
        "".join(token.value if isinstance(token, Wild) else token for token in glob.tokens) for glob in reduced.globs
    ] == patterns


@pytest.mark.parametrize("expression", ["^(?!.*(cor|sag)).*$", "(?i)^((?!cor|sag).)*$"])
def test_nowhere_in_it_is_read_both_ways(expression: str) -> None:
    reduced = reduce_expression(expression, Mode.SEARCH)

    assert reduced.is_negated
    assert [glob.contained for glob in reduced.globs] == ["cor", "sag"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a+", "it repeats more than any character: +"),
        ("[^a]", "it has characters in brackets that are not a list of some"),
        (r"\bT1\b", r"it has \b, for which there is no pattern"),
        ("(?=a)", "it has '(?=a': no look-around or flags"),
        (r"\d\d", "it stands for more than 64 alternatives"),
        ("(a", "the expression has a bracket too few"),
        ("a)", "the expression has a bracket too many"),
        ("*a", "the expression has '*' with nothing before it"),
        ("(^a)", "it has ^ or $ within a group"),
        (".*^a", "it has ^ or $ in the middle"),
        ("a{99}", "it counts to more than 64"),
        ("a" * 513, "the expression has more than 512 characters"),
        ("(" * 17 + "a" + ")" * 17, "it has groups deeper than 16 levels"),
    ],
)
def test_others_are_refused_in_words(expression: str, reason: str) -> None:
    with pytest.raises(CannotSayError) as error:
        reduce_expression(expression, Mode.FULL)

    assert error.value.reason == reason


@pytest.mark.parametrize(
    "expression",
    ["(" * 500, "(a|b)" * 100, "((.?){64}){64}", "[a-\U0010ffff]", "((((a{64}){64}){64}){64}){64}", "x" * 10**6],
)
def test_what_would_take_long_is_refused_soon(expression: str) -> None:
    with pytest.raises(CannotSayError):
        reduce_expression(expression, Mode.FULL)
