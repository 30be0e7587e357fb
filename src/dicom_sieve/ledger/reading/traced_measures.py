"""What runs measured of the series of one object, where it is kept with their snapshots."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import values_of
from dicom_sieve.columns.fact_pages import read_pages
from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.criteria import measures_in
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.ledger.database.fact_rows import last_with_facts, pages_as_of
from dicom_sieve.ledger.reading.measured import name_of_fact

MeasuredOn = Mapping[str, Sequence[str] | None]
"""By the key of a measure, what stood beside the values of the object; None: there was nothing to measure."""


def measured_on(connection: sa.Connection, over: sa.Row[Any], header_id: int) -> MeasuredOn:
    """Give what a run's criteria measured of the series of a header; what is not kept is left out.

    Args:
        connection: Of the ledger.
        over: The run: location, snapshot, criteria, and whether it judged damaged objects, of which no facts are kept.
        header_id: Of a header that its snapshot holds.
    """
    items = [item for item in compile_recorded(over.criteria) if not isinstance(item, CompiledStep)]
    names = {item.key: name for item in measures_in(items) if (name := name_of_fact(item))}
    held = {"snapshot_id": over.snapshot_id, "location_id": over.location_id}
    if not names or over.damaged or last_with_facts(connection, **held) != over.snapshot_id:
        return {}
    measured: dict[str, Sequence[str] | None] = {}
    pages = pages_as_of(connection, **held, facts=sorted(set(names.values())), numbers=[header_id // PAGE_IDS])
    for key, name in names.items():
        table = read_pages(pages[name])
        [entry] = table.of(np.array([header_id], np.int64)).rows()
        measured[key] = values_of(entry)
    return measured
