"""Recording decisions as pages: each header has its own, the seals hold, and what a run leaves is small."""

import datetime
import json
from collections.abc import Sequence

import numpy as np
import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.pages import UNDECIDED
from dicom_sieve.errors import LedgerAwayError
from dicom_sieve.ledger.audit.seals import seal_rows
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.states import PageKind, RunState
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.writing import decisions as writing
from dicom_sieve.ledger.writing.decisions import Decided, NewOutcome, Recorder, SealedPages, record_decisions
from dicom_sieve.ledger.writing.runs import begin_run, bind_snapshot, finish_run
from tests.screening.screenings import ct, decisions_of, mr, screen_ct, sql
from tests.support.simulated_store import PLACE, SimulatedStore

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def store_of(count: int) -> SimulatedStore:
    """Give objects of which each has a header of its own."""
    return SimulatedStore({f"{n:04}": ct(f"1.5.{n}", f"1.6.{n}") for n in range(1, count + 1)})


def outcome_of(kind: int) -> Outcome:
    return Outcome("PASSED" if kind % 2 else "DISCARDED", json.dumps([f"F{kind}"]))


def record(lease: Lease, ledger: Ledger, kinds: Sequence[int], parts: int = 1) -> int:
    """Record a run that decides on all headers, in some parts; give its number."""
    with lease.writing() as connection:
        number, _ = begin_run(
            connection,
            lease=lease,
            execution_id="recorded",
            criteria=[],
            criteria_digest="",
            started_at=NOW,
            software_version="",
        )
        bind_snapshot(connection, number, last_snapshot(ledger.engine, PLACE).id)
    rows = sql(ledger, "SELECT id, digest FROM header ORDER BY id")
    recorder = Recorder(lease, number)
    things = tuple(outcome_of(kind) for kind in range(max(kinds) + 1))
    digests = np.frombuffer(bytes.fromhex("".join(digest for _, digest in rows)), np.uint8).reshape(-1, 32)
    for part in np.array_split(np.arange(len(rows)), parts):
        ids = np.array([rows[place][0] for place in part], np.int64)
        codes = np.array([kinds[place] for place in part], np.uint32)
        recorder.record(Decided(ids, digests[part], Coded(things, codes)))
    recorder.flush()
    seal_rows(lease, number)
    with lease.writing() as connection:
        finish_run(connection, number, state=RunState.COMPLETED, finished_at=NOW)
    return number


class TestRecording:
    def test_more_outcomes_than_a_palette_holds_are_kept_apart(self, ledger: Ledger) -> None:
        screen_ct(store_of(600), ledger, "first")
        kinds = [(number * 7919) % 400 for number in range(600)]

        with ledger.lease(PLACE, on_wait=lambda: None) as lease:
            run = record(lease, ledger, kinds)

        found = [(verdict, findings) for _, _, verdict, findings in decisions_of(ledger, run)]
        assert found == [(outcome_of(kind).verdict, [f"F{kind}"]) for kind in kinds]
        assert sql(ledger, "SELECT count(DISTINCT palette) > 1 FROM outcome WHERE run_number = 2") == [(True,)]
        result = verify(ledger.engine)
        assert (result.damages, result.decisions) == ([], 1_200)

    def test_what_is_decided_on_no_header_records_nothing(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore(), ledger, "nothing listed")

        assert sql(ledger, "SELECT count(*) FROM decision_page") == [(0,)]
        assert verify(ledger.engine).is_intact

    def test_headers_that_all_have_one_outcome_take_a_byte_a_page(self, ledger: Ledger) -> None:
        screen_ct(store_of(520), ledger, "a")

        pages = sql(ledger, "SELECT number, length(codes) FROM decision_page ORDER BY number")
        assert pages == [(0, 250), (1, 1), (2, 250)]  # the first and the last have ids without a header

    def test_headers_of_another_location_stay_undecided(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct("1.5.1"), "2": mr("1.5.2")}), ledger, "a")

        [(codes,)] = sql(ledger, "SELECT codes FROM decision_page")
        assert bytes(codes).count(UNDECIDED) == 248

    def test_that_is_repeated_because_the_ledger_was_away_records_each_outcome_once(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        screen_ct(store_of(5), ledger, "first")
        attempts: list[int] = []

        def fail_once(
            connection: sa.Connection,
            run_number: int,
            kind: PageKind,
            pages: Sequence[SealedPages],
            outcomes: Sequence[NewOutcome],
        ) -> None:
            record_decisions(connection, run_number, kind, pages, outcomes)
            attempts.append(run_number)
            if len(attempts) == 1:
                raise LedgerAwayError("the ledger")

        monkeypatch.setattr(writing, "record_decisions", fail_once)
        with ledger.lease(PLACE, on_wait=lambda: None) as lease:
            run = record(lease, ledger, [0, 1, 0, 1, 2])

        assert attempts == [run, run]
        assert [findings for *_, findings in decisions_of(ledger, run)] == [["F0"], ["F1"], ["F0"], ["F1"], ["F2"]]
        assert verify(ledger.engine).is_intact
