"""Comparing blocks of the present rows with the recorded blocks, in constant memory."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, starmap
from typing import Any

import sqlalchemy as sa

from dicom_sieve.columns.held import is_same
from dicom_sieve.columns.pages import PAGE_IDS, shorten
from dicom_sieve.errors import DamagedChunkError
from dicom_sieve.ledger.audit import sealed_pages, sealed_rows
from dicom_sieve.ledger.audit.chain import Place, SealedRun, recorded_blocks, trusted_runs
from dicom_sieve.ledger.audit.damage import Damage, Kind
from dicom_sieve.ledger.audit.sealed_rows import Line
from dicom_sieve.ledger.audit.seals import OF_DECISIONS, Block, Part, make_block, make_blocks, page_lines
from dicom_sieve.ledger.database.blocks import BLOCK_IDS
from dicom_sieve.ledger.database.held_pages import add_up_changes, ids_of_page, last_snapshot_of, page_of, read_page
from dicom_sieve.ledger.database.listed_ranges import OpenObject, ranges_that_differ, read_ranges
from dicom_sieve.ledger.database.tables import fact_page, fact_snapshot, header_change, held_page, listed_range, object_

_OF_PLACES = (Part.SNAPSHOT, Part.OBJECT, Part.REMOVAL, Part.BLOCK, Part.FACT)
_NO_END = 2**63
Advance = Callable[[int], None]


def recount_fields(connection: sa.Connection, runs: Iterable[SealedRun]) -> None:
    """Compare the fields of runs that are not missing."""
    for sealed_run in runs:
        if sealed_run.is_missing:
            continue
        recorded = recorded_blocks(connection, sealed_run.number, Part.RUN)
        sealed_run.compare(recorded, make_blocks(Part.RUN, sealed_rows.run_lines(connection, sealed_run.number)))
        sealed_run.miss(recorded)


def recount_decisions(
    connection: sa.Connection, sealed_run: SealedRun, add: Callable[[Damage], None], advance: Advance
) -> int:
    """Compare a run's decisions, and give their number."""
    number = sealed_run.number
    recorded = recorded_blocks(connection, number, *OF_DECISIONS)
    if is_former(recorded.values()):
        sealed_run.compare(recorded, make_blocks(Part.DECISION, sealed_pages.decision_lines(connection, number)))
        for damage in _find_unsealed(connection, sealed_run):
            add(damage)
    else:
        sealed_run.compare(recorded, make_blocks(Part.OUTCOME, sealed_pages.outcome_lines(connection, number)))
        for part in (Part.PAGE, Part.OBJECT_PAGE):
            sealed_run.compare(recorded, make_blocks(part, page_lines(connection, number, part)))
    sealed_run.miss(recorded)
    count = sealed_pages.count_decisions(connection, number)
    advance(count)
    return count


def _find_unsealed(connection: sa.Connection, sealed_run: SealedRun) -> Iterator[Damage]:
    """Name the pages and outcomes of a former run that its decisions do not show."""
    number, run_id = sealed_run.number, sealed_run.id
    used = set[tuple[Any, Any]]()
    for page in sealed_pages.read_pages(connection, number):
        codes = {code for _, code in page.codes_by_header()}
        used |= {(page.palette, bytes([code])) for code in codes}
        if not codes:
            yield Damage(Kind.ADDED, "decision_page", page.id, run_id)
        elif len(page.bytes) != PAGE_IDS or page.codes != shorten(page.bytes):
            yield Damage(Kind.EDITED, "decision_page", page.id, run_id)
    outcomes = sealed_pages.read_outcomes(connection, number).keys()
    for kind, keys in ((Kind.ADDED, outcomes - used), (Kind.MISSING, used - outcomes)):
        for key in sorted(keys, key=repr):
            yield Damage(kind, "outcome", sealed_pages.outcome_id(*key), run_id)


def is_former(blocks: Iterable[Block]) -> bool:
    """Tell by its blocks of decisions whether a run is from before there were pages.

    Pages and outcomes are in blocks of their own: a run with pages keeps one of these where the other is gone.
    """
    parts = {block.part for block in blocks}
    return Part.DECISION in parts or parts.isdisjoint(OF_DECISIONS)


@dataclass(slots=True)
class Cover:
    """Which of a location's rows its seals cover.

    Attributes:
        runs: Its sealed runs, in their order.
        recorded: Recorded blocks by run number and place.
        ends: By part, the last id that each run covers, and the run.
        unsealed: Ids of snapshots behind all sealed ones: of previews, or of a run that is under way.
    """

    runs: list[SealedRun]
    recorded: dict[int, dict[Place, Block]] = field(default_factory=dict)
    ends: dict[Part, tuple[list[int], list[SealedRun]]] = field(default_factory=dict)
    unsealed: set[int] = field(default_factory=set)

    def load(self, connection: sa.Connection) -> None:
        """Read the recorded blocks. Where a run's own blocks are not trusted, its neighbours' give its range."""
        for sealed_run in self.runs:
            self.recorded[sealed_run.number] = recorded_blocks(connection, sealed_run.number, *_OF_PLACES)
        trusted = trusted_runs(connection, self.runs)
        for part in (Part.SNAPSHOT, Part.OBJECT, Part.BLOCK, Part.FACT):
            ends: list[tuple[int, SealedRun]] = []
            following: int | None = None
            for sealed_run in reversed(self.runs):
                blocks = [block for block in self.recorded[sealed_run.number].values() if block.part == part]
                if sealed_run.number not in trusted:
                    ends.append((_NO_END if following is None else following - 1, sealed_run))
                elif blocks:
                    ends.append((max(block.last_id for block in blocks), sealed_run))
                    following = min(block.first_id for block in blocks)
            self.ends[part] = ([end for end, _ in reversed(ends)], [sealed_run for _, sealed_run in reversed(ends)])

    def run_of(self, part: Part, row_id: object) -> SealedRun | None:
        """Give the run that sealed a row of a part; None where the row is behind all sealed ones."""
        ends, runs = self.ends[part]
        place = bisect_left(ends, row_id) if isinstance(row_id, int) else len(ends)
        return runs[place] if place < len(ends) else None


Tell = Callable[[Kind, str, int], None]
"""Called with what happened to a row, its table and its id."""


def recount_places(
    connection: sa.Connection, covers: Mapping[int, Cover], *, only: int | None, tell: Tell, advance: Advance
) -> int:
    """Compare snapshots, objects and removals of locations, and give the number of sealed objects.

    Args:
        connection: Connection to the ledger.
        covers: By location.
        only: Id of one location; None reads all objects in one pass.
        tell: Called with rows that a seal should cover, and does not.
        advance: Called with the number of objects that were read.
    """
    for location_id, cover in covers.items():
        cover.load(connection)
        _recount_snapshots(connection, location_id, cover)
        _recount_blocks(connection, location_id, cover)
        _recount_facts(connection, location_id, cover, tell)
    query = sealed_rows.objects(connection.dialect)
    if only is not None:
        query = query.where(sealed_rows.is_at(only))
    sealed = 0
    for _, group in groupby(sealed_rows.stream(connection, query), key=lambda row: row[0] // BLOCK_IDS):
        rows = list(group)
        for (sealed_run, part), found in _by_run(rows, covers, tell).items():
            recorded = covers[sealed_run.location_id].recorded[sealed_run.number]
            count = sealed_run.compare(recorded, [make_block(part, found)])
            sealed += count if part is Part.OBJECT else 0
        advance(len(rows))
    for cover in covers.values():
        for sealed_run in cover.runs:
            sealed_run.miss(cover.recorded[sealed_run.number])
    return sealed


def _recount_snapshots(connection: sa.Connection, location_id: int, cover: Cover) -> None:
    """Compare snapshots. A snapshot behind all sealed ones changes no result of a run; the next run seals it."""
    by_run: dict[SealedRun, list[Line]] = defaultdict(list)
    for row_id, line in sealed_rows.snapshot_lines(connection, location_id, None):
        sealed_run = cover.run_of(Part.SNAPSHOT, row_id)
        if sealed_run is None:
            cover.unsealed.add(row_id)
        else:
            by_run[sealed_run].append((row_id, line))
    for sealed_run, found in by_run.items():
        sealed_run.compare(cover.recorded[sealed_run.number], make_blocks(Part.SNAPSHOT, found))


def _recount_blocks(connection: sa.Connection, location_id: int, cover: Cover) -> None:
    """Compare blocks of objects. One behind all sealed ones is of a preview, or of a run that is under way."""
    by_run: dict[SealedRun, list[Line]] = defaultdict(list)
    for row_id, line in sealed_rows.block_lines(connection, location_id):
        if (sealed_run := cover.run_of(Part.BLOCK, row_id)) is not None:
            by_run[sealed_run].append((row_id, line))
    for sealed_run, found in by_run.items():
        sealed_run.compare(cover.recorded[sealed_run.number], make_blocks(Part.BLOCK, found))


def _recount_facts(connection: sa.Connection, location_id: int, cover: Cover, tell: Tell) -> None:
    """Compare the facts of series. Those behind all sealed ones are of a snapshot that is not sealed, either."""
    by_run: dict[SealedRun, list[Line]] = defaultdict(list)
    for row_id, line in sealed_rows.fact_lines(connection, location_id):
        if (sealed_run := cover.run_of(Part.FACT, row_id)) is not None:
            by_run[sealed_run].append((row_id, line))
        elif row_id not in cover.unsealed:
            tell(Kind.ADDED, "fact_snapshot", row_id)
    for sealed_run, found in by_run.items():
        sealed_run.compare(cover.recorded[sealed_run.number], make_blocks(Part.FACT, found))


def _by_run(
    rows: Iterable[Sequence[Any]], covers: Mapping[int, Cover], tell: Tell
) -> dict[tuple[SealedRun, Part], list[Line]]:
    """Give objects and removals by the run that sealed them."""
    groups: dict[tuple[SealedRun, Part], list[Line]] = defaultdict(list)
    for row in rows:
        row_id, added_in, removed_in, location_id = row[0], row[7], row[8], row[9]
        cover = covers.get(location_id)
        if cover is None:
            continue
        sealed_run = cover.run_of(Part.OBJECT, row_id)
        if sealed_run is not None:
            groups[sealed_run, Part.OBJECT].append((row_id, sealed_rows.object_line(row)))
        elif added_in not in cover.unsealed:
            tell(Kind.ADDED, "object", row_id)
        if removed_in is not None:
            sealed_run = cover.run_of(Part.SNAPSHOT, removed_in)
            if sealed_run is not None:
                groups[sealed_run, Part.REMOVAL].append((row_id, sealed_rows.removal_line(row_id, removed_in)))
            elif removed_in not in cover.unsealed:
                tell(Kind.EDITED, "object", row_id)
    return groups


def facts_of_none(connection: sa.Connection) -> Iterator[int]:
    """Give the snapshots that have pages of facts, and are not known to have facts. Pages are not read one by one."""
    number = connection.scalar(sa.select(sa.func.min(fact_page.c.snapshot_id)))
    while number is not None:
        is_known = sa.select(fact_snapshot.c.snapshot_id).where(fact_snapshot.c.snapshot_id == number)
        if connection.scalar(is_known) is None:
            yield number
        number = connection.scalar(
            sa.select(sa.func.min(fact_page.c.snapshot_id)).where(fact_page.c.snapshot_id > number)
        )


def recount_instances(
    connection: sa.Connection, location_id: int | None, without: Iterable[int], tell: Callable[[int], None]
) -> None:
    """Compare the recorded numbers of each header's instances with the objects."""
    counted = header_change.c
    rows = object_.c
    of_header = rows.header_id.is_not(None)
    minus = -counted.instances, -counted.bytes
    changes = sa.union_all(
        sa.select(rows.location_id, rows.header_id, rows.added_in.label("snapshot_id"), _ONE, rows.size).where(
            of_header
        ),
        sa.select(rows.location_id, rows.header_id, rows.removed_in, -_ONE, -rows.size).where(
            of_header, rows.removed_in.is_not(None)
        ),
        sa.select(counted.location_id, counted.header_id, counted.snapshot_id, *minus),
    ).subquery()
    _, _, _, instances, size = changes.c
    query = (
        sa.select(changes.c.header_id)
        .where(changes.c.location_id.not_in(without))
        .group_by(changes.c.location_id, changes.c.header_id, changes.c.snapshot_id)
        .having((sa.func.sum(instances) != 0) | (sa.func.sum(size) != 0))
    )
    if location_id is not None:
        query = query.where(changes.c.location_id == location_id)
    for (header_id,) in sealed_rows.stream(connection, query):
        tell(header_id)


_ONE = sa.literal(1, sa.BigInteger)


def recount_held_pages(
    connection: sa.Connection,
    location_id: int | None,
    without: Collection[int],
    edited: Collection[Any],
    tell: Callable[[int], None],
) -> None:
    """Compare kept sums with the changes of headers, which are compared with the objects.

    Args:
        connection: Of the ledger.
        location_id: Where to compare; None: everywhere.
        without: Locations that are left out.
        edited: Headers whose changes were edited; their pages cannot be compared.
        tell: Called with the number of each page that differs.
    """
    cannot_compare = {page_of(header_id) for header_id in edited if isinstance(header_id, int)}
    columns = held_page.c
    query = sa.select(columns.location_id, columns.page, columns.snapshot_id).order_by(
        columns.location_id, columns.page
    )
    if location_id is not None:
        query = query.where(columns.location_id == location_id)
    for place, page, last in connection.execute(query).all():
        if place in without or page in cannot_compare:
            continue
        try:
            is_right = _is_right(connection, place, page, last)
        except (DamagedChunkError, TypeError, ValueError):  # SQLite holds values of any type
            is_right = False
        if not is_right:
            tell(page if isinstance(page, int) else -1)


def _is_right(connection: sa.Connection, location_id: int, page: int, last: int) -> bool:
    """Tell whether a page holds the sums of all changes of its headers, and names the last snapshot among them."""
    ids, held = ids_of_page(page), read_page(connection, location_id, page)
    if held is None or last != last_snapshot_of(connection, location_id, ids):
        return False
    return is_same(held, add_up_changes(connection, location_id, ids))


def recount_listed_ranges(
    connection: sa.Connection, location_id: int | None, without: Collection[int], tell: Callable[[int], None]
) -> None:
    """Compare the digests of what was listed last with the open objects, which are compared with their seals.

    Args:
        connection: Of the ledger.
        location_id: Where to compare; None: everywhere.
        without: Locations that are left out.
        tell: Called with the id of each location of which a range differs.
    """
    query = sa.select(listed_range.c.location_id).distinct().order_by(listed_range.c.location_id)
    if location_id is not None:
        query = query.where(listed_range.c.location_id == location_id)
    for place in connection.scalars(query).all():
        if place not in without and not _are_as_listed(connection, place):
            tell(place if isinstance(place, int) else -1)


def _are_as_listed(connection: sa.Connection, location_id: int) -> bool:
    columns = object_.c
    query = (
        sa.select(columns.key, columns.etag, columns.size)
        .where(columns.location_id == location_id, columns.removed_in.is_(None))
        .order_by(columns.key)
    )
    try:
        differ = ranges_that_differ(
            read_ranges(connection, location_id), starmap(OpenObject, sealed_rows.stream(connection, query))
        )
        return next(differ, None) is None
    except TypeError:  # SQLite holds values of any type
        return False
