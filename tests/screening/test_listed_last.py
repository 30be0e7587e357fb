"""A run may judge what was listed last, as it is: the store is not asked, and the report says how old that is."""

import datetime
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.objects import Listing, ObjectInfo
from dicom_sieve.reports import make_report, render
from dicom_sieve.screening import Screening, screen
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import SimulatedStore

CT = [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}]
MR = [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "MR"}]
MONDAY = datetime.datetime(2026, 11, 2, 9, tzinfo=datetime.UTC)


class Silent(SimulatedStore):
    """A store that must not be asked."""

    def list(self) -> Any:
        raise AssertionError("it was listed")

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        raise AssertionError("it was read")


def run(ledger: Ledger, store: SimulatedStore, name: str, criteria: Any, at: datetime.datetime, **more: Any) -> Any:
    moments = iter([at + datetime.timedelta(seconds=number) for number in range(100)])
    asked = Screening(name, store, load_criteria(criteria), clock=lambda: next(moments), **more)
    return screen(asked, ledger)


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore({"1": ct(), "2": ct("1.2.3", "1.2.3.2"), "3": mr("1.5.3", "1.6.3"), "text": b"no DICOM"})


class TestTheLastListing:
    def test_is_judged_without_asking_the_store(self, ledger: Ledger, store: SimulatedStore) -> None:
        run(ledger, store, "first", CT, MONDAY)

        outcome = run(ledger, Silent(), "again", MR, MONDAY + datetime.timedelta(days=3), listing=Listing.LAST)

        listed = run(ledger, store, "listed", MR, MONDAY + datetime.timedelta(days=4))
        again, newly = (
            [(row.object_key, row.verdict, row.findings, row.defect) for row in ledger.run(name).instances()]
            for name in ("again", "listed")
        )
        assert again == newly
        assert outcome.counts["passed"] == listed.counts["passed"] == 1
        effort = {name: outcome.counts[name] for name in ("added", "removed", "indexed", "reads", "bytes_read")}
        assert effort == dict.fromkeys(effort, 0)
        assert ledger.run("again").row.listed_at == ledger.run("first").row.listed_at
        assert verify(ledger.engine).is_intact

    def test_its_age_stands_in_the_report(self, ledger: Ledger, store: SimulatedStore) -> None:
        run(ledger, store, "first", CT, MONDAY)
        run(ledger, Silent(), "again", MR, MONDAY + datetime.timedelta(days=3, hours=1), listing=Listing.LAST)

        said = "What was judged had been listed 3 days before the run, and not again since."
        assert said in make_report(ledger.run("again")).warnings
        for form in ("html", "markdown"):
            assert said in render(make_report(ledger.run("again")), form)
        assert not [each for each in make_report(ledger.run("first")).warnings if "had been listed" in each]

    def test_what_came_since_is_not_judged(self, ledger: Ledger, store: SimulatedStore) -> None:
        run(ledger, store, "first", CT, MONDAY)
        store.put("4", ct("1.9", "1.9.1"))

        outcome = run(ledger, store, "again", CT, MONDAY, listing=Listing.LAST)

        assert outcome.counts["listed"] == 4

    def test_is_refused_where_there_is_none(self, ledger: Ledger, store: SimulatedStore) -> None:
        with pytest.raises(LedgerError, match="no complete listing"):
            run(ledger, store, "first", CT, MONDAY, listing=Listing.LAST)

        assert ledger.run("first").row.state == "FAILED"
