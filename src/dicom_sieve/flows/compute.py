"""The flow ``segment-series``: an example of what is computed on a run's series. Not for clinical use.

A thin coat around `dicom_sieve.computations.segmentation.compute`; it needs the extra ``dicom-sieve[segmentation]``.
"""

import logging
import warnings
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
from dicom_sieve.computations.segmentation.compute import COMPUTATION, VERSION, segment_series
from dicom_sieve.contract.parameters import RawParameters
from dicom_sieve.contract.read import read_segmentation
from dicom_sieve.flows.again import stands_in_prefect
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.guard import Coated, in_coat
from dicom_sieve.flows.names import SEGMENT
from dicom_sieve.flows.redaction import only_our_words, redact_crashed
from dicom_sieve.flows.request import rules_of, with_blocks
from dicom_sieve.flows.result import of_segment
from dicom_sieve.ledger import open_ledger
from dicom_sieve.ledger.database.tables import InputState
from dicom_sieve.lineage import following
from dicom_sieve.publishing.anchor import open_anchor, push_or_say
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import Patience
from dicom_sieve.workers.local import in_flight

DESCRIPTION = "Lungs and body of each whole CT series that passed, as DICOM SEG. An example, not for clinical use."
MOST_REASONS = 50
"""That are shown; the ledger has all."""
_WORDS = {"COMPLETED": "segmented", "REFUSED": "refused", "FAILED": "failed", "SKIPPED": "computed before"}


@flow(
    name=SEGMENT,
    description=DESCRIPTION,
    validate_parameters=False,
    persist_result=False,
    on_crashed=[redact_crashed],
)
def segment_series_of_run(
    run_id: Any = None,
    input_s3_parameters: Any = None,
    output_s3_parameters: Any = None,
) -> State[None]:
    """Segment the series of a run. Its parameters are `dicom_sieve.contract.parameters.SegmentParameters`."""
    given = {
        "run_id": run_id,
        "input_s3_parameters": input_s3_parameters,
        "output_s3_parameters": output_s3_parameters,
    }
    return in_coat(given, Coated(partial(_segment, given), stands_in_prefect, of_segment))


def _segment(given: RawParameters, execution: Execution) -> State[None]:
    logger = execution.logger
    silence_dicom()
    settings = load_settings()
    anchor = open_anchor(settings)  # a wrong setting fails before the work
    request = read_segmentation(with_blocks(given), Patience.from_settings(settings), rules_of(settings))
    with (
        open_ledger(settings.database_url.get_secret_value()) as ledger,
        following(ledger, logger.warning) as follower,
        ledger.computation(
            COMPUTATION, version=VERSION, run=request.run_id, inputs=request.input, outputs=request.output
        ) as computation,
    ):
        execution.computation, execution.computed_run = computation.id, computation.run.id
        follower.computation(computation)
        for _ in in_flight(_submit, _wait, enumerate(computation.series(), 1), settings.series_in_flight):
            pass
        counts, reasons = computation.count(), computation.reasons()
        logger.info("computation %d in the ledger", computation.id)
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        push_or_say(ledger, anchor, logger.warning)
    message = describe(counts)
    show(message, reasons)
    return Failed(message=message) if counts.get("FAILED") else Completed(message=message)


@task(name=SEGMENT, task_run_name="series-{number}", cache_policy=NO_CACHE, persist_result=False)
def segment_series_task(number: int, work: Callable[[], str]) -> None:
    """Segment one series. The work has no arguments, so that Prefect neither looks into it nor keeps it."""
    logger = get_run_logger()
    with only_our_words(logger):
        became = work()
    logger.info("series %d: %s", number, became)


def _submit(numbered: tuple[int, Series]) -> PrefectFuture[None]:
    number, series = numbered
    return segment_series_task.submit(number, partial(_segment_one, series))


def _segment_one(series: Series) -> str:
    segment_series(series)
    return f"{series.state}: {series.failure}" if series.failure else str(series.state)


def _wait(future: PrefectFuture[None]) -> None:
    future.result()


def silence_dicom() -> None:
    """Keep the libraries that read and write DICOM from saying which values they do not like."""
    warnings.simplefilter("ignore")
    for name in ("pydicom", "highdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def describe(counts: Mapping[str, int]) -> str:
    """Say what became of all series."""
    said = [f"{counts.get(state, 0):,} {words}" for state, words in _WORDS.items()]
    return f"{said[0].replace(' ', ' series ', 1)}, {', '.join(said[1:])}"


def show(message: str, reasons: Sequence[tuple[InputState, str | None, int]]) -> None:
    """Leave a summary with the flow run: what became of the series, and why. The ledger knows which they are."""
    told = [
        (state, reason.replace("|", "\\|").replace("\n", " "), number) for state, reason, number in reasons if reason
    ]
    lines = [f"**{message}**"]
    if told:
        lines += ["", "| | reason | series |", "| --- | --- | ---: |"]
        lines += [f"| {state} | {reason} | {number:,} |" for state, reason, number in told[:MOST_REASONS]]
    create_markdown_artifact("\n".join(lines), key="series", description="What became of the series")
