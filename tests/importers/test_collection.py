"""The public rules of the collection, in the forms of their tools: the criteria that they become, and verdicts.

The parts of files that the rules stand in are written again from what they say; sources are in
``tests/rules/collection.json``.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicom_sieve.importers import import_rules
from tests.rules import cases_1, cases_2, cases_3
from tests.rules.datasets import read, to_file
from tests.support import other_tools
from tests.support.documents import ROOT
from tests.support.imported import assert_says

CASES = {**cases_1.CASES, **cases_2.CASES, **cases_3.CASES}
Criteria = list[dict[str, Any]]
Oracle = Callable[[Dataset], bool]


@dataclass(frozen=True)
class Public:
    """A public rule.

    Attributes:
        tool: Whose.
        file: The file, with this rule alone.
        takes: What the tool says of a dataset.
        criteria: What the rule becomes.
        left_out: What of it is left out; the beginning of each line.
    """

    tool: str
    file: str
    takes: Oracle
    criteria: Criteria
    left_out: tuple[str, ...] = ()


def asked(keyword: str, operation: str, reference: Any = None, **more: Any) -> dict[str, Any]:
    given = {"dicom_tag": keyword, "operation": operation}
    return {**given, **({} if reference is None else {"reference": reference}), **more}


def dcm2bids(criteria: dict[str, Any], expected: Criteria, *left_out: str, **config: Any) -> Public:
    description = {"datatype": "anat", "suffix": "T1w", "criteria": criteria}
    file = json.dumps({"descriptions": [description], **config})

    def takes(dataset: Dataset) -> bool:
        return other_tools.dcm2bids_takes(config, criteria, other_tools.sidecar_of(dataset))

    return Public("dcm2bids", file, takes, expected, left_out)


def bidscoin(attributes: dict[str, Any], expected: Criteria, *left_out: str, **members: Any) -> Public:
    file = json.dumps({"DICOM": {"anat": [{"attributes": attributes, "bids": {"suffix": "T2w"}, **members}]}})
    return Public("bidscoin", file, lambda ds: other_tools.bidscoin_takes(attributes, ds), expected, left_out)


def mercure(expression: str, expected: Criteria, *left_out: str, **rule: Any) -> Public:
    file = json.dumps({"rules": {"rule": {"rule": expression, **rule}}})
    return Public("mercure", file, lambda ds: other_tools.mercure_takes(expression, ds), expected, left_out)


def ctp(script: str, expected: Criteria, *left_out: str) -> Public:
    return Public("ctp", script, lambda ds: other_tools.ctp_takes(script, ds), expected, left_out)


def monai(conditions: dict[str, Any], expected: Criteria, *left_out: str) -> Public:
    file = json.dumps({"selections": [{"name": "CT", "conditions": conditions}]})
    known = {name: condition for name, condition in conditions.items() if name != "ImageOrientationPatient"}
    return Public("monai", file, lambda ds: other_tools.monai_takes(known, ds), expected, left_out)


def pixl(config: dict[str, Any], expected: Criteria, *left_out: str) -> Public:
    return Public("pixl", json.dumps(config), lambda ds: other_tools.pixl_takes(config, ds), expected, left_out)


EXACT = {"case": "EXACT"}
GE = {"regex": "^ge medical systems", "exclude_series_numbers": [1200, 1201, 1202, 1203, 1301, 1501]}
MAKERS = ["afga", "siemens", "newtom", "toshiba", "morita", "fonar", "philips", "canon"]
NO_GE = asked("Manufacturer", "NOT_MATCHES", "ge medical systems*", if_absent="MET")
RULES: Mapping[str, Public] = {
    "R003": dcm2bids(
        {"SeriesDescription": "*TSE*", "EchoTime": 0.008},
        [
            asked("SeriesDescription", "CONTAINS", "TSE", **EXACT),
            asked("EchoTime", "EQUALS", "8 ms", tolerance="0.000005"),
        ],
    ),
    "R006": dcm2bids(
        {"SeriesDescription": {"any": ["localizer", "loc 3 planes"]}},
        [asked("SeriesDescription", "IN", ["localizer", "loc 3 planes"])],
        case_sensitive=False,
    ),
    "R009": dcm2bids(
        {"RepetitionTime": {"le": ["0.0086"]}, "SAR": {"gt": ["0.020"]}, "ImagingFrequency": {"ge": "123.105"}},
        [
            asked("RepetitionTime", "AT_MOST", "8.6 ms"),
            asked("RepetitionTime", "GREATER", "0 ms"),
            asked("SAR", "GREATER", "0.02"),
            asked("ImagingFrequency", "AT_LEAST", "123.105 MHz"),
        ],
    ),
    "R016": Public(  # of 2018, when dcm2niix wrote SK_SS where it writes SK\\SS now
        "dcm2bids",
        '{"descriptions": [{"criteria": {"SequenceVariant": "SK_SS"}, "exclude": {"ImageType": "*DERIVED*"}}]}',
        lambda ds: other_tools.texts(ds, "SequenceVariant") == ["SK", "SS"],
        [
            asked("SequenceVariant", "EQUALS", "SK", value=1),
            asked("SequenceVariant", "EQUALS", "SS", value=2),
            asked("SequenceVariant", "ABSENT", value=3),
        ],
        ("exclude: dcm2bids has no such member",),
    ),
    "R017": dcm2bids(
        {"SeriesDescription": "ep2d_bold_nback*"}, [asked("SeriesDescription", "MATCHES", "ep2d_bold_nback*", **EXACT)]
    ),
    "R018": dcm2bids(
        {
            "SeriesDescription": {"any": ["*neuronav*", "*TFE*", "*T1_FFE*"]},
            "SliceThickness": {"le": "2.5"},
            "SpacingBetweenSlices": {"le": "1.5"},
            "SeriesNumber": {"lt": "500"},
        },
        [
            asked("SeriesDescription", "CONTAINS", ["neuronav", "TFE", "T1_FFE"], **EXACT),
            asked("SliceThickness", "AT_MOST", "2.5 mm"),
            asked("SliceThickness", "GREATER", "0 mm"),
            asked("SpacingBetweenSlices", "AT_MOST", "1.5 mm"),
            asked("SpacingBetweenSlices", "GREATER", "0 mm"),
            asked("SeriesNumber", "LESS", "500"),
            asked("SeriesNumber", "GREATER", "0"),
        ],
    ),
    "R046": bidscoin(
        {"ProtocolName": "(?i).*T2w.*", "SequenceVariant": "['SK', 'SP']"},
        [
            asked("ProtocolName", "CONTAINS", "T2w"),
            asked("SequenceVariant", "EQUALS", "SK", value=1),
            asked("SequenceVariant", "EQUALS", "SP", value=2),
            asked("SequenceVariant", "ABSENT", value=3),
        ],
    ),
    "R047": bidscoin(
        {"ProtocolName": "(?i).*TSE.*vfl.*", "ImageType": ".*'NORM'.*"},
        [
            asked("ProtocolName", "MATCHES", "*TSE*vfl*"),
            asked("ImageType", "EQUALS", "NORM"),
            asked("ImageType", "PRESENT", value=2),
        ],
    ),
    "R050": bidscoin(
        {"SeriesDescription": "(?i).*(f.?MRI|task|BOLD|CMRR.*_TR).*SBREF.*"},
        [
            asked(
                "SeriesDescription",
                "MATCHES",
                ["*fMRI*SBREF*", "*f?MRI*SBREF*", "*task*SBREF*", "*BOLD*SBREF*", "*CMRR*_TR*SBREF*"],
            )
        ],
    ),
    "R051": bidscoin(
        {"ProtocolName": "(?i).*(task|BOLD).*", "ImageType": ".*'PHYSIO'.*"},
        [
            asked("ProtocolName", "CONTAINS", ["task", "BOLD"]),
            asked("ImageType", "EQUALS", "PHYSIO"),
            asked("ImageType", "PRESENT", value=2),
        ],
    ),
    "R052": bidscoin(
        {"ProtocolName": "(?i).*(fmap|field.?map|B0.?map).*", "ImageType": ".*'P'.*"},
        [
            {
                "any": [
                    asked("ProtocolName", "CONTAINS", ["fmap", "fieldmap", "B0map"]),
                    asked("ProtocolName", "MATCHES", ["*field?map*", "*B0?map*"]),
                ]
            },
            asked("ImageType", "EQUALS", "P"),
            asked("ImageType", "PRESENT", value=2),
        ],
    ),
    "R053": bidscoin(
        {"ProtocolName": "(?i).*(Scout|localizer|t2_haste_sag_ipat2).*"},
        [asked("ProtocolName", "CONTAINS", ["Scout", "localizer", "t2_haste_sag_ipat2"])],
    ),
    "R054": bidscoin(
        {"ImageType": ".*'CSA REPORT'.*", "ProtocolName": ".*Phoenix.*"},
        [
            asked("ImageType", "EQUALS", "CSA REPORT"),
            asked("ImageType", "PRESENT", value=2),
            asked("ProtocolName", "CONTAINS", "Phoenix", **EXACT),
        ],
    ),
    "R055": bidscoin(
        {"ImageType": ".*'FMRI'.*", "SeriesDescription": "(?i).*SBREF.*"},
        [
            asked("ImageType", "EQUALS", "FMRI"),
            asked("ImageType", "PRESENT", value=2),
            asked("SeriesDescription", "CONTAINS", "SBREF"),
        ],
    ),
    "R056": bidscoin(
        {},
        [],
        "filesize 2[4-6]\\d MB: it asks for the size of a file",
        "nrfiles 1[0-9]: it asks for the number of files",
        properties={"filesize": r"2[4-6]\d MB", "nrfiles": "1[0-9]"},
    ),
    "R064": mercure(
        "(float(tags.SeriesNumber) > 100) or (tags.ScanningSequence.lower()=='gr')",
        [
            {
                "any": [
                    asked("SeriesNumber", "GREATER", "100"),
                    {
                        "all": [
                            asked("SeriesNumber", "AT_MOST", "100"),
                            asked("ScanningSequence", "EQUALS", "GR", value=1),
                            asked("ScanningSequence", "ABSENT", value=2),
                        ]
                    },
                ]
            }
        ],
    ),
    "R065": mercure(
        "tags.Modality == 'MR'",
        [asked("Modality", "EQUALS", "MR")],
        "study_trigger_series 'Axial T2' and ('Sag T1 GRE' or 'Sag T1 TSE'): it asks for other series",
        action_trigger="study",
        study_trigger_series="'Axial T2' and ('Sag T1 GRE' or 'Sag T1 TSE')",
    ),
    "R066": mercure(
        "tags.Modality == 'CT' and tags.SenderAET == ''",
        [asked("Modality", "EQUALS", "CT")],
        "tags.SenderAET == '': SenderAET belongs to how the object was sent",
    ),
    "R068": ctp(
        """![0008,0008].contains("SAVE") *
        ![0008,103e].contains("SAVE") *
        [0018,1012].equals("") * [0018,1016].equals("") * [0018,1018].equals("") * [0018,1019].equals("") *
        ![0028,0301].contains("YES")""",
        [
            asked("ImageType", "NOT_CONTAINS", "SAVE", if_absent="MET"),
            asked("SeriesDescription", "NOT_CONTAINS", "SAVE", if_absent="MET", **EXACT),
            asked("DateOfSecondaryCapture", "ABSENT"),
            asked("SecondaryCaptureDeviceManufacturer", "ABSENT"),
            asked("SecondaryCaptureDeviceManufacturerModelName", "ABSENT"),
            asked("SecondaryCaptureDeviceSoftwareVersions", "ABSENT"),
            asked("BurnedInAnnotation", "NOT_CONTAINS", "YES", if_absent="MET"),
        ],
    ),
    "R069": Public(
        "ctp",
        '<script><e en="T" t="00080008" n="ImageType">'
        '@if(ImageType,contains,"SCREEN SAVE"){@quarantine()}{@keep()}</e></script>',
        lambda ds: "screen save" not in "\\".join(other_tools.texts(ds, "ImageType")).lower(),
        [asked("ImageType", "NOT_CONTAINS", "SCREEN SAVE", if_absent="MET")],
    ),
    "R070": Public(
        "ctp",
        '<script><e en="T" t="00080060" n="Modality">@require()</e></script>',
        lambda _: True,
        [],
        ("the script: no element of it is quarantined or skipped",),
    ),
    "R071": ctp(
        'CodeMeaning.containsIgnoreCase("IEC Body Dosimetry Phantom")',
        [asked("CodeMeaning", "CONTAINS", "IEC Body Dosimetry Phantom")],
    ),
    "R072": ctp(
        """BurnedInAnnotation.containsIgnoreCase("YES") * Manufacturer.containsIgnoreCase("GE MEDICAL") *
        SeriesDescription.containsIgnoreCase("AVA Report") * Rows.equals("512")""",
        [
            asked("BurnedInAnnotation", "CONTAINS", "YES"),
            asked("Manufacturer", "CONTAINS", "GE MEDICAL"),
            asked("SeriesDescription", "CONTAINS", "AVA Report"),
            asked("Rows", "EQUALS", "512"),
        ],
    ),
    "R073": ctp(
        """Manufacturer.containsIgnoreCase("VITAL Images") *
        ( SeriesDescription.containsIgnoreCase("AAA") + SeriesDescription.containsIgnoreCase("Report") ) *
        Rows.equals("1041")""",
        [
            asked("Manufacturer", "CONTAINS", "VITAL Images"),
            asked("SeriesDescription", "CONTAINS", ["AAA", "Report"]),
            asked("Rows", "EQUALS", "1041"),
        ],
    ),
    "R074": ctp(
        'ImageType.containsIgnoreCase("VOLREN") * Rows.equals("512") * Columns.equals("512")',
        [
            asked("ImageType", "CONTAINS", "VOLREN"),
            asked("Rows", "EQUALS", "512"),
            asked("Columns", "EQUALS", "512"),
        ],
    ),
    "R110": pixl(
        {
            "project": {"name": "despiad", "modalities": ["CT", "PT"]},
            "allowed_manufacturers": [GE],
            "min_instances_per_series": 2,
            "series_filters": ["localizer", "localiser", "scout", "positioning", "mip"],
        },
        [
            asked("Modality", "IN", ["CT", "PT"]),
            asked("Manufacturer", "MATCHES", "ge medical systems*"),
            asked("SeriesNumber", "PRESENT"),
            {
                "any": [
                    NO_GE,
                    asked("SeriesNumber", "NOT_IN", list(map(str, GE["exclude_series_numbers"])), if_absent="MET"),
                ]
            },
            asked(
                "SeriesDescription",
                "NOT_CONTAINS",
                ["localizer", "localiser", "scout", "positioning", "mip"],
                if_absent="MET",
            ),
        ],
        "min_instances_per_series 2: it counts the instances of a series",
    ),
    "R111": pixl(
        {
            "project": {"name": "hearing", "modalities": ["CT", "MR"]},
            "allowed_manufacturers": [
                {"regex": "^ge medical systems", "exclude_series_numbers": [1200, 9000]},
                *({"regex": maker} for maker in MAKERS[:-1]),
                {"regex": "canon", "exclude_series_numbers": [9000]},
            ],
            "min_instances_per_series": 6,
            "series_filters": ["localizer", "key_images"],
        },
        [
            asked("Modality", "IN", ["CT", "MR"]),
            {
                "any": [
                    asked("Manufacturer", "MATCHES", "ge medical systems*"),
                    asked("Manufacturer", "CONTAINS", MAKERS),
                ]
            },
            asked("SeriesNumber", "PRESENT"),
            {"any": [NO_GE, asked("SeriesNumber", "NOT_IN", ["1200", "9000"], if_absent="MET")]},
            {
                "any": [
                    asked("Manufacturer", "NOT_CONTAINS", "canon", if_absent="MET"),
                    asked("Manufacturer", "MATCHES", "ge medical systems*"),
                    asked("Manufacturer", "CONTAINS", MAKERS[:-1]),
                    asked("SeriesNumber", "NOT_EQUALS", "9000", if_absent="MET"),
                ]
            },
            asked("SeriesDescription", "NOT_CONTAINS", ["localizer", "key_images"], if_absent="MET"),
        ],
        "min_instances_per_series 6: it counts the instances of a series",
    ),
    "R112": pixl(
        {
            "project": {"name": "pinpoint", "modalities": ["MR"]},
            "allowed_manufacturers": [{"regex": ".*", "exclude_series_numbers": []}],
            "min_instances_per_series": 1,
            "series_filters": ["localizer", "scout", "positioning"],
        },
        [
            asked("Modality", "EQUALS", "MR"),
            asked("Manufacturer", "PRESENT"),
            asked("SeriesNumber", "PRESENT"),
            asked("SeriesDescription", "NOT_CONTAINS", ["localizer", "scout", "positioning"], if_absent="MET"),
        ],
    ),
    "R113": pixl(
        {
            "project": {"name": "tubes", "modalities": ["DX", "CR"]},
            "allowed_manufacturers": [{"regex": ".*"}],
            "min_instances_per_series": 1,
        },
        [
            asked("Modality", "IN", ["DX", "CR"]),
            asked("Manufacturer", "PRESENT"),
            asked("SeriesNumber", "PRESENT"),
        ],
    ),
    "R120": monai(
        {
            "StudyDescription": "(.*?)",
            "Modality": "(?i)CT",
            "SeriesDescription": "(.*?)",
            "ImageType": ["PRIMARY", "ORIGINAL"],
        },
        [
            asked("StudyDescription", "PRESENT"),
            asked("Modality", "CONTAINS", "CT"),
            asked("SeriesDescription", "PRESENT"),
            asked("ImageType", "CONTAINS", "PRIMARY"),
            asked("ImageType", "CONTAINS", "ORIGINAL"),
        ],
    ),
    "R123": monai(
        {
            "StudyDescription": "(.*?)",
            "Modality": "(?i)CT",
            "ImageType": ["PRIMARY", "ORIGINAL", "AXIAL"],
            "SeriesDescription": "(?i)^(?!.*(cor|sag)).*$",
            "SliceThickness": [3, 5],
        },
        [
            asked("StudyDescription", "PRESENT"),
            asked("Modality", "CONTAINS", "CT"),
            asked("ImageType", "CONTAINS", "PRIMARY"),
            asked("ImageType", "CONTAINS", "ORIGINAL"),
            asked("ImageType", "CONTAINS", "AXIAL"),
            asked("SeriesDescription", "NOT_CONTAINS", ["cor", "sag"], if_absent="NOT_MET"),
            asked("SliceThickness", "BETWEEN", ["3 mm", "5 mm"]),
        ],
    ),
    "R124": monai({"Modality": "CT"}, [asked("Modality", "CONTAINS", "CT")]),
    "R126": monai(
        {
            "StudyDescription": "(.*?)",
            "Modality": "(?i)CT",
            "ImageOrientationPatient": "Axial",
            "SliceThickness": [2, ">"],
        },
        [
            asked("StudyDescription", "PRESENT"),
            asked("Modality", "CONTAINS", "CT"),
            asked("SliceThickness", "GREATER", "2 mm"),
        ],
        'ImageOrientationPatient "Axial": it asks for the plane of the image',
    ),
    "R129": monai(
        {"SliceThickness": [2.5, 5.0], "MagneticFieldStrength": [1.5, ">="], "ImageOrientationPatient": "Axial"},
        [
            asked("SliceThickness", "BETWEEN", ["2.5 mm", "5 mm"]),
            asked("MagneticFieldStrength", "AT_LEAST", "1.5 T"),
        ],
        'ImageOrientationPatient "Axial": it asks for the plane of the image',
    ),
}
MORE: Mapping[str, list[dict[str, Any]]] = {
    "R016": [{"SequenceVariant": ["SK", "SS"]}],
    "R050": [{"SeriesDescription": "my_task_2_SBRef"}],
    "R051": [{"ProtocolName": "BOLD_1", "ImageType": ["ORIGINAL", "PHYSIO"]}],
    "R052": [{"ProtocolName": "b0 map", "ImageType": ["ORIGINAL", "P"]}],
    "R054": [{"ProtocolName": "PhoenixZIPReport", "ImageType": ["OTHER", "CSA REPORT"]}],
    "R065": [{"Modality": "MR"}, {"Modality": "CT"}],
    "R066": [{"Modality": "CT"}, {"Modality": "MR"}],
    "R071": [{"CodeMeaning": "IEC Body Dosimetry Phantom"}, {"CodeMeaning": "Head"}],
    "R110": [
        {"Modality": "CT", "Manufacturer": "GE MEDICAL SYSTEMS", "SeriesNumber": "2"},
        {"Modality": "CT", "Manufacturer": "GE MEDICAL SYSTEMS", "SeriesNumber": "1200"},
        {"Modality": "PT", "Manufacturer": "GE MEDICAL SYSTEMS", "SeriesNumber": "2", "SeriesDescription": "MIP"},
    ],
    "R111": [
        {"Modality": "MR", "Manufacturer": "Canon", "SeriesNumber": "9000"},
        {"Modality": "MR", "Manufacturer": "Philips Canon", "SeriesNumber": "9000"},
        {"Modality": "MR", "Manufacturer": "GE MEDICAL SYSTEMS Canon", "SeriesNumber": "9000"},
        {"Modality": "MR", "Manufacturer": "GE MEDICAL SYSTEMS Canon", "SeriesNumber": "5"},
    ],
    "R112": [{"Modality": "MR", "Manufacturer": "Siemens", "SeriesNumber": "1", "SeriesDescription": "t1"}],
    "R113": [{"Modality": "DX", "Manufacturer": "Siemens", "SeriesNumber": "1"}],
    "R126": [{"StudyDescription": "a", "Modality": "CT", "SliceThickness": "2.5"}],
    "R129": [{"SliceThickness": "2.5", "MagneticFieldStrength": "3"}, {"SliceThickness": "6"}],
}
"""Datasets beside those of the collection, by rule."""
IN_NO_FILE = {"R128"}
"""It is an option of MONAI Deploy's operator, and stands in no file of rules."""


@pytest.mark.parametrize("rule", RULES)
def test_public_rule_becomes_these_criteria(rule: str) -> None:
    public = RULES[rule]

    [imported] = import_rules(public.tool, public.file)

    assert list(imported.criteria) == public.criteria
    for line, beginning in zip(imported.left_out, public.left_out, strict=True):
        assert line.startswith(beginning)


def rows() -> list[Any]:
    return [
        pytest.param(rule, values, id=f"{rule}-{number}")
        for rule in RULES
        for number, values in enumerate([*(CASES[rule].rows() if rule in CASES else ()), *MORE.get(rule, ())])
    ]


@pytest.mark.parametrize(("rule", "values"), rows())
@pytest.mark.filterwarnings("ignore")
def test_criteria_say_of_each_dataset_what_the_tool_says(rule: str, values: dict[str, Any]) -> None:
    public, dataset = RULES[rule], read(to_file(values))

    [imported] = import_rules(public.tool, public.file)

    assert_says(imported, dataset, takes=public.takes(dataset))


@pytest.mark.parametrize("rule", sorted(rule for rule in RULES if RULES[rule].criteria))
@pytest.mark.filterwarnings("ignore")
def test_each_rule_takes_a_dataset(rule: str) -> None:
    datasets = [*(CASES[rule].rows() if rule in CASES else ()), *MORE.get(rule, ())]

    assert any(RULES[rule].takes(read(to_file(values))) for values in datasets)


def test_each_rule_of_the_six_tools_is_here() -> None:
    collection = json.loads((ROOT / "tests/rules/collection.json").read_text(encoding="utf-8"))
    of_tools = {entry["rule"] for entry in collection if re.search(_OF_TOOLS, entry["source"])}

    assert of_tools - IN_NO_FILE == set(RULES)


_OF_TOOLS = "Dcm2Bids|dcm2bids|bidscoin|mercure|CTP|PIXL|monai"
