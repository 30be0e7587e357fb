"""Made series and criteria with measures, for tests of what is measured: some of them odd, damaged, or cut."""

import random
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from tests.headers.raw import element, meta
from tests.screening.naive_measures import Made

HEADER_LIMIT = 8_192
"""Bytes read of one object, so that some end too early."""
MOST_SEED = 2**32 - 1
_LONG = 9_000
_BOUND = 0x00204000
PATIENTS = (("P1", None), ("P1", "A"), ("P1", "B"), (" p1", ""), ("P2", "A"), ("P1\\2", None), ("", "A"), (None, None))
VALUES: Mapping[str, tuple[str | None, ...]] = {
    "Modality": ("CT", "CT", "MR", "ct", "", None, "X-RAY?"),
    "SeriesDescription": ("T1 axial", "t1 AXIAL", "scout", "", None),
    "ImageType": ("ORIGINAL\\PRIMARY\\AXIAL", "ORIGINAL\\PRIMARY", "DERIVED\\SECONDARY", "", None),
    "StudyDate": ("20220101", "20220120", "2022.01.01", "20220301", "20221301", "", None),
    "SeriesDate": ("20220102", "", None),
    "PatientAge": ("045Y", "018M", "", None, "old"),
    "PatientBirthDate": ("20200229", "19760103", "20230101", "x", "", None),
    "SliceThickness": ("2.5", "2.50", "0", "0.0", "-0", "1E1", "10", "x", "1\\2", "", None),
}
"""Of all instances of a series, mostly."""
OWN_VALUES: Mapping[str, tuple[str | None, ...]] = {
    "InstanceNumber": ("1", "2", "3", "4", "7", "7", "07", "12"),
    "SliceLocation": ("1.5", "1.50", "2", "-3", "x", "", None),
    "NumberOfFrames": (None, None, None, "1", "3", "10", "", "0", "x"),
    "BurnedInAnnotation": ("YES", "NO", None),
    "PerformedProcedureStepStartDate": ("20220101", "20220131", "20220401", "", None, "soon"),
}
"""Of each instance."""
ODD_NUMBERS = ("", None, "abc", "1_0", "-2", "1\\2")
CUTS = ("InstanceNumber", "SliceLocation", "NumberOfFrames", "BurnedInAnnotation", "PerformedProcedureStepStartDate")


def bytes_of(values: Mapping[str, str | None], cut_at: str | None = None, *, is_long: bool = False) -> bytes:
    """Write an object, or one that ends within the value of an attribute."""
    parts = {tag_for_keyword(name): (name, text) for name, text in values.items() if text is not None}
    data = bytearray(meta())
    for tag, (name, text) in sorted(parts.items(), key=lambda part: part[0] or 0):
        vr, value = dictionary_VR(tag or 0), text.encode()
        if is_long and (tag or 0) > _BOUND:
            data += element(_BOUND, "LT", b"x" * _LONG)
            is_long = False
        padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
        data += element(tag or 0, vr, padded)
        if name == cut_at:
            return bytes(data[:-1])
    return bytes(data + (element(_BOUND, "LT", b"x" * _LONG) if is_long else b""))


def made(values: Mapping[str, str | None], cut_at: str | None = None, *, is_long: bool = False) -> Made:
    """Make an object; see `bytes_of`."""
    if cut_at is not None and values.get(cut_at):
        return Made(bytes_of(values, cut_at), tag_for_keyword(cut_at), bytes_of(values))
    is_behind = any(text is not None and (tag_for_keyword(name) or 0) > _BOUND for name, text in values.items())
    return Made(bytes_of(values, is_long=is_long), _BOUND if is_long and is_behind else None)


def some_world(chance: random.Random, name: str, series: int = 15) -> dict[str, Made]:
    """Make the objects of some series, by key, and some that are none."""
    objects = {f"{name}/none/{number}": Made(data) for number, data in enumerate((b"", b"no DICOM"))}
    studies = [f"1.2.{name}.{number}" for number in range(1, max(series // 4, 2))]
    for number in range(series):
        patient, issuer = chance.choice(PATIENTS)
        common: dict[str, str | None] = {keyword: chance.choice(texts) for keyword, texts in VALUES.items()}
        common |= {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
            "StudyInstanceUID": chance.choice([*studies, *studies, "", None]),
            "SeriesInstanceUID": f"1.3.{name}.{number}" if chance.random() < 0.95 else None,
            "PatientID": patient,
            "IssuerOfPatientID": issuer,
        }
        for place, values in enumerate(_some_instances(chance, common)):
            values["SOPInstanceUID"] = f"1.4.{name}.{number}.{place}"
            cut_at = chance.choice(CUTS) if chance.random() < _DAMAGED else None
            objects[f"{name}/{number}/{place}"] = made(values, cut_at, is_long=chance.random() < _CUT_SHORT)
    return objects


_ODD, _DAMAGED, _CUT_SHORT = 0.1, 0.04, 0.04


def _some_instances(chance: random.Random, common: Mapping[str, str | None]) -> list[dict[str, str | None]]:
    instances = []
    for _ in range(chance.choice([1, 2, 3, 3, 4, 6])):
        values = dict(common) | {keyword: chance.choice(texts) for keyword, texts in OWN_VALUES.items()}
        if chance.random() < _ODD:
            keyword = chance.choice(list(VALUES))
            values[keyword] = chance.choice(VALUES[keyword])
        if chance.random() < _ODD / 2:
            values["InstanceNumber"] = chance.choice(ODD_NUMBERS)
        instances.append(values)
    return instances


_LEAVES: tuple[dict[str, Any], ...] = (
    {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"},
    {"dicom_tag": "Modality", "operation": "NOT_EQUALS", "reference": "CT"},
    {"dicom_tag": "Modality", "operation": "NOT_IN", "reference": ["MR", "PT"], "if_absent": "MET"},
    {"dicom_tag": "SeriesDescription", "operation": "CONTAINS", "reference": "AXIAL"},
    {"dicom_tag": "SeriesDescription", "operation": "NOT_CONTAINS", "reference": ["scout", "loc"], "if_absent": "MET"},
    {"dicom_tag": "ImageType", "operation": "EQUALS", "reference": "PRIMARY"},
    {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "2022-01-10"},
    {"dicom_tag": "SliceThickness", "operation": "GREATER", "reference": "1", "if_absent": "NOT_MET"},
    {"dicom_tag": "SliceLocation", "operation": "GREATER", "reference": "1.5 mm"},
    {"dicom_tag": "SliceLocation", "operation": "PRESENT"},
    {"dicom_tag": "BurnedInAnnotation", "operation": "NOT_EQUALS", "reference": "YES"},
    {"dicom_tag": "BurnedInAnnotation", "operation": "ABSENT"},
    {"dicom_tag": "InstanceNumber", "operation": "IN", "reference": ["1", "2", "7"]},
    {"dicom_tag": "PatientID", "operation": "EQUALS", "reference": "P1"},
)
_OF_OWN: tuple[dict[str, Any], ...] = (
    {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "000D", "minus": "OWN"},
    {"dicom_tag": "StudyDate", "operation": "BETWEEN", "reference": ["000D", "30D"], "minus": "OWN"},
    {"dicom_tag": "InstanceNumber", "operation": "LESS", "reference": "0", "minus": "OWN"},
    {"dicom_tag": "SliceLocation", "operation": "EQUALS", "reference": "0", "minus": "OWN", "if_absent": "MET"},
    {
        "dicom_tag": "PerformedProcedureStepStartDate",
        "operation": "AT_MOST",
        "reference": "001M",
        "minus": "OWN",
        "if_absent": "NOT_MET",
    },
)
_SCOPES = {"SERIES": ("STUDY", "PATIENT"), "STUDIES": ("PATIENT",), "MISSING": ("SERIES",)}
_COUNTED = (*OWN_VALUES, *VALUES, "PatientID", "StudyInstanceUID", "IssuerOfPatientID")
_NUMBERS = ("EQUALS", "NOT_EQUALS", "IN", "NOT_IN", "AT_LEAST", "AT_MOST", "GREATER", "LESS", "BETWEEN")


def some_measure(chance: random.Random, depth: int = 2) -> dict[str, Any]:
    """Choose a measure, with measures in its `where` down to some depth."""
    measure = chance.choice(["INSTANCES", "INSTANCES", "SERIES", "STUDIES", "FRAMES", "DISTINCT", "MISSING"])
    item: dict[str, Any] = {"measure": measure, **_some_comparison(chance)}
    if (scope := chance.choice([None, *_SCOPES.get(measure, ("SERIES", "STUDY", "PATIENT"))])) is not None:
        item["scope"] = scope
    if measure == "DISTINCT":
        item["dicom_tag"] = chance.choice(_COUNTED)
    if chance.random() < 0.6:
        may_compare = measure in {"INSTANCES", "SERIES", "STUDIES"}
        item["where"] = [_some_asked(chance, depth, may_compare=may_compare) for _ in range(chance.choice([1, 1, 2]))]
    return item


def _some_comparison(chance: random.Random) -> dict[str, Any]:
    operation = chance.choice([*_NUMBERS, "PRESENT", "ABSENT"])
    numbers = sorted(str(chance.choice([0, 1, 1, 2, 2, 3, 4, 5, 8])) for _ in range(2))
    if operation in {"PRESENT", "ABSENT"}:
        return {"operation": operation}
    is_list = operation in {"IN", "NOT_IN", "BETWEEN"}
    item: dict[str, Any] = {"operation": operation, "reference": numbers if is_list else numbers[0]}
    if operation in _NUMBERS[:4] and chance.random() < 0.3:
        item["tolerance"] = chance.choice(["1", "20 %", "0.5", "50 %"])
    if chance.random() < 0.3:
        item["if_absent"] = chance.choice(["MET", "NOT_MET"])
    return item


def _some_asked(chance: random.Random, depth: int, *, may_compare: bool) -> dict[str, Any]:
    choice = chance.random()
    if choice < 0.2 and depth > 1:
        kind = chance.choice(["any", "all", "none"])
        return {kind: [_some_asked(chance, depth - 1, may_compare=may_compare) for _ in range(chance.choice([1, 2]))]}
    if choice < 0.35 and depth > 1:
        return some_measure(chance, depth - 1)
    if choice < 0.4:
        return some_age(chance)
    if choice < 0.65 and may_compare:
        return chance.choice(_OF_OWN)
    return chance.choice(_LEAVES)


def some_age(chance: random.Random) -> dict[str, Any]:
    """Choose what is asked of an age."""
    operation = chance.choice([*_NUMBERS, "PRESENT", "ABSENT"])
    if operation in {"PRESENT", "ABSENT"}:
        return {"measure": "AGE", "operation": operation}
    ages = sorted(
        chance.sample(["018M", "002Y", "045Y", "700D", "104W"], 2), key=["018M", "700D", "104W", "002Y", "045Y"].index
    )
    item = {
        "measure": "AGE",
        "operation": operation,
        "reference": ages if operation in {"IN", "NOT_IN", "BETWEEN"} else ages[0],
    }
    return item | ({"if_absent": chance.choice(["MET", "NOT_MET"])} if chance.random() < 0.3 else {})


def some_criteria(chance: random.Random, count: int = 10) -> list[dict[str, Any]]:
    """Choose criteria, most of them measures; some in groups."""
    items: list[dict[str, Any]] = [some_age(chance), chance.choice(_LEAVES)]
    while len(items) < count:
        item = some_measure(chance)
        items.append(
            {chance.choice(["any", "all", "none"]): [item, chance.choice(_LEAVES)]} if chance.random() < 0.2 else item
        )
    return items
