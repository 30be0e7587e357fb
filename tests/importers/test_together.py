"""Rules together: any of those that take objects, none of those that discard them."""

from typing import Any

import pytest

from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.importers import Imported, put_together

CT, MR, SR = (
    {"dicom_tag": "Modality", "operation": "EQUALS", "reference": modality} for modality in ("CT", "MR", "SR")
)
DEEP = {"any": [{"all": [CT, {"any": [MR, SR]}]}, MR]}


def rule(name: str, *criteria: dict[str, Any], **more: Any) -> Imported:
    return Imported(name, criteria, **more)


def test_rules_become_groups_of_which_one_is_enough() -> None:
    assert put_together([rule("a", CT), rule("b", MR, SR), rule("c", left_out=("x: y",))]) == [
        {"any": [{"all": [CT], "name": "a"}, {"all": [MR, SR], "name": "b"}]}
    ]


def test_one_rule_alone_is_its_criteria() -> None:
    assert put_together([rule("a", CT, MR)]) == [CT, MR]


def test_rules_that_discard_are_decided_where_an_attribute_is_absent() -> None:
    found = put_together([rule("a", CT), rule("b", {"any": [SR, MR]}, discards=True)])

    assert found == [
        CT,
        {"none": [{"all": [{"any": [{**SR, "if_absent": "NOT_MET"}, {**MR, "if_absent": "NOT_MET"}]}], "name": "b"}]},
    ]


def test_rule_that_discards_in_part_is_left_out_for_it_would_discard_more() -> None:
    assert put_together([rule("a", CT), rule("b", SR, left_out=("x: y",), discards=True)]) == [CT]


def test_groups_in_groups_are_written_out_where_they_are_too_deep() -> None:
    found = put_together([rule("a", SR, DEEP), rule("b", CT)])

    assert found == [
        {
            "any": [
                {"all": [SR, CT, {"any": [MR, SR]}], "name": "a"},
                {"all": [SR, MR], "name": "a"},
                {"all": [CT], "name": "b"},
            ]
        }
    ]


def test_more_rules_than_a_list_may_have_become_several_lists() -> None:
    found = put_together([rule(f"rule {number}", CT) for number in range(150)])

    assert read_criteria(found)[1] == ()
    assert [len(group["any"]) for group in found[0]["any"]] == [100, 50]


def test_nothing_that_can_be_said_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match=r"^no rule of the file can be said in criteria$"):
        put_together([rule("a", left_out=("x: y",))])


def test_rules_too_deep_together_are_an_error_that_says_what_to_do() -> None:
    deeper = {"none": [{"any": [DEEP]}]}

    with pytest.raises(
        InvalidRequestError, match=r"the rules together are no criteria: .*; accepted: one of them, with"
    ):
        put_together([rule("a", deeper), rule("b", CT)])
