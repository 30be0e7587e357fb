"""Recording what people do on the pages: a row for each, sealed by an entry of the chain."""

import datetime
from collections.abc import Callable

import sqlalchemy as sa

from dicom_sieve.clock import now
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.audit.row_digests import enter_action
from dicom_sieve.ledger.database.actions import Action, page_action
from dicom_sieve.ledger.database.engine import write
from dicom_sieve.ledger.database.locations import new_key


def record_action(
    engine: sa.Engine,
    action: Action,
    *,
    person: str,
    role: str,
    run_id: str | None = None,
    criteria: NamedCriteria | None = None,
    location_id: int | None = None,
    place: str | None = None,
    clock: Callable[[], datetime.datetime] = now,
) -> None:
    """Record what somebody did.

    Args:
        engine: The ledger's.
        action: What was done.
        person: By whom; as they signed in.
        role: Of theirs, at that time.
        run_id: Of the flow run that was started or stopped.
        criteria: Name and version that were saved.
        location_id: Of the place.
        place: As people call it; it stays readable when the location is forgotten.
        clock: Gives the time.
    """
    values = {
        "at": clock(),
        "person": person,
        "role": role,
        "action": action.value,
        "run_id": run_id,
        "criteria_name": criteria.name if criteria else None,
        "criteria_version": criteria.version if criteria else None,
        "location_id": location_id,
        "place": place,
    }

    def record(connection: sa.Connection) -> None:
        enter_action(connection, new_key(connection.execute(sa.insert(page_action).values(values))))

    write(engine, record)
