"""The chain of sealed runs as it is now: which blocks differ, and whether rows, blocks or seals were changed."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.audit.damage import Kind
from dicom_sieve.ledger.audit.sealed_rows import stream
from dicom_sieve.ledger.audit.seals import Block, Part, block_ids, digest_seal, read_blocks
from dicom_sieve.ledger.database.tables import run, seal_block, snapshot

Place = tuple[str, int]
"""Part and number of a block; see `Block.place`."""


class Trust(Enum):
    """What a run's seal confirms."""

    BLOCKS = auto()
    """The recorded blocks are intact. Rows that differ from them were changed."""
    ROWS = auto()
    """The rows are intact. Recorded blocks that differ from them were changed."""
    NOTHING = auto()
    """Neither: the seal itself was changed, or rows together with blocks."""
    UNKNOWN = auto()
    """The run before it is missing, so that the seal cannot be computed."""


@dataclass(slots=True, eq=False)
class SealedRun:
    """A run that is sealed, or was.

    Attributes:
        number: Number of the run.
        id: Id of the run.
        location_id: Id of its location.
        seal: As recorded; None where it was removed.
        sealed_after: Number of the run before it.
        is_missing: Whether only its blocks are left.
        differing: Blocks of the present rows that differ from the recorded ones, by place; None where no row is left.
    """

    number: int
    id: str
    location_id: int
    seal: str | None
    sealed_after: int | None
    is_missing: bool = False
    differing: dict[Place, Block | None] = field(default_factory=dict)

    def compare(self, recorded: dict[Place, Block], blocks: Iterable[Block]) -> int:
        """Compare blocks with the recorded ones, which are removed from the mapping, and give the number of rows."""
        rows = 0
        for block in blocks:
            rows += block.row_count
            if recorded.pop(block.place, None) != shorten(block):
                self.differing[block.place] = block
        return rows

    def miss(self, recorded: Iterable[Place]) -> None:
        """Note recorded blocks without any row."""
        self.differing.update(dict.fromkeys(recorded))


def shorten(block: Block) -> Block:
    """Give a block with a checksum in place of its marks, to save memory."""
    return replace(block, marks=zlib.crc32(block.marks).to_bytes(4, "little"))


def sealed_runs(connection: sa.Connection, location_id: int | None) -> tuple[list[SealedRun], list[Any]]:
    """Give the runs that are sealed, or were, in the order of their numbers; and number, id, location, state of others.

    Only a run that has ended has a block of its fields.
    """
    has_block = sa.exists().where(seal_block.c.run_number == run.c.number, seal_block.c.part == Part.RUN)
    is_sealed = sa.or_(run.c.seal.is_not(None), has_block)
    is_there = sa.true() if location_id is None else run.c.location_id == location_id
    columns = (run.c.number, run.c.id, run.c.location_id)
    sealed = sa.select(*columns, run.c.seal, run.c.sealed_after).where(is_sealed, is_there)
    others = sa.select(*columns, run.c.state).where(~is_sealed, is_there).order_by(run.c.number)
    runs = [SealedRun(*row) for row in connection.execute(sealed)]
    runs += [sealed_run for sealed_run in _missing_runs(connection) if location_id in (None, sealed_run.location_id)]
    return sorted(runs, key=lambda sealed_run: sealed_run.number), list(connection.execute(others))


def orphaned(connection: sa.Connection, column: sa.Column[int]) -> Iterator[int]:
    """Give the numbers of missing runs to which a table refers. It is not read row by row."""
    number = connection.scalar(sa.select(sa.func.min(column)))
    while number is not None:
        if connection.scalar(sa.select(run.c.number).where(run.c.number == number)) is None:
            yield number
        number = connection.scalar(sa.select(sa.func.min(column)).where(column > number))


def _missing_runs(connection: sa.Connection) -> Iterator[SealedRun]:
    """Give missing runs with blocks, so that the rest of the chain can be checked. A snapshot gives the location."""
    for number in orphaned(connection, seal_block.c.run_number):
        blocks = list(read_blocks(connection, number))
        last = max((block.last_id for block in blocks if block.part == Part.SNAPSHOT), default=None)
        location_id = connection.scalar(sa.select(snapshot.c.location_id).where(snapshot.c.id == last))
        if location_id is not None and any(block.part == Part.RUN for block in blocks):
            yield SealedRun(number, f"number {number}", location_id, None, None, is_missing=True)


def recorded_blocks(connection: sa.Connection, run_number: int, *parts: Part) -> dict[Place, Block]:
    """Give a run's recorded blocks of some parts by their place, shortened; of several blocks, the first."""
    query = _blocks(run_number).where(seal_block.c.part.in_(parts))
    return _by_place(shorten(Block(*row)) for row in stream(connection, query))


def _by_place(blocks: Iterable[Block]) -> dict[Place, Block]:
    by_place: dict[Place, Block] = {}
    for block in blocks:
        by_place.setdefault(block.place, block)
    return by_place


def recorded_block(connection: sa.Connection, run_number: int, place: Place) -> Block | None:
    """Give one recorded block with its marks."""
    part, number = place
    first_id = seal_block.c.first_id
    query = _blocks(run_number).where(
        seal_block.c.part == part, first_id >= number * block_ids(part), first_id < (number + 1) * block_ids(part)
    )
    row = connection.execute(query).first()
    return None if row is None else Block(*row)


def _blocks(run_number: int) -> sa.Select[Any]:
    columns = [column for column in seal_block.c if column.name != "run_number"]
    query = sa.select(*columns).where(seal_block.c.run_number == run_number)
    return query.order_by(seal_block.c.part, seal_block.c.first_id)


def trusted_runs(connection: sa.Connection, runs: Iterable[SealedRun]) -> set[int | None]:
    """Give the runs of one location whose blocks are confirmed by their own seal, or by that of the next run."""
    trusted: set[int | None] = set()
    seals: dict[int | None, str | None] = {None: None}
    possible_seals: dict[int | None, set[str | None]] = {}
    for sealed_run in runs:
        blocks = list(read_blocks(connection, sealed_run.number))
        before = possible_seals.get(sealed_run.sealed_after, set()) | {seals.get(sealed_run.sealed_after)}
        by_digest: dict[str | None, str | None] = {digest_seal(previous, blocks): previous for previous in before}
        if sealed_run.is_missing or sealed_run.seal in by_digest:
            trusted.add(sealed_run.number)
            if by_digest.get(sealed_run.seal) in possible_seals.get(sealed_run.sealed_after, ()):
                trusted.add(sealed_run.sealed_after)
        seals[sealed_run.number], possible_seals[sealed_run.number] = sealed_run.seal, set(by_digest)
    return trusted


def check_seals(
    connection: sa.Connection, runs: Iterable[SealedRun]
) -> Iterator[tuple[SealedRun, Trust, list[tuple[Kind, Block]]]]:
    """Check the seals of one location's runs, in the order of their numbers, after all their blocks were compared.

    Returns:
        Each run, what its seal confirms, and the recorded blocks that differ from the present rows.
    """
    seals: dict[int | None, set[str | None]] = {None: {None}}
    for sealed_run in runs:
        recorded = sorted(read_blocks(connection, sealed_run.number), key=lambda block: (block.part, block.first_id))
        found = {place: block for place, block in _by_place(recorded).items() if place[0] in set(Part)}
        for place, block in sealed_run.differing.items():
            found.pop(place, None)
            if block is not None:
                found[place] = block
        everywhere: set[str | None] = set().union(*seals.values())
        before = everywhere if sealed_run.is_missing else seals.get(sealed_run.sealed_after)
        trust = _judge(sealed_run.seal, before or set(), recorded, found.values())
        if trust is Trust.NOTHING:  # perhaps the run that it follows was changed
            trust = _judge(sealed_run.seal, everywhere, recorded, found.values())
        if trust is Trust.NOTHING and before is None:
            trust = Trust.UNKNOWN
        seals[sealed_run.number] = {sealed_run.seal}
        if trust is Trust.NOTHING:  # the next run was sealed after its original seal
            for blocks in (recorded, list(found.values())):
                seals[sealed_run.number].update(digest_seal(seal, blocks) for seal in before or ())
        yield sealed_run, trust, _wrong_blocks(recorded, found)


def _wrong_blocks(recorded: Iterable[Block], found: Mapping[Place, Block]) -> list[tuple[Kind, Block]]:
    missing = dict(found)
    wrong = []
    for block in recorded:
        as_found = found.get(block.place)
        if as_found is not None and as_found.as_json() == block.as_json():
            missing.pop(block.place, None)
        else:
            wrong.append(block)
    judged = [(Kind.EDITED if missing.pop(block.place, None) else Kind.ADDED, block) for block in wrong]
    return judged + [(Kind.MISSING, block) for block in missing.values()]


def _judge(
    seal: str | None, previous: Iterable[str | None], recorded: Iterable[Block], found: Iterable[Block]
) -> Trust:
    previous, recorded, found = list(previous), list(recorded), list(found)
    if any(digest_seal(seal_before, recorded) == seal for seal_before in previous):
        return Trust.BLOCKS
    if any(digest_seal(seal_before, found) == seal for seal_before in previous):
        return Trust.ROWS
    return Trust.NOTHING
