"""Everything known of one object: over its lives, and over the runs that judged it."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger import TracedObject
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, mr, one_of, screen_ct
from tests.support.simulated_store import SimulatedStore

Judged = list[tuple[str, str | None, tuple[str, ...]]]


def judged(traced: TracedObject) -> Judged:
    return [(decision.run_id, decision.verdict, decision.findings) for decision in traced.decisions]


@pytest.fixture
def traced(ledger: Ledger) -> Ledger:
    """Three runs: key "1" is a CT, then an MR, then gone; "2" stays; "3" is never read."""
    store = SimulatedStore({"1": ct("1.5.1", "1.6.1"), "2": ct("1.5.1", "1.6.2"), "3": ct("1.5.3", "1.6.3")})
    store.faults = {"3": -1}
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "a")
    store.delete("3")
    store.put("1", mr("1.5.2", "1.6.9", StudyInstanceUID="1.4.2"))
    screen(Screening("b", store, one_of("MR")), ledger)
    store.delete("1")
    screen_ct(store, ledger, "c")
    return ledger


class TestTrace:
    def test_trace_by_key_gives_every_life_of_it(self, traced: Ledger) -> None:
        first, second = traced.trace("1")

        assert (first.sop_instance_uid, first.series_instance_uid) == ("1.6.1", "1.5.1")
        assert (second.sop_instance_uid, second.series_instance_uid) == ("1.6.9", "1.5.2")
        assert first.etag != second.etag
        assert first.seen_at < second.seen_at
        assert first.gone_at == second.seen_at
        assert second.gone_at is not None
        assert judged(first) == [("a", "PASSED", ("MET",))]
        assert judged(second) == [("b", "PASSED", ("MET",))]
        assert second.decisions[0].criteria == [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["MR"]}]

    def test_trace_of_what_stays_gives_every_run(self, traced: Ledger) -> None:
        [instance] = traced.trace("2")

        assert instance.gone_at is None
        assert judged(instance) == [
            ("a", "PASSED", ("MET",)),
            ("b", "DISCARDED", ("NOT_MET",)),
            ("c", "PASSED", ("MET",)),
        ]
        assert instance.attributes is not None
        assert instance.attributes["00080060"] == ["CT"]
        assert (instance.endpoint, instance.bucket, instance.object_key) == ("https://simulated", "challenge-tech", "2")

    def test_trace_of_what_was_never_read_says_so(self, traced: Ledger) -> None:
        [instance] = traced.trace("3")

        assert (instance.attributes, instance.defect, instance.sop_instance_uid) == (None, None, None)
        assert judged(instance) == [("a", None, ())]

    @pytest.mark.parametrize(
        ("uid", "keys"),
        [
            ("1.6.2", ["2"]),
            ("1.6.9", ["1"]),
            ("1.5.1", ["1", "2"]),
            ("1.5.2", ["1"]),
            ("1.2.3", ["1", "2"]),
            ("1.4.2", ["1"]),
            ("1.6.3", []),
            ("1.6", []),
            ("", []),
        ],
    )
    def test_trace_by_uid_of_instance_series_and_study(self, traced: Ledger, uid: str, keys: list[str]) -> None:
        assert [instance.object_key for instance in traced.trace(uid)] == keys

    def test_a_key_that_looks_like_a_uid_is_a_key(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1.6.1": mr(uid="1.6.2"), "x": ct(uid="1.6.1")}), ledger, "a")

        assert [traced.object_key for traced in ledger.trace("1.6.1")] == ["1.6.1"]

    def test_trace_of_an_object_that_could_not_be_judged_has_the_defect(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"text": b"no DICOM"}), ledger, "a")

        [traced] = ledger.trace("text")

        assert (traced.defect, traced.attributes) == ("NOT_DICOM", {})
        assert judged(traced) == [("a", "DISCARDED", ())]


def found(ledger: Ledger, text: str) -> list[tuple[str, str]]:
    return [(traced.bucket, traced.object_key) for traced in ledger.trace(text)]


class TestAddresses:
    """Whatever a person has before them leads to the object: a URI, a path, a key, a UID."""

    @pytest.fixture
    def images(self, ledger: Ledger, tmp_path: Path) -> Path:
        """A directory that was screened, with odd names in it."""
        folder = tmp_path / "my images"
        for name in ("a/1.dcm", "back\\xslash", "ä.dcm"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(ct())
        (folder / os.fsdecode(b"caf\xe9.dcm")).write_bytes(ct())
        screen_ct(DirectoryStore(folder), ledger, "run")
        return folder

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("{folder}/a/1.dcm", "a/1.dcm"),
            ("{folder}/a/../a//1.dcm", "a/1.dcm"),
            ("file://{folder}/a/1.dcm", "a/1.dcm"),
            ("file://{quoted}/%C3%A4.dcm", "ä.dcm"),
            ("./my images/a/1.dcm", "a/1.dcm"),
            ("my images/ä.dcm", "ä.dcm"),
            ("a/1.dcm", "a/1.dcm"),
            ("{folder}/back\\xslash", r"back\x5cxslash"),
            ("{folder}/caf\udce9.dcm", r"caf\xe9.dcm"),
        ],
    )
    def test_a_file_is_found_by_its_path_its_uri_or_its_key(
        self, ledger: Ledger, images: Path, monkeypatch: pytest.MonkeyPatch, text: str, key: str
    ) -> None:
        monkeypatch.chdir(images.parent)

        assert found(ledger, text.format(folder=images, quoted=quote(str(images)))) == [(str(images), key)]

    def test_a_file_is_found_by_a_path_through_a_link(self, ledger: Ledger, images: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(images)

        assert found(ledger, f"{tmp_path}/link/a/1.dcm") == [(str(images), "a/1.dcm")]

    def test_an_object_is_found_by_its_uri_and_all_servers_with_such_a_bucket_are_told(self, ledger: Ledger) -> None:
        for endpoint in ("https://one", "https://two"):
            place = Location(endpoint, "challenge-tech")
            screen_ct(SimulatedStore({"a//1.dcm": ct(), "s3://x/y": ct()}, location=place), ledger, endpoint[8:])
        screen_ct(SimulatedStore({"a//1.dcm": ct()}, location=Location("https://one", "other")), ledger, "other")

        assert [(traced.endpoint, traced.bucket) for traced in ledger.trace("s3://challenge-tech/a//1.dcm")] == [
            ("https://one", "challenge-tech"),
            ("https://two", "challenge-tech"),
        ]
        assert len(ledger.trace("a//1.dcm")) == 3
        assert found(ledger, "s3://x/y") == [("challenge-tech", "s3://x/y")] * 2
        assert found(ledger, "s3://challenge-tech/a/1.dcm") == []

    def test_what_was_never_there_is_not_found(self, ledger: Ledger, images: Path) -> None:
        for text in (f"{images}", f"{images}/", f"{images}x/a/1.dcm", f"{images}/a", "s3://", "file://", "/", "\0"):
            assert ledger.trace(text) == []
