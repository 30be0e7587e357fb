"""A downstream use of series that passed: what it is given, and the record of what it does with it (ADR 11)."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dicom_sieve import private
from dicom_sieve.clock import now
from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.failures import LONGEST_FAILURE, judge_error
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.result_files import publish
from dicom_sieve.errors import ComputationError, DicomSieveError
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.faults import is_unexpected
from dicom_sieve.ledger.reading.facts import SeriesFacts, Value
from dicom_sieve.ledger.reading.inputs import InputInstance, InputSeries
from dicom_sieve.ledger.reading.regions import Region, RegionOfSeries
from dicom_sieve.ledger.reading.results import Output
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.writing.computation_log import ComputationLog

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Computation:
    """One computation under way, over the series of one run; made by `open_computation`.

    Attributes:
        log: Its rows in the ledger.
        name: What is computed.
        version: Of the code that computes.
        parameters: Of the computation.
        run: The run whose series are computed on.
    """

    log: ComputationLog = field(repr=False)
    name: str
    version: str
    parameters: Mapping[str, Any]
    run: RunRow = field(repr=False)
    selection: str = field(repr=False)
    inputs: Inputs | None = field(repr=False)
    outputs: Outputs | None = field(repr=False)
    beside: "Callable[[Computation, InputSeries], Sequence[Beside]] | None" = field(default=None, repr=False)
    about: "Callable[[Computation, InputSeries], Mapping[str, Any]] | None" = field(default=None, repr=False)
    looks_for_results: bool = field(default=False, repr=False)

    @cached_property
    def facts(self) -> SeriesFacts:
        """What the ledger measured of the run's series; measured once, when it is asked for."""
        return self.log.series_facts(self.run)

    @property
    def id(self) -> int:
        """Of its row in the ledger."""
        return self.log.id

    def series(self) -> "Iterator[Series]":
        """Give the series to compute on, each to be entered by ``with``.

        Recorded and not given are, as SKIPPED, series on which the same was computed before, by name, version,
        parameters and input; and, as REFUSED, series that are of several studies or patients, and series of which not
        all passed, unless these are asked for.
        """
        for judged in self.log.input_series(self.run):
            beside = () if self.beside is None else tuple(self.beside(self, judged))
            series = replace(judged, beside=tuple((each.uri, each.digest) for each in beside))
            if not self._is_out(series):
                yield Series(self, series, beside, {} if self.about is None else self.about(self, judged))

    def whole_run(self) -> "Series | None":
        """Give the run itself to compute on, as one whose results are of all of its series: its UID is empty.

        None where the same was computed on the same run before, which is recorded as SKIPPED.
        """
        series = InputSeries("", None, (), (), 0, beside=((f"run:{self.run.id}", self.run.criteria_digest),))
        return None if self._is_out(series) else Series(self, series)

    def _is_out(self, series: InputSeries) -> bool:
        """Tell whether a series is not to be computed on, and record that."""
        are_gone = self.looks_for_results and self._are_gone(series)
        return self.log.is_out(series, partial(self._judge_input, series, are_gone=are_gone))

    def _are_gone(self, series: InputSeries) -> bool:
        """Tell whether a result that was written before is no longer where it was written."""
        if self.outputs is None:
            return False
        root = self.outputs.location.uri("")
        written = (output.uri for output in self.log.results_before(series) if output.uri.startswith(root))
        return any(self.outputs.find(uri.removeprefix(root)) is None for uri in written)

    def _judge_input(self, series: InputSeries, before: int | None, *, are_gone: bool) -> tuple[InputState, str] | None:
        """Tell as what a series is recorded that is not computed on; None where it is."""
        if (conflict := series.conflict) is not None:
            return InputState.REFUSED, conflict
        if series.discarded and self.selection == "WHOLE":
            total = len(series.instances) + len(series.duplicates) + series.discarded
            return InputState.REFUSED, f"not whole: {series.discarded:,} of {total:,} objects did not pass"
        skips = before is not None and not are_gone
        return (InputState.SKIPPED, f"computed before, by computation {before}") if skips else None

    def regions(self) -> list[RegionOfSeries]:
        """Give what was measured on its series, those included that were computed before."""
        return self.log.regions()

    def record_gathered(self, output: bytes, name: str, *, of: Iterable[RegionOfSeries] = ()) -> str:
        """Write a result of all series together, and record it; what was written before of the same is kept.

        Args:
            output: What is written.
            name: Of the file.
            of: What it was made of.

        Returns:
            The URI.
        """
        made_of = "\n".join(f"{each.series_instance_uid} {each.computation_id}" for each in of)
        folder = ("computations", self.name, self.log.identity[:16], "all")
        recorded = publish(self.outputs, output, (*folder, hashlib.sha256(made_of.encode()).hexdigest()[:16], name))
        self.log.record_gathered([recorded])
        return recorded.uri

    def reasons(self) -> list[tuple[InputState, str | None, int]]:
        """Count the series by what became of them and why, the most frequent first."""
        return self.log.reasons()

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
        beside: What lies beside it, as its segmentation.
        about: What a kind of computation wants to know of it that the ledger knows, by name.
        state: What became of it; None before it is entered.
        failure: Why it was refused or failed; None where it was not.
    """

    computation: Computation
    input: InputSeries
    beside: tuple[Beside, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    state: InputState | None = None
    failure: str | None = None
    _row: int | None = None
    _files: list[Path] | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _outputs: list[Output] = field(default_factory=list)
    _regions: list[Region] = field(default_factory=list)

    @property
    def uid(self) -> str:
        """Its Series Instance UID."""
        return self.input.uid

    @property
    def facts(self) -> Mapping[str, Value]:
        """What the ledger measured of the series, objects that did not pass included.

        `slices`, `spacing`, `plane` and others of docs/geometry.md; empty where headers were not read for it. All
        series of the run are measured when the first one is asked for.
        """
        return self.computation.facts.of(self.uid)

    @property
    def instances(self) -> tuple[InputInstance, ...]:
        """The objects to compute on, one for each SOP instance, in the order of keys."""
        return self.input.instances

    def __enter__(self) -> Self:
        self._row = self.computation.log.begin_series(self.input)
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
        is_complete = state is InputState.COMPLETED
        outputs, regions = (self._outputs, self._regions) if is_complete else ([], [])
        self.computation.log.finish_series(self._entered(), state, failure, outputs, regions)
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
            for instance, file in zip(self.instances, files, strict=True):
                inputs.download(instance.info, file)
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
        for instance in self.instances:
            with private.temporary_folder() as folder:
                file = folder / "instance.dcm"
                inputs.download(instance.info, file)
                yield pydicom.dcmread(file)

    def new_uid(self, *what: str) -> str:
        """Make a UID for a result: the same one whenever the same is computed on the same input.

        Args:
            what: Tells several results of one series apart.
        """
        from pydicom.uid import generate_uid  # noqa: PLC0415 - as above

        return generate_uid(entropy_srcs=[self.computation.log.identity, self.input.digest, *what])

    def record_output(
        self, output: "str | bytes | Path | Dataset", *, name: str = "result.dcm", digest: str | None = None
    ) -> str:
        """Give a result, which is on record when the series ends well; all but a URI is written here and now.

        What has been written before, by a process that was killed or by one that computes the same at the same time,
        is kept, and recorded as it is.

        Args:
            output: A DICOM dataset, bytes or a local file to write, or the URI of what is written already.
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

    def record_region(self, region: Region, source: Beside) -> None:
        """Give what was measured in a region, which is on record when the series ends well.

        Args:
            region: What was measured; of values that are infinite or no numbers there are none.
            source: What the region was told by.
        """
        self._entered()
        features = {
            name: None if value is None or not math.isfinite(value) else float(value)
            for name, value in region.features.items()
        }
        told = replace(region, source_uri=source.uri, source_digest=source.digest)
        self._regions.append(replace(told, features=features))

    def take(self, outputs: Iterable[Output], regions: Iterable[Region]) -> None:
        """Give results and regions that a worker has written and measured, as if it had been done here."""
        self._entered()
        self._outputs.extend(outputs)
        self._regions.extend(regions)

    def _publish(self, output: "bytes | Path | Dataset", name: str) -> Output:
        """Write a result: to the same place whenever the same is computed on the same input."""
        of = self.computation
        parts = ("computations", of.name, of.log.identity[:16], self.input.digest[:16], name)
        return publish(of.outputs, output, parts)

    def _judge(self, error: BaseException | None) -> tuple[InputState, str | None]:
        """Tell what became of it; the traceback of an error that is not explained is kept in a file."""
        state, failure = judge_error(error, sum(instance.is_damaged for instance in self.instances))
        if error is None or failure is None or isinstance(error, DicomSieveError) or not is_unexpected(error):
            return state, failure
        file = self.computation.log.keep_traceback(self.uid, error)
        return state, f"{failure}; traceback: {file or 'it could not be written'}"[:LONGEST_FAILURE]

    def _inputs(self) -> Inputs:
        if self.computation.inputs is None:
            raise ComputationError("there is nothing to read from: give open_computation its inputs, a store")
        return self.computation.inputs

    def _entered(self) -> int:
        if self._row is None:
            raise ComputationError("enter a series before using it: with series: …")
        return self._row
