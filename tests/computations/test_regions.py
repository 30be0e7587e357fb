"""What is measured in regions, and what lies beside a series: on record, sealed, computed again where it changes."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dicom_sieve import Ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.computations.beside import Beside, of_objects, of_results
from dicom_sieve.computations.computation import Computation
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.ledger.reading.regions import Region
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
Finds = Callable[[Computation, InputSeries], Sequence[Beside]]


@pytest.fixture
def store(ledger: Ledger) -> SimulatedStore:
    """Two series of two slices, screened as ``run``."""
    objects = {
        f"{series}/{number}": ct(f"1.2.{series}", f"1.2.{series}.{number}") for series in (1, 2) for number in (1, 2)
    }
    store = SimulatedStore(objects)
    screen_ct(store, ledger, "run")
    return store


@pytest.fixture
def results(tmp_path: Path) -> DirectoryStore:
    """Where results go."""
    return DirectoryStore(tmp_path / "results")


def named(uri: str, digest: str) -> Beside:
    return Beside(uri, digest, lambda _: None)


def measure(
    ledger: Ledger,
    features: Mapping[str, float | None],
    *,
    digest: str = "d",
    outputs: DirectoryStore | None = None,
    fails: bool = False,
    run: str = "run",
) -> tuple[dict[str, int], Any]:
    """Measure one region of each series; gives what became of them, and what was measured."""

    def find(_: Computation, series: InputSeries) -> list[Beside]:
        return [named(f"file:/{series.uid}", digest)]

    with open_computation(ledger, "measure", version="1", run=run, outputs=outputs, beside=find) as computation:
        for series in computation.series():
            with series:
                [source] = series.beside
                series.record_region(Region("Lungs", features, 2, "SCT:39607008", "HU"), source)
                if fails:
                    raise ValueError
        if outputs is not None:
            computation.record_gathered(b"all of it", "all.txt")
        return computation.count(), computation.regions()


class TestRegions:
    def test_are_on_record_a_row_for_each_feature(self, ledger: Ledger, store: SimulatedStore) -> None:
        counts, regions = measure(ledger, {"volume": 1.5, "mean": -700.25, "none": None, "odd": math.nan})

        assert counts == {"COMPLETED": 2}
        columns = "series_instance_uid, region, region_number, source_uri, source_digest, feature, value"
        rows = sql(ledger, f"SELECT {columns} FROM series_feature WHERE run_id = 'run' ORDER BY 1, 6")
        values = [("mean", -700.25), ("none", None), ("odd", None), ("volume", 1.5)]
        assert rows == [
            (uid, "Lungs", 2, f"file:/{uid}", "d", *value) for uid in ("1.2.1", "1.2.2") for value in values
        ]
        assert ledger.run("run").regions("measure") == regions
        assert [each.measured.features["volume"] for each in regions] == [1.5, 1.5]
        assert verify(ledger.engine).is_intact

    def test_what_is_gathered_again_of_the_same_run_is_recorded_once(
        self, ledger: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        for _ in range(3):
            measure(ledger, {"volume": 1.5}, outputs=results)

        recorded = "SELECT computation_id, uri FROM computation_output WHERE series_instance_uid = ''"
        [(first, uri)] = sql(ledger, recorded)
        assert len(ledger.trace_results(uri)) == 1
        screen_ct(store, ledger, "other")
        measure(ledger, {"volume": 1.5}, outputs=results, run="other")
        assert sql(ledger, f"{recorded} ORDER BY 1") == [(first, uri), (4, uri)]
        assert verify(ledger.engine).is_intact

    def test_one_statement_leads_from_a_feature_to_instances_and_criteria(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        measure(ledger, {"volume": 1.5})

        rows = sql(
            ledger,
            "SELECT instance.object_key, measured.value FROM series_feature AS measured "
            "JOIN instance_decision AS instance ON instance.run_id = measured.run_id "
            "AND instance.series_instance_uid = measured.series_instance_uid "
            "JOIN run ON run.id = measured.run_id WHERE measured.feature = 'volume' ORDER BY 1",
        )

        assert rows == [("1/1", 1.5), ("1/2", 1.5), ("2/1", 1.5), ("2/2", 1.5)]

    def test_a_series_that_fails_has_none(self, ledger: Ledger, store: SimulatedStore) -> None:
        counts, regions = measure(ledger, {"volume": 1.5}, fails=True)

        assert (counts, regions) == ({"FAILED": 2}, [])

    def test_a_later_run_has_those_that_were_measured_before(self, ledger: Ledger, store: SimulatedStore) -> None:
        before = measure(ledger, {"volume": 1.5})[1]
        store.put("3/1", ct("1.2.3", "1.2.3.1"))
        screen_ct(store, ledger, "later")

        counts, regions = measure(ledger, {"volume": 2.5}, run="later")

        assert counts == {"SKIPPED": 2, "COMPLETED": 1}
        assert regions[:2] == before
        assert [(each.series_instance_uid, each.measured.features["volume"]) for each in regions] == [
            ("1.2.1", 1.5),
            ("1.2.2", 1.5),
            ("1.2.3", 2.5),
        ]

    def test_are_measured_again_where_what_tells_them_has_changed(self, ledger: Ledger, store: SimulatedStore) -> None:
        measure(ledger, {"volume": 1.5})

        again, _ = measure(ledger, {"volume": 1.5})
        other, regions = measure(ledger, {"volume": 2.5}, digest="e")

        assert (again, other) == ({"SKIPPED": 2}, {"COMPLETED": 2})
        assert {each.measured.source_digest for each in regions} == {"e"}

    def test_a_result_of_all_series_is_on_record_and_traced(
        self, ledger: Ledger, store: SimulatedStore, results: DirectoryStore
    ) -> None:
        measure(ledger, {"volume": 1.5}, outputs=results)

        [uri] = {uri for (uri,) in sql(ledger, "SELECT uri FROM computation_output")}
        [traced] = ledger.trace_results(uri)
        assert sorted(each.object_key for each in traced.inputs) == ["1/1", "1/2", "2/1", "2/2"]
        assert (traced.series.series_instance_uid, traced.series.state) == ("", "COMPLETED")
        assert Path(uri.removeprefix("file:")).read_bytes() == b"all of it"
        assert verify(ledger.engine).is_intact


class TestBeside:
    def test_a_result_of_an_earlier_computation_is_fetched_as_it_was_recorded(
        self, ledger: Ledger, store: SimulatedStore, results: DirectoryStore, tmp_path: Path
    ) -> None:
        dicom = pydicom.dcmread(io.BytesIO(ct("1.9", "1.9.1")))
        with open_computation(ledger, "segment", version="1", run="run", inputs=store, outputs=results) as first:
            for series in first.series():
                with series:
                    series.record_output(dicom, name="segmentation.dcm")
                    series.record_output(b"{}", name="volumes.json")

        def find(of: Computation, series: InputSeries) -> list[Beside]:
            return of_results(of.log.results_on(of.run, "segment", series.uid), of.outputs)

        fetched = []
        with open_computation(ledger, "measure", version="1", run="run", outputs=results, beside=find) as second:
            for number, series in enumerate(second.series()):
                with series:
                    [source] = series.beside
                    source.fetch(tmp_path / f"{number}.dcm")
                    fetched.append(pydicom.dcmread(tmp_path / f"{number}.dcm").SOPInstanceUID)
                    Path(source.uri.removeprefix("file:")).write_bytes(b"other")
                    with pytest.raises(RefusedError, match="no longer what was recorded"):
                        source.fetch(tmp_path / f"{number} again.dcm")
                    Path(source.uri.removeprefix("file:")).unlink()
                    with pytest.raises(RefusedError, match="is gone"):
                        source.fetch(tmp_path / f"{number} at last.dcm")
            assert second.count() == {"COMPLETED": 2}
        assert fetched == ["1.9.1", "1.9.1"]

    def test_what_lies_elsewhere_is_refused(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        test = DirectoryStore(tmp_path / "one")
        with open_computation(ledger, "segment", version="1", run="run", inputs=store, outputs=test) as first:
            for series in first.series():
                with series:
                    series.record_output(pydicom.dcmread(io.BytesIO(ct("1.9", "1.9.1"))))
            found = of_results(first.log.results_on(first.run, "segment", "1.2.1"), DirectoryStore(tmp_path / "two"))

        for each in (found[0], of_results(first.log.results_on(first.run, "segment", "1.2.1"), None)[0]):
            with pytest.raises(RefusedError, match="lies elsewhere"):
                each.fetch(tmp_path / "x")

    def test_objects_of_the_study_are_found_whatever_became_of_them(self, ledger: Ledger, tmp_path: Path) -> None:
        same = {"StudyInstanceUID": "1.5"}
        store = SimulatedStore(
            {
                "ct": ct("1.2.1", "1.2.1.1", **same),
                "seg": mr("1.2.8", "1.2.8.1", SOPClassUID=SEG, **same),
                "seg of another": mr("1.2.9", "1.2.9.1", SOPClassUID=SEG, StudyInstanceUID="1.6"),
            }
        )
        screen_ct(store, ledger, "run")

        def find(of: Computation, series: InputSeries) -> list[Beside]:
            assert series.study_instance_uid is not None
            assert of.inputs is not None
            return of_objects(of.log.objects_of_study(of.run, series.study_instance_uid, [SEG]), of.inputs)

        with open_computation(ledger, "measure", version="1", run="run", inputs=store, beside=find) as computation:
            [series] = computation.series()
            with series:
                [source] = series.beside
                source.fetch(tmp_path / "seg.dcm")

        assert source.uri == store.location.uri("seg")
        assert pydicom.dcmread(tmp_path / "seg.dcm").SOPInstanceUID == "1.2.8.1"
