"""Several series of one computation at the same time, each in a thread of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from dicom_sieve import Ledger
from dicom_sieve.ledger.computing import Series
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, screen_ct, sql
from tests.simulated_store import SimulatedStore

SERIES, SLICES, THREADS = 24, 3, 8


def bucket() -> SimulatedStore:
    return SimulatedStore(
        {
            f"{one:02}/{slice_}": ct(f"1.2.{one}", f"1.2.{one}.{slice_}")
            for one in range(SERIES)
            for slice_ in range(SLICES)
        }
    )


def test_each_has_its_own_objects_and_results(ledger: Ledger, tmp_path: Path) -> None:
    store, results = bucket(), DirectoryStore(tmp_path / "results")
    screen_ct(store, ledger, "run")
    together = Barrier(THREADS)

    def compute(series: Series) -> None:
        with series:
            together.wait(60)
            uids = [str(one.SOPInstanceUID) for one in series.open_instances()]
            series.record_output(" ".join(uids).encode(), name="uids.txt")
            if series.uid.endswith("3"):
                raise ValueError
            series.record_output(series.uid.encode(), name="series.txt")

    with (
        ledger.computation("c", version="1", run="run", inputs=store, outputs=results) as computation,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        list(pool.map(compute, list(computation.series())))
        assert computation.count() == {"COMPLETED": SERIES - 3, "FAILED": 3}

    recorded = sql(ledger, "SELECT series_instance_uid, uri FROM computation_output ORDER BY uri")
    completed = sorted(f"1.2.{one}" for one in range(SERIES) if one % 10 != 3)
    assert sorted(uid for uid, _ in recorded) == sorted(completed * 2)
    for uid, uri in recorded:
        expected = uid if uri.endswith("series.txt") else " ".join(f"{uid}.{slice_}" for slice_ in range(SLICES))
        assert Path(uri).read_text() == expected
    used = sql(
        ledger,
        "SELECT series_instance_uid, COUNT(*) FROM computation_input WHERE state = 'USED' GROUP BY series_instance_uid",
    )
    assert dict(used) == {f"1.2.{one}": SLICES for one in range(SERIES)}
