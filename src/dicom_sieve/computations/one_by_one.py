"""A computation of the registry on one run, in plain Python, without Prefect: series after series, unless told."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.of_kind import open_of_kind
from dicom_sieve.computations.together import compute_together
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.reading.ledger import Ledger


def compute_one_by_one(
    ledger: Ledger,
    kind: Kind,
    run: str,
    *,
    inputs: Inputs,
    outputs: Outputs,
    given: Mapping[str, Any] = MappingProxyType({}),
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 1,
    on_begin: Callable[[Computation], None] = lambda _: None,
) -> list[tuple[InputState, str | None, int]]:
    """Compute on the series of a run.

    Args:
        ledger: Where it is recorded.
        kind: What is computed.
        run: Id of a completed run, or its beginning.
        inputs: Where the judged objects lie.
        outputs: Where results are written.
        given: Parameters, as the kind takes them.
        advance: Called with 1 when a series has ended.
        workers: Series at the same time; 1: one after the other, in this thread.
        on_begin: Called with the computation when it is on record.

    Returns:
        What became of the series and why, with their number, the most frequent first.

    Raises:
        InvalidRequestError: The parameters are not accepted.
        UnknownRunError: There is no such run.
        ComputationError: The run did not complete, or the places are not fit for it.
    """
    parameters = kind.read_parameters(given)
    if workers == 1:
        kind.load()  # what is missing is said before anything is recorded
    with open_of_kind(ledger, kind, run, parameters=parameters, inputs=inputs, outputs=outputs) as computation:
        on_begin(computation)
        compute_together(computation, kind, workers, advance=advance)
    return computation.reasons()
