"""What is wrong with a criterion is named, and what it should perhaps be; what may be a secret is not repeated."""

from typing import Any

import pytest

from dicom_sieve.criteria.reading import read_criteria

GOOD: dict[str, Any] = {"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}
MORE = "value, if_absent, tolerance, case, within, private_creator, vr, minus"
ACCEPTED = f"accepted: dicom_tag, operation, reference, {MORE}"


def problems(**changes: Any) -> tuple[str, ...]:
    return read_criteria([GOOD | changes])[1]


@pytest.mark.parametrize("reference", ["CT", ["CT", "MR"]])
def test_an_unknown_operation_is_to_blame_not_the_reference(reference: object) -> None:
    assert problems(operation="OTHER", reference=reference) == (
        (
            "criteria[0].operation: 'OTHER' is not known; accepted: 'EQUALS', 'GREATER', 'LESS', 'IN', 'NOT_EQUALS', "
            "'NOT_IN', 'AT_LEAST', 'AT_MOST', 'BETWEEN', 'CONTAINS', 'NOT_CONTAINS', 'MATCHES', 'NOT_MATCHES', 'PRESENT' or "  # noqa: E501
            "'ABSENT'"
        ),
    )


@pytest.mark.parametrize(
    ("name", "near"), [("referense", "reference"), ("Operation", "operation"), ("dicomTag", "dicom_tag")]
)
def test_an_unknown_member_is_named_with_the_nearest_known_one(name: str, near: str) -> None:
    assert problems(**{name: "x"}) == (
        f"criteria[0]: has a member '{name}' that is not known, perhaps {near}; {ACCEPTED}",
    )


def test_each_unknown_member_is_named() -> None:
    named = (f"criteria[0]: has a member '{name}' that is not known; {ACCEPTED}" for name in ("comment", "why"))

    assert problems(comment="x", why="y") == tuple(named)


@pytest.mark.parametrize(
    "secret", ["key_id:access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "A" * 40, "K7MDENG"]
)
def test_what_may_be_a_secret_is_not_repeated(secret: str) -> None:
    assert problems(**{secret: "x"}) == (f"criteria[0]: has a member that is not known; {ACCEPTED}",)
    assert secret not in str(problems(operation=secret))
