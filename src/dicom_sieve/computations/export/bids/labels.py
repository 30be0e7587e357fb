"""Running labels of patients, studies and series of a run: in place of IDs and dates, which no name may hold.

They follow from the run alone, which never changes: another export of it gives the same ones. Patients are numbered
in the order of the ledger's keyed digests (ADR 16), which tells nothing of their IDs; studies in the order of time.
What is behind a label the ledger knows: ``dicom-sieve trace FILE``.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.columns.chunk import Entry, values_of
from dicom_sieve.columns.lookup import look_up
from dicom_sieve.columns.numbers import numbers_of
from dicom_sieve.computations.export.bids.names import SeriesLabels
from dicom_sieve.ledger.reading.ledger import RecordedRun
from dicom_sieve.ledger.reading.series_columns import SeriesColumns, series_columns
from dicom_sieve.ledger.reading.series_sums import sum_series

KEYWORDS = (
    "Modality",
    "PatientAge",
    "PatientSex",
    "ProtocolName",
    "SeriesDescription",
    "SeriesNumber",
    "StudyDate",
    "StudyTime",
)
FEWEST_DIGITS = 2
OLDEST = 89
"""In years: a higher age is given as this one, as BIDS recommends."""
_UNKNOWN = "unknown"
"""In the place of a date: it comes behind all dates."""
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.2425, "D": 1 / 365.2425}
"""Of one unit of an Age String (PS3.5 6.2, AS)."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A row of ``participants.tsv``.

    Attributes:
        label: Of the subject.
        age: In years at the first study that says one; None where unknown.
        sex: ``M``, ``F`` or ``O``; None where unknown.
    """

    label: str
    age: float | None
    sex: str | None


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a run.

    Attributes:
        of_series: By Series Instance UID.
        participants: By the label of their subject.
    """

    of_series: Mapping[str, SeriesLabels]
    participants: Mapping[str, Participant]


def label(run: RecordedRun) -> Labels:
    """Label all series of a run of which all instances passed."""
    sums = sum_series(run.engine, run.row)
    whole = [row.series_instance_uid for row in run.series(selection="WHOLE")]
    told = _told(series_columns(run.engine, run.row, KEYWORDS), whole)
    patients = defaultdict[str, dict[str, list[str]]](lambda: defaultdict(list))
    for uid in whole:
        study = sums[uid].study_instance_uid or uid
        patients[sums[uid].patient or f"unknown {study}"][study].append(uid)
    of_series: dict[str, SeriesLabels] = {}
    participants: dict[str, Participant] = {}
    for number, patient in enumerate(sorted(patients), 1):
        subject = _padded(number, len(patients))
        studies = sorted(patients[patient].items(), key=lambda each: _time_of(told, each))
        for place, (_, uids) in enumerate(studies, 1):
            session = _padded(place, len(studies))
            for run_number, uid in enumerate(sorted(uids, key=lambda each: _number_of(told[each], each)), 1):
                said = told[uid]
                described = f"{said['SeriesDescription']} {said['ProtocolName']}".strip()
                of_series[uid] = SeriesLabels(subject, session, run_number, said["Modality"], described)
        participants[subject] = _participant(subject, [told[uid] for _, uids in studies for uid in sorted(uids)])
    return Labels(of_series, participants)


def _told(columns: SeriesColumns, uids: list[str]) -> dict[str, dict[str, str]]:
    """Give what some series say, by keyword; empty where they say nothing."""
    are_known, places = look_up(numbers_of(uids), columns.numbers)
    found = {}
    for uid, is_known, place in zip(uids, are_known.tolist(), places.tolist(), strict=True):
        entries = {
            keyword: column.entries[int(column.codes[place])] if is_known else None
            for keyword, column in columns.values.items()
        }
        found[uid] = {keyword: _first(entries.get(keyword)) for keyword in KEYWORDS}
    return found


def _first(entry: Entry) -> str:
    values = values_of(entry) or ()
    return values[0].strip() if values else ""


def _time_of(told: Mapping[str, Mapping[str, str]], study: tuple[str, list[str]]) -> tuple[str, str, str]:
    uid, series = study
    first = told[series[0]]
    return first["StudyDate"] or _UNKNOWN, first["StudyTime"], uid


def _number_of(said: Mapping[str, str], uid: str) -> tuple[int, str]:
    text = said["SeriesNumber"]
    return (int(text) if text.lstrip("+-").isdecimal() else 0), uid


def _participant(subject: str, said: Sequence[Mapping[str, str]]) -> Participant:
    """Describe a patient by the first of its series that say an age, and a sex; they are in the order of time."""
    ages = (age for each in said if (age := _years(each["PatientAge"].upper())) is not None)
    sexes = (sex for each in said if (sex := each["PatientSex"].upper()) in {"M", "F", "O"})
    return Participant(subject, next(ages, None), next(sexes, None))


def _years(text: str) -> float | None:
    is_age = text[:-1].isdecimal() and text[-1:] in _YEARS
    return min(round(int(text[:-1]) * _YEARS[text[-1]], 2), OLDEST) if is_age else None


def _padded(number: int, most: int) -> str:
    return f"{number:0{max(FEWEST_DIGITS, len(str(most)))}}"
