"""Criteria under a name: versions count up, never change, are sealed, and runs say which they used."""

import datetime
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion, criteria_digest
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import InvalidRequestError, SavedElsewhereError, UnknownCriteriaError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.named_criteria import RunOfCriteria, count_runs, list_newest, list_versions, runs_of
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.screening import Screening, screen
from tests.ledger.vandal import undone, vandal
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

NOW = datetime.datetime(2026, 2, 1, 12, tzinfo=datetime.UTC)


def save(ledger: Ledger, name: str, *codes: str, note: str = "") -> tuple[int, bool]:
    saved, is_new = save_criteria(ledger.engine, name, one_of(*codes), note, clock=lambda: NOW)
    return saved.version, is_new


def screen_named(ledger: Ledger, run_id: str, name: str, version: int | None = None) -> None:
    saved = ledger.criteria(name, version)
    store = SimulatedStore({"1": ct(), "2": mr()})
    screen(Screening(run_id, store, saved.items(), named=saved.named), ledger)


@pytest.fixture
def kept(ledger: Ledger) -> Ledger:
    """Two names, of which one has two versions, and a run of each of these."""
    save(ledger, "modality", "CT", note="first")
    save(ledger, "other", "MR")
    save(ledger, "modality", "CT", "MR")
    screen_named(ledger, "a", "modality", 1)
    screen_named(ledger, "b", "modality")
    return ledger


class TestSaving:
    def test_saving_counts_versions_of_each_name_from_one(self, kept: Ledger) -> None:
        assert [(saved.name, saved.version) for saved in list_newest(kept.engine)] == [("modality", 2), ("other", 1)]
        first = kept.criteria("modality", 1)
        assert (first.note, first.saved_at) == ("first", NOW)
        assert first.criteria_digest == criteria_digest(one_of("CT"))
        assert first.items() == tuple(one_of("CT"))

    def test_saving_what_the_newest_version_asks_makes_no_version(self, kept: Ledger) -> None:
        assert save(kept, "modality", "CT", "MR", note="again") == (2, False)
        assert kept.criteria("modality").note == ""

    def test_saving_what_an_older_version_asked_makes_a_new_one(self, kept: Ledger) -> None:
        assert save(kept, "modality", "CT") == (3, True)

    def test_saving_after_a_version_is_refused_where_a_newer_one_is_there(self, kept: Ledger) -> None:
        for after in (0, 1):
            with pytest.raises(SavedElsewhereError, match="version 2 was saved elsewhere"):
                save_criteria(kept.engine, "modality", one_of("US"), after=after)
        assert kept.criteria("modality").version == 2

        saved, is_new = save_criteria(kept.engine, "modality", one_of("US"), after=2)

        assert (saved.version, is_new) == (3, True)
        assert save_criteria(kept.engine, "new", one_of("US"), after=0)[1]

    @pytest.mark.parametrize(
        ("name", "note", "criteria", "why"),
        [
            ("a b", "", one_of("CT"), "NAME: 'a b' is no name of criteria"),
            ("a", "two\nlines", one_of("CT"), "note: not accepted"),
            ("a", "x" * 501, one_of("CT"), "note: not accepted"),
            ("a", "", [], "criteria"),
            (
                "a",
                "",
                [Criterion.model_validate({"dicom_tag": "Modality", "operation": "GREATER", "reference": "CT"})],
                "operation GREATER is not defined",
            ),
        ],
    )
    def test_saving_refuses_what_makes_no_sense(
        self, ledger: Ledger, name: str, note: str, criteria: list[Any], why: str
    ) -> None:
        with pytest.raises(InvalidRequestError, match=why):
            save_criteria(ledger.engine, name, criteria, note)

        assert list_newest(ledger.engine) == []

    def test_saving_at_the_same_time_gives_every_version_once(self, ledger: Ledger) -> None:
        begin = threading.Barrier(4)
        versions: list[int] = []

        def save_some(number: int) -> None:
            begin.wait()
            versions.extend(save(ledger, "busy", f"X{number}{each}")[0] for each in range(3))

        threads = [threading.Thread(target=save_some, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(versions) == list(range(1, 13))
        assert verify(ledger.engine).is_intact

    def test_what_was_not_saved_is_said(self, kept: Ledger) -> None:
        with pytest.raises(UnknownCriteriaError, match="no criteria 'modalities' in this ledger, perhaps 'modality'"):
            kept.criteria("modalities")
        with pytest.raises(UnknownCriteriaError, match="'modality' have no version 3 in this ledger; accepted: 1 to 2"):
            kept.criteria("modality", 3)
        with pytest.raises(UnknownCriteriaError, match="no criteria 'Modality'"):
            list_versions(kept.engine, "Modality")


class TestRuns:
    def test_a_run_says_which_version_it_used_and_holds_its_criteria_itself(self, kept: Ledger) -> None:
        rows = {row.id: row for row in kept.runs()}

        assert rows["a"].named == NamedCriteria("modality", 1)
        assert rows["b"].named == NamedCriteria("modality", 2)
        assert rows["a"].criteria == kept.criteria("modality", 1).criteria
        assert rows["a"].criteria_digest == criteria_digest(one_of("CT"))
        assert [(used.id, used.version) for used in runs_of(kept.engine, "modality")] == [("b", 2), ("a", 1)]
        assert count_runs(kept.engine) == {"modality": 2}
        assert isinstance(runs_of(kept.engine, "modality")[0], RunOfCriteria)

    def test_a_run_of_the_newest_version_records_its_number(self, kept: Ledger) -> None:
        store = SimulatedStore({"1": ct()})

        screen(Screening("c", store, one_of("CT", "MR"), named=NamedCriteria("modality")), kept)

        assert kept.run("c").row.named == NamedCriteria("modality", 2)

    def test_a_run_of_a_list_names_nothing(self, kept: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct()}), kept, "c")

        assert kept.run("c").row.named is None

    @pytest.mark.parametrize(
        ("named", "error"),
        [
            (NamedCriteria("modality", 2), InvalidRequestError),
            (NamedCriteria("modality", 9), UnknownCriteriaError),
            (NamedCriteria("none"), UnknownCriteriaError),
        ],
    )
    def test_a_run_cannot_claim_a_version_that_asks_something_else(
        self, kept: Ledger, named: NamedCriteria, error: type[Exception]
    ) -> None:
        store = SimulatedStore({"1": ct()})

        with pytest.raises(error):
            screen(Screening("c", store, one_of("CT"), named=named), kept)

        assert [row.id for row in kept.runs()] == ["b", "a"]
        assert store.reads == []

    def test_a_trace_says_which_version_decided(self, kept: Ledger) -> None:
        [traced] = kept.trace("1")

        assert [decision.named for decision in traced.decisions] == [
            NamedCriteria("modality", 1),
            NamedCriteria("modality", 2),
        ]

    def test_runs_that_are_forgotten_leave_the_versions(self, kept: Ledger) -> None:
        forget(kept.engine, SimulatedStore({}).location, "why", clock=lambda: NOW)

        assert runs_of(kept.engine, "modality") == []
        assert kept.criteria("modality", 1).note == "first"
        result = verify(kept.engine)
        assert (result.is_intact, result.criteria) == (True, 3), result.damages


class TestVerification:
    def test_verification_counts_versions(self, kept: Ledger) -> None:
        result = verify(kept.engine)

        assert (result.is_intact, result.criteria) == (True, 3), result.damages

    @pytest.mark.parametrize(
        "change",
        [
            "name = 'x'",
            "version = 7",
            "criteria = '[]'",
            "criteria_digest = ''",
            "note = 'other'",
            "saved_at = '2026-02-02'",
        ],
    )
    def test_verification_names_an_edited_version(self, kept: Ledger, change: str) -> None:
        with undone(kept):
            with vandal(kept) as connection:
                connection.execute(sa.text(f"UPDATE named_criteria SET {change} WHERE id = 1"))
            [damage] = verify(kept.engine).damages

        assert damage.describe() == "version modality@1 of saved criteria was edited"
        assert verify(kept.engine).is_intact

    def test_verification_names_a_missing_and_an_added_version(self, kept: Ledger) -> None:
        with vandal(kept) as connection:
            connection.execute(sa.text("DELETE FROM named_criteria WHERE id = 1"))
            connection.execute(
                sa.text(
                    "INSERT INTO named_criteria SELECT id + 10, 'forged', version, criteria, criteria_digest, note, "
                    "saved_at, software_version FROM named_criteria WHERE id = 2"
                )
            )

        assert {damage.describe() for damage in verify(kept.engine).damages} == {
            "version forged@1 of saved criteria was added",
            "version modality@1 of saved criteria is missing",
        }

    @pytest.mark.parametrize("change", ["criteria_name = NULL", "criteria_version = 2", "criteria_name = 'other'"])
    def test_verification_names_a_run_that_names_another_version(self, kept: Ledger, change: str) -> None:
        with vandal(kept) as connection:
            connection.execute(sa.text(f"UPDATE run SET {change} WHERE id = 'a'"))

        assert [damage.describe() for damage in verify(kept.engine).damages] == [
            f"run a: its {change.partition(' ')[0]} was edited"
        ]

    def test_verification_finds_a_name_that_a_run_of_a_list_was_given(self, kept: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct()}), kept, "c")
        with vandal(kept) as connection:
            connection.execute(sa.text("UPDATE run SET criteria_name = 'modality' WHERE id = 'c'"))

        assert [damage.describe() for damage in verify(kept.engine).damages] == ["run c: its criteria_name was edited"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE named_criteria SET note = 'other'",
        "UPDATE named_criteria SET criteria = '[]' WHERE version = 1",
        "DELETE FROM named_criteria",
        "DELETE FROM named_criteria WHERE name = 'other'",
    ],
)
def test_a_version_is_never_updated_or_deleted(kept: Ledger, statement: str) -> None:
    before = sql(kept, "SELECT * FROM named_criteria ORDER BY id")

    with (
        pytest.raises(sa.exc.DBAPIError, match="a version of criteria is never changed"),
        kept.engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))

    assert sql(kept, "SELECT * FROM named_criteria ORDER BY id") == before
