"""The series of a run as a table: what became of each, where it lies, and what all of its instances say alike."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dicom_sieve.columns.chunk import Entry, values_of
from dicom_sieve.columns.lookup import look_up
from dicom_sieve.columns.numbers import numbers_of
from dicom_sieve.dicom.marks import as_plain
from dicom_sieve.errors import LedgerError
from dicom_sieve.inert import inert_cell
from dicom_sieve.ledger.reading.facts import UNDECIDED, SeriesFacts, facts_that_are_read
from dicom_sieve.ledger.reading.kept_facts import NAMES
from dicom_sieve.ledger.reading.ledger import RecordedRun
from dicom_sieve.ledger.reading.run_objects import BACKSLASH
from dicom_sieve.ledger.reading.series_sums import SeriesSum, sum_series
from dicom_sieve.ledger.reading.snapshots import place_of_run
from dicom_sieve.ledger.reading.stable_values import StableValues, stable_attributes, stable_values
from dicom_sieve.objects import Damaged
from dicom_sieve.version import __version__

_LENGTHS = ("spacing", "spacing_variation", "tilt", "thickness")
_TEXTS = ("plane",)
DIFFERING = "differing"
"""The column that names attributes which instances of the series have different values of."""


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """The table.

    Attributes:
        arrow: All of it.
    """

    arrow: "pa.Table"

    def write_parquet(self, file: Path) -> None:
        """Write it; the same table gives the same bytes."""
        pq.write_table(self.arrow, file, compression="zstd", store_schema=True)

    def write_csv(self, file: Path) -> None:
        """Write it as UTF-8. What a spreadsheet would take for a formula begins with an apostrophe."""
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(self.arrow.column_names)
            for batch in self.arrow.to_batches(max_chunksize=1_000):
                writer.writerows([_cell(value) for value in row.values()] for row in batch.to_pylist())


def _cell(value: object) -> object:
    if isinstance(value, list):
        return inert_cell(BACKSLASH.join(value))
    return "" if value is None else inert_cell(value)


def make_table(run: RecordedRun, selection: str | None = None) -> SeriesTable:
    """Make the table of a run.

    Args:
        run: A run that has judged what it listed.
        selection: Only series with it: ``WHOLE``, ``PARTIAL`` or ``NONE``; None: all.

    Raises:
        LedgerError: The run judged nothing.
    """
    snapshot_id, location_id = place_of_run(run.engine, run.row.number)
    if snapshot_id is None:
        raise LedgerError(f"run {run.row.id} is {run.row.state}: it did not judge what it listed")
    held, damaged = (snapshot_id, location_id), Damaged(run.row.damaged or Damaged.DISCARD)
    rows = list(run.series(selection=selection))
    uids = [row.series_instance_uid for row in rows]
    sums = sum_series(run.engine, run.row)
    summed = [sums[uid] for uid in uids]
    columns: dict[str, pa.Array] = {
        "series_instance_uid": pa.array(uids, pa.string()),
        "study_instance_uid": pa.array([row.study_instance_uid for row in rows], pa.string()),
        "patient": pa.array([each.patient for each in summed], pa.string()),
        **{
            name: pa.array([getattr(row, name) for row in rows], pa.int64())
            for name in ("instances", "passed", "discarded", "duplicates")
        },
        "selection": pa.array([row.selection for row in rows], pa.string()),
        "conflicts": pa.array([list(row.conflicts) for row in rows], pa.list_(pa.string())),
        "objects": pa.array([each.objects for each in summed], pa.int64()),
        "bytes": pa.array([each.bytes for each in summed], pa.int64()),
        "uri": pa.array([_uri_of(run, each) for each in summed], pa.string()),
        **_columns_of_facts(facts_that_are_read(run.engine, held, damaged), uids),
    }
    fields = [pa.field(name, column.type) for name, column in columns.items()]
    differing: list[list[str]] = [[] for _ in uids]
    found = stable_values(run.engine, held, stable_attributes(run.engine, held), damaged)
    for name, column, field in _columns_of_values(found, uids, differing):
        columns[name] = column
        fields.append(field)
    columns[DIFFERING] = pa.array(differing, pa.list_(pa.string()))
    fields.append(pa.field(DIFFERING, pa.list_(pa.string())))
    said = {"run": run.row.id, "location": str(run.location), "software": f"dicom-sieve {__version__}"}
    return SeriesTable(pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields, metadata=said)))


def _uri_of(run: RecordedRun, summed: SeriesSum) -> str:
    return run.location.uri(summed.folder)


def _columns_of_facts(facts: SeriesFacts, uids: Sequence[str]) -> Mapping[str, "pa.Array"]:
    """Give the facts of each series; of what cannot be told, and of headers that were not read for it, nothing."""
    told = facts.of_all(uids)
    columns = {}
    for name in NAMES:
        values: list[Any] = [None if value == UNDECIDED else value for value in told.get(name, [None] * len(uids))]
        if name in _TEXTS:
            columns[name] = pa.array(values, pa.string())
        elif name in _LENGTHS:
            columns[name] = pa.array([None if value is None else float(value) for value in values], pa.float64())
        else:
            columns[name] = pa.array(values, pa.int64())
    return columns


def _columns_of_values(
    found: Iterator[StableValues], uids: Sequence[str], differing: Sequence[list[str]]
) -> Iterator[tuple[str, "pa.Array", "pa.Field"]]:
    """Give a column for each attribute that any of the series has; where instances differ, that is noted instead."""
    numbers = numbers_of(uids)
    for stable in found:
        are_known, places = look_up(numbers, stable.series)
        known = np.flatnonzero(are_known)
        texts = [_text_of(entry) for entry in stable.column.entries]
        values: list[str | None] = [None] * len(uids)
        keyword = stable.attribute.keyword
        for row, place in zip(known.tolist(), places[known].tolist(), strict=True):
            if stable.differ[place]:
                differing[row].append(keyword)
            else:
                values[row] = texts[int(stable.column.codes[place])]
        if any(value is not None for value in values):
            said = {"tag": stable.attribute.hex_tag, "vr": stable.attribute.vr.code}
            yield keyword, pa.array(values, pa.string()), pa.field(keyword, pa.string(), metadata=said)


def _text_of(entry: Entry) -> str | None:
    values = values_of(entry)
    return None if values is None else BACKSLASH.join(map(as_plain, values))
