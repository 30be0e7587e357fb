"""Seals: a finished run's digest over its rows and the seal of the run before it on its location (ADR 10)."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import chain, groupby, islice
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.audit import sealed_pages, sealed_rows
from dicom_sieve.ledger.audit.sealed_rows import Line, canonical
from dicom_sieve.ledger.database.blocks import BLOCK_IDS, BLOCK_PAGES
from dicom_sieve.ledger.database.outages import read, while_away
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import object_, run, seal_block, snapshot
from dicom_sieve.ledger.leases.lease import Lease

FORMAT = "dicom-sieve seal 1"
_BLOCKS_A_TRANSACTION = 100
_MARK = struct.Struct("<HI")
"""Shows which row of a block was changed: its place in the block, and a CRC-32 of its line."""


class Part(StrEnum):
    """The kind of a block's rows."""

    RUN = "RUN"
    SNAPSHOT = "SNAPSHOT"
    OBJECT = "OBJECT"
    REMOVAL = "REMOVAL"
    PAGE = "PAGE"
    OBJECT_PAGE = "OBJECT_PAGE"
    OUTCOME = "OUTCOME"
    BLOCK = "BLOCK"
    """Of objects, with the values that they have for themselves."""
    FACT = "FACT"
    """Of series: what a snapshot changed."""
    DECISION = "DECISION"
    """Of runs from before there were pages: the decision on each header."""


OF_DECISIONS = (Part.DECISION, Part.OUTCOME, Part.PAGE, Part.OBJECT_PAGE)
_OF_PAGES = (Part.PAGE, Part.OBJECT_PAGE)


def block_ids(part: str) -> int:
    """Give the number of ids that a block of a part covers at most."""
    return BLOCK_PAGES if part in _OF_PAGES else BLOCK_IDS


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one part whose ids lie close together.

    Attributes:
        part: Kind of the rows.
        first_id: The lowest of their ids.
        last_id: The highest of their ids.
        row_count: Number of rows.
        digest: SHA-256 over their lines, each with a line feed, as hex.
        marks: Six bytes per row, in the order of ids; see `read_marks`.
    """

    part: Part
    first_id: int
    last_id: int
    row_count: int
    digest: str
    marks: bytes

    @property
    def place(self) -> tuple[Part, int]:
        """Part and number: a run has one block of each part for `block_ids` ids."""
        return self.part, self.first_id // block_ids(self.part)

    def as_json(self) -> list[Any]:
        """Give it as a seal covers it."""
        return [self.part, self.first_id, self.last_id, self.row_count, self.digest]


def make_block(part: Part, rows: Sequence[Line]) -> Block:
    """Digest rows, in the order of their ids, of one block."""
    digest = hashlib.sha256(b"".join(line + b"\n" for _, line in rows)).hexdigest()
    pack, crc32, size = _MARK.pack, zlib.crc32, block_ids(part)
    marks = b"".join([pack(row_id % size, crc32(line)) for row_id, line in rows])
    return Block(part, rows[0][0], rows[-1][0], len(rows), digest, marks)


def make_blocks(part: Part, rows: Iterable[Line]) -> Iterator[Block]:
    """Digest rows, in the order of their ids, block by block."""
    for _, group in groupby(rows, key=lambda row: row[0] // block_ids(part)):
        yield make_block(part, list(group))


def read_marks(block: Block) -> dict[int, int]:
    """Give the CRC-32 of each row's line by the row's id."""
    base = block.first_id - block.first_id % block_ids(block.part)
    whole = block.marks[: len(block.marks) - len(block.marks) % _MARK.size]
    return {base + place: crc for place, crc in _MARK.iter_unpack(whole)}


def digest_seal(previous: str | None, blocks: Iterable[Block]) -> str:
    """Give the seal of a run.

    Args:
        previous: The seal of the run before it on its location; None for the first.
        blocks: All blocks of the run.
    """
    content = {"format": FORMAT, "previous": previous, "blocks": _listed(blocks)}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _listed(blocks: Iterable[Block]) -> list[list[Any]]:
    return sorted(block.as_json() for block in blocks)


def seal_rows(lease: Lease, run_number: int) -> None:
    """Record the blocks of a run that is about to end, except for two parts.

    Its pages of decisions were sealed as they were recorded; its own fields are sealed as it ends. The blocks are
    written in separate transactions, and replaced where a run that died left some, or the ledger was unreachable.
    """
    while_away(lambda: _seal_rows(lease, run_number), lease.seconds)


def _seal_rows(lease: Lease, run_number: int) -> None:
    of_run = sa.and_(seal_block.c.run_number == run_number, seal_block.c.part.not_in([Part.DECISION, *_OF_PAGES]))
    lease.write(lambda connection: connection.execute(sa.delete(seal_block).where(of_run)))
    with lease.engine.connect() as reader:
        blocks = _new_blocks(reader, run_number, lease.location_id)
        while batch := list(islice(blocks, _BLOCKS_A_TRANSACTION)):
            lease.write(partial(insert_blocks, run_number=run_number, blocks=batch))


def seal(connection: sa.Connection, run_number: int, state: RunState) -> str:
    """Seal a run in the transaction that ends it, when all its fields but the state are final.

    Returns:
        The seal, which the last update of the run writes with the state.
    """
    location_id = sa.select(run.c.location_id).where(run.c.number == run_number).scalar_subquery()
    previous = last_seal(connection, location_id)
    follows = previous and previous[0]
    connection.execute(sa.update(run).where(run.c.number == run_number).values(sealed_after=follows))
    fields = make_block(Part.RUN, list(sealed_rows.run_lines(connection, run_number, state=state)))
    insert_blocks(connection, run_number, [fields])
    return digest_seal(previous and previous[1], read_blocks(connection, run_number))


def last_seal(connection: sa.Connection, location_id: Any) -> tuple[int, str] | None:
    """Give number and seal of the last run of a location that was sealed; None where there is none."""
    later = run.alias()
    query = (
        sa.select(run.c.number, run.c.seal)
        .where(run.c.location_id == location_id, run.c.seal.is_not(None))
        .where(~sa.exists().where(later.c.sealed_after == run.c.number))
        .order_by(run.c.number.desc())
    )
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row.number, str(row.seal))


def read_blocks(connection: sa.Connection, run_number: int) -> Iterator[Block]:
    """Give a run's recorded blocks without their marks."""
    columns = seal_block.c
    query = sa.select(
        columns.part, columns.first_id, columns.last_id, columns.row_count, columns.digest, sa.literal(b"")
    ).where(columns.run_number == run_number)
    for row in connection.execute(query):
        yield Block(*row)


def insert_blocks(connection: sa.Connection, run_number: int, blocks: Sequence[Block]) -> None:
    """Record blocks of a run."""
    rows = [
        {
            "run_number": run_number,
            "part": block.part,
            "first_id": block.first_id,
            "last_id": block.last_id,
            "row_count": block.row_count,
            "digest": block.digest,
            "marks": block.marks,
        }
        for block in blocks
    ]
    if rows:
        connection.execute(sa.insert(seal_block), rows)


def published_seals(engine: sa.Engine, run_number: int) -> dict[str, str | None]:
    """Give the members of a manifest about the ledger, which show later what was sealed.

    Args:
        engine: The ledger's.
        run_number: Number of a run that ends, after `seal_rows`, or has ended.

    Returns:
        ``previous_seal``, of the run before it on its location, None for the first; and ``decisions``, SHA-256 over
        canonical JSON of the list of its blocks of pages and outcomes.
    """
    return read(engine, lambda connection: _published_seals(connection, run_number))


def _published_seals(connection: sa.Connection, run_number: int) -> dict[str, str | None]:
    row = connection.execute(sa.select(run).where(run.c.number == run_number)).one()
    if row.seal is None:
        previous = last_seal(connection, row.location_id)
        seal_before = previous and previous[1]
    else:
        seal_before = connection.scalar(sa.select(run.c.seal).where(run.c.number == row.sealed_after))
    blocks = _listed(block for block in read_blocks(connection, run_number) if block.part in OF_DECISIONS)
    return {"previous_seal": seal_before, "decisions": hashlib.sha256(canonical(blocks).encode()).hexdigest()}


def _new_blocks(connection: sa.Connection, run_number: int, location_id: int) -> Iterator[Block]:
    """Digest the rows of a location since its last seal, and decisions as far as they have no blocks yet."""
    before = _sealed_up_to(connection, location_id, Part.SNAPSHOT)
    changes = connection.execute(
        sa.select(snapshot.c.counts).where(snapshot.c.location_id == location_id, snapshot.c.id > before)
    ).all()
    parts = [make_blocks(Part.SNAPSHOT, sealed_rows.snapshot_lines(connection, location_id, before))]
    if any(row.counts is None or row.counts["added"] for row in changes):
        after = _sealed_up_to(connection, location_id, Part.OBJECT)
        parts.append(make_blocks(Part.OBJECT, _objects(connection, location_id, after)))
    after = _sealed_up_to(connection, location_id, Part.BLOCK)
    parts.append(make_blocks(Part.BLOCK, sealed_rows.block_lines(connection, location_id, after)))
    after = _sealed_up_to(connection, location_id, Part.FACT)
    parts.append(make_blocks(Part.FACT, sealed_rows.fact_lines(connection, location_id, after)))
    if any(row.counts is None or row.counts["removed"] for row in changes):
        parts.append(make_blocks(Part.REMOVAL, _removals(connection, location_id, before)))
    recorded = {block.part for block in read_blocks(connection, run_number)}
    if Part.DECISION not in recorded:  # else it began before there were pages
        parts.append(make_blocks(Part.OUTCOME, sealed_pages.outcome_lines(connection, run_number)))
        missing = (part for part in _OF_PAGES if part not in recorded)
        parts.extend(make_blocks(part, page_lines(connection, run_number, part)) for part in missing)
    return chain.from_iterable(parts)


def page_lines(connection: sa.Connection, run_number: int, part: Part) -> Iterator[Line]:
    """Give the pages of a run on headers, or on objects."""
    if part is Part.PAGE:
        return sealed_pages.page_lines(connection, run_number)
    return sealed_pages.object_page_lines(connection, run_number)


def _objects(connection: sa.Connection, location_id: int, after: int) -> Iterator[Line]:
    query = sealed_rows.objects(connection.dialect).where(sealed_rows.is_at(location_id), object_.c.id > after)
    for row in sealed_rows.stream(connection, query):
        yield row[0], sealed_rows.object_line(row)


def _removals(connection: sa.Connection, location_id: int, after: int) -> Iterator[Line]:
    query = (
        sa.select(object_.c.id, object_.c.removed_in)
        .where(sealed_rows.is_at(location_id), object_.c.removed_in > after)
        .order_by(object_.c.id)
    )
    for row_id, removed_in in sealed_rows.stream(connection, query):
        yield row_id, sealed_rows.removal_line(row_id, removed_in)


def _sealed_up_to(connection: sa.Connection, location_id: int, part: Part) -> int:
    """Give the highest id of a part's rows that a seal of the location covers; 0 where none does."""
    last = (
        sa.select(seal_block.c.last_id)
        .where(seal_block.c.run_number == run.c.number, seal_block.c.part == part)
        .order_by(seal_block.c.first_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(sa.func.max(last)).where(run.c.location_id == location_id, run.c.seal.is_not(None))
    return connection.scalar(query) or 0
