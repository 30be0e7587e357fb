"""A computation of the registry under way on one run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.opening import open_computation
from dicom_sieve.ledger.reading.ledger import Ledger
from dicom_sieve.tracing import span


@contextmanager
def open_of_kind(
    ledger: Ledger, kind: Kind, run: str, *, parameters: Mapping[str, Any], inputs: Inputs, outputs: Outputs
) -> Iterator[Computation]:
    """Compute by a kind on what a run let pass; when its series have ended, results of all of them are made.

    Args:
        ledger: Where it is recorded.
        kind: What is computed.
        run: Id of a completed run, or its beginning.
        parameters: All of them, as the kind has read them.
        inputs: Where the judged objects lie.
        outputs: Where results are written.

    Raises:
        UnknownRunError: There is no such run.
        ComputationError: The run did not complete, or the places are not fit for it.
    """
    with (
        span("computation", computation=kind.name, version=kind.version) as told,
        open_computation(
            ledger,
            kind.name,
            version=kind.version,
            run=run,
            parameters=parameters,
            inputs=inputs,
            outputs=outputs,
            beside=kind.beside,
            about=kind.about,
            looks_for_results=kind.looks_for_results,
        ) as computation,
    ):
        told.tell(run_id=computation.run.id, computation_id=computation.id)
        yield computation
        if kind.gather is not None:
            kind.gather(computation)
