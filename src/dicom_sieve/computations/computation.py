"""A downstream use of series that passed: what it is given, and the record of what it does with it (ADR 11)."""

import datetime
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import sqlalchemy as sa

from dicom_sieve import private
from dicom_sieve.apart import describe_overlap
from dicom_sieve.computations.result_files import fetch, save, sop_instance_uid
from dicom_sieve.ending import ending_in_order
from dicom_sieve.errors import AlreadyPublishedError, ComputationError, DicomSieveError, RefusedError
from dicom_sieve.explain import explain
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import InputState, RunState
from dicom_sieve.ledger.faults import describe_place, is_unexpected, keep_traceback
from dicom_sieve.ledger.leases.heartbeat import ALIVE_SECONDS, beating
from dicom_sieve.ledger.leases.holder import name_holder
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.writing import computations
from dicom_sieve.ledger.writing.computations import InputInstance, InputSeries, Output
from dicom_sieve.ledger.writing.snapshots import place_of_run
from dicom_sieve.objects import Location, ObjectInfo

if TYPE_CHECKING:
    from pydicom import Dataset

T = TypeVar("T")
LONGEST_FAILURE = 1_000
SELECTIONS = ("WHOLE", "PARTIAL")
"""What may be asked for: whole series only; or also, of those of which not all passed, the instances that did."""


class Inputs(Protocol):
    """Where the judged objects lie: a store of `dicom_sieve.stores`."""

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new file, if it is still the one that was judged."""
        ...


class Outputs(Inputs, Protocol):
    """Where results are written: a store of `dicom_sieve.stores`."""

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object."""
        ...

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already."""
        ...


def now() -> datetime.datetime:
    """Give the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Computation:
    """One computation under way, over the series of one run; made by `Ledger.computation`.

    Attributes:
        id: Of its row.
        name: What is computed.
        version: Of the code that computes.
        parameters: Of the computation.
        run: The run whose series are computed on.
    """

    engine: sa.Engine = field(repr=False)
    id: int
    name: str
    version: str
    parameters: Mapping[str, Any]
    run: RunRow = field(repr=False)
    identity: str = field(repr=False)
    selection: str = field(repr=False)
    inputs: Inputs | None = field(repr=False)
    outputs: Outputs | None = field(repr=False)

    def series(self) -> "Iterator[Series]":
        """Give the series to compute on, each to be entered by ``with``.

        Recorded and not given are, as SKIPPED, series on which the same was computed before, by name, version,
        parameters and input; and, as REFUSED, series that are of several studies or patients, and series of which not
        all passed, unless these are asked for.
        """
        snapshot_id, location_id = place_of_run(self.engine, self.run.number)
        for one in computations.input_series(
            self.engine,
            run_id=self.run.id,
            run_number=self.run.number,
            snapshot_id=snapshot_id,
            location_id=location_id,
        ):
            if not self._is_out(one):
                yield Series(self, one)

    def _is_out(self, one: InputSeries) -> bool:
        """Tell whether a series is not to be computed on, and have it recorded."""
        return database.write(self.engine, partial(self._record_out, one=one, moment=now()))

    def _record_out(self, connection: sa.Connection, one: InputSeries, moment: datetime.datetime) -> bool:
        before = computations.find_computed(connection, self.identity, one.digest)
        if (conflict := one.conflict) is not None:
            state, reason = InputState.REFUSED, conflict
        elif one.discarded and self.selection == "WHOLE":
            total = len(one.instances) + len(one.duplicates) + one.discarded
            state, reason = InputState.REFUSED, f"not whole: {one.discarded:,} of {total:,} objects did not pass"
        elif before is not None:
            state, reason = InputState.SKIPPED, f"computed before, by computation {before}"
        else:
            return False
        computations.record_not_computed(connection, self.id, one, state=state, reason=reason, moment=moment)
        return True

    def reasons(self) -> list[tuple[InputState, str | None, int]]:
        """Count the series by what became of them and why, the most frequent first."""
        return read(self.engine, lambda connection: computations.count_reasons(connection, self.id))

    def count(self) -> dict[str, int]:
        """Count the series by what became of them: COMPLETED, FAILED, REFUSED, SKIPPED, RUNNING."""
        counts: Counter[str] = Counter()
        for state, _, number in self.reasons():
            counts[state.value] += number
        return dict(counts)


@dataclass
class Series:
    """One series to compute on: enter it by ``with``, and what goes wrong inside is recorded and ends with it.

    Several may be entered at the same time, each in a thread of its own.

    Attributes:
        computation: Of which computation.
        input: What is computed on.
        state: What became of it; None before it is entered.
        failure: Why it was refused or failed; None where it was not.
    """

    computation: Computation
    input: InputSeries
    state: InputState | None = None
    failure: str | None = None
    _row: int | None = None
    _files: list[Path] | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _outputs: list[Output] = field(default_factory=list)

    @property
    def uid(self) -> str:
        """Its Series Instance UID."""
        return self.input.uid

    @property
    def instances(self) -> tuple[InputInstance, ...]:
        """The objects to compute on, one for each SOP instance, in the order of keys."""
        return self.input.instances

    def __enter__(self) -> Self:
        begin = partial(computations.begin_series, computation_id=self.computation.id, series=self.input)
        self._row = self._write(partial(begin, started_at=now()))
        self.state = InputState.RUNNING
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Record what became of the series, and its results where it is complete, in one transaction.

        An error does not go on to the other series, an interruption does.
        """
        self._files = None
        self._open.close()
        state, failure = self._judge(error)
        outputs = self._outputs if state is InputState.COMPLETED else []
        finish = partial(computations.finish_series, row=self._entered(), state=state, failure=failure)
        self._write(partial(finish, finished_at=now(), outputs=outputs))
        self.state, self.failure = state, failure
        return error is None or isinstance(error, Exception)

    def download(self) -> list[Path]:
        """Give the instances as local files, in the order of `instances`; they go when the series is left.

        Raises:
            RefusedError: An object is no longer the one that was judged.
            TransportError: The store does not answer.
        """
        self._entered()
        if self._files is None:
            inputs = self._inputs()
            folder = self._open.enter_context(private.temporary_folder())
            files = [folder / f"{number:06}.dcm" for number in range(len(self.instances))]
            for one, file in zip(self.instances, files, strict=True):
                inputs.download(one.info, file)
            self._files = files
        return list(self._files)

    def open_instances(self) -> "Iterator[Dataset]":
        """Give the instances one after the other, read by pydicom; one at a time is on disk and in memory.

        Raises:
            RefusedError: An object is no longer the one that was judged.
            TransportError: The store does not answer.
        """
        import pydicom  # noqa: PLC0415 - few need it

        self._entered()
        inputs = self._inputs()
        for one in self.instances:
            with private.temporary_folder() as folder:
                file = folder / "instance.dcm"
                inputs.download(one.info, file)
                yield pydicom.dcmread(file)

    def new_uid(self, *what: str) -> str:
        """Make a UID for a result: the same one whenever the same is computed on the same input.

        Args:
            what: Tells several results of one series apart.
        """
        from pydicom.uid import generate_uid  # noqa: PLC0415 - as above

        return generate_uid(entropy_srcs=[self.computation.identity, self.input.digest, *what])

    def record_output(
        self, output: "str | bytes | Dataset", *, name: str = "result.dcm", digest: str | None = None
    ) -> str:
        """Give a result, which is on record when the series ends well; a dataset or bytes are written here and now.

        What has been written before, by a process that was killed or by one that computes the same at the same time,
        is kept, and recorded as it is.

        Args:
            output: A DICOM dataset or bytes to write, or the URI of what is written already.
            name: Of what is written; several results of one series have several names.
            digest: SHA-256 as hex, where the output is a URI.

        Returns:
            The URI.
        """
        self._entered()
        if isinstance(output, str):
            if digest is None:
                raise ComputationError("a result that is given by its URI needs its digest: SHA-256 as hex")
            recorded = Output(output, digest, None, now())
        else:
            recorded = self._publish(output, name)
        self._outputs.append(recorded)
        return recorded.uri

    def _publish(self, output: "bytes | Dataset", name: str) -> Output:
        """Write a result unless it is there, and describe what is there."""
        outputs = self.computation.outputs
        if outputs is None:
            raise ComputationError("there is nowhere to write to: give ledger.computation its outputs, a store")
        key = self._key(outputs.location.prefix, name)
        with private.temporary_folder() as folder:
            ours, there = folder / "ours", folder / "there"
            if outputs.find(key) is None:
                save(output, ours)
                with suppress(AlreadyPublishedError):  # by one that computes the same at this moment
                    outputs.write_once(key, ours)
                    ours.rename(there)
            if not there.exists():
                fetch(outputs, key, there)
            with there.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            uid = None if isinstance(output, bytes) else sop_instance_uid(there)
        return Output(outputs.location.uri(key), digest, uid, now())

    def _key(self, prefix: str, name: str) -> str:
        """Say where a result is written: the same place whenever the same is computed on the same input."""
        of = self.computation
        folder = (prefix.rstrip("/"), "computations", of.name, of.identity[:16], self.input.digest[:16])
        return "/".join(part for part in (*folder, name) if part)

    def _judge(self, error: BaseException | None) -> tuple[InputState, str | None]:
        """Tell what became of it; the traceback of an error that is not explained is kept in a file."""
        state, failure = _judge(error, sum(instance.is_damaged for instance in self.instances))
        if error is None or failure is None or isinstance(error, DicomSieveError) or not is_unexpected(error):
            return state, failure
        of = self.computation
        file = keep_traceback(of.engine, of.id, self.uid, error)
        return state, f"{failure}; traceback: {file or 'it could not be written'}"[:LONGEST_FAILURE]

    def _inputs(self) -> Inputs:
        if self.computation.inputs is None:
            raise ComputationError("there is nothing to read from: give ledger.computation its inputs, a store")
        return self.computation.inputs

    def _entered(self) -> int:
        if self._row is None:
            raise ComputationError("enter a series before using it: with series: …")
        return self._row

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return database.write(self.computation.engine, work)


_NOT_BY_DAMAGE = (DicomSieveError, OSError, MemoryError)


def _judge(error: BaseException | None, damaged: int) -> tuple[InputState, str | None]:
    """Tell what became of a series, of which so many instances are damaged: what fails on these is no fault of code."""
    if error is None:
        return InputState.COMPLETED, None
    if isinstance(error, RefusedError):
        return InputState.REFUSED, str(error)[:LONGEST_FAILURE]
    if damaged and isinstance(error, Exception) and not isinstance(error, _NOT_BY_DAMAGE):
        are = "is" if damaged == 1 else "are"
        return InputState.REFUSED, f"{damaged:,} of its instances {are} damaged: {_describe(error)}"[:LONGEST_FAILURE]
    return InputState.FAILED, _describe(error)[:LONGEST_FAILURE]


def _describe(error: BaseException) -> str:
    """Name an error and its place; the words of one that is not ours may hold patients' values and are left out."""
    if isinstance(error, DicomSieveError):
        return f"{type(error).__name__}: {error}"
    if told := explain(error):
        return told
    return describe_place(error)


@contextmanager
def compute(
    engine: sa.Engine,
    row: RunRow,
    *,
    name: str,
    version: str,
    parameters: Mapping[str, Any],
    selection: str,
    inputs: Inputs | None,
    outputs: Outputs | None,
    seconds: float = ALIVE_SECONDS,
) -> Iterator[Computation]:
    """Record a computation from its begin to its end; see `Ledger.computation`, and `heartbeat` for the seconds."""
    if selection not in SELECTIONS:
        raise ValueError(f"selection {selection!r} is not known; accepted: {', '.join(SELECTIONS)}")
    if row.state != RunState.COMPLETED:
        raise ComputationError(f"run {row.id} is {row.state}: only what a COMPLETED run let pass is computed on")
    if inputs is not None and inputs.location.bucket != row.bucket:
        raise ComputationError(f"run {row.id} judged objects of {row.bucket}, the inputs are {inputs.location}")
    judged = Location(row.endpoint, row.bucket, row.prefix)
    if outputs is not None and (overlap := describe_overlap(judged, outputs.location)):
        raise ComputationError(f"outputs: {overlap}")
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
    computation_id = database.write(engine, begin)
    made = Computation(engine, computation_id, name, version, parameters, row, identity, selection, inputs, outputs)
    private.sweep()
    try:
        with ending_in_order(), beating(engine, computation_id, seconds):
            yield made
        state = RunState.COMPLETED
    except BaseException as error:
        state = RunState.FAILED if isinstance(error, Exception) else RunState.CANCELLED
        raise
    finally:
        finish = partial(computations.finish_computation, computation_id=computation_id, state=state)
        database.write(engine, partial(finish, finished_at=now()))
