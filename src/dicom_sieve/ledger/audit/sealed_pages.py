"""What a seal covers of a run's decisions: pages and outcomes, each as one line of canonical JSON (ADR 36).

A run from before there were pages has a line for each header, made of its pages and outcomes.
"""

import hashlib
from binascii import hexlify
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.pages import PAGE_IDS, UNDECIDED, Pages
from dicom_sieve.ledger.audit.damage import OUTCOME_IDS
from dicom_sieve.ledger.audit.sealed_rows import Line, as_stored, stream, write_value
from dicom_sieve.ledger.database.blocks import BLOCK_PAGES
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.database.tables import decision_page, header, outcome

DIGEST_BYTES = 32
_LINE = 2 * DIGEST_BYTES + 1
"""Characters of a digest as hex, with the end of its line."""
_KIND, _NUMBER, _PALETTE = decision_page.c.kind, decision_page.c.number, decision_page.c.palette
_UNKNOWN = (None, None)
_END_OF_NUMBERS = 2**40
_RAW = sa.types.NullType()
"""Gives what SQLite holds, which may be of any type where somebody edited it."""

Decided = Sequence[tuple[int, str]]
"""The headers that a page decides on: id and digest, which is empty where the header is missing."""
StoredOutcomes = Mapping[tuple[Any, Any], tuple[Any, Any]]
"""Verdict, and findings as text, by palette and code."""


class StoredPage(NamedTuple):
    """A page of decisions as the database holds it."""

    kind: Any
    number: Any
    palette: Any
    codes: Any

    @property
    def id(self) -> int:
        """Its number; -1 where that is none."""
        return _id(self.number)

    @property
    def bytes(self) -> bytes:
        """Its bytes, one for each id; none where its codes are no bytes."""
        codes = self.codes if isinstance(self.codes, bytes) else b""
        return codes * PAGE_IDS if len(codes) == 1 else codes

    def codes_by_header(self) -> Iterator[tuple[int, int]]:
        """Give the id of each header that was decided on, and its code."""
        if self.kind == PageKind.HEADER and self.id >= 0:
            first = self.id * PAGE_IDS
            yield from ((first + place, code) for place, code in enumerate(self.bytes) if code != UNDECIDED)


def digest_headers(digests: NDArray[np.uint8], starts: Sequence[int], ends: Sequence[int]) -> list[str]:
    """Digest the digests of the headers that pages decide on, in the order of their ids: as hex, a line each.

    Args:
        digests: Of the headers of all pages: 32 bytes each, a row of an array.
        starts: The first row of each page.
        ends: The row behind its last.
    """
    found: list[str] = []
    for place in range(0, len(starts), BLOCK_PAGES):
        of_pages = list(zip(starts[place : place + BLOCK_PAGES], ends[place : place + BLOCK_PAGES], strict=True))
        first, last = of_pages[0][0], of_pages[-1][1]
        text = _as_lines(digests[first:last])
        found.extend(
            hashlib.sha256(text[(start - first) * _LINE : (end - first) * _LINE]).hexdigest() for start, end in of_pages
        )
    return found


def _as_lines(digests: NDArray[np.uint8]) -> memoryview:
    """Write digests as hex, a line each."""
    lines = np.full((len(digests), _LINE), ord("\n"), np.uint8)
    lines[:, :-1] = np.frombuffer(hexlify(np.ascontiguousarray(digests).data), np.uint8).reshape(-1, _LINE - 1)
    return lines.data.cast("B")


def digest_found(digests: Sequence[str]) -> str:
    """Digest likewise what the ledger holds, which may be anything."""
    return hashlib.sha256("".join([f"{digest}\n" for digest in digests]).encode()).hexdigest()


def page_line(page: StoredPage, digest: str) -> bytes:
    """Give a page: ``[kind, number, palette, codes as hex, digest of its headers]``."""
    codes = page.codes.hex() if isinstance(page.codes, bytes) else repr(page.codes)
    kind, number, palette = write_value(_KIND, page.kind), write_value(_NUMBER, page.number), page.palette
    return f'[{kind},{number},{write_value(_PALETTE, palette)},"{codes}","{digest}"]'.encode()


def new_page_lines(kind: PageKind, pages: Pages, digests: Iterable[str]) -> list[Line]:
    """Give pages as `page_line` does, of which all is as this package writes it.

    Args:
        kind: What they decide on.
        pages: In the order of their numbers.
        digests: Of the headers of each.
    """
    start, palette = f"[{write_value(_KIND, kind.value)},", pages.palette
    return [
        (number, f'{start}{number},{palette},"{codes.hex()}","{digest}"]'.encode())
        for number, codes, digest in zip(pages.numbers, pages.codes, digests, strict=True)
    ]


def page_lines(connection: sa.Connection, run_number: int) -> Iterator[Line]:
    """Give the pages of a run."""
    for page, decided in pages_with_headers(connection, run_number):
        yield page.id, page_line(page, digest_found([digest for _, digest in decided]))


def object_page_lines(connection: sa.Connection, run_number: int) -> Iterator[Line]:
    """Give the pages of a run on objects: no digest ties them to these, whose rows are sealed by their ids."""
    for page in read_pages(connection, run_number, of_objects=True):
        yield page.id, page_line(page, "")


def outcome_lines(connection: sa.Connection, run_number: int) -> Iterator[Line]:
    """Give the outcomes of a run: ``[palette, code as hex, verdict, findings]``."""
    columns = outcome.c
    for (palette, code), values in read_outcomes(connection, run_number).items():
        code_as_hex = code.hex() if isinstance(code, bytes) else repr(code)
        line = f'[{write_value(columns.palette, palette)},"{code_as_hex}",{_tail(values)}'
        yield outcome_id(palette, code), line.encode()


def outcome_id(palette: Any, code: Any) -> int:
    """Give the number of an outcome within its run."""
    return _id(palette) * OUTCOME_IDS + (code[0] if isinstance(code, bytes) and code else 0)


def decision_lines(connection: sa.Connection, run_number: int, header_id: int | None = None) -> Iterator[Line]:
    """Give the decisions of a run, or that on one header: ``[header's id, header's digest, verdict, findings]``."""
    number = None if header_id is None else header_id // PAGE_IDS
    tails = {key: _tail(values) for key, values in read_outcomes(connection, run_number).items()}
    for page, decided in pages_with_headers(connection, run_number, number):
        codes = dict(page.codes_by_header())
        for row_id, digest in decided:
            if header_id in (None, row_id):
                tail = tails.get((page.palette, bytes([codes[row_id]])), _tail(_UNKNOWN))
                yield row_id, f"[{row_id},{write_value(header.c.digest, digest or None)},{tail}".encode()


def read_pages(
    connection: sa.Connection, run_number: int, number: int | None = None, *, of_objects: bool | None = None
) -> Iterator[StoredPage]:
    """Give the pages of a run, or those of one number; those on objects, or all others, or all."""
    columns = decision_page.c
    query = sa.select(columns.kind, columns.number, columns.palette, sa.type_coerce(columns.codes, _RAW))
    of_number = sa.true() if number is None else columns.number == number
    if of_objects is not None:
        is_of_objects = columns.kind == PageKind.OBJECT
        query = query.where(is_of_objects if of_objects else ~is_of_objects)
    query = query.where(columns.run_number == run_number, of_number).order_by(columns.number, columns.kind)
    return (StoredPage(*row) for row in stream(connection, query))


def read_outcomes(connection: sa.Connection, run_number: int) -> StoredOutcomes:
    """Give the outcomes of a run in the order of palettes and codes."""
    columns = outcome.c
    findings = as_stored(connection.dialect, columns.findings)
    query = sa.select(columns.palette, sa.type_coerce(columns.code, _RAW), columns.verdict, findings)
    rows = connection.execute(query.where(columns.run_number == run_number).order_by(columns.palette, columns.code))
    return {(palette, code): (verdict, text) for palette, code, verdict, text in rows}


def pages_with_headers(
    connection: sa.Connection, run_number: int, number: int | None = None
) -> Iterator[tuple[StoredPage, Decided]]:
    """Give the pages of a run, or those of one number, each with the headers that it decides on."""
    pages = read_pages(connection, run_number, number, of_objects=False)
    for _, group in groupby(pages, key=lambda page: page.id // BLOCK_PAGES):
        block = list(group)
        digests = _digests(connection, [page.id for page in block])
        for page in block:
            yield page, [(row_id, digests.get(row_id, "")) for row_id, _ in page.codes_by_header()]


def count_decisions(connection: sa.Connection, run_number: int, up_to: int | None = None) -> int:
    """Count the headers that a run decided on, or those of the pages up to a number."""
    columns = decision_page.c
    query = sa.select(columns.kind, columns.number, columns.palette, sa.type_coerce(columns.codes, _RAW))
    is_before = sa.true() if up_to is None else columns.number <= up_to
    rows = stream(connection, query.where(columns.run_number == run_number, is_before))
    return sum(len(page.bytes) - page.bytes.count(UNDECIDED) for page in (StoredPage(*row) for row in rows))


def _digests(connection: sa.Connection, numbers: Collection[int]) -> dict[int, str]:
    """Give the digests of the headers of some pages that lie close together, by id."""
    first, end = min(numbers) * PAGE_IDS, (max(numbers) + 1) * PAGE_IDS
    query = sa.select(header.c.id, header.c.digest).where(header.c.id >= first, header.c.id < end)
    return {row_id: str(digest) for row_id, digest in connection.execute(query)}


def _tail(values: tuple[Any, Any]) -> str:
    """Give the end of a line: the verdict, and the findings, which are JSON."""
    verdict, findings = values
    return f"{write_value(outcome.c.verdict, verdict)},{write_value(outcome.c.findings, findings)}]"


def _id(number: Any) -> int:
    """Give a number that may be one of a page or palette; -1 stands for any other value."""
    return number if isinstance(number, int) and 0 <= number < _END_OF_NUMBERS else -1
