"""Recording decisions on the headers of a snapshot, as pages of outcomes (ADR 36).

Object rows are not touched: the number of a header's instances in a snapshot is recorded in `header_change`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.pages import Page, Palettes, page_bounds
from dicom_sieve.ledger.audit.sealed_pages import StoredPage, digest_headers, page_line
from dicom_sieve.ledger.audit.seals import Part, insert_blocks, make_blocks
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.tables import PageKind, decision_page, outcome
from dicom_sieve.ledger.leases.lease import Lease

_PAGE_COLUMNS = ("run_number", "kind", "number", "palette", "codes")
_OUTCOME_COLUMNS = ("run_number", "palette", "code", "verdict", "findings")


class Outcome(NamedTuple):
    """What is decided on a header.

    Attributes:
        verdict: ``PASSED`` or ``DISCARDED``.
        findings: As JSON.
    """

    verdict: str
    findings: str


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What was decided on some headers.

    Attributes:
        ids: Of the headers, in ascending order.
        digests: Of the headers, in the same order.
        outcomes: What was decided on each, in the same order.
    """

    ids: NDArray[np.int64]
    digests: Sequence[str]
    outcomes: Coded[Outcome]


class SealedPage(NamedTuple):
    """A page, and the digest of the headers that it decides on."""

    page: Page
    headers_digest: str


NewOutcome = tuple[int, int, Outcome]
"""Palette, code and outcome."""


@dataclass(slots=True)
class Recorder:
    """Records the decisions of a run, a transaction for the headers of each page that is read.

    Attributes:
        lease: Lease of the run's location.
        run_number: Number of the run.
    """

    lease: Lease
    run_number: int
    _palettes: Palettes[Outcome] = field(default_factory=Palettes)

    def record(self, decided: Decided) -> None:
        """Record decisions on headers; those of a block of pages are given at once."""
        if not len(decided.ids):
            return
        starts, ends = page_bounds(decided.ids)
        digests = [
            digest_headers(decided.digests[start:end])
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        pages = list(map(SealedPage, self._palettes.pages(decided.ids, decided.outcomes), digests))
        new = list(self._palettes.take_new())
        self.lease.write(partial(record_decisions, run_number=self.run_number, pages=pages, outcomes=new))


def record_decisions(
    connection: sa.Connection, run_number: int, pages: Sequence[SealedPage], outcomes: Sequence[NewOutcome]
) -> None:
    """Record pages of decisions, and the outcomes that are new with them, and seal the pages.

    The seal is made of the pages themselves, without reading them back; the outcomes are sealed as the run ends.
    """
    new = ((run_number, palette, bytes([code]), *decided) for palette, code, decided in outcomes)
    bulk.append(connection, outcome, _OUTCOME_COLUMNS, new)
    kind = PageKind.HEADER.value
    rows = ((run_number, kind, page.number, page.palette, page.codes) for page, _ in pages)
    bulk.append(connection, decision_page, _PAGE_COLUMNS, rows)
    lines = [
        (page.number, page_line(StoredPage(kind, page.number, page.palette, page.codes), digest))
        for page, digest in pages
    ]
    insert_blocks(connection, run_number, list(make_blocks(Part.PAGE, lines)))
