"""The studies and patients of headers, as numbers: those of the columns of blocks, or made of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import series_number
from dicom_sieve.ledger.database.header_values import without_values
from dicom_sieve.ledger.database.tables import header


@dataclass(frozen=True, slots=True, eq=False)
class Owners:
    """What headers, or objects, belong to.

    Attributes:
        studies: Number of the study of each; 0: it names none.
        patients: Number of the patient of each, likewise.
    """

    studies: Numbers
    patients: Numbers

    def take(self, rows: NDArray[np.intp]) -> "Owners":
        """Give those of some rows."""
        return Owners(self.studies[rows], self.patients[rows])


def owners_in_rows(connection: sa.Connection, ids: Numbers) -> Owners:
    """Read what the headers of a block from before version 0015 belong to, from their rows."""
    columns = header.c
    query = sa.select(columns.id, columns.study_instance_uid, columns.patient)
    with connection.execute(query.where(columns.id.between(int(ids[0]), int(ids[-1]))).order_by(columns.id)) as rows:
        found = list(bulk.plain_rows(rows))
    known, studies, patients = zip(*found, strict=True) if found else ((), (), ())
    is_known, places = look_up(ids, np.array(known, np.int64))
    if not is_known.all():
        raise without_values(int(ids[~is_known][0]))
    return Owners(_numbers(studies)[places], _numbers(patients)[places])


def _numbers(texts: Sequence[str | None]) -> Numbers:
    known = {text: series_number(text) for text in dict.fromkeys(texts)}
    return np.array([known[text] for text in texts], np.int64)
