"""Reading what people did on the pages."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.database.actions import Action, page_action
from dicom_sieve.ledger.database.outages import all_rows, read


@dataclass(frozen=True, slots=True)
class PageAction:
    """What somebody did.

    Attributes:
        id: From 1.
        at: When.
        person: Who.
        role: What they were allowed then, as ``MANAGER``.
        action: See `Action`; as recorded.
        run_id: Of the flow run that was started or stopped.
        criteria_name: Of criteria that were saved.
        criteria_version: Of these.
        location_id: Of the place.
        place: As it was called.
    """

    id: int
    at: datetime.datetime
    person: str
    role: str
    action: str
    run_id: str | None
    criteria_name: str | None
    criteria_version: int | None
    location_id: int | None
    place: str | None


def list_actions(engine: sa.Engine, *, before: int | None = None, limit: int = 50) -> list[PageAction]:
    """Give what was done, the newest first.

    Args:
        engine: The ledger's.
        before: Only what has a smaller id than this; None: all.
        limit: How many, at most.
    """
    query = sa.select(page_action).order_by(page_action.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(page_action.c.id < before)
    return [PageAction(*row) for row in read(engine, partial(all_rows, query=query))]


def starters_of(engine: sa.Engine, run_ids: Collection[str]) -> dict[str, str]:
    """Give who started runs, by the id of each; those that were not started on the pages are not in it."""
    query = sa.select(page_action.c.run_id, page_action.c.person).where(
        page_action.c.action == Action.START, page_action.c.run_id.in_(list(run_ids))
    )
    rows = read(engine, partial(all_rows, query=query.order_by(page_action.c.id.desc())))
    return {str(run_id): str(person) for run_id, person in rows}


def savers_of(engine: sa.Engine, name: str | None = None) -> dict[NamedCriteria, str]:
    """Give who saved versions of criteria, of one name or of all; those saved elsewhere are not in it."""
    columns = page_action.c
    query = sa.select(columns.criteria_name, columns.criteria_version, columns.person).where(
        columns.action == Action.SAVE
    )
    if name is not None:
        query = query.where(columns.criteria_name == name)
    rows = read(engine, partial(all_rows, query=query.order_by(columns.id.desc())))
    return {NamedCriteria(str(saved), int(version)): str(person) for saved, version, person in rows}
