"""What the language says beside the first contract: every VR, several values, sequences, private attributes, frames."""

import fnmatch
import json
import os
import random
import re
from typing import Any

import pytest

from dicom_sieve.criteria import Decider, compile_criteria
from dicom_sieve.criteria.pattern import Pattern
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.dicom import dictionary
from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.units import UNIT_OF
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.headers.edition import refuse_not_kept

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))


def asked(keyword: Any, operation: str, reference: Any = None, **more: Any) -> dict[str, Any]:
    given = {"dicom_tag": keyword, "operation": operation, **more}
    return given if reference is None else {**given, "reference": reference}


def compiled(*items: dict[str, Any]) -> Any:
    criteria, problems = read_criteria(items)
    assert not problems
    return compile_criteria(criteria)


def found(item: dict[str, Any], attributes: dict[str, Any], secret: bytes | None = None) -> str:
    [finding] = Decider(compiled(item), secret).decide(attributes).findings
    return finding.value


def problems(*items: Any) -> tuple[str, ...]:
    return read_criteria(items)[1]


class TestFindings:
    @pytest.mark.parametrize(
        ("item", "key", "texts", "finding"),
        [
            (asked("SliceThickness", "EQUALS", "2.5"), "00180050", ["2.50 "], "MET"),
            (asked("SliceThickness", "EQUALS", "2.5 mm"), "00180050", ["0.25E1"], "MET"),
            (asked("SliceThickness", "EQUALS", "0.3 cm"), "00180050", ["3"], "MET"),
            (asked("SliceThickness", "GREATER", "3"), "00180050", ["nan"], "MALFORMED"),
            (asked("SliceThickness", "BETWEEN", ["3", "5"]), "00180050", ["5.000"], "MET"),
            (asked("SliceThickness", "BETWEEN", ["3", "3"]), "00180050", ["3"], "MET"),
            (asked("EchoTime", "EQUALS", "8 ms", tolerance="0.01"), "00180081", ["8.01"], "MET"),
            (asked("EchoTime", "EQUALS", "8 ms", tolerance="0.01"), "00180081", ["8.011"], "NOT_MET"),
            (asked("EchoTime", "EQUALS", "0.008 s", tolerance="5 %"), "00180081", ["8.4"], "MET"),
            (asked("EchoTime", "NOT_EQUALS", "8", tolerance="0.1"), "00180081", ["8.05"], "NOT_MET"),
            (asked("SeriesDescription", "CONTAINS", "tse"), "0008103E", ["T2 TSE ax"], "MET"),
            (asked("SeriesDescription", "CONTAINS", "tse", case="EXACT"), "0008103E", ["T2 TSE ax"], "NOT_MET"),
            (asked("SeriesDescription", "NOT_CONTAINS", ["loc", "scout"]), "0008103E", ["Scout"], "NOT_MET"),
            (asked("SeriesDescription", "NOT_CONTAINS", "scout"), "0008103E", ["axial"], "MET"),
            (asked("SeriesDescription", "NOT_CONTAINS", "scout"), "0008103E", [], "EMPTY"),
            (asked("SeriesDescription", "NOT_CONTAINS", "scout", if_absent="MET"), "0008103E", ["\u3000"], "MET"),
            (asked("SeriesDescription", "NOT_CONTAINS", "scout", if_absent="MET"), "0008103E", [NOT_KEPT], "UNDECIDED"),
            (asked("SeriesDescription", "CONTAINS", "scout", if_absent="NOT_MET"), "0008103E", [], "NOT_MET"),
            (asked("SeriesDescription", "EQUALS", "Straße"), "0008103E", ["STRASSE"], "MET"),
            (asked("Manufacturer", "MATCHES", "GE*SYSTEMS"), "00080070", ["GE MEDICAL SYSTEMS "], "MET"),
            (asked("Manufacturer", "NOT_MATCHES", ["GE*", "S?emens"]), "00080070", ["SIEMENS"], "NOT_MET"),
            (asked("SOPClassUID", "EQUALS", "CTImageStorage"), "00080016", ["1.2.840.10008.5.1.4.1.1.2"], "MET"),
            (asked("SOPClassUID", "MATCHES", "1.2.840.10008.*"), "00080016", ["1.2.840.10008.5.1.4.1.1.2"], "MET"),
            (asked("StudyTime", "GREATER", "10:15"), "00080030", ["1016"], "MET"),
            (asked("StudyTime", "EQUALS", "10:15:30"), "00080030", ["1015"], "MET"),
            (asked("StudyTime", "EQUALS", "10:15:30"), "00080030", ["2515"], "MALFORMED"),
            (asked("AcquisitionDateTime", "LESS", "2022-01-31T10:00+01:00"), "0008002A", ["202201311000+0200"], "MET"),
            (asked("ImageType", "EQUALS", "M", value=3), "00080008", ["ORIGINAL", "PRIMARY", "M"], "MET"),
            (asked("ImageType", "EQUALS", "M", value=3), "00080008", ["M", "PRIMARY"], "ABSENT"),
            (asked("ImageType", "EQUALS", "M", value=2), "00080008", ["M", "", "M"], "EMPTY"),
            (asked("ImageType", "IN", ["A", "B"], value="ALL"), "00080008", ["A", "B"], "MET"),
            (asked("ImageType", "IN", ["A", "B"], value="ALL"), "00080008", ["A", "C"], "NOT_MET"),
            (asked("ImageType", "IN", ["A", "B"], value="ALL"), "00080008", ["A", "C-C"], "MALFORMED"),
            (asked("Modality", "PRESENT"), "00080060", ["CT"], "MET"),
            (asked("Modality", "PRESENT"), "00080060", [NOT_KEPT], "MET"),
            (asked("Modality", "ABSENT"), "00080060", [""], "MET"),
            (asked("SliceThickness", "GREATER", "4"), "00180050", ["1", "5", NOT_KEPT], "MET"),
            (asked("SliceThickness", "GREATER", "5"), "00180050", ["1", "5", NOT_KEPT], "NOT_MET"),
            (asked("SliceThickness", "EQUALS", "3"), "00180050", ["1", "5", NOT_KEPT], "UNDECIDED"),
            (asked("SliceThickness", "NOT_EQUALS", "6"), "00180050", ["1", "5", NOT_KEPT], "MET"),
            (asked("SliceThickness", "LESS", "6", value="ALL"), "00180050", ["1", "5", NOT_KEPT], "MET"),
        ],
    )
    def test_are_these(self, item: dict[str, Any], key: str, texts: list[str], finding: str) -> None:
        assert found(item, {key: texts}) == finding

    def test_of_what_is_absent_are_undecided_unless_said(self) -> None:
        assert found(asked("Modality", "ABSENT"), {}) == "MET"
        assert found(asked("Modality", "PRESENT"), {}) == "NOT_MET"
        assert found(asked("Modality", "NOT_EQUALS", "CT"), {}) == "ABSENT"
        assert found(asked("Modality", "NOT_EQUALS", "CT", if_absent="MET"), {}) == "MET"

    def test_of_a_value_that_was_not_reached_do_not_obey_if_absent(self) -> None:
        decider = Decider(compiled(asked("Modality", "NOT_EQUALS", "CT", if_absent="MET")))

        assert decider.decide({}, unreadable_from="00080008").findings == ("UNREACHED",)

    def test_of_a_private_attribute_are_by_its_creator(self) -> None:
        item = asked(["0043", "0039"], "EQUALS", "1400", private_creator="GEMS_PARM_01", vr="IS", value=1)

        assert found(item, {"0043xx39 GEMS_PARM_01": ["1400", "4"]}) == "MET"
        assert found(item, {"0043xx39 ANOTHER": ["1400"]}) == "ABSENT"

    def test_of_unknown_bytes_are_by_the_vr_of_the_criterion(self) -> None:
        item = asked(["0019", "000C"], "EQUALS", "0.1", private_creator="X", vr="FL")

        assert found(item, {"0019xx0C X": ["\ufdd2cdcccc3d"]}) == "MET"
        assert found(item, {"0019xx0C X": ["\ufdd2cdcc"]}) == "MALFORMED"

    def test_of_a_difference_of_dates_is_an_age(self) -> None:
        item = asked("StudyDate", "BETWEEN", ["001D", "060D"], minus="SeriesDate")

        assert found(item, {"00080020": ["20220131"], "00080021": ["20220101"]}) == "MET"
        assert found(item, {"00080020": ["20220131"], "00080021": ["20220131"]}) == "NOT_MET"
        assert found(item, {"00080020": ["20220131"]}) == "ABSENT"

    def test_of_a_difference_of_dates_may_be_either_way(self) -> None:
        item = asked("StudyDate", "BETWEEN", ["-007D", "001w"], minus="SeriesDate")

        days = {
            day: found(item, {"00080020": [f"202201{day}"], "00080021": ["20220115"]})
            for day in ("07", "08", "22", "23")
        }
        assert days == {"07": "NOT_MET", "08": "MET", "22": "MET", "23": "NOT_MET"}
        assert problems(asked("PatientAge", "LESS", "-001Y"))
        assert problems(asked("StudyDate", "LESS", "-1 day", minus="SeriesDate"))

    def test_of_what_identifies_are_by_digest(self) -> None:
        item = asked("PatientID", "IN", ["4711 ", "0815"])
        digest = digest_identity("4711", b"secret")

        assert found(item, {"00100020": [digest]}, b"secret") == "MET"
        assert found(item, {"00100020": [" 4711 "]}, b"secret") == "MET"
        assert found(item, {"00100020": ["4712"]}, b"secret") == "NOT_MET"
        assert found(item, {"00100020": [digest_identity("4712", b"secret")]}, b"secret") == "NOT_MET"
        assert found(item, {"00100020": [digest]}, b"another") == "NOT_MET"
        with pytest.raises(InvalidRequestError, match="is compared by keyed digest"):
            Decider(compiled(item))


class TestSequences:
    ITEMS = json.dumps(
        [
            {"00080100": ["T-D1"], "00080102": ["SRT"]},
            {"00080100": ["M-1"], "00080102": ["99LOCAL"]},
        ]
    )

    def test_are_met_by_one_item(self) -> None:
        item = asked("CodeValue", "EQUALS", "M-1", within=["AnatomicRegionSequence"])

        assert found(item, {"00082218": [self.ITEMS]}) == "MET"
        assert found(item, {"00082218": ["[]"]}) == found(item, {}) == "ABSENT"
        assert found(item, {"00082218": [NOT_KEPT]}) == "UNDECIDED"

    def test_hold_together_in_one_item_of_a_group(self) -> None:
        def group(code: str, scheme: str) -> dict[str, Any]:
            both = [asked("CodeValue", "EQUALS", code), asked("CodingSchemeDesignator", "EQUALS", scheme)]
            return {"all": both, "within": ["AnatomicRegionSequence"]}

        assert found(group("T-D1", "SRT"), {"00082218": [self.ITEMS]}) == "MET"
        assert found(group("T-D1", "99LOCAL"), {"00082218": [self.ITEMS]}) == "NOT_MET"
        assert found(group("T-D1", "SRT"), {}) == "UNDECIDED"

    def test_of_frames_are_looked_at_where_the_top_level_has_nothing(self) -> None:
        item = asked("SliceThickness", "LESS", "3 mm")
        frames = {"52009230": [json.dumps([{"00289110": [{"00180050": ["2", "4"]}]}])]}

        assert found(item, frames) == "MET"
        assert found(asked("SliceThickness", "LESS", "2 mm"), frames) == "NOT_MET"
        assert found(item, {"00180050": ["5"], **frames}) == "NOT_MET"


class TestSentences:
    @pytest.mark.parametrize(
        ("item", "sentence"),
        [
            (
                asked("SeriesDescription", "NOT_CONTAINS", ["localizer", "scout"], if_absent="MET"),
                "SeriesDescription (0008,103E) contains none of localizer or scout, or is absent",
            ),
            (asked("EchoTime", "EQUALS", "0.008 s", tolerance="0.01"), "EchoTime (0018,0081) is 8 ms ± 0.01 ms"),
            (asked("KVP", "EQUALS", "120", tolerance="5 %"), "KVP (0018,0060) is 120 kV ± 5 %"),
            (asked("SliceThickness", "BETWEEN", ["3", "5"]), "SliceThickness (0018,0050) is between 3 mm and 5 mm"),
            (asked("ImageType", "EQUALS", "M", value=3), "value 3 of ImageType (0008,0008) is M"),
            (
                asked("ImageType", "IN", ["A", "B"], value="ALL"),
                "every value of ImageType (0008,0008) is one of A or B",
            ),
            (asked("Modality", "ABSENT"), "Modality (0008,0060) is absent or empty"),
            (
                asked(["0043", "0039"], "EQUALS", "1", private_creator="GEMS_PARM_01", vr="IS"),
                "(0043,xx39) of GEMS_PARM_01 is 1",
            ),
            (
                asked("StudyDate", "AT_MOST", "030D", minus="SeriesDate"),
                "StudyDate (0008,0020) minus SeriesDate (0008,0021) is at most 030D",
            ),
            (
                asked("CodeMeaning", "EQUALS", "Pancreas", within=["AnatomicRegionSequence"]),
                "CodeMeaning (0008,0104) in AnatomicRegionSequence (0008,2218) is Pancreas",
            ),
            (
                {
                    "none": [asked("Modality", "EQUALS", "SR"), {"all": [asked("Laterality", "PRESENT")]}],
                    "name": "images",
                },
                (
                    "images, that is none of these is so: (Modality (0008,0060) is SR; nor all of these are so: "
                    "(Laterality (0020,0060) has a value))"
                ),
            ),
        ],
    )
    def test_read_as_english(self, item: dict[str, Any], sentence: str) -> None:
        assert compiled(item)[0].describe() == sentence


class TestProblems:
    @pytest.mark.parametrize(
        ("item", "problem"),
        [
            (
                asked("SliceThickness", "EQUALS", "3 kg"),
                ".reference: '3 kg' has the unit kg; accepted: a length, in m, cm, mm, um",
            ),
            (
                asked("Rows", "EQUALS", "3 mm"),
                ".reference: '3 mm' has the unit mm; accepted: a number without a unit: none is known of this attribute",  # noqa: E501
            ),
            (
                asked("SliceThickness", "BETWEEN", ["5", "3"]),
                ".reference: the second is less than the first; accepted: the lower end, then the upper one",
            ),
            (asked("Modality", "PRESENT", "CT"), ".reference: with operation PRESENT; accepted: none"),
            (asked("Modality", "EQUALS"), ".reference: missing; accepted: a value"),
            (
                asked("Modality", "EQUALS", "CT", tolerance="1"),
                ".tolerance: accepted: with a number, and EQUALS, IN, NOT_EQUALS or NOT_IN",
            ),
            (
                asked("Modality", "NOT_EQUALS", "CT", value="ALL"),
                ".value: ALL with operation NOT_EQUALS, which asks every value already; accepted: ANY, or a number",
            ),
            (
                asked("StudyDate", "EQUALS", "001D", minus="OWN"),
                ".minus: OWN; accepted: in 'where' of a measure, and not within sequences",
            ),
            (
                asked("PatientSecks", "EQUALS", "F"),
                '.dicom_tag: \'PatientSecks\' is no keyword of the DICOM dictionary; accepted: a keyword as "StudyDate", or a tag as ["0008", "0020"]',  # noqa: E501
            ),
            (
                asked(["0043", "0039"], "EQUALS", "1"),
                ".dicom_tag: (0043,0039) is a private tag: it has no VR in the DICOM dictionary; accepted: with private_creator and vr",  # noqa: E501
            ),
            (
                asked("CodeValue", "EQUALS", "1", within=["Modality"]),
                ".within[0]: Modality (0008,0060) is a Code String (CS); accepted: a sequence",
            ),
            (
                asked("Manufacturer", "MATCHES", "*" * 9),
                ".reference: '*********' is not a text; accepted: one without backslashes and control characters, as T1 axial",  # noqa: E501
            ),
            ({"any": []}, ".any: empty; accepted: a list of one criterion or more"),
            (
                {"any": [asked("Modality", "PRESENT")], "nane": "x"},
                ": has a member 'nane' that is not known, perhaps name; accepted: any, name, within",
            ),
        ],
    )
    def test_are_told_in_these_words(self, item: dict[str, Any], problem: str) -> None:
        assert problems(item) == (f"criteria[0]{problem}",)

    def test_name_their_place_in_groups_all_at_once(self) -> None:
        wrong = asked("StudyDate", "EQUALS", "x")
        group = {"any": [wrong, {"all": [asked("Modality", "PRESENT"), wrong]}]}

        places = [problem.partition(":")[0] for problem in problems(wrong, group)]

        assert places == [
            "criteria[0].reference",
            "criteria[1].any[0].reference",
            "criteria[1].any[1].all[1].reference",
        ]

    def test_are_groups_four_levels_deep(self) -> None:
        item: dict[str, Any] = asked("Modality", "PRESENT")
        for _ in range(3):
            item = {"any": [item]}

        assert problems(item) == ()
        assert problems({"none": [item]}) == (
            "criteria[0].none[0].any[0].any[0]: a group in 3 others; accepted: 3 levels of groups",
        )

    def test_are_attributes_that_headers_do_not_keep(self) -> None:
        code = {"dicom_tag": "CodeValue", "operation": "PRESENT"}
        refuse_not_kept(compiled(asked("Rows", "PRESENT"), {**code, "within": ["AnatomicRegionSequence"]}))
        with pytest.raises(InvalidRequestError) as caught:
            refuse_not_kept(
                compiled(asked("Rows", "PRESENT"), {"any": [{**code, "within": ["ModifiedAttributesSequence"]}]})
            )
        assert caught.value.problems == (
            (
                "criteria[1]: items of ModifiedAttributesSequence (0400,0550) are not kept; accepted: code sequences, "
                "and those of docs/criteria.md"
            ),
        )


class TestPatterns:
    def test_match_as_another_matcher_does(self) -> None:
        chance = random.Random(10)
        for _ in range(CASES):
            pattern = "".join(chance.choices("ab?*", k=chance.randrange(1, 8)))
            text = "".join(chance.choices("ab", k=chance.randrange(8)))
            assert Pattern(pattern).matches(text) == bool(re.fullmatch(fnmatch.translate(pattern), text))

    def test_are_bounded_however_they_are_made(self) -> None:
        assert not Pattern("*a" * 8 + "b").matches("a" * 20_000)


def test_all_of_the_dictionary_can_be_named() -> None:
    named = [
        tag
        for tag in (0x00100010, 0x00080005, 0x00020010, 0x00280106, 0x52009229)
        if not hasattr(dictionary.find_attribute(tag), "reason")
    ]

    assert len(named) == 5


def test_tables_name_attributes_of_the_dictionary() -> None:
    assert all(dictionary.find_keyword(keyword) for keyword in UNIT_OF)
