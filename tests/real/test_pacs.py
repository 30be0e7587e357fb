"""A PACS as a location: Orthanc with its DICOMweb plugin, over real requests."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.demo.bucket import objects
from dicom_sieve.ledger.reading.rows import InstanceRow
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore, Store
from tests.support.builders import make_instance
from tests.support.orthanc import Orthanc

pytestmark = pytest.mark.needs_orthanc

CRITERIA: list[dict[str, Any]] = [
    {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "2020-01-01"},
    {"dicom_tag": "Modality", "operation": "IN", "reference": ["CT", "MR"]},
    {"dicom_tag": "PatientAge", "operation": "GREATER", "reference": "018Y"},
    {"dicom_tag": "PatientSex", "operation": "NOT_EQUALS", "reference": "F"},
    {"dicom_tag": "ImageType", "operation": "IN", "reference": ["AXIAL"]},
    {"dicom_tag": "SliceThickness", "operation": "AT_MOST", "reference": "5"},
    {"dicom_tag": "PixelSpacing", "operation": "EQUALS", "reference": "0.661468"},
    {"dicom_tag": "ImagePositionPatient", "operation": "LESS", "reference": "-100.5"},
    {"dicom_tag": "InstanceNumber", "operation": "BETWEEN", "reference": ["2", "20"]},
    {"dicom_tag": "Rows", "operation": "AT_LEAST", "reference": "128"},
    {"dicom_tag": "Manufacturer", "operation": "EQUALS", "reference": "GE MEDICAL SYSTEMS"},
    {"dicom_tag": "PatientName", "operation": "EQUALS", "reference": "CompressedSamples^CT1"},
    {"dicom_tag": "PatientID", "operation": "PRESENT"},
    {"dicom_tag": "StudyDescription", "operation": "ABSENT"},
    {"dicom_tag": "FrameOfReferenceUID", "operation": "PRESENT"},
    {"dicom_tag": "SOPClassUID", "operation": "EQUALS", "reference": "1.2.840.10008.5.1.4.1.1.2"},
]
NOT_TOLD: list[dict[str, Any]] = [
    {"dicom_tag": "SpecificCharacterSet", "operation": "EQUALS", "reference": "ISO_IR 192"},
    {"dicom_tag": "TransferSyntaxUID", "operation": "EQUALS", "reference": "1.2.840.10008.1.2.1"},
    {"dicom_tag": "ImplementationVersionName", "operation": "PRESENT"},
    {"dicom_tag": "SourceApplicationEntityTitle", "operation": "ABSENT"},
]


@pytest.fixture(scope="module")
def both(orthanc_server: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """The demo's bucket as a directory, and in a PACS."""
    root = tmp_path_factory.mktemp("bucket")
    orthanc_server.empty()
    for key, body in objects():
        if not key.endswith("/"):
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(body)
            orthanc_server.put(body)
    yield DirectoryStore(root), orthanc_server.store()
    orthanc_server.empty()


def judge(store: Store, ledger: Ledger, name: str, criteria: list[dict[str, Any]]) -> list[InstanceRow]:
    asked = [Criterion.model_validate(criterion) for criterion in criteria]
    outcome = screen(Screening(name, store, asked), ledger)
    rows = list(ledger.run(name).instances())
    assert outcome.counts["listed"] == len(rows)
    return rows


LOST_BY_ORTHANC = {
    "1.2.392.200036.9123.100.11.15002200303521616157144551003340153": [
        ("PixelSpacing", "NOT_MET", "UNDECIDED"),
        ("ImagePositionPatient", "MET", "UNDECIDED"),
    ]
}
"""Its character set is ISO_IR 13: the metadata of Orthanc 1.10 says that several numbers have no value."""

Place = tuple[str | None, str | None, str | None]


def place_of(row: InstanceRow) -> Place:
    return row.study_instance_uid, row.series_instance_uid, row.sop_instance_uid


def test_the_same_verdicts_as_in_a_bucket_finding_by_finding(both: tuple[Store, Store], ledger: Ledger) -> None:
    bucket, pacs = both

    in_bucket = [row for row in judge(bucket, ledger, "bucket", CRITERIA) if row.defect is None]
    in_pacs = judge(pacs, ledger, "pacs", CRITERIA)

    times = Counter(map(place_of, in_bucket))
    once = {place_of(row): row for row in in_bucket if times[place_of(row)] == 1}  # a PACS has one of each UID
    compared = [row for row in in_pacs if place_of(row) in once]
    assert len(compared) > 234 + 60
    differing = {row.sop_instance_uid: differences(once[place_of(row)], row) for row in compared}
    assert {uid: found for uid, found in differing.items() if found} == LOST_BY_ORTHANC


def test_instances_pass_in_a_pacs_as_in_a_bucket(both: tuple[Store, Store], ledger: Ledger) -> None:
    bucket, pacs = both

    in_bucket = {place_of(row): row.verdict for row in judge(bucket, ledger, "bucket", CRITERIA[:2])}
    in_pacs = {place_of(row): row.verdict for row in judge(pacs, ledger, "pacs", CRITERIA[:2]) if not row.defect}

    passed = {place for place, verdict in in_pacs.items() if verdict == "PASSED"}
    assert len(passed) > 60 + 40 + 48 + 31
    assert {place: in_bucket[place] for place in in_pacs} == in_pacs


# Last in this file: these empty the PACS.
def test_a_uid_of_several_instances_names_none(pacs: Orthanc, ledger: Ledger) -> None:
    for patient in ("A", "B"):
        assert pacs.put(make_instance(SOPInstanceUID="1.2.3.4.1", PatientID=patient, Modality="CT"))

    assert pacs.put(make_instance(series_instance_uid="1.2.3.5", SOPInstanceUID="1.2.3.5.1", Modality="CT"))

    rows = judge(pacs.store(), ledger, "run", CRITERIA[1:2])

    assert [(row.verdict, row.defect) for row in rows] == [("DISCARDED", "UNREADABLE"), ("PASSED", None)]


def test_what_metadata_does_not_tell_is_undecided(pacs: Orthanc, ledger: Ledger) -> None:
    made = make_instance(SOPInstanceUID="1.2.3.4.1", SpecificCharacterSet="ISO_IR 192", PatientName="Größe")
    assert pacs.put(made)

    (row,) = judge(pacs.store(), ledger, "run", NOT_TOLD)

    assert row.findings == ("UNDECIDED",) * len(NOT_TOLD)
    assert row.verdict == "DISCARDED"


def differences(of_bucket: InstanceRow, of_pacs: InstanceRow) -> list[tuple[str, str, str]]:
    """Give the criteria whose findings differ."""
    assert len(of_bucket.findings) == len(of_pacs.findings) == len(CRITERIA)
    names = [str(criterion["dicom_tag"]) for criterion in CRITERIA]
    found = list(zip(names, of_bucket.findings, of_pacs.findings, strict=True))
    return [difference for difference in found if difference[1] != difference[2]]
