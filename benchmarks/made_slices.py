"""What the objects of a made ledger have for themselves: positions of slices, in blocks as runs write them."""

import random
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice

import sqlalchemy as sa

from dicom_sieve.columns.chunk import as_entry, column_of
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, SIZE, BlockKind, write_block
from dicom_sieve.screening.refresh import RunOptions

BLOCK_OBJECTS = RunOptions.objects_together
SIZE_BYTES = 524_288
KEYS = tuple(
    map(key_of, ("ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber", "AcquisitionNumber", "EchoTime"))
)
_ORIENTATIONS = (
    ("1", "0", "0", "0", "1", "0"),
    ("1.000000", "0.000000", "0.000000", "0.000000", "1.000000", "0.000000"),
    ("0.999048", "-0.043619", "0.000000", "0.043619", "0.999048", "0.000000"),
    ("0", "1", "0", "0", "0", "-1"),
)
_SPACINGS = ("1.25", "2.5", "0.625", "5")
_Slice = tuple[int, tuple[tuple[str, ...], ...]]
"""Id of the header of an object, and its values in the order of `KEYS`."""


def write_slices(
    connection: sa.Connection,
    snapshot: int,
    edition: int,
    headers: Iterable[tuple[int, int]],
    *,
    first_id: int = 1,
    first_number: int = 0,
) -> None:
    """Write the values of the objects of headers.

    Args:
        connection: Within a transaction.
        snapshot: Which found the objects, at location 1.
        edition: They were read for.
        headers: Id, and number of slices, of each; one header is a series.
        first_id: Of the objects, which follow each other.
        first_number: Of the slices of each header.
    """
    slices = chain.from_iterable(_slices(header, range(first_number, first_number + some)) for header, some in headers)
    for start in count(first_id, BLOCK_OBJECTS):
        block = list(islice(slices, BLOCK_OBJECTS))
        if not block:
            return
        write_block(
            connection,
            BlockKind.OBJECT,
            edition,
            range(start, start + len(block)),
            columns={
                key: column_of([as_entry(values[place]) for _, values in block]) for place, key in enumerate(KEYS)
            },
            numbers={
                HEADER: [header for header, _ in block],
                SIZE: [SIZE_BYTES] * len(block),
                ADDED_IN: [snapshot] * len(block),
            },
            location_id=1,
        )


def _slices(header: int, numbers: range) -> Iterator[_Slice]:
    """Give slices of one series: the place of its first, and their order, are decided by its header alone."""
    chance = random.Random(header)
    orientation, spacing = chance.choice(_ORIENTATIONS), float(chance.choice(_SPACINGS))
    x, y = (f"{chance.uniform(-250, -100):.{chance.choice([1, 6])}f}" for _ in range(2))
    first, order = chance.uniform(-900, 0), list(numbers)
    if kind := chance.randrange(4):  # else they come in their order
        order = order[::-1] if kind == 1 else chance.sample(order, len(order))
    for number in order:
        position = (x, y, f"{first + number * spacing:.3f}")
        yield header, (position, orientation, (str(number + 1),), ("1",), ())
