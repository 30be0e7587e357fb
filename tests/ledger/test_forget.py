"""A location can be forgotten: all of it, for good, and not unnoticed."""

import datetime
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit import forget as forgetting
from dicom_sieve.ledger.audit.forget import Holdings, count_holdings, find_locations, forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.objects import Location
from tests.ledger.interrupted import interrupted_after
from tests.screening.screenings import ct, decisions_of, mr, screen_ct, sql, verdicts
from tests.support.blocks import all_values, chunks_by_block, texts_of_chunks
from tests.support.simulated_store import PLACE, SimulatedStore

ELSEWHERE = Location("https://simulated", "elsewhere", "a/")
NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


@pytest.fixture
def ledger(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger of two locations that share a header; lots of two rows."""
    monkeypatch.setattr(forgetting, "BATCH_ROWS", 2)
    store = SimulatedStore({f"{number}": ct(f"1.5.{number}", f"1.6.{number}") for number in range(5)})
    screen_ct(store, ledger, "a")
    store.delete("0")
    screen_ct(store, ledger, "b")
    other = SimulatedStore({"a/1": ct("1.5.1", "1.7.1"), "a/2": mr("1.8.2", "1.7.2")}, location=ELSEWHERE)
    screen_ct(other, ledger, "other")
    return ledger


def forget_it(ledger: Ledger, reason: str = "retention is over") -> None:
    forget(ledger.engine, PLACE, reason, clock=lambda: NOW)


class TestForgetting:
    def test_forgetting_removes_all_of_one_location_and_nothing_of_another(self, ledger: Ledger) -> None:
        other = verdicts(ledger, "other")

        forget_it(ledger)

        assert {run.id for run in ledger.runs()} == {"other"}
        assert verdicts(ledger, "other") == other
        assert sql(ledger, "SELECT key FROM object ORDER BY key") == [("a/1",), ("a/2",)]
        assert sql(ledger, "SELECT series_instance_uid FROM header ORDER BY 1") == [("1.5.1",), ("1.8.2",)]
        assert sql(ledger, "SELECT count(DISTINCT location_id), count(*) FROM snapshot") == [(1, 1)]
        assert len(decisions_of(ledger)) == 2
        assert sql(ledger, "SELECT count(DISTINCT run_number) FROM outcome") == [(1,)]
        assert sql(ledger, "SELECT count(DISTINCT run_number) FROM seal_block") == [(1,)]
        assert sql(ledger, "SELECT count(DISTINCT location_id) FROM header_change") == [(1,)]

    def test_forgetting_is_told_by_verification_for_ever(self, ledger: Ledger) -> None:
        last = next(end.seal for end in verify(ledger.engine).ends if end.bucket == PLACE.bucket)

        forget_it(ledger)

        result = verify(ledger.engine)
        [fact] = result.forgotten
        assert result.is_intact
        assert (fact.endpoint, fact.bucket, fact.prefix) == (PLACE.endpoint, PLACE.bucket, PLACE.prefix)
        assert (fact.reason, fact.last_seal) == ("retention is over", last)
        assert (fact.started_at, fact.finished_at) == (NOW, NOW)
        assert fact.counts == {"runs": 2, "decisions": 9, "snapshots": 2, "objects": 5, "headers": 4}

    def test_forgetting_says_before_what_will_go(self, ledger: Ledger) -> None:
        assert count_holdings(ledger.engine, PLACE) == Holdings(runs=2, decisions=9, snapshots=2, objects=5, headers=4)

    def test_forgetting_finds_locations_by_bucket_and_prefix(self, ledger: Ledger) -> None:
        assert find_locations(ledger.engine, "elsewhere", "a/", None) == [ELSEWHERE]
        assert find_locations(ledger.engine, "elsewhere", "a/", "https://other") == []
        assert find_locations(ledger.engine, "elsewhere", "", None) == []

    def test_a_location_that_was_forgotten_can_be_screened_again(self, ledger: Ledger) -> None:
        forget_it(ledger)

        screen_ct(SimulatedStore({"new": ct("1.9", "1.9.1")}), ledger, "again")

        result = verify(ledger.engine)
        assert result.is_intact
        assert verdicts(ledger, "again") == {"new": ("PASSED", None)}
        with pytest.raises(sa.exc.DBAPIError, match="a decision is never changed"), ledger.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM decision_page"))

    def test_forgetting_removes_the_values_of_headers_that_no_other_location_uses(self, ledger: Ledger) -> None:
        days = {f"{number}": f"2020010{number + 1}" for number in range(5)}
        store = SimulatedStore({key: ct("1.9", f"1.9.{key}", StudyDate=day) for key, day in days.items()})
        screen_ct(store, ledger, "dated")
        elsewhere = SimulatedStore({"a/3": ct("1.9", "1.9.9", StudyDate=days["3"])}, location=ELSEWHERE)
        screen_ct(elsewhere, ledger, "shared")
        before = all_values(ledger)
        assert {text for text in texts_of_chunks(ledger) if text.startswith("2020")} == {
            f"{day}\0" for day in days.values()
        }

        forget_it(ledger)

        assert {text for text in texts_of_chunks(ledger) if text.startswith("2020")} == {f"{days['3']}\0"}
        after = all_values(ledger)
        assert len(after) == 3
        assert after == {header_id: before[header_id] for header_id in after}
        blocks = {block_id for (block_id,) in sql(ledger, "SELECT id FROM block")}
        assert set(chunks_by_block(ledger)) == blocks
        assert verify(ledger.engine).is_intact

    def test_forgetting_of_all_locations_leaves_no_block(self, ledger: Ledger) -> None:
        forget_it(ledger)
        forget(ledger.engine, ELSEWHERE, "closed", clock=lambda: NOW)

        assert sql(ledger, "SELECT * FROM block") == sql(ledger, "SELECT * FROM chunk") == []

    def test_forgetting_is_refused_while_a_run_is_under_way(self, ledger: Ledger) -> None:
        store = SimulatedStore({"new": ct("1.9", "1.9.1")})
        refusals: list[str] = []

        def try_it() -> None:
            thread = threading.Thread(target=lambda: refusals.append(refusal(lambda: forget_it(ledger))))
            thread.start()
            thread.join(60)

        store.on_listed = try_it
        screen_ct(store, ledger, "under way")

        assert refusals == ["s3://challenge-tech: a run is under way there: forget it when the run has ended"]
        assert sql(ledger, "SELECT count(*) FROM forgotten") == [(0,)]


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(LedgerError) as caught:
        action()
    return str(caught.value)


class TestInterrupted:
    """Every statement is where it may end."""

    def test_interrupted_goes_on_when_it_is_called_again(self, ledger: Ledger) -> None:
        interruptions = 0
        for allowed in range(100):
            try:
                with interrupted_after(ledger, allowed):
                    forget_it(ledger, f"reason {interruptions}")
            except ZeroDivisionError:
                interruptions += 1
                result = verify(ledger.engine)
                assert not result.damages, f"after {allowed} statements: {result.damages}"
                assert result.is_intact is not bool(result.half_forgotten)
                assert [fact.finished_at for fact in result.forgotten] == [None]
                assert "run the same 'dicom-sieve forget' again" in refusal(
                    lambda: screen_ct(SimulatedStore({}), ledger, "meanwhile")
                )
            else:
                break
        assert interruptions > 3
        [fact] = verify(ledger.engine).forgotten
        assert fact.finished_at == NOW
        assert fact.reason == "reason 0"
        assert fact.counts == {"runs": 2, "decisions": 9, "snapshots": 2, "objects": 5, "headers": 4}
        assert {run.id for run in ledger.runs()} == {"other"}
        assert sql(ledger, "SELECT series_instance_uid FROM header ORDER BY 1") == [("1.5.1",), ("1.8.2",)]
        assert verify(ledger.engine).is_intact
