"""Beginning a computation on a run, and ending it: its record in the ledger from the first row to the last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from dicom_sieve import private
from dicom_sieve.apart import describe_overlap
from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.ending import ending_in_order, let_go
from dicom_sieve.errors import ComputationError
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.leases.heartbeat import ALIVE_SECONDS
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.ledger.reading.ledger import Ledger
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.writing.computation_log import ComputationLog

SELECTIONS = ("WHOLE", "PARTIAL")
"""What may be asked for: whole series only; or also, of those of which not all passed, the instances that did."""


@contextmanager
def open_computation(
    ledger: Ledger,
    name: str,
    *,
    version: str,
    run: str,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    selection: str = "WHOLE",
    inputs: Inputs | None = None,
    outputs: Outputs | None = None,
    seconds: float = ALIVE_SECONDS,
    beside: Callable[[Computation, InputSeries], Sequence[Beside]] | None = None,
    about: Callable[[Computation, InputSeries], Mapping[str, Any]] | None = None,
    looks_for_results: bool = False,
) -> Iterator[Computation]:
    """Compute on what a run let pass, and have it recorded from its begin to its end.

    Args:
        ledger: Where it is recorded.
        name: What is computed, as ``lung-segmentation``.
        version: Of the code that computes. Another version computes again.
        run: Id of a completed run, or its beginning.
        parameters: Of the computation, as JSON can say them. Others compute again.
        selection: ``WHOLE``, series all of whose instances passed; or ``PARTIAL``, also what passed of others.
        inputs: The store in which the judged objects lie.
        outputs: The store that results are written to.
        seconds: How long it is taken for alive without a sign of life.
        beside: Finds what a series is computed on beside its instances.
        about: Finds what is wanted of a series that the ledger knows; it takes no part in what is the same input.
        looks_for_results: Whether a series is computed again of which a result is no longer where it was written.

    Raises:
        UnknownRunError: There is no such run.
        ComputationError: The run did not complete, the inputs are another bucket than it judged, or results would
            lie where it judged.
    """
    row = ledger.run(run).row
    _check(row, selection, inputs, outputs)
    log = ComputationLog.begin(
        ledger.engine, row, name=name, version=version, parameters=dict(parameters), seconds=seconds
    )
    private.sweep()
    try:
        with ending_in_order(), log.keep_alive(seconds):
            yield Computation(
                log,
                name,
                version,
                dict(parameters),
                row,
                selection,
                inputs,
                outputs,
                beside,
                about,
                looks_for_results,
            )
        state = RunState.COMPLETED
    except BaseException as error:
        let_go(error)
        state = RunState.FAILED if isinstance(error, Exception) else RunState.CANCELLED
        raise
    finally:
        log.finish(state)


def _check(row: RunRow, selection: str, inputs: Inputs | None, outputs: Outputs | None) -> None:
    if selection not in SELECTIONS:
        raise ValueError(f"selection {selection!r} is not known; accepted: {', '.join(SELECTIONS)}")
    if row.state != RunState.COMPLETED:
        raise ComputationError(f"run {row.id} is {row.state}: only what a COMPLETED run let pass is computed on")
    if inputs is not None and inputs.location.bucket != row.bucket:
        raise ComputationError(f"run {row.id} judged objects of {row.bucket}, the inputs are {inputs.location}")
    judged = row.location
    if outputs is not None and (overlap := describe_overlap(judged, outputs.location)):
        raise ComputationError(f"outputs: {overlap}")
