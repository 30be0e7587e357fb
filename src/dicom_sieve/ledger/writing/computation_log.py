"""The rows of one computation under way: each of its steps, in a separate transaction (ADR 11)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from dicom_sieve.clock import now
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import InputState, RunState
from dicom_sieve.ledger.faults import keep_text, keep_traceback, log_of
from dicom_sieve.ledger.leases.heartbeat import keep_alive
from dicom_sieve.ledger.leases.holder import name_holder
from dicom_sieve.ledger.reading.facts import SeriesFacts, facts_that_are_read
from dicom_sieve.ledger.reading.inputs import InputSeries, input_series
from dicom_sieve.ledger.reading.regions import Region, RegionOfSeries, objects_of_study, regions_of, results_on
from dicom_sieve.ledger.reading.results import Output, results_of_same
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import place_of_run
from dicom_sieve.ledger.writing import computations
from dicom_sieve.objects import Damaged, ObjectInfo

Judges = Callable[[int | None], tuple[InputState, str] | None]
"""Is given the id of a computation that computed the same before, or None; gives state and reason of a skip."""


@dataclass(frozen=True, slots=True)
class ComputationLog:
    """The rows of a computation.

    Attributes:
        id: Id of its row.
        identity: Digest of name, version, parameters and location: equal for computations of the same.
    """

    engine: sa.Engine = field(repr=False)
    id: int
    identity: str

    @classmethod
    def begin(
        cls,
        engine: sa.Engine,
        row: RunRow,
        *,
        name: str,
        version: str,
        parameters: Mapping[str, Any],
        seconds: float,
    ) -> Self:
        """Record that a computation begins; those of the same identity that died are recorded as FAILED.

        Args:
            engine: The ledger's.
            row: The run whose series are computed on.
            name: Name of the computation.
            version: Version of its code.
            parameters: Parameters of the computation.
            seconds: Time that it counts as alive without a heartbeat.
        """
        _, location_id = place_of_run(engine, row.number)
        identity = computations.identify(name, version, parameters, location_id)
        begin = partial(
            computations.begin_computation,
            run_number=row.number,
            name=name,
            version=version,
            parameters=parameters,
            identity=identity,
            holder=name_holder(),
            started_at=now(),
            seconds=seconds,
        )
        database.write(engine, partial(computations.fail_dead, identity=identity, finished_at=now()))
        return cls(engine, database.write(engine, begin), identity)

    def finish(self, state: RunState) -> None:
        """Record how it ended."""
        finish = partial(computations.finish_computation, computation_id=self.id, state=state)
        database.write(self.engine, partial(finish, finished_at=now()))

    def keep_alive(self, seconds: float) -> AbstractContextManager[None]:
        """Record heartbeats while the context is entered; each is valid for a number of seconds."""
        return keep_alive(self.engine, self.id, seconds)

    def input_series(self, row: RunRow) -> Iterator[InputSeries]:
        """Give the series of a run, in the order of their UIDs."""
        snapshot_id, location_id = place_of_run(self.engine, row.number)
        return input_series(
            self.engine, run_id=row.id, run_number=row.number, snapshot_id=snapshot_id, location_id=location_id
        )

    def series_facts(self, row: RunRow) -> SeriesFacts:
        """Measure the series of a run; of headers that were not read for it there are no facts."""
        of_snapshot = place_of_run(self.engine, row.number)
        return facts_that_are_read(self.engine, of_snapshot, Damaged(row.damaged or Damaged.DISCARD))

    def is_out(self, series: InputSeries, judge: Judges) -> bool:
        """Tell whether a series is not to be computed on, and record that, in one transaction."""
        return database.write(self.engine, partial(self._record_out, series=series, judge=judge, moment=now()))

    def _record_out(self, connection: sa.Connection, series: InputSeries, judge: Judges, moment: Any) -> bool:
        out = judge(computations.find_computed(connection, self.identity, series.digest))
        if out is not None:
            state, reason = out
            computations.record_not_computed(connection, self.id, series, state=state, reason=reason, moment=moment)
        return out is not None

    def results_before(self, series: InputSeries) -> Sequence[Output]:
        """Give the results of a computation that computed the same on the same input before; none: there was none."""
        return results_of_same(self.engine, self.identity, series.uid, series.digest)

    def begin_series(self, series: InputSeries) -> int:
        """Record that a series is computed on; gives its row."""
        begin = partial(computations.begin_series, computation_id=self.id, series=series)
        return database.write(self.engine, partial(begin, started_at=now()))

    def finish_series(
        self,
        row: int,
        state: InputState,
        failure: str | None,
        outputs: Sequence[Output],
        regions: Sequence[Region] = (),
    ) -> None:
        """Record what became of a series, its results, and what was measured, in one transaction."""
        finish = partial(computations.finish_series, row=row, state=state, failure=failure)
        database.write(self.engine, partial(finish, finished_at=now(), outputs=outputs, regions=regions))

    def record_gathered(self, outputs: Sequence[Output]) -> None:
        """Record results that are of no series alone."""
        database.write(self.engine, partial(computations.record_gathered, computation_id=self.id, outputs=outputs))

    def series_done(self) -> list[str]:
        """Give the series that have results of this computation, or of an earlier one of the same."""
        return read(self.engine, lambda connection: computations.list_done(connection, self.id))

    def regions(self) -> list[RegionOfSeries]:
        """Give what was measured on its series, those included that were computed before."""
        return regions_of(self.engine, self.id)

    def results_on(self, row: RunRow, name: str, series_uid: str) -> Sequence[Output]:
        """Give the DICOM results of the last computation of a name that was completed on a series."""
        return results_on(self.engine, row, name, series_uid)

    def objects_of_study(self, row: RunRow, study_uid: str, sop_classes: Collection[str]) -> Sequence[ObjectInfo]:
        """Give the objects of some SOP classes in a study, in the order of keys."""
        return objects_of_study(self.engine, row, study_uid, sop_classes)

    def reasons(self) -> list[tuple[InputState, str | None, int]]:
        """Count the series by what became of them and why, the most frequent first."""
        return read(self.engine, lambda connection: computations.count_reasons(connection, self.id))

    @property
    def file(self) -> Path:
        """Where `keep_text` and `keep_traceback` write."""
        return log_of(self.engine, self.id)

    def keep_text(self, series_uid: str, text: str) -> Path | None:
        """Keep what a program printed in a file beside the ledger; None where it cannot be written."""
        return keep_text(self.engine, self.id, series_uid, text)

    def keep_traceback(self, series_uid: str, error: BaseException) -> Path | None:
        """Keep the traceback of an error in a file beside the ledger; None where it cannot be written."""
        return keep_traceback(self.engine, self.id, series_uid, error)
