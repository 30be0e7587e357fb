"""Facts of series beside what became of them, as ``series.parquet`` has them."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from dicom_sieve.errors import DamagedChunkError, LedgerAwayError, LedgerError
from dicom_sieve.ledger import Ledger, SeriesFacts
from dicom_sieve.ledger.reading.facts import UNDECIDED as CANNOT_BE_TOLD
from dicom_sieve.ledger.reading.facts import facts_that_are_read
from dicom_sieve.objects import Damaged
from dicom_sieve.publishing.parts import FACTS, SERIES_AND_FACTS


def facts_to_publish(ledger: Ledger, held: tuple[int, int], damaged: str | None) -> SeriesFacts:
    """Give the facts of a snapshot's series; none where the ledger lacks values, which the run was told of before."""
    try:
        return facts_that_are_read(ledger.engine, held, Damaged(damaged or Damaged.DISCARD))
    except LedgerAwayError:
        raise
    except (LedgerError, DamagedChunkError):
        return SeriesFacts({})


def with_facts(batches: Iterator[pa.RecordBatch], facts: SeriesFacts) -> Iterator[pa.RecordBatch]:
    """Add the facts of each series."""
    for batch in batches:
        by_name = facts.of_all(batch.column("series_instance_uid").to_pylist())
        columns = [_column(by_name.get(field.name, [None] * batch.num_rows), field.type) for field in FACTS]
        rows = range(batch.num_rows)
        undecided = [[name for name, values in by_name.items() if values[row] == CANNOT_BE_TOLD] for row in rows]
        yield pa.RecordBatch.from_arrays(
            [*batch.columns, *columns, pa.array(undecided, pa.list_(pa.string()))], schema=SERIES_AND_FACTS
        )


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    is_number = pa.types.is_floating(kind)
    known = [None if value in (None, CANNOT_BE_TOLD) else float(value) if is_number else value for value in values]
    return pa.array(known, kind)
