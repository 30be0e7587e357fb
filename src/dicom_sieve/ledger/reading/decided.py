"""What a run decided on many headers at once."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.lookup import look_up
from dicom_sieve.columns.pages import PAGE_IDS, UNDECIDED
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.database.tables import decision_page, outcome
from dicom_sieve.ledger.reading.held_rows import HeldBy, HeldRows, held_rows
from dicom_sieve.objects import Damaged

_CODES = 256
"""Codes of a palette."""


def decided_on(
    connection: sa.Connection, run_number: int, ids: NDArray[np.int64], kind: PageKind = PageKind.HEADER
) -> Coded[Outcome | None]:
    """Give what a run decided on some headers or objects, each in the place of its id; None: nothing.

    Args:
        connection: To the ledger.
        run_number: Of the run.
        ids: One or more, close to each other: all pages between the lowest and the highest are read.
        kind: What has these ids.
    """
    of_page = ids // PAGE_IDS
    numbers, codes = _pages(connection, run_number, kind, (int(of_page.min()), int(of_page.max())))
    undecided = np.full(len(ids), UNDECIDED, np.int64)
    if not len(numbers):
        return _outcomes(connection, run_number, undecided)
    is_page, pages = look_up(of_page, numbers)
    found = np.where(is_page, codes[pages, ids % PAGE_IDS], undecided)
    return _outcomes(connection, run_number, found)


def _pages(
    connection: sa.Connection, run_number: int, kind: PageKind, bounds: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the numbers of pages, ascending, and a row for each: the code of each id, with that of its palette."""
    page = decision_page.c
    query = (
        sa.select(page.number, page.palette, page.codes)
        .where(page.run_number == run_number, page.kind == kind, page.number.between(*bounds))
        .order_by(page.number)
    )
    rows = connection.execute(query).all()
    written = b"".join(bytes(row.codes).ljust(PAGE_IDS, bytes(row.codes)[:1]) for row in rows)
    palettes = np.array([row.palette for row in rows], np.int64).reshape(-1, 1)
    codes = np.frombuffer(written, np.uint8).reshape(-1, PAGE_IDS)
    return np.array([row.number for row in rows], np.int64), palettes * _CODES + codes


def _outcomes(connection: sa.Connection, run_number: int, found: NDArray[np.int64]) -> Coded[Outcome | None]:
    """Give the outcomes that codes with their palettes stand for."""
    of_run, code = outcome.c, outcome.c.code
    query = sa.select(of_run.palette, code, of_run.verdict, sa.cast(of_run.findings, sa.Text)).where(
        of_run.run_number == run_number
    )
    known = {
        palette * _CODES + bytes(written)[0]: Outcome(verdict, findings)
        for palette, written, verdict, findings in connection.execute(query)
    }
    occurring, codes = np.unique(found, return_inverse=True)
    things = [known.get(number) for number in occurring.tolist()]
    return Coded(tuple(things), codes.astype(np.uint32)).map(lambda thing: thing)


def decided_rows(
    engine: sa.Engine,
    run_number: int,
    held: HeldBy,
    keys: Sequence[str],
    damaged: Damaged,
    *,
    with_owners: bool = False,
) -> Iterator[HeldRows]:
    """Give the rows that a run judged: headers, or objects where it decided on these, whatever is asked for now.

    Args:
        engine: The ledger's.
        run_number: Of the run.
        held: Ids of its snapshot and of its location.
        keys: The columns that are asked for.
        damaged: Whether the run looked at the values of damaged headers.
        with_owners: Whether the numbers of studies and patients are asked for, too.
    """
    are_objects = read(engine, partial(decides_on_objects, run_number=run_number))
    rows = held_rows(engine, held, keys, damaged, are_objects=are_objects, with_owners=with_owners, with_sizes=True)
    return (each for each in rows if each.are_judged)


def decides_on_objects(connection: sa.Connection, run_number: int) -> bool:
    """Tell whether a run decided on some objects one by one."""
    is_such = decision_page.c.run_number == run_number, decision_page.c.kind == PageKind.OBJECT
    return connection.execute(sa.select(decision_page.c.number).where(*is_such).limit(1)).first() is not None
