import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.criteria import (
    UNJUDGED,
    CompiledCriterion,
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
                find(criterion, header.get(criterion.attribute.hex_tag))
                for criterion in leaves_of(CRITERIA)
                if isinstance(criterion, CompiledCriterion)
            )
            assert decider.decide(header).findings == findings

    def test_a_decision_on_what_cannot_be_judged_has_no_findings(self) -> None:
        assert Decision(Verdict.DISCARDED, ()) == UNJUDGED
