"""A ledger is backed up while a run writes to it, lost, and restored by the commands of docs/keeping.md."""

import json
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.errors import AlreadyPublishedError, LedgerError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.objects import Location
from dicom_sieve.publishing.anchor import open_anchor, push_seals
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from tests.keeping.kept import Kept, run_shell
from tests.ledger.export import export
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, screen_ct, sql, state_of, verdicts
from tests.support.prefect_server import wait_for
from tests.support.simulated_store import SimulatedStore

LEASE_SECONDS = 10.0
PATIENT = [Criterion.model_validate({"dicom_tag": "PatientID", "operation": "EQUALS", "reference": "P3"})]


@pytest.fixture
def kept(ledger_url: str, tmp_path: Path) -> Kept:
    """A ledger without a run."""
    open_ledger(ledger_url).close()
    return Kept(ledger_url, tmp_path)


def store_of(count: int) -> SimulatedStore:
    return SimulatedStore(
        {f"{n:02}": (ct if n % 3 else mr)(f"1.5.{n}", f"1.6.{n}", PatientID=f"P{n}") for n in range(count)}
    )


def push(ledger: Ledger, kept: Kept) -> None:
    place = open_anchor(Settings(), kept.environment["DICOM_SIEVE_ANCHOR"])
    assert place is not None
    push_seals(ledger, place)


def screened(kept: Kept, store: SimulatedStore) -> dict[str, list[str]]:
    """Screen twice, push the seals, and give what the ledger says of each run."""
    with open_ledger(kept.url) as ledger:
        screen_ct(store, ledger, "first")
        store.delete("01")
        store.put("02", ct("1.5.2", "1.6.2", StudyDate="20200101"))
        screen_ct(store, ledger, "second", output=SimulatedStore(location=Location("https://simulated", "published")))
        push(ledger, kept)
        return {run: only_runs(export(ledger, run)) for run in ("first", "second")}


def only_runs(exported: str) -> list[str]:
    """Give what is said of runs and their decisions: objects are as they are now."""
    return [line for line in exported.splitlines() if json.loads(line)["kind"] not in ("object", "header", "patient")]


def back_up_while_a_run_writes(kept: Kept, store: SimulatedStore) -> None:
    """Begin a run, and make the backup when some of its shards are recorded. The run ends, and pushes its seal."""
    objects = "SELECT count(*) FROM object WHERE removed_in IS NULL AND header_id IS NULL"
    unread: list[int] = []

    def look(_: str) -> None:
        if len(store.reads) != 8:
            return
        with open_ledger(kept.url) as other:
            unread.append(sql(other, objects)[0][0])
        kept.back_up()

    store.on_read = look
    for number in range(30, 42):
        store.put(f"{number}", ct(f"1.5.{number}", f"1.6.{number}", PatientID=f"P{number}"))
    store.forget_requests()
    with open_ledger(kept.url) as ledger:
        screen_ct(store, ledger, "under-way", shard_objects=1, lease_seconds=LEASE_SECONDS)
        push(ledger, kept)
    store.on_read = lambda _: None
    assert 0 < unread[0] < 12, "the backup is of the middle of a run"


class TestALedgerThatIsLost:
    def test_is_restored_as_it_was_and_the_next_run_reads_only_what_is_new(self, kept: Kept) -> None:
        store = store_of(12)
        before = screened(kept, store)
        as_of_the_backup = (kept.home / "seals").read_bytes()
        back_up_while_a_run_writes(kept, store)
        (kept.home / "seals").write_bytes(as_of_the_backup)

        kept.lose()
        assert "as the anchor says, by 5 seals" in kept.restore()

        with open_ledger(kept.url) as ledger:
            assert {run: only_runs(export(ledger, run)) for run in before} == before
            wait_for(lambda: state_of(ledger, "under-way")[0] == "FAILED", "the run to be shown as failed", 30)
            [(unread,)] = sql(ledger, "SELECT count(*) FROM object WHERE removed_in IS NULL AND header_id IS NULL")
            store.forget_requests()
            screen_ct(store, ledger, "next")
            push(ledger, kept)
            assert len({key for key, *_ in store.reads}) == unread > 0
            assert set(verdicts(ledger, "next")) == set(store.objects())
        assert "as the anchor says, by 7 seals" in kept.run("dicom-sieve verify")

    def test_lacks_what_came_after_the_backup_and_a_newer_anchor_tells(self, kept: Kept) -> None:
        store = store_of(12)
        screened(kept, store)
        back_up_while_a_run_writes(kept, store)
        kept.lose()

        done = run_shell(kept.documented(f"Restore {kept.kind}"), kept.home, kept.environment)

        assert done.returncode == 1
        assert "the ledger ends at entry 5, the anchor knows 6: its end was cut off, or this is an older copy" in (
            done.stdout.splitlines()
        )
        with open_ledger(kept.url) as ledger:
            assert verify(ledger.engine).is_intact
            with pytest.raises(AlreadyPublishedError):
                push(ledger, kept)
        assert "as the anchor says, by 5 seals" in kept.run(kept.documented("What is lost"))


class TestTheKey:
    def test_that_is_gone_stops_runs_is_named_and_comes_back_from_any_backup(self, kept: Kept) -> None:
        store = store_of(12)
        screened(kept, store)
        kept.back_up()
        with open_ledger(kept.url) as ledger:
            with vandal(ledger) as connection:
                connection.exec_driver_sql("DELETE FROM patient_key")

            with pytest.raises(LedgerError) as caught:
                screen(Screening("patient", store, PATIENT), ledger)
            assert str(caught.value) == (
                "the ledger has lost the key of its digests (table patient_key): put it back from any backup of this "
                "ledger; docs/keeping.md says how"
            )
            store.put("new", ct("1.5.99", "1.6.99"))
            with pytest.raises(LedgerError, match="has lost the key"):
                screen_ct(store, ledger, "new")
            store.delete("new")
            screen_ct(store, ledger, "old")  # what needs no key goes on
            damages = [damage.describe() for damage in verify(ledger.engine).damages]
            assert damages == ["the key for patients' digests was edited"]

            kept.run(kept.documented("The key", block=not kept.is_sqlite))

            assert verify(ledger.engine).is_intact
            screen(Screening("found", store, PATIENT), ledger)
            assert [key for key, (verdict, _) in verdicts(ledger, "found").items() if verdict == "PASSED"] == ["03"]
