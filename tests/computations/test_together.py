"""Several series of one computation at the same time, each in a thread of its own."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Barrier

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.computations.computation import Series
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.engine import write
from dicom_sieve.ledger.database.tables import computation as table
from dicom_sieve.ledger.writing.computations import finish_computation
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

SERIES, SLICES, THREADS = 24, 3, 8
ENTRIES = "SELECT count(*) FROM seal_entry WHERE kind = 'COMPUTATION'"


def bucket() -> SimulatedStore:
    return SimulatedStore(
        {
            f"{index:02}/{slice_}": ct(f"1.2.{index}", f"1.2.{index}.{slice_}")
            for index in range(SERIES)
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
            uids = [str(instance.SOPInstanceUID) for instance in series.open_instances()]
            series.record_output(" ".join(uids).encode(), name="uids.txt")
            if series.uid.endswith("3"):
                raise ValueError
            series.record_output(series.uid.encode(), name="series.txt")

    with (
        open_computation(ledger, "c", version="1", run="run", inputs=store, outputs=results) as computation,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        list(pool.map(compute, list(computation.series())))
        assert computation.count() == {"COMPLETED": SERIES - 3, "FAILED": 3}

    recorded = sql(ledger, "SELECT series_instance_uid, uri FROM computation_output ORDER BY uri")
    completed = sorted(f"1.2.{index}" for index in range(SERIES) if index % 10 != 3)
    assert sorted(uid for uid, _ in recorded) == sorted(completed * 2)
    for uid, uri in recorded:
        expected = uid if uri.endswith("series.txt") else " ".join(f"{uid}.{slice_}" for slice_ in range(SLICES))
        assert Path(uri).read_text() == expected
    used = sql(
        ledger,
        "SELECT series_instance_uid, COUNT(*) FROM computation_input WHERE state = 'USED' GROUP BY series_instance_uid",
    )
    assert dict(used) == {f"1.2.{index}": SLICES for index in range(SERIES)}


def test_series_that_end_beside_their_computation_are_sealed_as_they_are(ledger: Ledger, tmp_path: Path) -> None:
    store, results = bucket(), DirectoryStore(tmp_path / "results")
    screen_ct(store, ledger, "run")

    def finish(series: Series, together: Barrier) -> None:
        with series:
            together.wait(60)

    for turn in range(5):
        together = Barrier(THREADS + 1)
        with (
            ThreadPoolExecutor(THREADS) as pool,
            suppress(KeyboardInterrupt),
            open_computation(ledger, f"c{turn}", version="1", run="run", inputs=store, outputs=results) as computation,
        ):
            for series in islice(computation.series(), THREADS):
                pool.submit(finish, series, together)
            together.wait(60)
            raise KeyboardInterrupt

    assert verify(ledger.engine).damages == []


def test_an_end_that_is_recorded_twice_is_entered_once(ledger: Ledger, tmp_path: Path) -> None:
    store, results = bucket(), DirectoryStore(tmp_path / "results")
    screen_ct(store, ledger, "run")
    with open_computation(ledger, "c", version="1", run="run", inputs=store, outputs=results) as computation:
        pass
    [(entries,)] = sql(ledger, ENTRIES)
    with ledger.engine.connect() as connection:
        [ended] = connection.execute(sa.select(table.c.state, table.c.finished_at))

    write(ledger.engine, partial(finish_computation, computation_id=computation.id, **ended._mapping))

    assert sql(ledger, ENTRIES) == [(entries,)]
