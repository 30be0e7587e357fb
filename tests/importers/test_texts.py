"""Tests on texts: what they say of an absent attribute is what the tool says."""

import pytest

from dicom_sieve.importers.expressions import Mode, reduce_expression
from dicom_sieve.importers.interface import CannotSayError
from dicom_sieve.importers.logic import to_item
from dicom_sieve.importers.texts import attribute_named, exactly, has_in_it, joined, matches, values_are


def said(test: object) -> object:
    return test if isinstance(test, bool) else to_item(test)  # type: ignore[arg-type]


def expression_is(keyword: str, expression: str, **more: object) -> object:
    return said(matches(attribute_named(keyword), reduce_expression(expression, Mode.FULL), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "of_absent", "item"),
    [
        (".*", False, {"operation": "PRESENT"}),
        (".*", None, True),
        (".+", None, {"operation": "PRESENT"}),
        ("", None, {"operation": "ABSENT"}),
        ("", False, False),
        ("a|", None, {"operation": "EQUALS", "reference": "a", "if_absent": "MET", "case": "EXACT"}),
        ("((?!a).)*", None, {"operation": "NOT_CONTAINS", "reference": "a", "if_absent": "MET", "case": "EXACT"}),
        ("((?!a).)+", None, {"operation": "NOT_CONTAINS", "reference": "a", "if_absent": "NOT_MET", "case": "EXACT"}),
        ("^(?!.*(.+b?)).*$", False, False),
    ],
)
def test_expression_says_of_an_absent_attribute_what_the_tool_says(
    expression: str, of_absent: bool | None, item: object
) -> None:
    found = expression_is("SeriesDescription", expression, of_absent=of_absent)

    assert found == ({"dicom_tag": "SeriesDescription", **item} if isinstance(item, dict) else item)


@pytest.mark.parametrize(
    ("keyword", "expression", "reason"),
    [
        ("SeriesNumber", "1.*", "a pattern over the digits of a number; GREATER, LESS or BETWEEN can be said"),
        ("StudyDate", "2022.*", "a pattern over the digits of a date; GREATER, LESS or BETWEEN can be said"),
        ("SeriesDescription", "a ", "white space at the ends of a value does not matter here, and it asks for some"),
        (
            "SeriesDescription",
            r".*a\*.*b.*",
            "it has * or ? as characters beside others for any text: patterns here have no such",
        ),
        ("SeriesDescription", ".*a" * 9, "it stands for any text in more than 8 places"),
        (
            "ImageComments",
            "a.*",
            "ImageComments (0020,4000) may have several lines, at whose ends an expression stops",
        ),
    ],
)
def test_texts_without_a_criterion_are_refused_in_words(keyword: str, expression: str, reason: str) -> None:
    with pytest.raises(CannotSayError) as error:
        expression_is(keyword, expression)

    assert error.value.reason == reason


def test_code_with_small_letters_is_never_met_where_case_matters() -> None:
    assert expression_is("Modality", "ct") is False
    assert expression_is("Modality", "(?i)ct") == {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}


def test_text_that_holds_spaces_at_its_ends_is_looked_for_with_them() -> None:
    found = said(matches(attribute_named("SeriesDescription"), has_in_it([" t1 "], is_exact=False)))

    assert found == {"dicom_tag": "SeriesDescription", "operation": "MATCHES", "reference": "* t1 *"}


def test_all_values_together_are_asked_one_by_one() -> None:
    attribute = attribute_named("ImageType")

    assert said(joined(attribute, exactly("A\\B"))) == said(values_are(attribute, ["A", "B"]))
    assert said(values_are(attribute, ["A", "B"])) == {
        "all": [
            {"dicom_tag": "ImageType", "operation": "EQUALS", "reference": "A", "value": 1},
            {"dicom_tag": "ImageType", "operation": "EQUALS", "reference": "B", "value": 2},
            {"dicom_tag": "ImageType", "operation": "ABSENT", "value": 3},
        ]
    }
    with pytest.raises(CannotSayError, match="may have several values, and it is compared with all of them as one"):
        joined(attribute, reduce_expression(".*A", Mode.FULL))


def test_expression_over_all_values_says_of_none_what_the_tool_says() -> None:
    found = said(joined(attribute_named("ImageType"), reduce_expression("((?!A).)+", Mode.FULL)))

    assert found == {
        "all": [
            {"dicom_tag": "ImageType", "operation": "PRESENT"},
            {"dicom_tag": "ImageType", "operation": "NOT_CONTAINS", "reference": "A", "if_absent": "MET"},
        ]
    }


def test_what_identifies_has_no_case() -> None:
    found = said(matches(attribute_named("PatientID"), exactly("Ab")))

    assert found == {"dicom_tag": "PatientID", "operation": "EQUALS", "reference": "Ab"}
