"""One series computed on where the ledger is not: in another process, or on another machine (ADR 52).

What a worker is sent is all that a computation may ask of a `Series`; what it sends back is all that the ledger records
of one. The process that began the computation writes the ledger, it alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from traceback import format_exception
from typing import Any, cast

from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.computation import Computation, Series
from dicom_sieve.computations.failures import EndedElsewhereError
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.kind import Computes
from dicom_sieve.computations.quiet import silence_dicom
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.reading.facts import Value
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.ledger.reading.regions import Region
from dicom_sieve.ledger.reading.results import Output
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.writing.computation_log import ComputationLog


@dataclass(frozen=True, slots=True)
class SeriesTask:
    """One series, as it is sent to a worker.

    Attributes:
        input: What is computed on.
        beside: What lies beside it.
        about: What the kind wants to know of it.
        facts: What the ledger measured of it.
    """

    input: InputSeries = field(repr=False)
    beside: tuple[Beside, ...] = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Value] = field(repr=False)

    def __str__(self) -> str:
        """Name it, as errors do: without anything of a patient."""
        return f"a series of {len(self.input.instances):,} instances"


@dataclass(frozen=True, slots=True)
class SeriesEnded:
    """What became of a series, as it is sent back.

    Attributes:
        state: What became of it.
        failure: Why it was refused or failed.
        outputs: Its results, which are written.
        regions: What was measured.
        texts: What goes to the log of the computation.
    """

    state: InputState
    failure: str | None
    outputs: tuple[Output, ...] = field(repr=False)
    regions: tuple[Region, ...] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)


class _LogElsewhere:
    """In the place of a computation's rows, where the ledger is not: it keeps what is to be recorded."""

    def __init__(self, id_: int, identity: str, file: Path, facts: Mapping[str, Value]) -> None:
        self.id, self.identity = id_, identity
        self._file, self._facts = file, facts
        self.texts: list[str] = []
        self.ended: SeriesEnded | None = None

    def begin_series(self, series: InputSeries) -> int:
        del series
        return 0

    def finish_series(
        self,
        row: int,
        state: InputState,
        failure: str | None,
        outputs: Sequence[Output],
        regions: Sequence[Region] = (),
    ) -> None:
        del row
        self.ended = SeriesEnded(state, failure, tuple(outputs), tuple(regions), tuple(self.texts))

    def series_facts(self, row: RunRow) -> "_LogElsewhere":
        del row
        return self

    def of(self, series_instance_uid: str) -> Mapping[str, Value]:
        del series_instance_uid
        return self._facts

    def keep_text(self, series_uid: str, text: str) -> Path:
        del series_uid
        self.texts.append(text)
        return self._file

    def keep_traceback(self, series_uid: str, error: BaseException) -> Path:
        return self.keep_text(series_uid, "".join(format_exception(error)))


@dataclass(frozen=True, slots=True)
class ComputesElsewhere:
    """What a worker does with each series of a computation; it is pickled, with the stores that it holds.

    Attributes:
        load: Gives the code.
        id: Of the computation.
        identity: Likewise.
        file: The log of the computation, where the ledger is.
        name: What is computed.
        version: Of the code.
        parameters: Of the computation.
        run: The run whose series are computed on.
        selection: Which instances.
        inputs: Where the judged objects lie.
        outputs: Where results are written.
    """

    load: Callable[[], Computes]
    id: int
    identity: str
    file: Path
    name: str
    version: str
    parameters: Mapping[str, Any]
    run: RunRow = field(repr=False)
    selection: str
    inputs: Inputs | None = field(repr=False)
    outputs: Outputs | None = field(repr=False)

    @classmethod
    def of(cls, computation: Computation, load: Callable[[], Computes]) -> "ComputesElsewhere":
        """Give what is sent of a computation that is under way."""
        return cls(
            load,
            computation.id,
            computation.log.identity,
            computation.log.file,
            computation.name,
            computation.version,
            dict(computation.parameters),
            computation.run,
            computation.selection,
            computation.inputs,
            computation.outputs,
        )

    def __call__(self, task: SeriesTask) -> SeriesEnded:
        """Compute on one series, where a worker is."""
        silence_dicom()
        log = _LogElsewhere(self.id, self.identity, self.file, task.facts)
        computation = Computation(
            cast("ComputationLog", log),  # all of it that a series asks for
            self.name,
            self.version,
            self.parameters,
            self.run,
            self.selection,
            self.inputs,
            self.outputs,
        )
        with Series(computation, task.input, task.beside, task.about) as series:
            _loaded(self.load)(series)
        if log.ended is None:
            raise TypeError(log.ended)
        return log.ended


@lru_cache(maxsize=1)
def _loaded(load: Callable[[], Computes]) -> Computes:
    """Load the code once for all series that a process computes on."""
    return load()


def compute_elsewhere(remote: Callable[[SeriesTask], SeriesEnded], series: Series) -> None:
    """Have a series computed on by a worker, and record what it says.

    Args:
        remote: Has a worker do it, and waits for it.
        series: Not entered yet.
    """
    with series:
        ended = remote(SeriesTask(series.input, series.beside, series.about, series.facts))
        for text in ended.texts:
            series.computation.log.keep_text(series.uid, text)
        if ended.state is not InputState.COMPLETED:
            raise EndedElsewhereError(ended.state.value, ended.failure or "")
        series.take(ended.outputs, ended.regions)
