"""Finding the changed rows of a block, by the marks of the block."""

import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from dicom_sieve.columns.pages import PAGE_IDS, shorten
from dicom_sieve.ledger.audit import sealed_pages, sealed_rows
from dicom_sieve.ledger.audit.chain import Place, SealedRun, recorded_block
from dicom_sieve.ledger.audit.damage import Damage, Kind
from dicom_sieve.ledger.audit.recount_headers import digest_header
from dicom_sieve.ledger.audit.seals import Block, Part, block_ids, read_marks
from dicom_sieve.ledger.database.tables import header, header_change, object_

MOST_SEARCHED = 100
"""Pages of decisions in which the one edited decision is searched; others are named as a whole."""
_TABLES: Mapping[str, str] = {Part.SNAPSHOT: "snapshot", Part.BLOCK: "block", Part.FACT: "fact_snapshot"}
_OF_LOCATION = ("endpoint", "bucket", "prefix")


@dataclass(slots=True)
class Names:
    """Names damaged rows.

    Attributes:
        connection: Connection to the ledger.
        damaged_headers: Ids of headers that are known to be changed: rows that differ by that alone are not named.
    """

    connection: sa.Connection
    damaged_headers: set[int]
    _named_objects: set[int] = field(default_factory=set)
    _searched_pages: int = 0

    def row(self, kind: Kind, table: str, row_id: int, run_id: str | None = None) -> Damage:
        """Name a row, with the present UID of its series or instance."""
        uid = None
        if table in ("header", "decision"):
            uid = self.connection.scalar(sa.select(header.c.series_instance_uid).where(header.c.id == row_id))
        if table == "object":
            self._named_objects.add(row_id)
            uid = self.connection.scalar(sa.select(object_.c.sop_instance_uid).where(object_.c.id == row_id))
        return Damage(kind, table, row_id, run_id, uid=uid)

    def rows(self, sealed_run: SealedRun, place: Place, found: Block | None) -> Iterator[Damage]:
        """Name the changed rows of a block, on the assumption that the recorded block is intact."""
        recorded = recorded_block(self.connection, sealed_run.number, place)
        if recorded and found and recorded.digest == found.digest:  # its marks, which no digest covers
            yield Damage(Kind.EDITED, "seal_block", recorded.first_id, sealed_run.id, recorded.part)
            return
        marks = read_marks(recorded) if recorded else {}
        now = read_marks(found) if found else {}
        changed = sorted(row_id for row_id in marks.keys() | now.keys() if marks.get(row_id) != now.get(row_id))
        for row_id in changed:
            kind = Kind.MISSING if row_id not in now else Kind.ADDED if row_id not in marks else Kind.EDITED
            yield from self._of_part(place[0], sealed_run, kind, row_id, marks.get(row_id))
        if not changed:  # two lines of the same CRC-32: somewhere in the block
            yield Damage(Kind.EDITED, "seal_block", place[1] * block_ids(place[0]), sealed_run.id, place[0])

    def _of_part(self, part: str, sealed_run: SealedRun, kind: Kind, row_id: int, mark: int | None) -> Iterator[Damage]:
        match part:
            case Part.RUN:
                yield self._field(sealed_run, kind, row_id)
            case Part.SNAPSHOT | Part.BLOCK | Part.FACT:
                yield Damage(kind, _TABLES[part], row_id)
            case Part.REMOVAL:
                if row_id not in self._named_objects:
                    yield self.row(Kind.EDITED, "object", row_id)
            case Part.OBJECT:
                yield self._by_header(kind, self._object(row_id), mark) or self.row(kind, "object", row_id)
            case Part.OBJECT_PAGE:
                yield Damage(kind, "decision_page", row_id, sealed_run.id)
            case Part.OUTCOME:
                yield Damage(kind, "outcome", row_id, sealed_run.id)
            case Part.PAGE:
                damages = list(self._in_page(sealed_run, row_id, mark)) if kind is Kind.EDITED else []
                yield from damages or [Damage(kind, "decision_page", row_id, sealed_run.id)]
            case _:
                lines = sealed_pages.decision_lines(self.connection, sealed_run.number, row_id)
                line = next((line for _, line in lines), b"")
                yield self._by_header(kind, (row_id, line), mark) or self.row(kind, "decision", row_id, sealed_run.id)

    def _field(self, sealed_run: SealedRun, kind: Kind, number: int) -> Damage:
        name = sealed_rows.RUN_FIELDS[number - 1] if 0 < number <= len(sealed_rows.RUN_FIELDS) else str(number)
        if name in sealed_rows.LATER_FIELDS:  # there is a line where there is a value
            return Damage(Kind.EDITED, "run", sealed_run.number, sealed_run.id, name)
        if kind is Kind.ADDED:
            return Damage(kind, "run", sealed_run.number)
        if kind is Kind.MISSING or name in _OF_LOCATION:  # a run is not read without its location
            return Damage(kind, "location", sealed_run.location_id)
        return Damage(kind, "run", sealed_run.number, sealed_run.id, name)

    def _object(self, row_id: int) -> tuple[int | None, bytes]:
        query = (
            sealed_rows.objects(self.connection.dialect).add_columns(object_.c.header_id).where(object_.c.id == row_id)
        )
        row = self.connection.execute(query).first()
        return (row.header_id, sealed_rows.object_line(row)) if row else (None, b"")

    def _in_page(self, sealed_run: SealedRun, number: int, mark: int | None) -> Iterator[Damage]:
        """Name the headers of a page, or the one decision in it, that alone make the page differ."""
        pages = list(sealed_pages.pages_with_headers(self.connection, sealed_run.number, number))
        if len(pages) != 1:
            return
        [(page, decided)] = pages
        missing = self._missing(sealed_run.location_id, [row_id for row_id, digest in decided if not digest])
        if missing:
            yield from (Damage(Kind.MISSING, "header", row_id) for row_id in missing)
            return
        edited = [row_id for row_id, _ in decided if row_id in self.damaged_headers]
        if edited and _mark(page, self._by_content(decided)) == mark:
            yield from (self.row(Kind.EDITED, "header", row_id) for row_id in edited)
            return
        self._searched_pages += 1
        if self._searched_pages > MOST_SEARCHED:
            return
        codes = {
            code[0]
            for palette, code in sealed_pages.read_outcomes(self.connection, sealed_run.number)
            if palette == page.palette and isinstance(code, bytes) and len(code) == 1
        }
        row_id = _find_edited(page, decided, codes, mark)
        if row_id is not None:
            yield self.row(Kind.EDITED, "decision", row_id, sealed_run.id)

    def _by_content(self, decided: sealed_pages.Decided) -> sealed_pages.Decided:
        """Give headers with the digests of their present content."""
        return [
            (row_id, (digest_header(self.connection, row_id) or (digest, digest))[1])
            if row_id in self.damaged_headers
            else (row_id, digest)
            for row_id, digest in decided
        ]

    def _missing(self, location_id: int, headers: Collection[int]) -> list[int]:
        """Give those of some headers that had instances at a location, as all that were decided on."""
        is_its = sa.and_(header_change.c.location_id == location_id, header_change.c.header_id.in_(headers))
        query = sa.select(header_change.c.header_id).distinct().where(is_its).order_by(header_change.c.header_id)
        return list(self.connection.scalars(query)) if headers else []

    def _by_header(self, kind: Kind, row: tuple[int | None, bytes], mark: int | None) -> Damage | None:
        """Name the row's header, where that alone makes the row differ."""
        header_id, line = row
        if kind is not Kind.EDITED or header_id is None:
            return None
        digests = digest_header(self.connection, header_id)
        if digests is None:
            was_counted = sa.exists().where(header_change.c.header_id == header_id)
            is_missing = self.connection.scalar(sa.select(was_counted))
            return Damage(Kind.MISSING, "header", header_id) if is_missing else None
        recorded, content = (digest.encode() for digest in digests)
        if header_id in self.damaged_headers and zlib.crc32(line.replace(recorded, content)) == mark:
            return self.row(kind, "header", header_id)
        return None


def _mark(page: sealed_pages.StoredPage, decided: sealed_pages.Decided) -> int:
    """Give the mark of a page's line."""
    digest = sealed_pages.digest_found([digest for _, digest in decided])
    return zlib.crc32(sealed_pages.page_line(page, digest))


def _find_edited(
    page: sealed_pages.StoredPage, decided: sealed_pages.Decided, codes: Collection[int], mark: int | None
) -> int | None:
    """Find the header of a page whose decision, and no other, was another one; None where there is none."""
    digest = sealed_pages.digest_found([digest for _, digest in decided])
    content = bytearray(page.bytes)
    for row_id, now in page.codes_by_header():
        place = row_id - page.id * PAGE_IDS
        for code in codes:
            content[place] = code
            before = page._replace(codes=shorten(bytes(content)))
            if code != now and zlib.crc32(sealed_pages.page_line(before, digest)) == mark:
                return row_id
        content[place] = now
    return None
