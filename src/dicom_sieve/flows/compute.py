"""The flow ``compute-series``: what is computed on a run's series; and ``segment-series``, as it was called once.

Thin around `dicom_sieve.computations`, whose registry knows what can be computed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.of_kind import open_of_kind
from dicom_sieve.computations.quiet import silence_dicom
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.computations.together import computing
from dicom_sieve.contract.parameters import RawParameters
from dicom_sieve.contract.read import read_computation
from dicom_sieve.flows.again import stands_in_prefect
from dicom_sieve.flows.blocks_in_requests import rules_of, with_blocks
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.follow_up import announce_computation
from dicom_sieve.flows.guard import Guarded, run_guarded
from dicom_sieve.flows.names import COMPUTE, SEGMENT
from dicom_sieve.flows.redaction import only_our_words, redact_crashed
from dicom_sieve.flows.result import of_computation
from dicom_sieve.ledger import open_ledger
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.lineage import following
from dicom_sieve.publishing.anchor import open_anchor, push_or_say
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import Retries
from dicom_sieve.workers.local import in_flight

DESCRIPTION = "A computation on each series that passed whole: its results, and what became of each, are on record."
MOST_REASONS = 50
"""That are shown; the ledger has all."""
_WORDS = {"REFUSED": "refused", "FAILED": "failed", "SKIPPED": "computed before"}


@flow(
    name=COMPUTE,
    description=DESCRIPTION,
    validate_parameters=False,
    persist_result=False,
    on_crashed=[redact_crashed],
)
def compute_series_of_run(
    computation: Any = None,
    run_id: Any = None,
    input_s3_parameters: Any = None,
    output_s3_parameters: Any = None,
    parameters: Any = None,
    *,
    input: Any = None,  # noqa: A002 - the contract's name
) -> State[None]:
    """Compute on the series of a run. Its parameters are `dicom_sieve.contract.parameters.ComputeParameters`."""
    given = {
        "computation": computation,
        "run_id": run_id,
        "input_s3_parameters": input_s3_parameters,
        "output_s3_parameters": output_s3_parameters,
        "parameters": parameters,
        "input": input,
    }
    return run_guarded(given, Guarded(partial(_compute, given), stands_in_prefect, partial(of_computation, COMPUTE)))


@flow(
    name=SEGMENT,
    description=LUNG_SEGMENTATION.description,
    validate_parameters=False,
    persist_result=False,
    on_crashed=[redact_crashed],
)
def segment_series_of_run(
    run_id: Any = None,
    input_s3_parameters: Any = None,
    output_s3_parameters: Any = None,
    *,
    input: Any = None,  # noqa: A002 - the contract's name
) -> State[None]:
    """Segment the series of a run. Its parameters are `dicom_sieve.contract.parameters.SegmentParameters`."""
    given = {
        "run_id": run_id,
        "input_s3_parameters": input_s3_parameters,
        "output_s3_parameters": output_s3_parameters,
        "input": input,
    }
    asked = {**given, "computation": LUNG_SEGMENTATION.name}
    return run_guarded(given, Guarded(partial(_compute, asked), stands_in_prefect, partial(of_computation, SEGMENT)))


def _compute(given: RawParameters, execution: Execution) -> State[None]:
    logger = execution.logger
    silence_dicom()
    settings = load_settings()
    anchor = open_anchor(settings)  # a wrong setting fails before the work
    request = read_computation(with_blocks(given), Retries.from_settings(settings), rules_of(settings))
    kind = request.kind
    kind.load()  # what is missing is said before anything is recorded
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        with (
            following(ledger, logger.warning) as follower,
            open_of_kind(
                ledger,
                kind,
                request.run_id,
                parameters=request.parameters,
                inputs=request.input,
                outputs=request.output,
            ) as computation,
        ):
            execution.computation, execution.computed_run = computation.id, computation.run.id
            follower.computation(computation)
            with computing(computation, kind, settings.series_in_flight, settings) as (compute, most):
                for _ in in_flight(partial(_submit, compute), _wait, enumerate(computation.series(), 1), most):
                    pass
            counts, reasons = computation.count(), computation.reasons()
            logger.info("computation %d in the ledger", computation.id)
        push_or_say(ledger, anchor, logger.warning)  # its end is sealed now
    announce_computation(computation, counts)
    message = describe(kind, counts)
    show(message, reasons)
    return Failed(message=message) if counts.get("FAILED") else Completed(message=message)


@task(name=COMPUTE, task_run_name="series-{number}", cache_policy=NO_CACHE, persist_result=False)
def compute_series_task(number: int, work: Callable[[], str]) -> None:
    """Compute on one series. The work has no arguments, so that Prefect neither looks into it nor keeps it."""
    logger = get_run_logger()
    with only_our_words(logger):
        became = work()
    logger.info("series %d: %s", number, became)


def _submit(compute: Callable[[Series], None], numbered: tuple[int, Series]) -> PrefectFuture[None]:
    number, series = numbered
    return compute_series_task.submit(number, partial(_compute_one, compute, series))


def _compute_one(compute: Callable[[Series], None], series: Series) -> str:
    compute(series)
    return f"{series.state}: {series.failure}" if series.failure else str(series.state)


def _wait(future: PrefectFuture[None]) -> None:
    future.result()


def describe(kind: Kind, counts: Mapping[str, int]) -> str:
    """Say what became of all series."""
    words = {"COMPLETED": kind.done, **_WORDS}
    said = [f"{counts.get(state, 0):,} {word}" for state, word in words.items()]
    return f"{said[0].replace(' ', ' series ', 1)}, {', '.join(said[1:])}"


def show(message: str, reasons: Sequence[tuple[InputState, str | None, int]]) -> None:
    """Leave a summary with the flow run: what became of the series, and why. The ledger knows which they are."""
    given = [
        (state, reason.replace("|", "\\|").replace("\n", " "), number) for state, reason, number in reasons if reason
    ]
    lines = [f"**{message}**"]
    if given:
        lines += ["", "| | reason | series |", "| --- | --- | ---: |"]
        lines += [f"| {state} | {reason} | {number:,} |" for state, reason, number in given[:MOST_REASONS]]
    create_markdown_artifact("\n".join(lines), key="series", description="What became of the series")
