"""The flow ``clean-dicom``: a thin coat around `dicom_sieve.screening.screen`."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.errors import DicomSieveError, LedgerError
from dicom_sieve.flows.observer import PrefectObserver, show_outcome
from dicom_sieve.flows.parameters import RawParameters
from dicom_sieve.flows.redaction import only_our_words, redact_crashed, redact_stored, refuse_spent
from dicom_sieve.flows.request import read_request
from dicom_sieve.ledger import open_ledger
from dicom_sieve.screening import Limits, Outcome, RunsShards, Screening, Shard, ShardResult, screen
from dicom_sieve.screening.shards import in_flight, process_pool, worker_processes
from dicom_sieve.settings import Settings, load_settings
from dicom_sieve.stores import Patience
from dicom_sieve.stores.s3_clients import silence_wire_logs

FLOW = "clean-dicom"
DEPLOYMENT = "default"
DESCRIPTION = "Screen a bucket of DICOM: every instance is kept or discarded, and the ledger says why."


@flow(
    name=FLOW,
    description=DESCRIPTION,
    validate_parameters=False,
    persist_result=False,
    on_crashed=[redact_crashed],
)
def clean_dicom(
    input_s3_parameters: Any = None,
    criteria: Any = None,
    output_s3_parameters: Any = None,
) -> State[None]:
    """Do what a request asks, as a flow run.

    Its parameters are `dicom_sieve.flows.parameters.Parameters`, read inside: were one required or checked here, then
    Prefect would refuse it, and its refusal would log all of them with the credentials.
    """
    silence_wire_logs()
    logger = get_run_logger()
    try:
        with only_our_words(logger):
            outcome = _screen(
                {
                    "input_s3_parameters": input_s3_parameters,
                    "criteria": criteria,
                    "output_s3_parameters": output_s3_parameters,
                },
                PrefectObserver(logger),
            )
    except DicomSieveError as error:
        # Returned rather than raised: what to do stands in the words, and nothing in a traceback.
        logger.error("%s", error)  # noqa: TRY400
        return Failed(message=str(error))
    return Completed(message=outcome.describe())


def _screen(given: RawParameters, observer: PrefectObserver) -> Outcome:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise LedgerError("the flow has no flow run; call dicom_sieve.screening.screen where there is no Prefect")
    redact_stored(context.flow_run.id, context.flow_run.parameters)
    refuse_spent(given)
    settings = load_settings()
    request = read_request(given, Patience.from_settings(settings))
    screening = Screening(
        execution_id=str(context.flow_run.id),
        store=request.store,
        criteria=request.criteria,
        output=request.output,
        limits=Limits.from_settings(settings),
        shard_objects=settings.shard_objects,
        run_shards=in_tasks(settings),
        observer=observer,
    )
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        outcome = screen(screening, ledger)
    show_outcome(outcome, compile_criteria(request.criteria))
    return outcome


@task(name="index-shard", task_run_name="shard-{number}", cache_policy=NO_CACHE, persist_result=False)
def index_shard_task(number: int, index: Callable[[], ShardResult]) -> ShardResult:
    """Index one shard. The work is a function without arguments, so that Prefect neither looks into it nor keeps it."""
    logger = get_run_logger()
    with only_our_words(logger):
        result = index()
    logger.info(
        "shard %d: %d headers in %d reads, %d objects unread",
        number,
        len(result.indexed),
        result.reads,
        len(result.unread),
    )
    return result


def in_tasks(settings: Settings) -> RunsShards:
    """Give an executor that runs each shard as a Prefect task, a bounded number at a time.

    Tasks are threads of the flow's process. With the setting ``processes`` each hands its shard to one of the same pool
    of processes that runs without Prefect, and waits: Prefect's own would load Prefect in each, and pickle every task.
    """

    def submit(index: Callable[[Shard], ShardResult], shard: Shard) -> PrefectFuture[ShardResult]:
        return index_shard_task.submit(shard.number, partial(index, shard))

    def run(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        in_processes = settings.task_runner == "processes"
        pool = process_pool(worker_processes(settings.shards_in_flight), index) if in_processes else nullcontext(index)
        with pool as indexes:
            yield from in_flight(
                partial(submit, indexes), lambda future: future.result(), shards, settings.shards_in_flight
            )

    return run
