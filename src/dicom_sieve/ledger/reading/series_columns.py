"""The series of a run in columns: what became of each, and what its first instance says. For tables of many series."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.texts import Texts, texts_of
from dicom_sieve.criteria import Finding
from dicom_sieve.dicom.dictionary import attributes_of
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.reading.comparison import uids_of
from dicom_sieve.ledger.reading.decided import decided_on, decided_rows
from dicom_sieve.ledger.reading.editions import all_read_for
from dicom_sieve.ledger.reading.held_headers import HeldBlock
from dicom_sieve.ledger.reading.held_rows import HeldRows, join_columns
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import place_of_run
from dicom_sieve.objects import Damaged


@dataclass(frozen=True, slots=True, eq=False)
class SeriesColumns:
    """The series of a run, in the order of their numbers.

    Attributes:
        numbers: Of the series, ascending; see `number_of`.
        uids: Series Instance UID of each.
        studies: Study Instance UID of each, as its first instance says; None where unknown.
        instances: That the run judged, or could not judge.
        passed: Of these, passed.
        missed: A row a series, a column a criterion: whether any instance does not meet it.
        alone: Likewise: instances that this criterion discards, and no other one.
        alone_undecided: Likewise: of these, for want of an answer.
        values: Of the first instance, by keyword.
    """

    numbers: Numbers
    uids: Texts
    studies: Texts
    instances: Numbers
    passed: Numbers
    missed: NDArray[np.bool_]
    alone: NDArray[np.int64]
    alone_undecided: NDArray[np.int64]
    values: Mapping[str, Column]


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Findings on rows, added up by series; see `SeriesColumns`.

    Attributes:
        first: The first row of each series.
    """

    numbers: Numbers
    first: NDArray[np.intp]
    instances: Numbers
    passed: Numbers
    missed: NDArray[np.bool_]
    alone: NDArray[np.int64]
    alone_undecided: NDArray[np.int64]

    def columns(self, engine: sa.Engine, headers: Numbers, values: Mapping[str, Column]) -> SeriesColumns:
        """Give them with their UIDs, which a header of each says, and with values."""
        uids, studies = _uids(engine, headers)
        return SeriesColumns(
            self.numbers,
            uids,
            studies,
            self.instances,
            self.passed,
            self.missed,
            self.alone,
            self.alone_undecided,
            values,
        )


def sum_by_series(
    series: Numbers, instances: Numbers, codes: NDArray[np.integer], found: Sequence[tuple[Finding, ...]]
) -> Summed:
    """Add findings up by series.

    Args:
        series: Number of the series of each row.
        instances: Of each row.
        codes: For each row the place of its findings in ``found``.
        found: Findings, one a criterion; none where a row could not be judged.
    """
    numbers, first, places = np.unique(series, return_index=True, return_inverse=True)

    def added(are_these: Sequence[bool]) -> Numbers:
        rows = np.array(are_these, np.bool_)[codes] if len(found) else np.zeros(0, np.bool_)
        return np.bincount(places[rows], instances[rows], len(numbers)).astype(np.int64)

    criteria = max(map(len, found), default=0)
    missed = np.zeros((len(numbers), criteria), np.bool_)
    alone, undecided = (np.zeros((len(numbers), criteria), np.int64) for _ in range(2))
    for place in range(criteria):
        misses = [bool(findings) and findings[place] is not Finding.MET for findings in found]
        is_alone = [findings.count(Finding.MET) == len(findings) - 1 for findings in found]
        is_undecided = [bool(findings) and not findings[place].is_decided for findings in found]
        by_it_alone = [all(both) for both in zip(misses, is_alone, strict=True)]
        missed[:, place] = added(misses) > 0
        alone[:, place] = added(by_it_alone)
        undecided[:, place] = added([all(both) for both in zip(by_it_alone, is_undecided, strict=True)])
    passes = [bool(findings) and set(findings) == {Finding.MET} for findings in found]
    return Summed(numbers, first, added([True] * len(found)), added(passes), missed, alone, undecided)


def series_columns(engine: sa.Engine, row: RunRow, keywords: Sequence[str]) -> SeriesColumns:
    """Read the series of a run.

    Args:
        engine: The ledger's.
        row: The run.
        keywords: Attributes whose values are asked for; one that not all headers were read for is left out.

    Raises:
        LedgerError: The run judged nothing.
    """
    snapshot_id, location_id = place_of_run(engine, row.number)
    if snapshot_id is None:
        raise LedgerError(f"run {row.id} is {row.state}: it did not judge what it listed")
    known = all_read_for(engine, location_id, attributes_of(keywords), snapshot_id)
    keys = [attribute.hex_tag for attribute in known]
    gathered = _Gathered(keys)
    damaged = Damaged(row.damaged or Damaged.DISCARD)
    for held in decided_rows(engine, row.number, (snapshot_id, location_id), keys, damaged):
        read(engine, partial(gathered.add, run_number=row.number, held=held))
    return gathered.finish(engine, {attribute.hex_tag: attribute.keyword for attribute in known})


def _uids(engine: sa.Engine, headers: Numbers) -> tuple[Texts, Texts]:
    """Give Series and Study Instance UID of headers, which are asked for in the order of their ids."""
    order = np.argsort(headers, kind="stable")
    series, studies = texts_of(uids_of(engine, headers[order]) if len(order) else (), 2, order)
    return series, studies


class _Gathered:
    """Rows of a run, added up by series: some 30 bytes each until then."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        nothing = np.zeros(0, np.int64)
        self._series, self._instances, self._outcomes, self._headers = ([nothing] for _ in range(4))
        self._firsts: list[tuple[Numbers, HeldBlock]] = []
        self._known: dict[Outcome, int] = {}

    def add(self, connection: sa.Connection, run_number: int, held: HeldRows) -> None:
        """Add the rows that the run decided on, and that are of a series."""
        block = held.block
        decided = decided_on(connection, run_number, block.ids, held.kind)
        places = [-1 if each is None else self._known.setdefault(each, len(self._known)) for each in decided.things]
        outcomes = np.array(places, np.int64)[decided.codes]
        rows = np.flatnonzero((outcomes >= 0) & (block.series != 0))
        if not len(rows):
            return
        self._series.append(block.series[rows])
        self._instances.append(block.instances[rows])
        self._outcomes.append(outcomes[rows])
        self._headers.append(block.headers[rows])
        _, first = np.unique(block.series[rows], return_index=True)
        self._firsts.append((block.series[rows[first]], block.take(rows[first])))

    def finish(self, engine: sa.Engine, keywords: Mapping[str, str]) -> SeriesColumns:
        """Give all series.

        Args:
            engine: The ledger's.
            keywords: Of the keys that were asked for.
        """
        series, instances = np.concatenate(self._series), np.concatenate(self._instances)
        outcomes, headers = np.concatenate(self._outcomes), np.concatenate(self._headers)
        found = [tuple(map(Finding, json.loads(outcome.findings or "[]"))) for outcome in self._known]
        summed = sum_by_series(series, instances, outcomes, found)
        return summed.columns(engine, headers[summed.first], self._values(keywords))

    def _values(self, keywords: Mapping[str, str]) -> dict[str, Column]:
        if not self._firsts:
            return {}
        of_blocks = np.concatenate([series for series, _ in self._firsts])
        _, first = np.unique(of_blocks, return_index=True)
        columns = {key: [block.values.columns[key] for _, block in self._firsts] for key in self._keys}
        return {keywords[key]: join_columns(parts).take(first) for key, parts in columns.items()}
