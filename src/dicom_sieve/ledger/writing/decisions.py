"""Recording decisions on the headers of a snapshot, as pages of outcomes (ADR 36).

Object rows are not touched: the number of a header's instances in a snapshot is recorded in `header_change`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, repeat
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import join
from dicom_sieve.columns.lookup import are_ascending
from dicom_sieve.columns.pages import Pages, Palettes, page_bounds
from dicom_sieve.ledger.audit.sealed_pages import digest_headers, new_page_lines
from dicom_sieve.ledger.audit.seals import Part, insert_blocks, make_blocks
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.blocks import READ_IDS
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.database.tables import decision_page, outcome
from dicom_sieve.ledger.leases.lease import Lease

_PAGE_COLUMNS = ("run_number", "kind", "number", "palette", "codes")
_OUTCOME_COLUMNS = ("run_number", "palette", "code", "verdict", "findings")


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What was decided on some headers, or objects.

    Attributes:
        ids: Of these, in ascending order.
        digests: Of headers, in the same order: 32 bytes each, a row of an array; of objects none.
        outcomes: What was decided on each, in the same order.
        kind: What they are.
        complete_below: Everything of the kind with a lower id was given, here or before; None: nothing is known.
    """

    ids: NDArray[np.int64]
    digests: NDArray[np.uint8]
    outcomes: Coded[Outcome]
    kind: PageKind = PageKind.HEADER
    complete_below: int | None = None

    def take(self, rows: Any) -> "Decided":
        """Give some of its rows."""
        outcomes = Coded(self.outcomes.things, self.outcomes.codes[rows])
        digests = self.digests[rows] if len(self.digests) else self.digests
        return replace(self, ids=self.ids[rows], digests=digests, outcomes=outcomes)


class SealedPages(NamedTuple):
    """Pages, and the digest of the headers that each decides on; empty where they decide on objects."""

    pages: Pages
    headers_digests: Sequence[str]


NewOutcome = tuple[int, int, Outcome]
"""Palette, code and outcome."""
READS_TOGETHER = {PageKind.HEADER: 20, PageKind.OBJECT: 40}
"""Blocks of the seal whose pages are written in one transaction; of headers fewer, whose digests are in memory."""
PART_OF = {PageKind.HEADER: Part.PAGE, PageKind.OBJECT: Part.OBJECT_PAGE}


@dataclass(slots=True)
class Recorder:
    """Records the decisions of a run, a transaction for some pages.

    Attributes:
        lease: Lease of the run's location.
        run_number: Number of the run.
    """

    lease: Lease
    run_number: int
    _palettes: Palettes[Outcome] = field(default_factory=Palettes)
    _waiting: list[Decided] = field(default_factory=list)

    def record(self, decided: Decided) -> None:
        """Record decisions; those that a page may have more of wait, at last for `flush`."""
        if self._waiting and self._waiting[0].kind is not decided.kind:
            self.flush()
        if len(decided.ids):
            self._waiting.append(decided)
        if (
            decided.complete_below is not None
            and sum(len(part.ids) for part in self._waiting) >= READS_TOGETHER[decided.kind] * READ_IDS
        ):
            self._write(decided.complete_below)

    def flush(self) -> None:
        """Record what waits."""
        self._write(None)

    def _write(self, complete_below: int | None) -> None:
        """Record what waits and lies in pages that are sealed together, of which nothing more comes."""
        if not self._waiting:
            return
        decided = _joined(self._waiting)
        rows = len(decided.ids) if complete_below is None else _rows_below(decided.ids, complete_below)
        self._waiting = [decided.take(slice(rows, None))] if rows < len(decided.ids) else []
        if rows:
            self._record(decided.take(slice(None, rows)))

    def _record(self, decided: Decided) -> None:
        if decided.kind is PageKind.HEADER:
            starts, ends = page_bounds(decided.ids)
            digests = iter(digest_headers(decided.digests, starts.tolist(), ends.tolist()))
        else:
            digests = repeat("")
        pages = [
            SealedPages(of_palette, [*islice(digests, len(of_palette.numbers))])
            for of_palette in self._palettes.pages(decided.ids, decided.outcomes)
        ]
        new = list(self._palettes.take_new())
        self.lease.write(
            partial(
                record_decisions,
                run_number=self.run_number,
                kind=decided.kind,
                pages=pages,
                outcomes=new,
            )
        )


def _rows_below(ids: NDArray[np.int64], complete_below: int) -> int:
    """Give how many ids lie in pages that are sealed together and below a bound."""
    return int(np.searchsorted(ids, complete_below - complete_below % READ_IDS))


def _joined(parts: Sequence[Decided]) -> Decided:
    """Join decisions, in the order of their ids: those of blocks that overlap come in between."""
    ids, digests = np.concatenate([part.ids for part in parts]), np.concatenate([part.digests for part in parts])
    joined = replace(parts[0], ids=ids, digests=digests, outcomes=join([part.outcomes for part in parts]))
    return joined if are_ascending(ids) else joined.take(np.argsort(ids, kind="stable"))


def record_decisions(
    connection: sa.Connection,
    run_number: int,
    kind: PageKind,
    pages: Sequence[SealedPages],
    outcomes: Sequence[NewOutcome],
) -> None:
    """Record pages of decisions, and the outcomes that are new with them, and seal the pages.

    The seal is made of the pages themselves, without reading them back; the outcomes are sealed as the run ends.
    """
    new = ((run_number, palette, bytes([code]), *decided) for palette, code, decided in outcomes)
    bulk.append(connection, outcome, _OUTCOME_COLUMNS, new)
    run, kinds = repeat(run_number), repeat(kind.value)
    rows = (zip(run, kinds, numbers, repeat(palette), codes) for (numbers, palette, codes), _ in pages)
    bulk.append(connection, decision_page, _PAGE_COLUMNS, chain.from_iterable(rows))
    lines = chain.from_iterable(new_page_lines(kind, of_palette, digests) for of_palette, digests in pages)
    insert_blocks(connection, run_number, list(make_blocks(PART_OF[kind], lines)))
