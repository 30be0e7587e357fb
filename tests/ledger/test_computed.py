"""What was computed can be asked for: from a run and an instance forward, from a result back."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom.uid import UID

from dicom_sieve import Ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import RefusedError, UnknownRunError
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import MODALITY, ct, mr, screen_ct
from tests.support.simulated_store import SimulatedStore

NO_SUCH_PROCESS = 2**22 + 1
"""More than any process's number: see pid_max in proc(5)."""


@pytest.fixture
def results(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "results")


@pytest.fixture
def computed(ledger: Ledger, results: DirectoryStore) -> Ledger:
    """A run over four series, computed on twice: "good" has two results and a duplicate, "bad" is refused."""
    store = SimulatedStore(
        {
            "good/1": ct("1.1", "1.1.1"),
            "good/2": ct("1.1", "1.1.2"),
            "good/copy": ct("1.1", "1.1.1"),
            "bad/1": ct("1.2", "1.2.1"),
            "partial/1": ct("1.3", "1.3.1"),
            "partial/2": mr("1.3", "1.3.2"),
            "none/1": mr("1.4", "1.4.1"),
        }
    )
    screen_ct(store, ledger, "run")
    for _ in range(2):
        with open_computation(
            ledger, "count", version="1", parameters={"a": 1}, run="run", inputs=store, outputs=results
        ) as computation:
            for series in computation.series():
                with series:
                    if series.uid == "1.2":
                        raise RefusedError("no good")
                    for dataset in [*series.open_instances()][:1]:
                        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.9.9")
                        series.record_output(dataset, name="made.dcm")
                    series.record_output(b"2", name="count.txt")
    return ledger


def told(ledger: Ledger, uid: str, run: int = 0) -> list[tuple[Any, ...]]:
    """Give what is told of an object's series under a run."""
    [traced] = ledger.trace(uid)
    return [
        (result.computation_id, result.name, result.version, result.state, result.failure, len(result.outputs))
        for result in traced.decisions[run].computations
    ]


class TestARun:
    def test_a_run_tells_its_computations_the_newest_first(self, computed: Ledger) -> None:
        second, first = computed.computations("run")

        assert (first.id, first.name, first.version, first.parameters) == (1, "count", "1", {"a": 1})
        assert (first.run_id, first.state, first.counts) == ("run", "COMPLETED", {"COMPLETED": 1, "REFUSED": 2})
        assert (second.id, second.counts) == (2, {"SKIPPED": 1, "REFUSED": 2})
        assert computed.computations() == [second, first]

    def test_a_run_tells_what_became_of_each_series(self, computed: Ledger) -> None:
        rows = computed.run("run").computed()

        assert [(row.computation_id, row.series_instance_uid, row.state, row.failure) for row in rows] == [
            (2, "1.1", "SKIPPED", "computed before, by computation 1"),
            (2, "1.2", "REFUSED", "no good"),
            (2, "1.3", "REFUSED", "not whole: 1 of 2 objects did not pass"),
            (1, "1.1", "COMPLETED", None),
            (1, "1.2", "REFUSED", "no good"),
            (1, "1.3", "REFUSED", "not whole: 1 of 2 objects did not pass"),
        ]

    def test_a_run_that_is_unknown_is_an_error(self, computed: Ledger) -> None:
        with pytest.raises(UnknownRunError):
            computed.computations("another")


class TestAnInstance:
    def test_an_instance_leads_to_the_results_of_its_series(self, computed: Ledger, results: DirectoryStore) -> None:
        [traced] = computed.trace("good/2")

        skipped, completed = traced.decisions[0].computations
        assert (skipped.state, skipped.outputs) == ("SKIPPED", ())
        assert {output.uri for output in completed.outputs} == {
            results.location.uri(info.key) for info in results.list()
        }
        assert {output.sop_instance_uid for output in completed.outputs} == {"1.9.9", None}

    def test_an_instance_leads_to_the_reason_why_there_is_none(self, computed: Ledger) -> None:
        assert told(computed, "bad/1")[1] == (1, "count", "1", "REFUSED", "no good", 0)
        assert told(computed, "1.3.2")[1][3:] == ("REFUSED", "not whole: 1 of 2 objects did not pass", 0)
        assert told(computed, "1.4.1") == []

    def test_an_instance_leads_to_nothing_under_a_run_that_nothing_was_computed_on(self, computed: Ledger) -> None:
        screen_ct(SimulatedStore({"good/1": ct("1.1", "1.1.1")}), computed, "later")

        decisions = next(traced for traced in computed.trace("1.1.1") if traced.object_key == "good/1").decisions

        assert [(decision.run_id, len(decision.computations)) for decision in decisions] == [("run", 2), ("later", 0)]


class TestAResult:
    @pytest.mark.parametrize("by", ["uri", "uid", "file uri", "relative path"])
    def test_a_result_leads_back_to_objects_run_and_criteria(
        self, computed: Ledger, results: DirectoryStore, by: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(results.root)
        key = next(info.key for info in results.list() if info.key.endswith(".dcm"))
        uri = results.location.uri(key)
        names = {"uri": uri, "uid": "1.9.9", "file uri": Path(uri).as_uri(), "relative path": key}

        [found] = computed.trace_results(names[by])

        assert (found.output.uri, found.output.sop_instance_uid) == (uri, "1.9.9")
        assert (found.series.computation_id, found.series.series_instance_uid, found.series.run_id) == (1, "1.1", "run")
        assert found.parameters == {"a": 1}
        assert found.criteria == [{"dicom_tag": list(MODALITY), "operation": "IN", "reference": ["CT"]}]
        assert (found.endpoint, found.bucket) == ("https://simulated", "challenge-tech")
        assert [(used.object_key, used.sop_instance_uid, used.use) for used in found.inputs] == [
            ("good/1", "1.1.1", "USED"),
            ("good/2", "1.1.2", "USED"),
            ("good/copy", "1.1.1", "DUPLICATE"),
        ]

    def test_a_result_that_is_unknown_leads_nowhere(self, computed: Ledger) -> None:
        assert computed.trace_results("1.1") == []
        assert computed.trace_results("") == []


def test_a_computation_whose_process_is_dead_is_shown_as_failed(computed: Ledger) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    holder = f"{boot} {Path('/proc/self/ns/pid').readlink()} {NO_SUCH_PROCESS} 1 token"
    with computed.engine.begin() as connection:
        connection.execute(sa.text("UPDATE computation SET state = 'RUNNING', holder = :h WHERE id = 2"), {"h": holder})
        connection.execute(sa.text("UPDATE computation_input SET state = 'RUNNING' WHERE computation_id = 2"))

    assert [row.state for row in computed.computations()] == ["FAILED", "COMPLETED"]
    assert told(computed, "bad/1")[0][3:] == ("FAILED", "its process ended before the computation did", 0)
