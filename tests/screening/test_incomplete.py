"""What an INCOMPLETE run says of objects that it could not read: why, how often, and what to do about it.

Public reports: minio#13497, hapi#3956 (etags), and expired or refused credentials in the middle of a run.
"""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.reports import make_report
from dicom_sieve.reports.markdown import as_json, as_markdown
from dicom_sieve.screening import Preview, preview
from dicom_sieve.stores import S3Store
from dicom_sieve.stores.interface import TransportError
from tests.screening.screenings import one_of, screen_ct
from tests.stores.scripted_server import AT_ONCE
from tests.stores.small_s3 import Spoils, denies_reads, small_s3, with_etag
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

OBJECTS = {f"{number}.dcm": make_instance(SOPInstanceUID=f"1.2.{number}", Modality="CT") for number in range(1, 6)}
EXPIRED = "ExpiredToken (HTTP 400)"


class Failing(SimulatedStore):
    """Fails by key, each time in the same way."""

    causes: dict[str, str]

    def _fail(self, key: str) -> None:
        if key in self.causes:
            raise TransportError(self.causes[key])


@pytest.fixture
def store() -> Failing:
    failing = Failing(OBJECTS)
    failing.causes = {"1.dcm": EXPIRED, "2.dcm": "HTTP 500", "3.dcm": EXPIRED}
    return failing


def incomplete(store: Any, ledger: Ledger, run_id: str = "a", **more: Any) -> str:
    """Run, and give what is said of it."""
    with pytest.raises(IncompleteRunError) as caught:
        screen_ct(store, ledger, run_id, **more)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value)


class TestTheCauses:
    def test_the_causes_are_counted_and_the_commonest_has_its_advice(self, store: Failing, ledger: Ledger) -> None:
        assert incomplete(store, ledger) == (
            "run a is INCOMPLETE: 3 of 5 objects could not be read after all attempts: 2 ExpiredToken (HTTP 400), "
            "1 HTTP 500; the credentials have expired: give new ones; they are named by 'dicom-sieve show a'. Start "
            "another run: it reads only what is missing"
        )

    def test_the_causes_are_kept_in_the_ledger_with_the_runs_counts(self, store: Failing, ledger: Ledger) -> None:
        incomplete(store, ledger)

        counts = ledger.run("a").row.counts
        assert counts is not None
        assert list(counts["unread_causes"].items()) == [(EXPIRED, 2), ("HTTP 500", 1)]
        store.causes = {}
        assert "unread_causes" not in screen_ct(store, ledger, "b").counts

    def test_the_causes_are_in_the_report(self, store: Failing, ledger: Ledger) -> None:
        incomplete(store, ledger)

        report = make_report(ledger.run("a"))

        said = (
            "3 objects could not be read: the run is INCOMPLETE. Why: 2 ExpiredToken (HTTP 400), 1 HTTP 500; the "
            "credentials have expired: give new ones."
        )
        assert report.warnings[0] == said
        assert '"unread_causes": {\n    "ExpiredToken (HTTP 400)": 2' in as_json(report)
        assert "could not be read: the run is INCOMPLETE. Why: 2 ExpiredToken" in as_markdown(report)

    def test_the_causes_are_in_a_preview(self, store: Failing, ledger: Ledger) -> None:
        previewed = preview(Preview(store, one_of("CT")), ledger)

        assert previewed.describe().endswith(
            "; objects that are not read: 3 (2 ExpiredToken (HTTP 400), 1 HTTP 500; the credentials have expired: give "
            "new ones)"
        )

    def test_the_causes_are_so_many_at_most_and_add_up(self, store: Failing, ledger: Ledger) -> None:
        store = Failing({f"{number:04}": b"x" for number in range(1_100)})
        store.causes = {key: f"Code{key}" for key in store.objects()}
        store.causes |= dict.fromkeys([f"{number:04}" for number in range(50)], "HTTP 500")

        incomplete(store, ledger)

        counts = ledger.run("a").row.counts
        assert counts is not None
        causes = counts["unread_causes"]
        assert len(causes) == 21
        assert sum(causes.values()) == counts["unread"] == 1_100
        assert "other causes" in causes

    def test_the_causes_of_what_was_not_asked_for_is_that(self, store: Failing, ledger: Ledger) -> None:
        store.causes = dict.fromkeys(OBJECTS, "HTTP 500")

        said = incomplete(store, ledger, shard_objects=1)

        assert ": 3 HTTP 500, 2 not asked for: the store was down; " in said


class TestAnswersOfS3:
    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (denies_reads(400, "ExpiredToken"), "5 ExpiredToken (HTTP 400); the credentials have expired: give new"),
            (
                denies_reads(403, "SignatureDoesNotMatch"),
                "5 SignatureDoesNotMatch (HTTP 403); check the access key and",
            ),
            (
                with_etag(lambda etag: etag.replace("etag", "gzip")),
                "5 the ETag differs from the one that was listed; something between changes ETags or objects, as a",
            ),
        ],
        ids=["expired", "denied", "another etag"],
    )
    def test_answers_of_s3_are_causes(self, spoil: Spoils, said: str, ledger: Ledger) -> None:
        with small_s3(OBJECTS, spoil) as server:
            store = server.store(retries=AT_ONCE)

            assert f"after all attempts: {said}" in incomplete(store, ledger)

    @pytest.mark.parametrize(
        "of",
        [lambda _: True, lambda request: "range" in request.headers],
        ids=["of every answer", "of reads"],
    )
    def test_answers_of_s3_with_weak_etags_are_none(self, of: Callable[[Any], bool], ledger: Ledger) -> None:
        with small_s3(OBJECTS, with_etag(lambda etag: f"W/{etag}", of=of)) as server:
            assert screen_ct(store_of(server), ledger, "a").counts["passed"] == 5
            assert screen_ct(store_of(server), ledger, "b").counts["indexed"] == 0

    def test_answers_of_s3_with_the_mark_of_a_weak_etag_in_an_old_ledger_are_not_read_again(
        self, ledger: Ledger
    ) -> None:
        old, now = SimulatedStore(OBJECTS), SimulatedStore(OBJECTS)
        for key, (info, data) in old._objects.items():
            old._objects[key] = (replace(info, etag=f'W/"{info.etag}'), data)
        screen_ct(old, ledger, "a")

        assert screen_ct(now, ledger, "b").counts["indexed"] == 0


def store_of(server: Any) -> S3Store:
    store: S3Store = server.store(retries=AT_ONCE)
    return store
