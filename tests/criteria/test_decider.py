import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.criteria import (
    UNJUDGED,
    Criterion,
    Decider,
    Decision,
    Finding,
    Operation,
    Verdict,
    compile_criteria,
    find,
    leaves_of,
)
from dicom_sieve.criteria import decide as module

CRITERIA = compile_criteria(
    [
        Criterion(dicom_tag=("0008", "0060"), operation=Operation.IN, reference=["CT", "MR"]),
        Criterion(dicom_tag=("0010", "1010"), operation=Operation.GREATER, reference="018M"),
    ]
)
values = st.lists(st.sampled_from(["CT", "PT", "X-RAY", "002Y", "001Y", "45", ""]), max_size=3)
headers = st.dictionaries(st.sampled_from(["00080060", "00101010", "00080020"]), values)


class TestADecision:
    @pytest.mark.parametrize(
        ("attributes", "verdict", "findings"),
        [
            ({"00080060": ["CT"], "00101010": ["002Y"]}, "PASSED", ["MET", "MET"]),
            ({"00080060": ["CT"]}, "DISCARDED", ["MET", "ABSENT"]),
            ({"00080060": [], "00101010": ["45"]}, "DISCARDED", ["EMPTY", "MALFORMED"]),
            ({"00080060": ["PT"], "00101010": ["001Y"]}, "DISCARDED", ["NOT_MET", "NOT_MET"]),
        ],
    )
    def test_a_decision_is_passed_only_if_every_finding_is_met(
        self, attributes: dict[str, list[str]], verdict: str, findings: list[str]
    ) -> None:
        expected = tuple(Finding(finding) for finding in findings)

        assert Decider(CRITERIA).decide(attributes) == Decision(Verdict(verdict), expected, expected)

    @given(several=st.lists(headers, max_size=8))
    def test_a_decision_does_not_depend_on_what_was_decided_before(self, several: list[dict[str, list[str]]]) -> None:
        decider = Decider(CRITERIA)

        for header in several * 2:
            findings = tuple(
                find(criterion, header.get(criterion.attribute.hex_tag)) for criterion in leaves_of(CRITERIA)
            )
            assert decider.decide(header).findings == findings

    def test_a_decision_on_what_cannot_be_judged_has_no_findings(self) -> None:
        assert Decision(Verdict.DISCARDED, ()) == UNJUDGED


class TestTheMemoryOfADecider:
    @staticmethod
    def remembered(attributes: Sequence[dict[str, list[str]]]) -> int:
        decider = Decider(CRITERIA[:1])
        for tag in attributes:
            decider.decide(tag)
        return len(decider._cache[0])

    def test_the_memory_of_a_decider_has_an_end_however_many_values_there_are(self) -> None:
        distinct = [{"00080060": [f"V{number}"]} for number in range(module.CACHE_SIZE + 100)]

        assert self.remembered(distinct) == module.CACHE_SIZE

    def test_the_memory_of_a_decider_does_not_hold_long_values(self) -> None:
        long = [{"00080060": ["A" * 300]}, {"00080060": [""] * 300}, {"00080060": ["ABCDEFGH"] * 40}]

        assert self.remembered(long) == 0
        assert self.remembered([{"00080060": ["ORIGINAL", "PRIMARY", "AXIAL"]}, {}]) == 2

    def test_the_memory_of_a_decider_is_small_at_its_worst(self) -> None:
        worst = ("\ufffd" * module.MAX_CACHED_LENGTH,)

        assert module.CACHE_SIZE * (sys.getsizeof(worst) + sys.getsizeof(worst[0]) + 100) < 64 << 20
