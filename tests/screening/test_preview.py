"""Preview = the run that follows it, decision by decision; and it leaves nothing but what is known of the location."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.errors import InvalidRequestError, LedgerError, NothingReadableError
from dicom_sieve.ledger.writing.decisions import Decided
from dicom_sieve.screening import Preview, Screening, preview, preview_known, screen
from tests.screening.generated import CRITERIA, buckets
from tests.screening.screenings import ct, decisions_of, mr, one_of, screen_ct, sql
from tests.support.simulated_store import PLACE, SimulatedStore

EFFORT = {"added", "removed", "indexed", "reads", "bytes_read"}
Decisions = dict[int, tuple[str, list[str]]]


def results(counts: Any) -> dict[str, Any]:
    """Give what a location is found to hold, without what it took to find that."""
    return {name: count for name, count in counts.items() if name not in EFFORT}


def written(ledger: Ledger) -> dict[str, int]:
    """Count the rows that only a run writes."""
    tables = ("run", "decision_page", "outcome", "seal_block", "lease", "computation", "forgotten")
    return {table: sql(ledger, f"SELECT count(*) FROM {table}")[0][0] for table in tables}


class TestAPreview:
    @pytest.mark.slow
    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(buckets, buckets, st.lists(st.sampled_from(CRITERIA), min_size=1, max_size=3))
    def test_a_preview_says_what_the_run_after_it_says(
        self, before: dict[str, bytes], now: dict[str, bytes], asked: list[Any]
    ) -> None:
        criteria = [Criterion.model_validate(criterion) for criterion in asked]
        with open_ledger("sqlite:///:memory:") as ledger:
            screen_ct(SimulatedStore(before), ledger, "before")
            store = SimulatedStore(now)
            foreseen: Decisions = {}
            previewed = preview(Preview(store, criteria), ledger, keep=lambda page: foreseen.update(decisions(page)))
            known = preview_known(PLACE, criteria, ledger)

            outcome = screen(Screening("run", store, criteria), ledger)

            assert foreseen == recorded(ledger, "run")
        assert results(previewed.counts) == results(outcome.counts) == dict(known.counts)
        assert previewed.describe() == f"Preview: {outcome.describe().replace('passed', 'would pass')}"

    def test_records_no_run_and_no_decision_and_writes_nothing_to_the_store(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": mr()})
        screen_ct(store, ledger, "run")
        store.put("3", ct("1.5.3", "1.6.3"))
        before, objects = written(ledger), store.objects()

        foreseen: Decisions = {}

        previewed = preview(Preview(store, one_of("MR")), ledger, keep=lambda page: foreseen.update(decisions(page)))

        assert previewed.describe() == "Preview: 1 of 3 instances would pass in 1 whole series"
        assert written(ledger) == before
        assert (store.written, store.objects()) == ([], objects)
        assert sql(ledger, "SELECT count(*) FROM object WHERE header_id IS NOT NULL") == [(3,)]
        screen(Screening("next", store, one_of("MR")), ledger)
        assert foreseen == recorded(ledger, "next") != {}

    def test_a_preview_reads_what_is_new_and_the_run_after_it_reads_nothing(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": mr()})
        first = preview(Preview(store, one_of("CT")), ledger)
        store.put("2", ct())
        second = preview(Preview(store, one_of("CT")), ledger)
        store.forget_requests()

        counts = screen_ct(store, ledger, "run").counts

        assert [previewed.counts["indexed"] for previewed in (first, second)] == [2, 1]
        assert (counts["indexed"], counts["added"], store.lists, store.reads) == (0, 0, 1, [])

    def test_a_preview_waits_while_a_run_holds_the_location_and_without_listing_does_not(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        screen_ct(store, ledger, "run")
        said: list[str] = []
        with ledger.lease(PLACE, on_wait=lambda: None):
            previewed = preview_known(PLACE, one_of("CT"), ledger)
        store.on_list = lambda: said.append(str(sql(ledger, "SELECT count(*) FROM lease")[0][0]))

        preview(Preview(store, one_of("CT")), ledger)

        assert previewed.counts["passed"] == 1
        assert said == ["1"]
        assert sql(ledger, "SELECT count(*) FROM lease") == [(0,)]

    def test_a_preview_of_criteria_that_make_no_sense_asks_nothing_of_the_store(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})

        with pytest.raises(InvalidRequestError, match="criteria: empty"):
            preview(Preview(store, []), ledger)

        assert (store.lists, sql(ledger, "SELECT count(*) FROM snapshot")) == (0, [(0,)])

    def test_a_preview_says_that_objects_are_not_read_where_a_run_would_be_incomplete(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.faults["2"] = -1

        previewed = preview(Preview(store, one_of("CT")), ledger)

        sentence = "Preview: 1 of 2 instances would pass in 1 whole series"
        why = "1 ConnectionClosedError; connections to the server break: look at what lies between"
        assert previewed.describe() == f"{sentence}; objects that are not read: 1 ({why})"
        assert previewed.counts["bytes"] == sum(listed.size for listed in store.objects().values())

    def test_a_preview_says_that_credentials_may_not_read_as_a_run_does(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        store.refused = {"1"}

        with pytest.raises(NothingReadableError):
            preview(Preview(store, one_of("CT")), ledger)


class TestWithoutListing:
    def test_without_listing_answers_as_the_location_was_listed_last_and_asks_nothing_of_the_store(
        self, ledger: Ledger
    ) -> None:
        store = SimulatedStore({"1": ct(), "2": mr()})
        screen_ct(store, ledger, "run")
        store.put("3", ct())
        store.on_listed = fail
        with pytest.raises(ZeroDivisionError):
            screen_ct(store, ledger, "broken off")

        previewed = preview_known(PLACE, one_of("MR"), ledger)

        assert (previewed.counts["listed"], previewed.counts["passed"], previewed.counts["unread"]) == (2, 1, 0)
        assert EFFORT.isdisjoint(previewed.counts)

    def test_without_listing_refuses_a_location_that_was_never_listed_to_the_end(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        store.on_listed = fail
        with pytest.raises(ZeroDivisionError):
            screen_ct(store, ledger, "broken off")

        with pytest.raises(LedgerError) as caught:
            preview_known(PLACE, one_of("CT"), ledger)

        assert str(caught.value) == (
            "the ledger holds no complete listing of s3://challenge-tech; "
            "'dicom-sieve preview' without --no-listing, or a run, makes one"
        )


def decisions(page: Decided) -> Decisions:
    """Give what was decided on a page, by header."""
    outcomes = [page.outcomes.things[code] for code in page.outcomes.codes.tolist()]
    return {
        header: (outcome.verdict, json.loads(outcome.findings))
        for header, outcome in zip(page.ids.tolist(), outcomes, strict=True)
    }


def recorded(ledger: Ledger, run_id: str) -> Decisions:
    """Give what a run recorded, by header."""
    [(number,)] = sql(ledger, "SELECT number FROM run WHERE id = :id", id=run_id)
    return {header: (verdict, findings) for _, header, verdict, findings in decisions_of(ledger, number)}


def fail() -> None:
    raise ZeroDivisionError
