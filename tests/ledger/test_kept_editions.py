"""A ledger of each version that there ever was is upgraded: old runs answer as before, and the next one goes on.

Each was made by the software of its version (`tests/ledger/kept_editions.py`).
"""

import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import open_ledger
from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.objects import Location, ObjectInfo
from tests.ledger.kept_editions import BUCKET, ENDPOINT, rows_of, versions
from tests.screening.screenings import ct, screen_ct, state_of, verdicts
from tests.support.former_ledgers import make_former_ledger
from tests.support.simulated_store import SimulatedStore

NEVER_NEWEST = {"0002", "0003", "0011", "0012"}
"""Came together with the version behind them: no software ever left a ledger at one of them."""
MIGRATIONS = {file.stem[:4] for file in Path(migrations.__path__[0]).glob("versions/0*.py")}
VIEWS = ("instance_decision", "series_decision", "series_computation", "series_fact", "series_feature")


def test_there_is_a_ledger_of_each_former_version() -> None:
    assert set(versions()) == MIGRATIONS - NEVER_NEWEST - {max(MIGRATIONS)}


@pytest.fixture(params=versions())
def version(request: pytest.FixtureRequest, ledger_url: str) -> str:
    make_former_ledger(ledger_url, request.param, rows_of(request.param))
    return str(request.param)


def answers(url: str, columns: dict[str, list[str]] | None = None) -> dict[str, tuple[list[str], list[str]]]:
    """Give the columns and the rows of each view that there is; of the columns given, where they are."""
    engine = connect(url)
    found = {}
    with engine.connect() as connection:
        there = set(sa.inspect(connection).get_view_names())
        for view in VIEWS:
            if view not in there:
                continue
            names = (
                columns[view]
                if columns and view in columns
                else [column["name"] for column in sa.inspect(connection).get_columns(view)]
            )
            rows = connection.execute(sa.text(f"SELECT {', '.join(names)} FROM {view}"))
            found[view] = (names, sorted(map(repr, rows)))
    engine.dispose()
    return found


def do_upgrade(url: str) -> None:
    engine = connect(url)
    upgrade(engine)
    engine.dispose()


def run_ids(version: str) -> list[str]:
    return [str(row["id"]) for row in rows_of(version)["run"]]


class FormerBucket(SimulatedStore):
    """The bucket as a former ledger knows it. Of what is known it has no bytes: reading it fails."""

    def __init__(self, version: str) -> None:
        super().__init__(location=Location(ENDPOINT, BUCKET))
        moment = datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC)
        for row in rows_of(version)["object"]:
            if row["removed_in"] is None:
                self._objects[row["key"]] = (ObjectInfo(row["key"], row["etag"], row["size"], moment), b"")


class TestAnUpgrade:
    def test_leaves_the_answers_of_old_runs_as_they_were(self, version: str, ledger_url: str) -> None:
        before = answers(ledger_url)
        assert before["instance_decision"][1] != []

        do_upgrade(ledger_url)

        after = answers(ledger_url, {view: names for view, (names, _) in before.items()})
        assert {view: after[view] for view in before} == before

    def test_leaves_a_ledger_that_verifies_and_goes_on(self, version: str, ledger_url: str) -> None:
        do_upgrade(ledger_url)
        with open_ledger(ledger_url) as ledger:
            result = verify(ledger.engine)
            assert result.is_intact or version < "0004", result.damages
            before = {run: verdicts(ledger, run) for run in run_ids(version)}
            store = FormerBucket(version)
            store.put("newer", ct("1.5.9", "1.9.9"))

            screen_ct(store, ledger, "next")

            assert {key for key, *_ in store.reads} == {"newer"}
            assert state_of(ledger, "next") == ("COMPLETED", None)
            assert {run: verdicts(ledger, run) for run in run_ids(version)} == before
            assert verdicts(ledger, "next")["ct/0"] == ("PASSED", None)
            assert verify(ledger.engine).is_intact
