"""Truth has three values: the laws of Kleene hold, and a list means what the first contract says it does."""

import datetime
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dicom_sieve.criteria import Criterion, Decider, Finding, Group, GroupKind, Item, compile_criteria

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))
"""Random lists and headers; 100,000 in the slow mode."""
SEED = 20_260_101
VALUES = {
    "00080060": ["CT", "mr ", "PT", "X-RAY", "", " "],
    "00080020": ["20220101", "2022.01.02", "20230101", "20221301", ""],
    "00101010": ["018M", "002Y", "17Y", "45", ""],
}
REFERENCES = {
    "00080060": ["CT", "MR", "PT"],
    "00080020": ["2022-01-01", "2022-01-02", "2023-01-01"],
    "00101010": ["018M", "002Y", "017Y"],
}
Header = Mapping[str, Sequence[str]]


def some_header(chance: random.Random) -> Header:
    return {tag: chance.choices(texts, k=chance.randrange(4)) for tag, texts in VALUES.items() if chance.random() < 0.8}


def some_criterion(chance: random.Random, operations: Sequence[str] = ("EQUALS", "IN", "GREATER", "LESS")) -> Criterion:
    tag = chance.choice(list(VALUES))
    operation = chance.choice([each for each in operations if tag != "00080060" or each not in {"GREATER", "LESS"}])
    references = chance.sample(REFERENCES[tag], 2)
    reference: Any = references if operation.endswith("IN") else references[0]
    given = {"dicom_tag": (tag[:4], tag[4:]), "operation": operation, "reference": reference}
    return Criterion.model_validate(given)


def some_item(chance: random.Random, level: int = 2) -> Item:
    if level and chance.random() < 0.4:
        items = [some_item(chance, level - 1) for _ in range(chance.randrange(1, 4))]
        return Group(chance.choice(list(GroupKind)), tuple(items))
    return some_criterion(chance, ("EQUALS", "IN", "GREATER", "LESS", "NOT_EQUALS", "NOT_IN"))


def truth(item: Item, header: Header) -> bool | None:
    """What one item says of a header: true, false, or neither."""
    [finding] = Decider(compile_criteria([item])).decide(header).findings
    return {Finding.MET: True, Finding.NOT_MET: False}.get(finding)


def any_of(*items: Item) -> Group:
    return Group(GroupKind.ANY, items)


def all_of(*items: Item) -> Group:
    return Group(GroupKind.ALL, items)


def none_of(*items: Item) -> Group:
    return Group(GroupKind.NONE, items)


class TestTheLawsOfKleene:
    def test_hold_of_random_items_and_headers(self) -> None:
        chance = random.Random(SEED)
        for _ in range(CASES):
            header, first, second = some_header(chance), some_item(chance, 1), some_item(chance, 1)
            laws = {
                "double negation": (none_of(none_of(first)), first),
                "De Morgan, any": (none_of(any_of(first, second)), all_of(none_of(first), none_of(second))),
                "De Morgan, all": (none_of(all_of(first, second)), any_of(none_of(first), none_of(second))),
                "absorption, any": (any_of(first, all_of(first, second)), first),
                "absorption, all": (all_of(first, any_of(first, second)), first),
            }
            for law, (one_side, other_side) in laws.items():
                assert truth(one_side, header) == truth(other_side, header), (law, first, second, header)

    @pytest.mark.parametrize("operation", ["EQUALS", "IN"])
    def test_a_negated_operation_is_the_negation_of_the_operation(self, operation: str) -> None:
        chance = random.Random(SEED)
        for _ in range(CASES):
            header, asked = some_header(chance), some_criterion(chance, (operation,))
            negated = Criterion.model_validate({**asked.as_given(), "operation": f"NOT_{operation}"})
            assert truth(negated, header) == truth(none_of(asked), header)


class TestAGroup:
    @pytest.mark.parametrize(
        ("kind", "findings"),
        [
            (GroupKind.ANY, {"CT": "MET", "MR": "UNDECIDED"}),
            (GroupKind.ALL, {"CT": "UNDECIDED", "MR": "NOT_MET"}),
            (GroupKind.NONE, {"CT": "NOT_MET", "MR": "UNDECIDED"}),
        ],
    )
    def test_is_undecided_where_what_is_absent_decides(self, kind: GroupKind, findings: dict[str, str]) -> None:
        is_ct = Criterion.model_validate({"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"})
        is_old = Criterion.model_validate({"dicom_tag": "PatientAge", "operation": "GREATER", "reference": "065Y"})
        decider = Decider(compile_criteria([Group(kind, (is_ct, is_old))]))

        for modality, finding in findings.items():
            decision = decider.decide({"00080060": [modality]})
            assert decision.findings == (finding,)
            assert decision.leaves == ("MET" if modality == "CT" else "NOT_MET", "ABSENT")


class TestTheFirstContract:
    def test_means_what_it_meant(self) -> None:
        chance = random.Random(SEED)
        for _ in range(CASES):
            header = some_header(chance)
            criteria = [some_criterion(chance) for _ in range(chance.randrange(1, 4))]
            expected = tuple(first_contract(criterion, header) for criterion in criteria)
            decision = Decider(compile_criteria(criteria)).decide(header)
            assert decision.findings == decision.leaves == expected
            assert (decision.verdict == "PASSED") == (set(expected) == {"MET"})


def first_contract(criterion: Criterion, header: Header) -> str:
    """What one criterion of the first contract finds, worked out on texts alone."""
    tag = "".join(criterion.dicom_tag)
    if tag not in header:
        return "ABSENT"
    texts = [text.strip() for text in header[tag] if text.strip()]
    if not texts:
        return "EMPTY"
    references = criterion.reference if isinstance(criterion.reference, list) else [criterion.reference]
    wanted = [as_number(tag, str(reference).replace("-", "")) for reference in references]
    values = [as_number(tag, text) for text in texts]
    known = [value for value in values if value is not None]
    met = {
        "EQUALS": any(value in wanted for value in known),
        "IN": any(value in wanted for value in known),
        "GREATER": any(value > wanted[0] for value in known),
        "LESS": any(value < wanted[0] for value in known),
    }[criterion.operation]
    if met:
        return "MET"
    return "NOT_MET" if [value for value in known if value != "X-RAY"] else "MALFORMED"


def as_number(tag: str, text: str) -> Any:
    if tag == "00080060":
        return text.upper()
    if tag == "00101010":
        days = {"M": 365.2425 / 12, "Y": 365.2425}.get(text[-1])
        return None if days is None else round(int(text[:-1]) * days, 6)
    try:
        return datetime.datetime.strptime(text.replace(".", ""), "%Y%m%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
