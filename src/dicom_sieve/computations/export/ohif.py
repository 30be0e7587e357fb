"""A study list for viewers: the DICOM JSON of OHIF, which lists studies, series and instances with their addresses.

OHIF reads it from one address (data source ``dicomjson``), and each object from its own; nothing stands between. The
list is made of the ledger: no object is read. In the place of names and IDs of patients are the ledger's digests.

Source:
    OHIF 3, "Data sources", DICOM JSON.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.reading.ledger import RecordedRun
from dicom_sieve.ledger.reading.run_objects import BACKSLASH, ObjectRow, RunObjects
from dicom_sieve.ledger.reading.series_sums import sum_series
from dicom_sieve.objects import S3

_OF_STUDY = ("StudyDate", "StudyTime", "StudyDescription", "PatientAge", "PatientSex")
_OF_SERIES = ("SeriesNumber", "SeriesDate", "SeriesTime", "SeriesDescription", "Modality", "SliceThickness")
_OF_INSTANCE = (
    "AcquisitionDate",
    "AcquisitionNumber",
    "AcquisitionTime",
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "CorrectedImage",
    "DecayCorrection",
    "FrameOfReferenceUID",
    "HighBit",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "Rows",
    "SamplesPerPixel",
    "SpacingBetweenSlices",
    "Units",
    "WindowCenter",
    "WindowWidth",
)
_FRAMES = "NumberOfFrames"
_ASKED = (*_OF_STUDY, *_OF_SERIES, *_OF_INSTANCE, _FRAMES)
_NUMBERS = frozenset(
    {
        *("AcquisitionNumber", "BitsAllocated", "BitsStored", "Columns", "HighBit", "InstanceNumber", _FRAMES),
        *("ImageOrientationPatient", "ImagePositionPatient", "PixelRepresentation", "PixelSpacing"),
        *("RescaleIntercept", "RescaleSlope", "Rows", "SamplesPerPixel", "SeriesNumber", "SliceThickness"),
        *("SpacingBetweenSlices", "WindowCenter", "WindowWidth"),
    }
)
_AWS = "amazonaws.com"
MOST_FRAMES = 100_000
"""An object that says more is listed as one image."""
SERIES_TOGETHER = 50
"""Whose objects are asked for at a time."""
Json = dict[str, Any]


def base_url_of(run: RecordedRun, given: str | None) -> str:
    """Give what stands before the keys of objects in addresses of HTTP.

    Args:
        run: Whose objects.
        given: By the user; None: at the endpoint.

    Raises:
        InvalidRequestError: The run judged a place that no viewer can read by HTTP.
    """
    if given is not None:
        return f"{given.rstrip('/')}/"
    place = run.location
    if place.scheme != S3:
        raise InvalidRequestError(
            (f"--base-url: needed, for {place.scheme}: is not read by viewers; accepted: where it is served by HTTP",)
        )
    if place.endpoint.endswith(_AWS) or not place.endpoint.startswith("http"):
        return f"https://{place.bucket}.s3.{_AWS}/"
    return f"{place.endpoint}/{quote(place.bucket)}/"


def write_study_list(run: RecordedRun, file: Path, *, base_url: str, selection: str | None = None) -> None:
    """Write the list, a study at a time.

    Args:
        run: A run that has judged what it listed.
        file: A new one.
        base_url: As `base_url_of` gives it.
        selection: Only series with it: ``WHOLE``, ``PARTIAL`` or ``NONE``; None: all.
    """
    with file.open("w", encoding="ascii") as opened:
        opened.write('{"studies": [')
        for number, study in enumerate(_studies(run, base_url, selection)):
            opened.write(f"{',' if number else ''}\n{json.dumps(study)}")
        opened.write("\n]}\n")


def _studies(run: RecordedRun, base_url: str, selection: str | None) -> Iterator[Json]:
    sums = sum_series(run.engine, run.row)
    wanted = [row.series_instance_uid for row in run.series(selection=selection)]
    # In the order of keys, in which the ledger holds their values beside each other.
    by_study = sorted((sums[uid].study_instance_uid or "", sums[uid].first_key, uid) for uid in wanted)
    objects = run.objects(columns=_ASKED)
    for study_uid, listed_series in groupby(by_study, key=lambda each: each[0]):
        uids = [uid for _, _, uid in listed_series]
        series = [_series(uid, rows, base_url) for uid, rows in _rows_of(objects, uids)]
        first = next(iter(series))[0]
        listed = [each for _, each in series]
        patient = first.patient or "unknown"
        yield {
            "StudyInstanceUID": study_uid,
            "PatientID": patient,
            "PatientName": patient,
            "AccessionNumber": "",
            **_values(first.values, _OF_STUDY),
            "Modalities": "/".join(sorted({str(each["Modality"]) for each in listed if "Modality" in each})),
            "NumInstances": sum(len(each["instances"]) for each in listed),
            "series": listed,
        }


def _rows_of(objects: RunObjects, uids: Sequence[str]) -> Iterator[tuple[str, list[ObjectRow]]]:
    """Give the objects of some series, each SOP instance once: that whose key comes first."""
    for start in range(0, len(uids), SERIES_TOGETHER):
        some = uids[start : start + SERIES_TOGETHER]
        found: dict[str, dict[str, ObjectRow]] = {uid: {} for uid in some}
        for row in replace(objects, series=tuple(some)):
            found[str(row.series_instance_uid)].setdefault(row.sop_instance_uid or row.object_key, row)
        yield from ((uid, list(rows.values())) for uid, rows in found.items() if rows)


def _series(uid: str, rows: Sequence[ObjectRow], base_url: str) -> tuple[ObjectRow, Json]:
    """Give the first object of a series, and the series; instances by their number, then by key."""
    in_order = sorted(rows, key=lambda row: (_number_of(row), row.object_key))
    instances = [
        {"metadata": _metadata(row), "url": f"dicomweb:{base_url}{quote(row.object_key)}{frame}"}
        for row in in_order
        for frame in _frames_of(row)
    ]
    return rows[0], {"SeriesInstanceUID": uid, **_values(rows[0].values, _OF_SERIES), "instances": instances}


def _metadata(row: ObjectRow) -> Json:
    uids = {
        "SOPInstanceUID": row.sop_instance_uid,
        "SOPClassUID": row.sop_class_uid,
        "SeriesInstanceUID": row.series_instance_uid,
        "StudyInstanceUID": row.study_instance_uid,
    }
    told = _values(row.values, ("Modality", "SliceThickness", *_OF_INSTANCE))
    return {**{name: uid for name, uid in uids.items() if uid}, **told}


def _frames_of(row: ObjectRow) -> list[str]:
    """Give what the addresses of the frames of an object end with: a viewer takes each for an image of its own."""
    frames = _value(_FRAMES, row.values.get(_FRAMES))
    if not isinstance(frames, int) or not 1 < frames <= MOST_FRAMES:
        return [""]
    return [f"?frame={number}" for number in range(1, frames + 1)]


def _number_of(row: ObjectRow) -> float:
    number = _value("InstanceNumber", row.values.get("InstanceNumber"))
    return number if isinstance(number, float | int) else float("inf")


def _values(values: Mapping[str, str | None], keywords: Sequence[str]) -> Json:
    found = ((keyword, _value(keyword, values.get(keyword))) for keyword in keywords)
    return {keyword: value for keyword, value in found if value is not None}


def _value(keyword: str, text: str | None) -> object:
    """Give a value as OHIF's metadata has it: several as a list, numbers as numbers; None where there is none."""
    if not text:
        return None
    parts: list[Any] = [part.strip() for part in text.split(BACKSLASH)]
    if keyword in _NUMBERS:
        try:
            parts = [int(part) if part.lstrip("+-").isdecimal() else float(part) for part in parts]
        except ValueError:
            return None
    return parts[0] if len(parts) == 1 else parts
