"""Recording decisions on the headers of a snapshot.

Object rows are not touched: the number of a header's instances in a snapshot is recorded in `header_change`.
"""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from dicom_sieve.ledger.audit.sealed_rows import decision_line, decision_tail
from dicom_sieve.ledger.audit.seals import Part, insert_blocks, make_blocks
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.tables import decision

_COLUMNS = ("run_number", "header_id", "verdict", "findings")

Decided = tuple[str, str, Sequence[tuple[int, str]]]
"""Verdict, findings as JSON, and the headers of which that was decided: the id and digest of each."""


def record_decisions(connection: sa.Connection, run_number: int, decided: Sequence[Decided]) -> None:
    """Record the decisions on the headers of a page, and seal them, within a transaction.

    A run decides on a header once. The seal is made of the decisions themselves, without reading them back.
    """
    _insert(connection, run_number, decided)
    rows = [
        (header_id, decision_line(header_id, digest, tail))
        for tail, headers in ((decision_tail(verdict, findings), headers) for verdict, findings, headers in decided)
        for header_id, digest in headers
    ]
    rows.sort()
    insert_blocks(connection, run_number, list(make_blocks(Part.DECISION, rows)))


def _insert(connection: sa.Connection, run_number: int, decided: Sequence[Decided]) -> None:
    if connection.dialect.name == "postgresql":
        rows = (
            (run_number, header_id, verdict, findings)
            for verdict, findings, headers in decided
            for header_id, _ in headers
        )
        bulk.append(connection, decision, _COLUMNS, rows)
        return
    for verdict, findings, headers in decided:  # a list in one statement takes SQLite less time than its rows do
        listed = sa.func.json_each(json.dumps([header_id for header_id, _ in headers])).table_valued("value")
        row = sa.select(sa.literal(run_number), listed.c.value, sa.literal(verdict), sa.literal(findings, sa.Text))
        connection.execute(sa.insert(decision).from_select(_COLUMNS, row))
