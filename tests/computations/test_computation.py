"""Computing on what passed: on exactly that, once, and all of it on record."""

import hashlib
import io
import json
import multiprocessing
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.computations.computation import Series
from dicom_sieve.errors import ComputationError, IncompleteRunError, RefusedError
from dicom_sieve.ledger.reading.results import ABANDONED
from dicom_sieve.stores import DirectoryStore
from tests.computations.computers import compute_and_die
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

OBJECTS = {
    "one/1": ct("1.2.1", "1.2.1.1"),
    "one/2": ct("1.2.1", "1.2.1.2"),
    "one/copy of 1": ct("1.2.1", "1.2.1.1"),
    "three/1": ct("1.2.3", "1.2.3.1"),
    "three/2": mr("1.2.3", "1.2.3.2"),
    "two/1": ct("1.2.2", "1.2.2.1"),
    "none/1": mr("1.2.4", "1.2.4.1"),
    "text": b"no DICOM",
}


@pytest.fixture
def store() -> SimulatedStore:
    """Two whole series, one of them with a duplicate; one in parts, one discarded, and no DICOM."""
    return SimulatedStore(OBJECTS)


@pytest.fixture
def screened(ledger: Ledger, store: SimulatedStore) -> Ledger:
    """A ledger with a run over it, ``run``."""
    screen_ct(store, ledger, "run")
    return ledger


@pytest.fixture
def results(tmp_path: Path) -> DirectoryStore:
    """Where results go."""
    return DirectoryStore(tmp_path / "results")


PARTIAL = "1.2.3"


def rows(ledger: Ledger, partial: bool = False) -> list[tuple[Any, ...]]:
    """Give what became of every whole series, or of the one in parts, in plain SQL."""
    return sql(
        ledger,
        "SELECT computation_id, series_instance_uid, state, failure FROM computation_input "
        f"WHERE object_id IS NULL AND series_instance_uid {'=' if partial else '<>'} '{PARTIAL}' "
        "ORDER BY computation_id, id",
    )


def objects_of(ledger: Ledger, series: str) -> dict[str, str]:
    """Give what was done with each object of a series."""
    query = (
        "SELECT object.key, input.state FROM computation_input AS input JOIN object ON object.id = input.object_id "
        "WHERE input.series_instance_uid = :series"
    )
    return dict(sql(ledger, query, series=series))


class TestWhatIsHandedOut:
    def test_what_is_handed_out_are_whole_series_each_instance_once(
        self, screened: Ledger, store: SimulatedStore
    ) -> None:
        with open_computation(screened, "count", version="1", run="run", inputs=store) as computation:
            given = {
                series.uid: [instance.info.key for instance in series.instances] for series in computation.series()
            }

        assert given == {"1.2.1": ["one/1", "one/2"], "1.2.2": ["two/1"]}
        assert rows(screened, partial=True) == [(1, PARTIAL, "REFUSED", "not whole: 1 of 2 objects did not pass")]

    def test_what_is_handed_out_are_on_request_also_the_instances_that_passed_of_others(
        self, screened: Ledger, store: SimulatedStore
    ) -> None:
        with open_computation(screened, "c", version="1", run="run", selection="PARTIAL", inputs=store) as computation:
            given = {
                series.uid: [instance.info.key for instance in series.instances] for series in computation.series()
            }

        assert given == {"1.2.1": ["one/1", "one/2"], "1.2.2": ["two/1"], "1.2.3": ["three/1"]}

    def test_what_is_handed_out_are_the_bytes_that_were_judged(self, screened: Ledger, store: SimulatedStore) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    files = series.download()
                    assert [file.read_bytes() for file in files] == [OBJECTS[i.info.key] for i in series.instances]
                    datasets = list(series.open_instances())
                    assert [d.SOPInstanceUID for d in datasets] == [i.sop_instance_uid for i in series.instances]
                assert not any(file.exists() for file in files)
            assert computation.count() == {"COMPLETED": 2, "REFUSED": 1}

    def test_what_is_handed_out_are_on_record_object_by_object(self, screened: Ledger, store: SimulatedStore) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    pass

        assert objects_of(screened, "1.2.1") == {"one/1": "USED", "one/2": "USED", "one/copy of 1": "DUPLICATE"}
        assert objects_of(screened, "1.2.2") == {"two/1": "USED"}

    @pytest.mark.parametrize("change", ["overwritten", "deleted"])
    def test_what_is_handed_out_is_no_object_that_has_changed_since(
        self, screened: Ledger, store: SimulatedStore, change: str
    ) -> None:
        if change == "overwritten":
            store.put("one/2", ct("1.2.1", "1.2.1.2", PatientAge="001Y"))
        else:
            store.delete("one/2")

        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    series.download()

        reason = "the object has changed since it was listed" if change == "overwritten" else "the object is gone"
        assert rows(screened) == [(1, "1.2.1", "REFUSED", reason), (1, "1.2.2", "COMPLETED", None)]

    def test_what_is_handed_out_are_the_series_of_that_run_whatever_came_later(
        self, screened: Ledger, store: SimulatedStore
    ) -> None:
        store.put("one/3", ct("1.2.1", "1.2.1.3"))
        store.delete("two/1")
        screen_ct(store, screened, "later")

        def given(run: str) -> dict[str, list[str]]:
            with open_computation(screened, f"of {run}", version="1", run=run, inputs=store) as computation:
                return {
                    series.uid: [instance.info.key for instance in series.instances] for series in computation.series()
                }

        assert given("run") == {"1.2.1": ["one/1", "one/2"], "1.2.2": ["two/1"]}
        assert given("later") == {"1.2.1": ["one/1", "one/2", "one/3"]}


class TestFailures:
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))  # where tracebacks go if the ledger is no file

    def test_failures_of_one_series_leave_the_others_alone(self, screened: Ledger, store: SimulatedStore) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    if series.uid == "1.2.1":
                        raise ZeroDivisionError("DOE^JOHN")
            assert computation.count() == {"COMPLETED": 1, "FAILED": 1, "REFUSED": 1}

        [failure] = [why for _, _, state, why in rows(screened) if state == "FAILED"]
        function = "TestFailures.test_failures_of_one_series_leave_the_others_alone"
        place = rf"ZeroDivisionError at test_computation\.py:\d+, in {function}"
        [log] = re.fullmatch(rf"{place}; traceback: (.*-computation-1\.log)", failure).groups()  # type: ignore[union-attr]
        assert "ZeroDivisionError: DOE^JOHN" in Path(log).read_text()
        assert Path(log).stat().st_mode & 0o777 == 0o600
        assert rows(screened) == [
            (1, "1.2.1", "FAILED", failure),
            (1, "1.2.2", "COMPLETED", None),
        ]
        assert sql(screened, "SELECT state FROM computation") == [("COMPLETED",)]

    def test_failures_in_a_library_name_the_last_line_of_the_users_code(
        self, screened: Ledger, store: SimulatedStore
    ) -> None:
        def measure() -> None:
            json.loads("DOE^JOHN")

        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            [series, _] = computation.series()
            with series:
                measure()

        assert series.failure is not None
        assert re.match(
            r"JSONDecodeError at test_computation\.py:\d+, in \S+\.measure \(raised at decoder\.py:\d+\); traceback: /",
            series.failure,
        )
        assert "DOE" not in series.failure

    def test_failures_may_be_refusals_with_a_reason(self, screened: Ledger, store: SimulatedStore) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    raise RefusedError("a slice is missing")

        assert {(state, reason) for _, _, state, reason in rows(screened)} == {("REFUSED", "a slice is missing")}

    def test_interruptions_end_the_computation(self, screened: Ledger, store: SimulatedStore) -> None:
        with (
            suppress(KeyboardInterrupt),
            open_computation(screened, "c", version="1", run="run", inputs=store) as computation,
        ):
            for series in computation.series():
                with series:
                    raise KeyboardInterrupt

        [(_, uid, state, failure)] = rows(screened)
        assert (uid, state, failure.partition(";")[0]) == ("1.2.1", "FAILED", "it was interrupted (SIGINT, Ctrl-C)")
        assert sql(screened, "SELECT state FROM computation") == [("CANCELLED",)]

    def test_failures_are_tried_again_next_time(self, screened: Ledger, store: SimulatedStore) -> None:
        for number in range(2):
            with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
                for series in computation.series():
                    with series:
                        if number == 0 and series.uid == "1.2.1":
                            raise ValueError("not today")

        assert [row[:3] for row in rows(screened)] == [
            (1, "1.2.1", "FAILED"),
            (1, "1.2.2", "COMPLETED"),
            (2, "1.2.1", "COMPLETED"),
            (2, "1.2.2", "SKIPPED"),
        ]


class TestComputedBefore:
    @pytest.fixture
    def computed(self, screened: Ledger, store: SimulatedStore) -> Ledger:
        """Both whole series were computed on."""
        assert self.compute(screened, store) == ["1.2.1", "1.2.2"]
        return screened

    def compute(self, ledger: Ledger, store: SimulatedStore, run: str = "run", **how: Any) -> list[str]:
        done = []
        asked: dict[str, Any] = {"name": "c", "version": "1", "parameters": {"a": 1, "b": 2}, **how}
        with open_computation(ledger, run=run, inputs=store, **asked) as computation:
            for series in computation.series():
                with series:
                    done.append(series.uid)
        return done

    def test_computed_before_is_not_computed_again(self, computed: Ledger, store: SimulatedStore) -> None:
        assert self.compute(computed, store, parameters={"b": 2, "a": 1}) == []
        assert rows(computed)[2:] == [
            (2, "1.2.1", "SKIPPED", "computed before, by computation 1"),
            (2, "1.2.2", "SKIPPED", "computed before, by computation 1"),
        ]

    @pytest.mark.parametrize("how", [{"name": "d"}, {"version": "2"}, {"parameters": {"a": 1}}])
    def test_computed_before_is_something_else_under_another_name_version_or_parameter(
        self, computed: Ledger, store: SimulatedStore, how: dict[str, Any]
    ) -> None:
        assert self.compute(computed, store, **how) == ["1.2.1", "1.2.2"]

    def test_computed_before_is_not_computed_again_in_another_run_on_the_same_objects(
        self, computed: Ledger, store: SimulatedStore
    ) -> None:
        screen_ct(store, computed, "later")

        assert self.compute(computed, store, run="later") == []

    def test_computed_before_is_computed_again_on_other_objects(self, computed: Ledger, store: SimulatedStore) -> None:
        store.put("one/2", ct("1.2.1", "1.2.1.2", PatientAge="001Y"))
        screen_ct(store, computed, "later")

        assert self.compute(computed, store, run="later") == ["1.2.1"]


class TestOutputs:
    def outputs_of(self, ledger: Ledger) -> list[tuple[object, ...]]:
        return sql(
            ledger,
            "SELECT run_id, series_instance_uid, name, output_uri, output_digest, output_sop_instance_uid "
            "FROM series_computation WHERE output_uri IS NOT NULL ORDER BY series_instance_uid",
        )

    def first(self, ledger: Ledger, store: SimulatedStore, results: DirectoryStore) -> Iterator[Series]:
        with open_computation(ledger, "c", version="1", run="run", inputs=store, outputs=results) as computation:
            for series in computation.series():
                with series:
                    yield series
                return

    def test_outputs_of_a_dataset_is_written_and_on_record(
        self, screened: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        for series in self.first(screened, store, results):
            dataset = pydicom.dcmread(io.BytesIO(ct("9.9", "9.9.1")))
            uid = series.new_uid()
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(uid)
            uri = series.record_output(dataset)

        (info,) = results.list()
        data = (results.root / info.key).read_bytes()
        assert uri == results.location.uri(info.key)
        assert pydicom.dcmread(results.root / info.key).SOPInstanceUID == uid
        digest = hashlib.sha256(data).hexdigest()
        assert self.outputs_of(screened) == [("run", "1.2.1", "c", uri, digest, uid)]

    def test_outputs_of_bytes_is_written_under_its_name(
        self, screened: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        for series in self.first(screened, store, results):
            series.record_output(b"volume", name="volume.txt")
            series.record_output(b"picture", name="preview.png")

        assert sorted(Path(info.key).name for info in results.list()) == ["preview.png", "volume.txt"]
        assert len(self.outputs_of(screened)) == 2

    def test_outputs_of_a_series_that_then_fails_are_not_on_record(
        self, screened: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store, outputs=results) as computation:
            for series in computation.series():
                with series:
                    series.record_output(b"half of it", name="volume.txt")
                    raise ValueError

        assert len(list(results.list())) == 2
        assert self.outputs_of(screened) == []

    def test_outputs_that_another_has_written_meanwhile_are_recorded_as_they_are(
        self, screened: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        def by(name: str) -> pydicom.Dataset:
            dataset = pydicom.dcmread(io.BytesIO(ct("9.9", name)))
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            return dataset

        class Late(DirectoryStore):
            """A directory that another writes to between the look and the writing."""

            def write_once(self, key: str, body: Path) -> None:
                other = body.with_name("other")
                by("9.9.1").save_as(other, enforce_file_format=True)
                super().write_once(key, other)
                super().write_once(key, body)

        for series in self.first(screened, store, Late(results.root)):
            series.record_output(by("9.9.2"))

        [info] = results.list()
        digest = sha256(results.root / info.key)
        [recorded] = self.outputs_of(screened)
        assert recorded == ("run", "1.2.1", "c", results.location.uri(info.key), digest, "9.9.1")

    def test_elsewhere_is_recorded_by_its_address(
        self, screened: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        for series in self.first(screened, store, results):
            series.record_output("https://example.org/7", digest="ab" * 32)

        assert self.outputs_of(screened) == [("run", "1.2.1", "c", "https://example.org/7", "ab" * 32, None)]


class TestAProcessThatDied:
    def test_left_nothing_undone_and_nothing_twice(self, ledger_url: str, tmp_path: Path) -> None:
        objects, results = tmp_path / "objects", tmp_path / "results"
        for key, data in OBJECTS.items():
            (objects / key).parent.mkdir(parents=True, exist_ok=True)
            (objects / key).write_bytes(data)
        with open_ledger(ledger_url) as ledger:
            screen_ct(DirectoryStore(objects), ledger, "run")
            killed = 0
            for deadly in ("1.2.1", "1.2.2", None):  # dies when that series' result is written, and not yet recorded
                process = multiprocessing.get_context("spawn").Process(
                    target=compute_and_die, args=(ledger_url, objects, results, deadly)
                )
                process.start()
                process.join(60)
                killed += process.exitcode == -9

            assert killed == 2
            assert process.exitcode == 0
            assert rows(ledger) == [
                (1, "1.2.1", "FAILED", ABANDONED),
                (2, "1.2.1", "COMPLETED", None),
                (2, "1.2.2", "FAILED", ABANDONED),
                (3, "1.2.1", "SKIPPED", "computed before, by computation 2"),
                (3, "1.2.2", "COMPLETED", None),
            ]
            assert sql(ledger, "SELECT state FROM computation ORDER BY id") == [
                ("FAILED",),
                ("FAILED",),
                ("COMPLETED",),
            ]
            written = {DirectoryStore(results).location.uri(listed.key) for listed in DirectoryStore(results).list()}
            recorded = sql(ledger, "SELECT uri, digest FROM computation_output")
            assert len(recorded) == len(written) == 2
            assert {uri for uri, _ in recorded} == written
            for path in results.rglob("*.txt"):
                assert (DirectoryStore(results).location.uri(str(path.relative_to(results))), sha256(path)) in recorded


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class TestRefused:
    def test_refused_is_a_run_that_did_not_complete(self, ledger: Ledger) -> None:
        store = SimulatedStore(OBJECTS)
        store.faults["one/1"] = -1
        with suppress(IncompleteRunError):
            screen_ct(store, ledger, "run")

        with (
            pytest.raises(ComputationError, match="run run is INCOMPLETE: only what a COMPLETED run"),
            open_computation(ledger, "c", version="1", run="run", inputs=store),
        ):
            raise AssertionError

    def test_refused_is_another_bucket(self, screened: Ledger, tmp_path: Path) -> None:
        with (
            pytest.raises(ComputationError, match=r"judged objects of .*, the inputs are"),
            open_computation(screened, "c", version="1", run="run", inputs=DirectoryStore(tmp_path)),
        ):
            raise AssertionError

    def test_refused_is_a_selection_that_is_none(self, screened: Ledger) -> None:
        with (
            pytest.raises(ValueError, match="selection 'NONE' is not known; accepted: WHOLE, PARTIAL"),
            open_computation(screened, "c", version="1", run="run", selection="NONE"),
        ):
            raise AssertionError

    @pytest.mark.parametrize(
        ("use", "words"),
        [
            (lambda series: series.download(), "enter a series before using it: with series: …"),
            (lambda series: series.record_output(b""), "enter a series before using it: with series: …"),
        ],
    )
    def test_refused_is_a_series_that_was_not_entered(
        self, screened: Ledger, store: SimulatedStore, use: Callable[[Series], object], words: str
    ) -> None:
        with open_computation(screened, "c", version="1", run="run", inputs=store) as computation:
            with pytest.raises(ComputationError) as caught:
                use(next(computation.series()))
            assert str(caught.value) == words

    @pytest.mark.parametrize(
        ("use", "words"),
        [
            (lambda series: series.download(), "there is nothing to read from: give open_computation its inputs"),
            (lambda series: series.record_output(b""), "there is nowhere to write to: give open_computation its"),
            (lambda series: series.record_output("s3://b/k"), "a result that is given by its URI needs its digest"),
        ],
    )
    def test_refused_is_what_has_no_place(self, screened: Ledger, use: Callable[[Series], object], words: str) -> None:
        with open_computation(screened, "c", version="1", run="run") as computation:
            for series in computation.series():
                with series:
                    use(series)

        assert all(state == "FAILED" and f"ComputationError: {words}" in why for _, _, state, why in rows(screened))
        assert len(rows(screened)) == 2
