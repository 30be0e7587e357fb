"""Into which parts a location is divided: recorded once, by an entry of the chain, and found again."""

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.divisions import parts_of
from dicom_sieve.ledger.reading.split_series import count_split_series
from dicom_sieve.ledger.writing.divisions import record_parts
from dicom_sieve.objects import Listing, Location
from dicom_sieve.screening.divide import add_up, find_parts
from tests.screening.screenings import ct, mr, screen_ct
from tests.security.audited import NOW
from tests.stores.few_keys import Bucket
from tests.support.simulated_store import SimulatedStore

WHOLE = Location("https://simulated", "divided")


def record(ledger: Ledger, *prefixes: str) -> tuple[str, ...]:
    """Record parts, and give what is known then."""
    with ledger.lease(WHOLE, on_wait=lambda: None) as lease:
        if prefixes:
            record_parts(lease, prefixes)
        return parts_of(ledger.engine, lease.location_id)


def find(ledger: Ledger, keys: str, listing: Listing = Listing.NEW) -> tuple[list[str], int]:
    bucket = Bucket(dict.fromkeys(keys.split(), 1))
    found = find_parts(bucket, ledger, at_least=2, note=lambda _: None, listing=listing)
    return [place.prefix for place in found.locations], found.marks


class TestRecords:
    def test_the_last_record_counts_and_verification_knows_it(self, ledger: Ledger) -> None:
        assert record(ledger) == ()
        assert record(ledger, "a", "é") == ("a", "é")
        assert record(ledger, "a", "b", "é") == ("a", "b", "é")

        assert verify(ledger.engine).damages == []

    def test_a_part_that_is_forgotten_stays_one(self, ledger: Ledger) -> None:
        record(ledger, "a", "b")

        forget(ledger.engine, Location("https://simulated", "divided", "a"), "expired", clock=lambda: NOW)

        assert record(ledger) == ("a", "b")


class TestFinding:
    def test_parts_are_found_again_and_those_of_new_keys_are_added(self, ledger: Ledger) -> None:
        assert find(ledger, "a1 a2 b1") == (["a", "b"], 0)
        assert find(ledger, "a1 a2") == (["a", "b"], 0)
        assert find(ledger, "a1 c1") == (["a", "b", "c"], 0)
        assert find(ledger, "", Listing.LAST) == (["a", "b", "c"], 0)

    def test_what_was_never_divided_is_to_be_listed(self, ledger: Ledger) -> None:
        with pytest.raises(InvalidRequestError, match="divide: the location was never divided; let the run list it"):
            find(ledger, "a b", Listing.LAST)


class TestSums:
    def test_series_of_which_several_runs_judged_instances_are_counted(self, ledger: Ledger) -> None:
        numbers = []
        for place, series in enumerate([("1.1", "1.2"), ("1.2", "1.3"), ("1.4", "1.2")]):
            held = {f"{number}": ct(uid, f"{uid}.{place}.{number}") for number, uid in enumerate(series)}
            store = SimulatedStore(held, location=Location("https://simulated", f"part {place}"))
            numbers.append(ledger.run(screen_ct(store, ledger, f"run {place}").run_id).row.number)

        assert count_split_series(ledger.engine, numbers) == 1
        assert count_split_series(ledger.engine, numbers[:1]) == count_split_series(ledger.engine, []) == 0

    def test_counts_are_added_up(self, ledger: Ledger) -> None:
        stores = [
            SimulatedStore({"1": ct(), "2": mr()}, location=Location("https://simulated", "first")),
            SimulatedStore({"1": ct("1.9", "1.9.1"), "3": b"x"}, location=Location("https://simulated", "second")),
        ]
        counts = [screen_ct(store, ledger, f"run {number}").counts for number, store in enumerate(stores)]

        total = add_up(iter(counts))

        assert (total["listed"], total["passed"], total["discarded"], total["unread"]) == (4, 2, 2, 0)
        assert total["series"] == {"WHOLE": 2, "NONE": 1}
        assert total["bytes"] == sum(each["bytes"] for each in counts)
