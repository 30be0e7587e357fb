"""Recording what each object has for itself: the attributes that vary within a series (ADR 40)."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from dicom_sieve.columns.chunk import columns_of
from dicom_sieve.headers.texts import Texts
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, SIZE, BlockKind, write_block

NewRow = tuple[int, int, int, int]
"""Id of an object that has a header now, of that header; its size; the snapshot that found it."""


def write_own_values(
    connection: sa.Connection,
    location_id: int,
    edition: int,
    rows: Iterable[NewRow],
    own: Mapping[int, Mapping[str, Texts]],
) -> None:
    """Write the values of objects as one block.

    Args:
        connection: Within the transaction that gives them their headers.
        location_id: Where they lie.
        edition: Number of the edition that they were read for.
        rows: Each object once.
        own: By id of the object, as `dicom_sieve.headers.Instance.own` has them, what identifies digested.
    """
    in_order = sorted(rows)
    if not in_order:
        return
    ids, headers, sizes, added_in = (list(column) for column in zip(*in_order, strict=True))
    write_block(
        connection,
        BlockKind.OBJECT,
        edition,
        ids,
        columns=columns_of([own[row] for row in ids]),
        numbers={HEADER: headers, SIZE: sizes, ADDED_IN: added_in},
        location_id=location_id,
    )
