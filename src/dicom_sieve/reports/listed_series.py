"""The series of a run as a table: found, told apart and sorted in columns, so that 100,000 of them do not matter."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, values_of
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.columns.numbers import number_of
from dicom_sieve.dicom.marks import describe_mark
from dicom_sieve.dicom.vr import VRS
from dicom_sieve.ledger.reading.facts import SeriesFacts, Value
from dicom_sieve.ledger.reading.series_columns import SeriesColumns

DESCRIPTION, MODALITY, BODY_PART, DATE, AGE = (
    "SeriesDescription",
    "Modality",
    "BodyPartExamined",
    "StudyDate",
    "PatientAge",
)
KEYWORDS = (DESCRIPTION, MODALITY, BODY_PART, DATE, AGE)
"""What a table says of each series, beside what became of it."""
INSTANCES, PASSED = "instances", "passed"
_UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
_AGE, _DATE = re.compile(r"([0-9]{3})([DWMY])"), re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class Tab(StrEnum):
    """Which series; a series of which a part passed may be in two of the first three."""

    PASSED = "passed"
    NEAR = "near"
    OTHER = "other"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which series are shown, and in which order.

    Attributes:
        tab: What came of them.
        find: Part of their description or a UID; empty: all.
        modality: As it is written; empty: any.
        by: Number of the criterion that discards, from 1; None: any, or none.
        sort: Name of a column; empty: as the ledger has them.
        descending: The highest first.
    """

    tab: Tab = Tab.ALL
    find: str = ""
    modality: str = ""
    by: int | None = None
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One line of the table.

    Attributes:
        uid: Series Instance UID.
        study: Study Instance UID; None where unknown.
        texts: What its first instance says, by keyword; empty where it says nothing.
        instances: That were looked at.
        passed: Of these.
        alone: By number of the criterion, from 1: instances that it alone discards; only criteria that do.
        missed: Numbers of the criteria that any instance does not meet.
        facts: What is measured of it, by name.
    """

    uid: str
    study: str | None
    texts: Mapping[str, str]
    instances: int
    passed: int
    alone: Mapping[int, int] = field(default_factory=dict)
    missed: tuple[int, ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)


class ListedSeries:
    """The series of a run; safe to be asked by several threads, for nothing of it changes.

    Args:
        columns: As the ledger has them.
        facts: What is measured of them; None: nothing.
    """

    def __init__(self, columns: SeriesColumns, facts: SeriesFacts | None = None) -> None:
        self._columns, self._facts = columns, facts
        has_passed: Flags = columns.passed > 0
        is_near: Flags = np.any(columns.alone > 0, axis=1).reshape(-1)
        self._tabs: dict[Tab, Flags] = {
            Tab.PASSED: has_passed,
            Tab.NEAR: is_near,
            Tab.OTHER: ~has_passed & ~is_near,
            Tab.ALL: np.ones(len(columns.numbers), np.bool_),
        }

    def __len__(self) -> int:
        return len(self._columns.numbers)

    def with_facts(self, facts: SeriesFacts) -> "ListedSeries":
        """Give the same series with what is measured of them."""
        return ListedSeries(self._columns, facts)

    @property
    def counts(self) -> dict[Tab, int]:
        """How many series each tab has."""
        return {tab: int(rows.sum()) for tab, rows in self._tabs.items()}

    @property
    def near_misses(self) -> list[tuple[int, int, int]]:
        """For each criterion: instances that it alone discards, their series, and instances for want of an answer."""
        alone, undecided = self._columns.alone, self._columns.alone_undecided
        sums = (alone.sum(axis=0), (alone > 0).sum(axis=0), undecided.sum(axis=0))
        return [(int(count), int(series), int(lacking)) for count, series, lacking in zip(*sums, strict=True)]

    @property
    def modalities(self) -> list[str]:
        """Those that occur, in the order of the alphabet."""
        column = self._columns.values.get(MODALITY)
        return [] if column is None else sorted({text for entry in column.entries if (text := show(MODALITY, entry))})

    def select(self, asked: Filter) -> NDArray[np.intp]:
        """Give the places of the series that are asked for, in their order."""
        rows = self._tabs[asked.tab].copy()
        if asked.by is not None:
            rows &= self._discarded_by(asked.by, asked.tab)
        if asked.modality:
            rows &= self._are(MODALITY, lambda text: text == asked.modality)
        if words := asked.find.strip().casefold():
            rows &= self._are(DESCRIPTION, lambda text: words in text.casefold()) | self._have_uid(words)
        places = np.flatnonzero(rows)
        ranks = self._ranks(asked.sort)
        if ranks is not None:
            ranks = -ranks if asked.descending else ranks
            places = places[np.argsort(ranks[places], kind="stable")]
        return places

    def line(self, place: int) -> SeriesLine:
        """Give one line."""
        columns = self._columns
        alone = {number: int(count) for number, count in enumerate(columns.alone[place].tolist(), 1) if count}
        missed = tuple(number for number, is_missed in enumerate(columns.missed[place].tolist(), 1) if is_missed)
        texts = {
            keyword: show(keyword, column.entries[column.codes[place]]) for keyword, column in columns.values.items()
        }
        uid = columns.uids[place] or ""
        return SeriesLine(
            uid,
            columns.studies[place],
            {**dict.fromkeys(KEYWORDS, ""), **texts},
            int(columns.instances[place]),
            int(columns.passed[place]),
            alone,
            missed,
            {} if self._facts is None else self._facts.of(uid),
        )

    def lines(self, places: NDArray[np.intp]) -> list[SeriesLine]:
        """Give some lines."""
        return [self.line(place) for place in places.tolist()]

    def find(self, uid: str) -> SeriesLine | None:
        """Give the line of a series by its UID; None: there is none."""
        number = np.array([number_of(uid)], np.int64)
        is_known, places = look_up(number, self._columns.numbers)
        return self.line(int(places[0])) if is_known[0] else None

    def _discarded_by(self, number: int, tab: Tab) -> Flags:
        if not 1 <= number <= self._columns.missed.shape[1]:
            return np.zeros(len(self), np.bool_)
        if tab is Tab.NEAR:
            near: Flags = self._columns.alone[:, number - 1] > 0
            return near
        return self._columns.missed[:, number - 1]

    def _are(self, keyword: str, test: Callable[[str], bool]) -> Flags:
        column = self._columns.values.get(keyword)
        if column is None:
            return np.zeros(len(self), np.bool_)
        are = np.array([test(show(keyword, entry)) for entry in column.entries], np.bool_)
        flags: Flags = are[column.codes]
        return flags

    def _have_uid(self, words: str) -> Flags:
        if not words.replace(".", "").isdigit():
            return np.zeros(len(self), np.bool_)
        return self._columns.uids.containing(words) | self._columns.studies.containing(words)

    def _ranks(self, name: str) -> Numbers | NDArray[np.float64] | None:
        """Give a number for each series, by which it is sorted; None: there is no such column."""
        if name == INSTANCES:
            return self._columns.instances
        if name == PASSED:
            return self._columns.passed
        if self._facts is not None and name in self._facts.columns:
            groups, column = self._facts.columns[name]
            is_known, places = look_up(self._columns.numbers, groups)
            ranks = _ranked(column.entries, _number_of)[column.codes] if len(groups) else np.zeros(1)
            return np.where(is_known, ranks[places] if len(groups) else -1.0, -1.0)
        values: Column | None = self._columns.values.get(name)
        return None if values is None else _ranked(values.entries, lambda entry: _key_of(name, entry))[values.codes]


def show(keyword: str, entry: Entry) -> str:
    """Give what an instance says of an attribute, as a table shows it; empty where it says nothing."""
    vr = {DATE: "DA", AGE: "AS"}.get(keyword, "")
    return ", ".join(shown for text in values_of(entry) or () if (shown := show_value(vr, text)))


def show_value(vr: str, text: str) -> str:
    """Give one value as a table shows it: a date as ``2026-10-17``, an age as ``45 years``; what is neither, as it is.

    Args:
        vr: Of the attribute, as ``DA``.
        text: As the ledger has it.
    """
    value = describe_mark(text) or text.strip()
    if vr == "DA" and _DATE.fullmatch(value):
        return _DATE.sub(r"\1-\2-\3", value)
    if vr == "AS" and (found := _AGE.fullmatch(value)):
        number, unit = int(found[1]), _UNITS[found[2]]
        return f"{number} {unit}{'' if number == 1 else 's'}"
    return value


def _ranked(entries: Sequence[Entry], key: Callable[[Entry], tuple[int, object]]) -> NDArray[np.float64]:
    """Give the rank of each entry; those that are alike have the same one."""
    keys = [key(entry) for entry in entries]
    rank = {each: place for place, each in enumerate(sorted(set(keys)))}
    return np.array([rank[each] for each in keys], np.float64)


def _key_of(keyword: str, entry: Entry) -> tuple[int, object]:
    """Sort by what is meant: ages as time; what says nothing comes first."""
    text = show(keyword, entry)
    if keyword == AGE:
        ages = [age for raw in values_of(entry) or () if (age := VRS["AS"].find(raw)) is not None]
        return (1, ages[0]) if ages else (0, 0)
    return (1, text.casefold()) if text else (0, "")


def _number_of(entry: Entry) -> tuple[int, object]:
    text = next(iter(values_of(entry) or ("",)))
    try:
        return 1, float(text)
    except ValueError:
        return (2, text) if text else (0, 0)
