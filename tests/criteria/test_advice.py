"""What is worth a look about criteria, before they are used."""

import json
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve.criteria import Criterion, advise, compile_criteria
from dicom_sieve.criteria.standard import DEFINED_TERMS, ENUMERATED_VALUES, IN_FUNCTIONAL_GROUPS
from dicom_sieve.dicom.dictionary import find_attribute, find_keyword, header_tags


def advice(*asked: tuple[str, str, Any]) -> list[str]:
    criteria = []
    for keyword, operation, reference in asked:
        tag = find_keyword(keyword)
        assert tag is not None
        parts = (f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}")
        criteria.append(Criterion.model_validate({"dicom_tag": parts, "operation": operation, "reference": reference}))
    return [str(criterion) for criterion in advise(compile_criteria(criteria))]


class TestValuesThatNothingHas:
    def test_values_that_nothing_has_of_enumerated_values_none_meets(self) -> None:
        none = "no value that keeps to it meets this."
        assert advice(("PatientSex", "EQUALS", "FEMALE")) == [
            f"Criterion 1: FEMALE is no value of PatientSex (0010,0040): PS3.3 C.7.1.1 has F, M or O; {none}"
        ]
        assert advice(("Modality", "EQUALS", "CT"), ("PatientSex", "IN", ["male", "F", "W"])) == [
            "Criterion 2: MALE or W are no values of PatientSex (0010,0040): PS3.3 C.7.1.1 has F, M or O."
        ]

    def test_values_that_nothing_has_of_defined_terms_are_perhaps_mistaken(self) -> None:
        assert advice(("Modality", "EQUALS", "MRI")) == [
            "Criterion 1: MRI: no Defined Term of Modality (0008,0060) (PS3.3 C.7.3.1.1.1), perhaps MR."
        ]

    @pytest.mark.parametrize(
        ("keyword", "reference"),
        [("PatientSex", "f "), ("Modality", "ct"), ("LossyImageCompression", "00"), ("BodyPartExamined", "WHATEVER")],
    )
    def test_values_that_nothing_has_are_none_of_these(self, keyword: str, reference: str) -> None:
        assert advice((keyword, "EQUALS", reference)) == []

    @pytest.mark.parametrize(
        ("keyword", "operation", "reference"),
        [
            ("StudyDate", "LESS", "0001-01-01"),
            ("StudyDate", "GREATER", "9999-12-31"),
            ("PatientAge", "LESS", "000D"),
            ("PatientAge", "GREATER", "9999Y"),
        ],
    )
    def test_values_that_nothing_has_are_beyond_the_ends(self, keyword: str, operation: str, reference: str) -> None:
        [said] = advice((keyword, operation, reference))

        assert said.startswith(f"Criterion 1: no value can meet it: {keyword} (")


class TestCriteriaThatContradictEachOther:
    @pytest.mark.parametrize(
        "pair",
        [
            (("Modality", "EQUALS", "CT"), ("Modality", "EQUALS", "MR")),
            (("Modality", "IN", ["CT", "PT"]), ("Modality", "IN", ["MR", "US"])),
            (("StudyDate", "GREATER", "2022-01-01"), ("StudyDate", "LESS", "2021-01-01")),
            (("StudyDate", "GREATER", "2022-01-01"), ("StudyDate", "LESS", "2022-01-02")),
            (("StudyDate", "EQUALS", "2022-01-01"), ("StudyDate", "LESS", "2022-01-01")),
            (("PatientAge", "GREATER", "065Y"), ("PatientAge", "LESS", "018Y")),
            (("PatientAge", "GREATER", "012M"), ("PatientAge", "LESS", "001Y")),
            (("PatientAge", "GREATER", "001D"), ("PatientAge", "LESS", "002D")),
        ],
    )
    def test_criteria_that_contradict_each_other_are_named(self, pair: tuple[tuple[str, str, Any], ...]) -> None:
        attribute = find_attribute(find_keyword(pair[0][0]) or 0)

        none = "an instance has one value of it: nothing will pass."
        assert advice(("PatientSex", "EQUALS", "F"), *pair) == [
            f"Criteria 2 and 3: no value of {attribute} meets both, and {none}"
        ]

    def test_criteria_that_contradict_each_other_are_named_where_only_all_of_them_do(self) -> None:
        codes = (["CT", "MR"], ["MR", "PT"], ["PT", "CT"])

        [said] = advice(*(("Modality", "IN", some) for some in codes))

        assert said.startswith("Criteria 1, 2 and 3: no value of Modality (0008,0060) meets all of them")

    @pytest.mark.parametrize(
        "asked",
        [
            [("StudyDate", "GREATER", "2022-01-01"), ("StudyDate", "LESS", "2022-01-03")],
            [("PatientAge", "GREATER", "017Y"), ("PatientAge", "LESS", "018Y")],
            [("Modality", "IN", ["CT", "MR"]), ("Modality", "EQUALS", "MR")],
            [("ImageType", "EQUALS", "ORIGINAL"), ("ImageType", "EQUALS", "AXIAL")],  # it has several values
            [("StudyDate", "EQUALS", "2022-01-01"), ("SeriesDate", "EQUALS", "2022-01-02")],
        ],
    )
    def test_criteria_that_contradict_each_other_are_none_of_these(self, asked: list[tuple[str, str, Any]]) -> None:
        assert advice(*asked) == []


class TestAttributesOfFunctionalGroups:
    def test_attributes_of_functional_groups_are_never_met_at_the_top_level(self) -> None:
        where = "lies in sequences within functional groups only (PS3.3 C.7.6.16), and nothing says in which"
        absent = "where objects keep to that it is absent, and no instance meets this; 'within' names them."
        assert advice(("OperatingMode", "EQUALS", "LEVEL_0")) == [
            f"Criterion 1: OperatingMode (0018,9178) {where}: {absent}"
        ]
        assert advice(("FrameType", "EQUALS", "ORIGINAL")) == []

    def test_attributes_of_functional_groups_are_attributes_that_a_criterion_can_name(self) -> None:
        assert header_tags() >= IN_FUNCTIONAL_GROUPS
        assert header_tags() >= {*ENUMERATED_VALUES, *DEFINED_TERMS}
        assert not IN_FUNCTIONAL_GROUPS & {find_keyword(name) for name in ("ImageType", "Modality", "PatientPosition")}

    def test_are_those_of_the_tables_that_highdicom_took_from_the_standard(self) -> None:
        """Its tables say of each module where each attribute lies."""
        package = pytest.importorskip("highdicom", reason="the extra is not installed")
        table = Path(package.__file__).parent / "_standard" / "module_attribute_map.json"
        places: dict[int | None, set[str]] = {}
        for attributes in json.loads(table.read_text(encoding="utf-8")).values():
            for attribute in attributes:
                first = attribute["path"][0] if attribute["path"] else ""
                places.setdefault(find_keyword(attribute["keyword"]), set()).add(first)

        groups = {"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"}
        assert all("" not in places[tag] and places[tag] & groups for tag in IN_FUNCTIONAL_GROUPS)
