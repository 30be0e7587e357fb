"""How SQL finds what a run decided: the page by the id of a header or object, the outcome by the byte in it (ADR 36).

A run decides on headers. Where its criteria ask for what varies within a series, it decides on the objects of a header,
and says of the header only that (ADR 40).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from dicom_sieve.columns.pages import PAGE_IDS, UNDECIDED
from dicom_sieve.ledger.database.column_types import BigKey
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.database.tables import decision_page, outcome

_FIRST = sa.select(sa.literal(0, sa.Integer).label("place")).cte("places", recursive=True)
_PLACES = _FIRST.union_all(sa.select(_FIRST.c.place + 1).where(_FIRST.c.place < PAGE_IDS - 1))
"""The places of a page, from 0; one table in a query, however often the query names it."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of runs on headers, or on objects, to be joined with these.

    Attributes:
        page: The table of pages, or an alias.
        outcome: The table of outcomes, or an alias.
        kind: What has the ids that the joins take.
    """

    page: sa.FromClause = decision_page
    outcome: sa.FromClause = outcome
    kind: PageKind = PageKind.HEADER

    @property
    def run_number(self) -> sa.ColumnElement[int]:
        """The column with the number of the run."""
        return self.page.c.run_number

    @property
    def verdict(self) -> sa.ColumnElement[str]:
        """The column with the verdict."""
        return self.outcome.c.verdict

    @property
    def findings(self) -> sa.ColumnElement[Any]:
        """The column with the findings."""
        return self.outcome.c.findings

    def join(self, rows: sa.FromClause, header_id: sa.ColumnElement[Any], is_of_run: sa.ColumnElement[bool]) -> sa.Join:
        """Join rows with the decisions of some runs on their headers; rows without one are left out."""
        is_page = sa.and_(self._is_page(header_id), is_of_run)
        return rows.join(self.page, is_page).join(self.outcome, self._is_outcome(header_id % PAGE_IDS))

    def outerjoin(
        self, rows: sa.FromClause, header_id: sa.ColumnElement[Any], is_of_run: sa.ColumnElement[bool]
    ) -> sa.Join:
        """Join rows with the decisions of some runs on their headers; rows without one have NULL."""
        is_page = sa.and_(self._is_page(header_id), is_of_run)
        return rows.outerjoin(self.page, is_page).outerjoin(self.outcome, self._is_outcome(header_id % PAGE_IDS))

    def is_on(self, header_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Give the condition for the decisions on a header, where they are among the tables of a query."""
        return sa.and_(self._is_page(header_id), self._is_outcome(header_id % PAGE_IDS))

    def headers(self, is_of_run: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Select the headers that some runs decided on: ``run_number``, ``header_id``.

        This is for queries that begin with a run: no other table is read to find its headers.
        """
        # SQLite takes the tables of an outer join in their order: pages first, so that headers come in theirs. OFFSET
        # keeps both databases from taking further tables into it, perhaps all headers before the places of a page.
        place = sa.func.coalesce(_PLACES.c.place, 0)
        header_id = sa.cast(self.page.c.number * PAGE_IDS + place, BigKey)
        return (
            sa.select(self.run_number, header_id.label("header_id"))
            .select_from(self.page.outerjoin(_PLACES, sa.true()))
            .where(self.page.c.kind == self.kind, is_of_run, self._code(place) != bytes([UNDECIDED]))
            .offset(0)
        )

    def _is_page(self, header_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        page = self.page.c
        return sa.and_(page.kind == self.kind, page.number == header_id // PAGE_IDS)

    def _is_outcome(self, place: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        page, found = self.page.c, self.outcome.c
        is_of_palette = sa.and_(found.run_number == page.run_number, found.palette == page.palette)
        return sa.and_(is_of_palette, found.code == self._code(place))

    def _code(self, place: sa.ColumnElement[Any]) -> sa.ColumnElement[bytes]:
        """Give the byte at a place of the page; the only one where all are the same."""
        codes = self.page.c.codes
        byte = sa.case((sa.func.length(codes) == 1, 1), else_=sa.cast(place + 1, sa.Integer))
        return sa.func.substr(codes, byte, 1, type_=sa.LargeBinary)


class Outcome(NamedTuple):
    """What is decided on a header, or an object.

    Attributes:
        verdict: ``PASSED`` or ``DISCARDED``; of a header `BY_OBJECT`, where its objects are decided on.
        findings: As JSON.
    """

    verdict: str
    findings: str


BY_OBJECT = "BY_OBJECT"
"""The verdict on a header whose objects are decided on one by one."""

decisions = Decisions()
_own = Decisions(decision_page.alias("own_page"), outcome.alias("own_outcome"), PageKind.OBJECT)

verdict_of_object = sa.func.coalesce(_own.verdict, decisions.verdict)
findings_of_object = sa.func.coalesce(_own.findings, decisions.findings)
"""Of objects that are joined by `join_objects`; NULL where the run did not decide."""


def join_objects(
    rows: sa.FromClause, object_id: sa.ColumnElement[Any], header_id: sa.ColumnElement[Any], run_number: Any
) -> sa.Join:
    """Join objects with what a run decided on them: on each, or else on its header."""
    of_headers = decisions.outerjoin(rows, header_id, decisions.run_number == run_number)
    return _own.outerjoin(of_headers, object_id, _own.run_number == run_number)


def decisions_on(kind: PageKind) -> Decisions:
    """Give the decisions on headers, or on objects, alone."""
    return decisions if kind is PageKind.HEADER else _own
