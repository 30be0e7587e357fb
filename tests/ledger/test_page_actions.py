"""What people do on the pages is recorded, sealed, and never changed."""

import datetime

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.page_actions import PageAction, list_actions, savers_of, starters_of
from dicom_sieve.ledger.writing.page_actions import record_action
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore

NOW = datetime.datetime(2026, 2, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def acted(ledger: Ledger) -> Ledger:
    """Ann saved two versions and started a run; Bob added a place."""
    for version in (1, 2):
        record(ledger, Action.SAVE, criteria=NamedCriteria("thin", version))
    record(ledger, Action.START, run_id="a", location_id=1, place="bucket")
    record_action(ledger.engine, Action.ADD_PLACE, person="Bob", role="ADMIN", place="other", clock=lambda: NOW)
    return ledger


def record(ledger: Ledger, action: Action, **what: object) -> None:
    record_action(ledger.engine, action, person="Ann", role="MANAGER", clock=lambda: NOW, **what)  # type: ignore[arg-type]


def test_actions_are_listed_newest_first_and_in_windows(acted: Ledger) -> None:
    first, *rest = list_actions(acted.engine)

    assert first == PageAction(4, NOW, "Bob", "ADMIN", "ADD_PLACE", None, None, None, None, "other")
    assert [(each.id, each.action) for each in rest] == [(3, "START"), (2, "SAVE"), (1, "SAVE")]
    assert [each.id for each in list_actions(acted.engine, before=3, limit=1)] == [2]


def test_who_started_and_who_saved_is_told(acted: Ledger) -> None:
    assert starters_of(acted.engine, ["a", "b"]) == {"a": "Ann"}
    assert savers_of(acted.engine) == {NamedCriteria("thin", 1): "Ann", NamedCriteria("thin", 2): "Ann"}
    assert savers_of(acted.engine, "other") == {}


@pytest.mark.parametrize("statement", ["UPDATE page_action SET person = 'Eve'", "DELETE FROM page_action"])
def test_actions_are_never_updated_or_deleted(acted: Ledger, statement: str) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="what somebody did is never changed"),
        acted.engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))
    assert len(list_actions(acted.engine)) == 4


@pytest.mark.parametrize(
    ("statement", "damage"),
    [
        ("UPDATE page_action SET person = 'Eve' WHERE id = 2", "action 2 of the pages was edited"),
        ("DELETE FROM page_action WHERE id = 2", "action 2 of the pages is missing"),
        (
            """
            INSERT INTO page_action (id, at, person, role, action)
            SELECT id + 9, at, person, role, action FROM page_action WHERE id = 2
            """,
            "action 11 of the pages was added",
        ),
    ],
)
def test_verify_names_what_was_changed_by_force(acted: Ledger, statement: str, damage: str) -> None:
    assert verify(acted.engine).damages == []
    with vandal(acted) as connection:
        connection.execute(sa.text(statement))

    assert [found.describe() for found in verify(acted.engine).damages] == [damage]


def test_actions_stay_when_their_location_is_forgotten(acted: Ledger) -> None:
    store = SimulatedStore({"1": ct()})
    screen_ct(store, acted, "a")

    forget(acted.engine, store.location, "why", clock=lambda: NOW)

    assert len(list_actions(acted.engine)) == 4
    assert verify(acted.engine).is_intact
