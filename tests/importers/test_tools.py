"""What is particular of each tool: units, names, what absent means, what cannot be said and why."""

import json
from typing import Any

import pytest

from dicom_sieve.importers import Imported, import_rules


def dcm2bids(criteria: dict[str, Any], **config: Any) -> Imported:
    [rule] = import_rules("dcm2bids", json.dumps({"descriptions": [{"criteria": criteria}], **config}))
    return rule


def one(tool: str, text: str) -> Imported:
    [rule] = import_rules(tool, text)
    return rule


class TestDcm2bids:
    @pytest.mark.parametrize(
        ("criteria", "items"),
        [
            ({"EchoTime": {"btwe": ["0.00291", "0.00292"]}}, [("EchoTime", "BETWEEN", ["2.91 ms", "2.92 ms"])]),
            (
                {"PixelBandwidth": {"btw": ["259", "261"]}},
                [("PixelBandwidth", "GREATER", "259"), ("PixelBandwidth", "LESS", "261")],
            ),
            ({"SeriesNumber": 3}, [("SeriesNumber", "EQUALS", "3")]),
            ({"BodyPart": "HEAD"}, [("BodyPartExamined", "EQUALS", "HEAD")]),
            ({"Manufacturer": "Siemens"}, [("Manufacturer", "MATCHES", ["SI*", "CP*"])]),
            ({"ProtocolName": ""}, [("ProtocolName", "ABSENT", None)]),
            ({"MRAcquisitionType": "[23]D"}, [("MRAcquisitionType", "IN", ["2D", "3D"])]),
        ],
    )
    def test_field_of_a_sidecar_becomes_an_attribute_in_its_unit(
        self, criteria: dict[str, Any], items: list[tuple[str, str, Any]]
    ) -> None:
        rule = dcm2bids(criteria)

        found = [(item["dicom_tag"], item["operation"], item.get("reference")) for item in rule.criteria]
        assert (found, rule.left_out) == (items, ())

    def test_number_is_equal_to_the_six_digits_that_dcm2niix_writes(self) -> None:
        assert dcm2bids({"EchoTime": 0.00296}).criteria[0] == {
            "dicom_tag": "EchoTime",
            "operation": "EQUALS",
            "reference": "2.96 ms",
            "tolerance": "0.000005",
        }

    @pytest.mark.parametrize(
        ("criteria", "why"),
        [
            ({"SidecarFilename": "*e2*"}, "it is the name of a file that dcm2niix writes, and no attribute"),
            ({"PhaseEncodingDirection": "j-"}, "no attribute of DICOM is copied to this field: dcm2niix works it out"),
            ({"SeriesInstanceUID": "1.2"}, "dcm2bids has dcm2niix leave it out of sidecars (-ba y)"),
            ({"ImageType": "ORIGINAL"}, "no object meets it"),
            ({"EchoTime": {"eq": 1}}, "dcm2bids does not know 'eq', and passes it over"),
            ({"EchoTime": {"lt": 1, "gt": 0}}, "dcm2bids accepts one key here, and stops"),
            ({"EchoTime": "0.00*"}, "a pattern over the digits of a number"),
            ({"EchoNumber": 1}, "dcm2niix writes the first echo of a series with several echoes alone"),
            ({"ScanOptions": "PFP_FS"}, "in a sidecar '_' may stand between values, or in one of them"),
            ({"SeriesDescription": "[!a]*"}, "it has [!a], which is no list of a few characters"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, criteria: dict[str, Any], why: str) -> None:
        rule = dcm2bids(criteria)

        assert rule.criteria == ()
        assert rule.left_out[0].partition(": ")[2].partition(": ")[2].startswith(why) or why in rule.left_out[0]

    def test_descriptions_are_named_by_id_or_by_what_they_make(self) -> None:
        descriptions = [
            {"id": "t1", "datatype": "anat", "suffix": "T1w", "criteria": {"Modality": "MR"}},
            {"datatype": "anat", "suffix": "T1w", "custom_entities": "acq-a", "criteria": {"Modality": "MR"}},
            {"dataType": "func", "modalityLabel": "bold", "criteria": {"Modality": "MR"}},
            {"dataType": "func", "modalityLabel": "bold"},
            {"criteria": {}},
        ]

        rules = import_rules("dcm2bids", json.dumps({"descriptions": descriptions}))

        assert [rule.name for rule in rules] == ["t1", "anat_acq-a_T1w", "func_bold", "func_bold 2", "description 5"]
        assert rules[3].left_out == ("criteria: there are none, and dcm2bids then takes nothing",)


class TestBidscoin:
    BIDSMAP = """
Options:
  bidscoin: {ignoretypes: [leave]}
DICOM:
  participant: {age: {value: a}}
  anat:
  - attributes: &stub {Modality: , ProtocolName: }
    bids: {suffix: T1w}
  - attributes: {<<: *stub, ProtocolName: T1 (2)}
    bids: {suffix: T1w}
  - attributes: {<<: *stub, ProtocolName: t2}
    properties: {filename: .*a.*}
    bids: {suffix: T1w}
  leave:
  - attributes: {<<: *stub, "(0008,0060)": SR}
    bids: {suffix: <ScanningSequence>}
Physio:
  func: [{attributes: {a: b}}]
"""

    def test_run_items_that_ask_something_become_rules(self) -> None:
        rules = import_rules("bidscoin", self.BIDSMAP)

        assert [(rule.name, rule.discards, len(rule.left_out)) for rule in rules] == [
            ("anat/T1w", False, 0),
            ("anat/T1w 2", False, 1),
            ("leave", True, 0),
        ]
        assert rules[1].left_out == ("filename .*a.*: it asks for the name of a file, not for an attribute",)
        assert rules[2].criteria == ({"dicom_tag": "Modality", "operation": "EQUALS", "reference": "SR"},)

    def test_value_that_is_the_same_is_taken_though_it_is_another_expression(self) -> None:
        [item] = import_rules("bidscoin", self.BIDSMAP)[0].criteria

        assert item["reference"] == ["T1 2", "T1 (2)"]

    def test_truth_value_of_yaml_is_pointed_at(self) -> None:
        rule = one("bidscoin", "DICOM: {anat: [{attributes: {EchoPlanarPulseSequence: YES}}]}")

        assert rule.left_out == ("EchoPlanarPulseSequence True, which YAML reads as a truth value: no object meets it",)

    @pytest.mark.parametrize(
        ("attributes", "why"),
        [
            ("{PhaseEncodingDirection: AP}", "'PhaseEncodingDirection' is no keyword of the DICOM dictionary"),
            ("{'ProtocolName:(.*)_': a}", "it asks for a part of a value, by an expression behind the colon"),
            ("{ImageType: .*A.*B.*}", "ImageType (0008,0008) may have several values, and it asks for a pattern"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, attributes: str, why: str) -> None:
        assert why in one("bidscoin", f"DICOM: {{anat: [{{attributes: {attributes}}}]}}").left_out[0]


class TestMercure:
    def test_rules_that_are_not_disabled_are_read_from_a_configuration(self) -> None:
        rules = {
            "a": {"rule": "tags.Modality == 'CT'"},
            "b": {"rule": "True", "disabled": True},
            "c": {"rule": "@Modality@ == 'SR'", "action": "discard"},
            "d": {},
        }

        read = import_rules("mercure", json.dumps({"rules": rules}))

        assert [(rule.name, rule.discards) for rule in read] == [("a", False), ("c", True), ("d", False)]
        assert read[2].left_out == ("False: no object meets it",)

    def test_tag_is_found_in_any_case_and_number_without_a_value_fails(self) -> None:
        rule = one("mercure", "not (float(tags.slicethickness) < 2)")

        assert rule.criteria == ({"dicom_tag": "SliceThickness", "operation": "AT_LEAST", "reference": "2 mm"},)

    def test_expression_of_several_lines_is_read(self) -> None:
        rule = one("mercure", "tags.Modality == 'CT'  # computed\nand 'CHEST' in tags.BodyPartExamined\n")

        assert [item["operation"] for item in rule.criteria] == ["EQUALS", "CONTAINS"]

    @pytest.mark.parametrize(
        ("expression", "why"),
        [
            ("tags.SenderAET == 'A'", "SenderAET belongs to how the object was sent, and no object has it"),
            ("tags.Nothing == 'A'", "'Nothing' is no keyword of the DICOM dictionary"),
            ("len(tags.Modality) > 1", "it is not understood: len(tags.Modality)"),
            ("tags.Modality == tags.Manufacturer", "it compares with what is no text"),
            ("tags.Modality > 'CT'", "it compares a text by the order of letters"),
            ("int(tags.SliceThickness) > 2", "int fails where SliceThickness (0018,0050) is no whole number"),
            ("float(tags.Modality) > 2", "Modality (0008,0060) is no single number, and float makes one of it"),
            ("tags.Modality in 'CT MR'", "it asks whether a tag is in a text"),
            ("(float(tags.Rows) > 2) | True", "it works both sides out, and one may fail"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, expression: str, why: str) -> None:
        rule = one("mercure", expression)

        assert rule.criteria == ()
        assert why in rule.left_out[0]


class TestMonai:
    def test_zero_is_absent(self) -> None:
        rule = one("monai", '{"selections": [{"conditions": {"SeriesNumber": [5, "<"], "Rows": 0}}]}')

        assert rule.name == "selection 1"
        assert rule.criteria == (
            {"dicom_tag": "SeriesNumber", "operation": "LESS", "reference": "5"},
            {"dicom_tag": "SeriesNumber", "operation": "NOT_EQUALS", "reference": "0", "if_absent": "NOT_MET"},
        )

    def test_expression_of_a_number_with_zeros_is_that_number(self) -> None:
        rule = one("monai", json.dumps({"selections": [{"conditions": {"SliceThickness": r"^(5(\.0+)?|5)$"}}]}))

        assert rule.criteria == ({"dicom_tag": "SliceThickness", "operation": "EQUALS", "reference": "5"},)

    @pytest.mark.parametrize(
        ("conditions", "why"),
        [
            ({"PixelSpacing": [0.5, 0.5]}, "PixelSpacing (0028,0030) may have several values, and it asks for digits"),
            ({"ImageType": [["A"]]}, "it is no list of texts: MONAI Deploy stops with an error there"),
            ({"ImageType": "['A'"}, "ImageType (0008,0008) may have several values, and it asks for what stands"),
            ({"SliceThickness": [1, 2, 3]}, "MONAI Deploy stops with an error there"),
            ({"SliceThickness": ["a", ">"]}, "it compares with what is no number: MONAI Deploy stops with an error"),
            ({"Modality": ["CT"]}, "Modality (0008,0060) is a text, and it is compared with none: MONAI Deploy stops"),
            ({"SliceThickness": [5, 3]}, "no object meets it"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, conditions: dict[str, Any], why: str) -> None:
        rule = one("monai", json.dumps({"selections": [{"conditions": conditions}]}))

        assert rule.criteria == ()
        assert why in rule.left_out[0]

    def test_selection_without_conditions_selects_nothing(self) -> None:
        rule = one("monai", '{"selections": [{"name": "all", "conditions": {}}]}')

        assert rule.left_out == ("conditions: there are none, and MONAI Deploy then selects nothing",)


class TestCtp:
    SCRIPT = """Library of signatures

**************
  GE
  Dose Series
  { SeriesDescription.containsIgnoreCase("Dose Report") }
  (0,0,512,110)
  { Rows.equals("512") * [0043[GEMS_PARM_01]27].contains("a") }
  (0,0,512,25) (1,2,3,4)
"""

    def test_each_signature_of_a_pixel_anonymizer_is_a_rule_with_its_heading(self) -> None:
        rules = import_rules("ctp", self.SCRIPT)

        assert [rule.name for rule in rules] == ["Dose Series", "signature 2"]
        assert [item["dicom_tag"] for item in rules[1].criteria] == ["Rows", ["0043", "0027"]]

    @pytest.mark.parametrize("name", ["Modality", "[0008,0060]", "[00080060]", "[Modality]", "root:Modality"])
    def test_element_is_named_in_several_ways(self, name: str) -> None:
        assert one("ctp", f'{name}.equals("CT")').criteria[0]["dicom_tag"] == "Modality"

    def test_private_element_is_asked_for_with_its_creator(self) -> None:
        [item] = one("ctp", '[0043[GEMS_PARM_01]27].contains("a")').criteria

        assert item == {
            "dicom_tag": ["0043", "0027"],
            "operation": "CONTAINS",
            "reference": "a",
            "private_creator": "GEMS_PARM_01",
            "vr": "SH",
            "case": "EXACT",
        }

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ('A::B.equals("1")', "CTP looks at the first item of a sequence alone; criteria look at every item"),
            ('Modality.is("CT")', "CTP does not know such a test"),
            ('PatientAge.isLessThan("18")', "CTP compares the digits of PatientAge (0010,1010), which may have"),
            ('ImageType.endsWith("M")', "may have several values, and it is compared with all of them as one text"),
            ("Modality.equals(CT)", "no object meets it"),
            ('[0009[NOBODY]10].equals("1")', "the VR of 0009,xx10 of 'NOBODY' is not known"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, script: str, why: str) -> None:
        rule = one("ctp", script)

        assert rule.criteria == ()
        assert why in rule.left_out[0]

    def test_commands_of_an_anonymizer_that_stop_an_object_become_criteria(self) -> None:
        script = """<script>
 <e en="T" t="00080008" n="ImageType">@if(this,equals,"SAVE"){@skip()}{@keep()}</e>
 <e en="T" t="00280301" n="BurnedInAnnotation">@if(ImageType,contains,&quot;YES&quot;){@quarantine()}{@keep()}</e>
 <e en="F" t="00080060" n="Modality">@if(this,contains,"SR"){@quarantine()}{@keep()}</e>
 <e en="T" t="00080070" n="Manufacturer">@if(this,isblank){@quarantine()}{@keep()}</e>
 <e en="T" t="00080020" n="StudyDate">@incrementdate(this,@DATEINC)</e>
</script>"""

        rule = one("ctp", script)

        assert [item.get("operation") or list(item) for item in rule.criteria] == [["any"], ["any"]]
        assert len(rule.left_out) == 1
        assert "it quarantines or skips by 'isblank', for which there is no criterion" in rule.left_out[0]


class TestPixl:
    def test_series_of_two_instances_are_asked_for_where_a_config_says_nothing(self) -> None:
        rule = one("pixl", "project: {modalities: [CT]}\nallowed_manufacturers: [{regex: a}]")

        assert rule.name == "project"
        assert rule.left_out == (
            (
                "min_instances_per_series 2 (which PIXL has where a config says nothing): it counts the instances of a "
                "series: a measure, which criteria do not have yet"
            ),
        )

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ("allowed_manufacturers: [{regex: 1}]", "allowed_manufacturers: no object meets it"),
            ("allowed_manufacturers: [{regex: a, exclude_series_numbers: [x]}]", "it is no list of whole numbers"),
            ("allowed_manufacturers: [{regex: a}]\nseries_filters: [1]", "series_filters: it is no list of texts"),
            ("allowed_manufacturers: [{regex: 'a+'}]", "it repeats more than any character: +"),
        ],
    )
    def test_others_are_left_out_with_the_reason(self, more: str, why: str) -> None:
        rule = one("pixl", f"project: {{modalities: [CT]}}\nmin_instances_per_series: 1\n{more}")

        assert any(why in line for line in rule.left_out)

    def test_config_without_manufacturers_allows_none(self) -> None:
        rule = one("pixl", "project: {modalities: [CT]}\nmin_instances_per_series: 1")

        assert (rule.criteria, rule.left_out) == ((), ("allowed_manufacturers: no object meets it",))
