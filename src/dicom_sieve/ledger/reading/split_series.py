"""Series that lie in several locations: what each of their runs says of such a series is of a part of it."""

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.kept_facts import series_of_headers
from dicom_sieve.ledger.reading.snapshots import place_of_run


def count_split_series(engine: sa.Engine, run_numbers: Sequence[int]) -> int:
    """Count the series of which several runs judged instances: series by series, 8 bytes each.

    Args:
        engine: The ledger's.
        run_numbers: Of runs on different locations.
    """
    found = []
    for number in run_numbers:
        snapshot_id, location_id = place_of_run(engine, number)
        if snapshot_id is not None:
            series = np.unique(series_of_headers(engine, headers_held(engine, snapshot_id, location_id).ids))
            found.append(series[series != 0])
    _, counts = np.unique(np.concatenate([np.empty(0, np.int64), *found]), return_counts=True)
    return int(np.count_nonzero(counts > 1))
