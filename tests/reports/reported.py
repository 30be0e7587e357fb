"""A made bucket with every finding and every defect in it, screened; for reports of it."""

from collections.abc import Iterator
from typing import Any

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.screening import Limits, Outcome, Screening, screen
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

CRITERIA = (
    Criterion(dicom_tag=("0008", "0020"), operation=Operation.GREATER, reference="2022-01-01"),
    Criterion(dicom_tag=("0008", "0060"), operation=Operation.IN, reference=["CT", "MR", "PT"]),
    Criterion(dicom_tag=("0010", "1010"), operation=Operation.LESS, reference="065Y"),
)
GOOD = {"StudyDate": "20230715", "Modality": "CT", "PatientAge": "045Y"}
HOSTILE = "<script>alert(1)</script>|\x1b[31m*_[x](http://evil)"
SERIES: dict[str, list[dict[str, Any]]] = {
    "1.1": [GOOD] * 12,
    "1.2": [{**GOOD, "StudyDate": "20220301", "Modality": "MR", "PatientAge": "018M"}] * 9,
    "1.3": [{**GOOD, "StudyDate": "20190815"}] * 8,
    "1.4": [{**GOOD, "StudyDate": "20191002", "Modality": "US", "PatientAge": "071Y"}] * 6,
    "1.5": [*[GOOD] * 6, *[{**GOOD, "StudyDate": "20211231"}] * 2],
    "1.6": [*[{**GOOD, "StudyDate": ""}] * 2, *[{**GOOD, "StudyDate": "2023"}] * 3],
    "1.7": [{"Modality": "CT", "PatientAge": "045Y"}] * 3,
    "1.8": [*[{**GOOD, "Modality": "SR"}] * 2, {**GOOD, "Modality": "a code that is too long for its VR"}],
    "1.9": [*[{**GOOD, "Modality": ""}] * 2, {"StudyDate": "20230101", "PatientAge": "050Y"}],
    "1.10": [{**GOOD, "PatientAge": "000Y"}] * 5,
    "1.11": [*[{**GOOD, "PatientAge": "080Y"}] * 3, {**GOOD, "PatientAge": "64"}, {**GOOD, "PatientAge": ""}],
    "1.12": [{**GOOD, "StudyDate": "19000101", "LongitudinalTemporalInformationModified": "MODIFIED"}] * 2,
    "1.13": [{**GOOD, "Modality": ["US", "CT"]}] * 5,
    "1.14": [{**GOOD, "Modality": HOSTILE}] * 7,
    "1.15": [*[{**GOOD, "PatientAge": "045Y"}], *[{**GOOD, "LongitudinalTemporalInformationModified": "REMOVED"}] * 4],
}
PATIENTS: dict[str, dict[str, Any]] = {
    "1.2": {"PatientID": "1"},  # as series 1.1
    "1.3": {"PatientID": "1", "IssuerOfPatientID": "ELSEWHERE"},
    "1.4": {"PatientID": ""},
    "1.5": {},
    "1.6": {"PatientID": "<i>6|"},
}
"""Of each other series another."""
DEFECTS = ("NOT_DICOM", "EMPTY_OBJECT", "CORRUPT", "TOO_LARGE", "UNREADABLE", "GONE", "NO_SERIES")


def instances() -> Iterator[tuple[str, bytes]]:
    """Make them: key and bytes. Series 1.1 has an object twice, under another key."""
    for series, made in SERIES.items():
        for number, attributes in enumerate(made):
            uid = f"{series}.{max(number, 1) if series == '1.1' else number}"
            patient: dict[str, Any] = PATIENTS.get(series, {"PatientID": series.partition(".")[2]})
            yield (
                f"{series}/{number:02}.dcm",
                make_instance(series_instance_uid=series, SOPInstanceUID=uid, **attributes, **patient),
            )


def made_store() -> SimulatedStore:
    """Give the bucket, with an object of every defect."""
    store = SimulatedStore(dict(instances()))
    whole = make_instance(Modality="CT")
    store.put("defects/NOT_DICOM", b"no DICOM at all")
    store.put("defects/EMPTY_OBJECT", b"")
    store.put("defects/CORRUPT", whole[:180])
    store.put("defects/TOO_LARGE", make_instance(Modality="CT", PatientComments="x" * 9_000))
    store.put("defects/UNREADABLE", whole)
    store.put("defects/GONE", whole)
    store.put(f"defects/NO_SERIES {HOSTILE}", make_instance(series_instance_uid=None, Modality="CT"))
    store.refused.add("defects/UNREADABLE")
    store.on_listed = lambda: store.delete("defects/GONE")
    return store


def screen_made(ledger: Ledger, execution_id: str = "made", **means: Any) -> Outcome:
    """Screen it."""
    limits = Limits(header_limit_bytes=8_192)
    return screen(Screening(execution_id, made_store(), CRITERIA, limits=limits, **means), ledger)
