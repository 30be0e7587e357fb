import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, keyword_for_tag

from dicom_sieve.criteria import CompiledCriterion, Criterion, Operation, compile_criteria, criteria_digest, leaves_of
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, find_keyword, header_tags
from dicom_sieve.errors import InvalidRequestError

MODALITY, STUDY_DATE, AGE = "00080060", "00080020", "00101010"
OF_CODES = "EQUALS, IN, NOT_EQUALS, NOT_IN, CONTAINS, NOT_CONTAINS, MATCHES, NOT_MATCHES, PRESENT, ABSENT"
NO_ORDER = f"operation {{}} is not defined for it; accepted: {OF_CODES}"
NO_DATE = "is not a date; accepted: ISO 8601, as 2022-01-01"
NO_AGE = "is not an age; accepted: one to four digits and D, W, M or Y, as 018M"
NO_CODE = "is not a code; accepted: a text without backslashes and control characters, as CT"
NO_VR = "is a private tag: it has no VR in the DICOM dictionary; accepted: with private_creator and vr"
BEHIND = "is not in the header: accepted are groups 0002 to 51FF"


def ask(tag: str, operation: str, reference: str | list[str]) -> Criterion:
    return Criterion(dicom_tag=(tag[:4], tag[4:]), operation=Operation(operation), reference=reference)


def compile_one(tag: str, operation: str, reference: str | list[str]) -> CompiledCriterion:
    (compiled,) = leaves_of(compile_criteria([ask(tag, operation, reference)]))
    assert isinstance(compiled, CompiledCriterion)
    return compiled


def problems_of(*criteria: Criterion) -> tuple[str, ...]:
    with pytest.raises(InvalidRequestError) as caught:
        compile_criteria(criteria)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value.problems


class TestTheOperationsOfAVr:
    @pytest.mark.parametrize("operation", ["EQUALS", "IN", "GREATER", "LESS"])
    @pytest.mark.parametrize(("tag", "text"), [(STUDY_DATE, "2022-01-01"), (AGE, "018M"), (MODALITY, "CT")])
    def test_the_operations_of_a_vr_are_all_but_the_order_of_codes(self, tag: str, text: str, operation: str) -> None:
        criterion = ask(tag, operation, [text] if operation == "IN" else text)

        if tag == MODALITY and operation in {"GREATER", "LESS"}:
            assert problems_of(criterion) == (
                f"criteria[0]: Modality (0008,0060) is a Code String (CS): {NO_ORDER.format(operation)}",
            )
        else:
            assert leaves_of(compile_criteria([criterion]))[0].operation.value == operation


class TestAnInvalidCriterion:
    @pytest.mark.parametrize(
        ("tag", "operation", "reference", "problem"),
        [
            (STUDY_DATE, "GREATER", "01/01/2022", f".reference: '01/01/2022' {NO_DATE}"),
            (STUDY_DATE, "EQUALS", "20220101", f".reference: '20220101' {NO_DATE}"),
            (STUDY_DATE, "EQUALS", "2022-02-30", f".reference: '2022-02-30' {NO_DATE}"),
            (STUDY_DATE, "IN", ["2022-01-01", "x"], f".reference[1]: 'x' {NO_DATE}"),
            (AGE, "LESS", "45", f".reference: '45' {NO_AGE}"),
            (AGE, "IN", ["18"], f".reference[0]: '18' {NO_AGE}"),
            (MODALITY, "EQUALS", "CT\\MR", f".reference: 'CT\\\\MR' {NO_CODE}"),
            (MODALITY, "EQUALS", " ", f".reference: ' ' {NO_CODE}"),
            (MODALITY, "EQUALS", "C\tT", f".reference: 'C\\tT' {NO_CODE}"),
            ("00091001", "EQUALS", "1", f".dicom_tag: (0009,1001) {NO_VR}"),
            ("00087777", "EQUALS", "1", ".dicom_tag: (0008,7777) is not in the DICOM dictionary"),
            ("FFFFFFFF", "EQUALS", "1", f".dicom_tag: (FFFF,FFFF) {NO_VR}"),
            ("60000040", "EQUALS", "G", f".dicom_tag: OverlayType (6000,0040) {BEHIND}"),
            ("601e0040", "EQUALS", "G", f".dicom_tag: OverlayType (601E,0040) {BEHIND}"),
            (MODALITY, "EQUALS", ["CT"], ".reference: a list with operation EQUALS; accepted: one text"),
            (STUDY_DATE, "LESS", ["2022-01-01"], ".reference: a list with operation LESS; accepted: one text"),
            (MODALITY, "IN", "CT", ".reference: one text with operation IN; accepted: a list"),
        ],
    )
    def test_an_invalid_criterion_is_told_in_these_words(
        self, tag: str, operation: str, reference: str | list[str], problem: str
    ) -> None:
        assert problems_of(ask(tag, operation, reference)) == (f"criteria[0]{problem}",)

    def test_an_invalid_criterion_is_told_as_the_style_guide_shows(self) -> None:
        problems = problems_of(ask(STUDY_DATE, "GREATER", "01/01/2022"), ask(MODALITY, "GREATER", "CT"))

        assert problems[0] == "criteria[0].reference: '01/01/2022' is not a date; accepted: ISO 8601, as 2022-01-01"
        assert problems[1] == (
            "criteria[1]: Modality (0008,0060) is a Code String (CS): operation GREATER is not defined for it; "
            f"accepted: {OF_CODES}"
        )

    def test_an_invalid_criterion_does_not_hide_another(self) -> None:
        good = ask(MODALITY, "EQUALS", "CT")
        problems = problems_of(
            ask(STUDY_DATE, "GREATER", "01/01/2022"),
            good,
            ask(MODALITY, "GREATER", "\\"),
            ask(AGE, "IN", ["1", "018M", "2"]),
            ask("00087777", "EQUALS", "x"),
        )

        assert [problem.split(": ")[0] for problem in problems] == [
            "criteria[0].reference",
            "criteria[2]",
            "criteria[2].reference",
            "criteria[3].reference[0]",
            "criteria[3].reference[2]",
            "criteria[4].dicom_tag",
        ]

    def test_an_invalid_criterion_is_an_empty_list(self) -> None:
        assert problems_of() == ("criteria: empty, which would keep everything; accepted: one criterion or more",)


class TestTags:
    @pytest.mark.parametrize(
        "tag", ["50000020", "501E0020", "00203100", "002031FF", "00280800", "002808F0", "001021c0"]
    )
    def test_tags_of_retired_repeating_groups_are_known_by_their_mask(self, tag: str) -> None:
        found = find_attribute(int(tag, 16))

        assert isinstance(found, Attribute)
        assert found.keyword == keyword_for_tag(int(tag, 16))
        assert (found.tag in header_tags()) == (dictionary_VR(int(tag, 16)) == "CS")

    def test_tags_may_be_written_in_either_case(self) -> None:
        assert compile_one("300a0002".lower().replace("300a0002", "300e0002"), "EQUALS", "APPROVED") == compile_one(
            "300E0002", "EQUALS", "APPROVED"
        )

    @given(tag=st.integers(0, 0xFFFFFFFF) | st.sampled_from(sorted(header_tags())))
    def test_tags_that_a_header_keeps_are_accepted(self, tag: int) -> None:
        assert isinstance(find_attribute(tag), Attribute) >= (tag in header_tags())

    def test_tags_that_a_header_keeps_are_all_of_the_dictionarys_da_cs_and_as(self) -> None:
        for tag in header_tags():
            assert dictionary_VR(tag) in {"DA", "CS", "AS"}
            assert 0x0004 <= tag >> 16 < 0x5200
            assert not (tag >> 16) % 2

    @pytest.mark.parametrize("tag", [0x00080060, 0x00080020, 0x00101010])
    def test_tags_have_keywords(self, tag: int) -> None:
        assert find_keyword(keyword_for_tag(tag)) == tag
        assert find_keyword("NoSuchThing") is None


class TestDescribing:
    @pytest.mark.parametrize(
        ("tag", "operation", "reference", "sentence"),
        [
            (STUDY_DATE, "EQUALS", "2022-01-01", "StudyDate (0008,0020) is 2022-01-01"),
            (STUDY_DATE, "GREATER", " 2022-01-01 ", "StudyDate (0008,0020) is later than 2022-01-01"),
            (STUDY_DATE, "LESS", "2022-01-01", "StudyDate (0008,0020) is earlier than 2022-01-01"),
            (STUDY_DATE, "IN", ["2022-01-01"], "StudyDate (0008,0020) is one of 2022-01-01"),
            (AGE, "EQUALS", "018m", "PatientAge (0010,1010) is exactly 018M"),
            (AGE, "GREATER", "018M", "PatientAge (0010,1010) is older than 018M"),
            (AGE, "LESS", "018M", "PatientAge (0010,1010) is younger than 018M"),
            (AGE, "IN", ["018M", "002Y"], "PatientAge (0010,1010) is exactly one of 018M or 002Y"),
            (MODALITY, "EQUALS", "ct ", "Modality (0008,0060) is CT"),
            (MODALITY, "IN", ["ct", "MR", "CT", "PT"], "Modality (0008,0060) is one of CT, MR or PT"),
        ],
    )
    def test_describing_is_a_sentence(
        self, tag: str, operation: str, reference: str | list[str], sentence: str
    ) -> None:
        assert compile_one(tag, operation, reference).describe() == sentence


class TestTheDigest:
    ONE = ask("300E0002", "EQUALS", "APPROVED")
    OTHER = ask(MODALITY, "IN", ["CT", "MR"])

    def test_the_digest_is_a_sha_256_that_does_not_change(self) -> None:
        assert re.fullmatch("[0-9a-f]{64}", criteria_digest([self.ONE]))
        assert criteria_digest([self.ONE]) == criteria_digest([ask("300e0002", "EQUALS", "APPROVED")])

    def test_the_digest_differs_with_anything_that_is_asked(self) -> None:
        sets = [
            [self.ONE],
            [self.OTHER],
            [self.ONE, self.OTHER],
            [self.OTHER, self.ONE],
            [ask(MODALITY, "IN", ["CT"])],
            [ask(MODALITY, "EQUALS", "CT")],
            [ask(MODALITY, "EQUALS", "MR")],
            [ask("00080061", "EQUALS", "MR")],
        ]

        assert len({criteria_digest(criteria) for criteria in sets}) == len(sets)
