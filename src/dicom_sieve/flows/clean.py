"""The flow ``clean-dicom``: a thin coat around `dicom_sieve.screening.screen`."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.states import Completed

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.errors import LedgerError
from dicom_sieve.flows.observer import PrefectObserver, show_outcome
from dicom_sieve.flows.parameters import Criteria, S3Parameters
from dicom_sieve.flows.redaction import only_our_words, redact_stored
from dicom_sieve.flows.request import read_request
from dicom_sieve.ledger import open_ledger
from dicom_sieve.screening import Limits, RunsShards, Screening, Shard, ShardResult, screen
from dicom_sieve.screening.shards import in_flight
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.s3_clients import silence_wire_logs

FLOW = "clean-dicom"
DEPLOYMENT = "default"


@flow(name=FLOW, validate_parameters=False, persist_result=False)  # its task runner: threads
def clean_dicom(
    input_s3_parameters: S3Parameters,
    criteria: Criteria,
    output_s3_parameters: S3Parameters | None = None,
) -> State[None]:
    """Screen a bucket of DICOM: every instance is kept or discarded, and the ledger says why.

    Parameters are read inside, not by Prefect, whose refusal would log them with the credentials.

    Args:
        input_s3_parameters: Where the objects lie.
        criteria: What an instance must meet to pass; all of them.
        output_s3_parameters: Where to publish the manifest. Empty: nothing is written to S3.
    """
    silence_wire_logs()
    logger = get_run_logger()
    given = {
        "input_s3_parameters": input_s3_parameters,
        "criteria": criteria,
        "output_s3_parameters": output_s3_parameters,
    }
    with only_our_words(logger):
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise LedgerError("the flow has no flow run; call dicom_sieve.screening.screen where there is no Prefect")
        redact_stored(context.flow_run.id, given)
        request = read_request(given)
        settings = load_settings()
        screening = Screening(
            execution_id=str(context.flow_run.id),
            store=request.store,
            criteria=request.criteria,
            output=request.output,
            limits=Limits.from_settings(settings),
            shard_objects=settings.shard_objects,
            run_shards=in_tasks(settings.shards_in_flight),
            observer=PrefectObserver(logger),
        )
        with open_ledger(settings.database_url.get_secret_value()) as ledger:
            outcome = screen(screening, ledger)
        show_outcome(outcome, compile_criteria(request.criteria))
    return Completed(message=outcome.describe())


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


def in_tasks(most: int) -> RunsShards:
    """Give an executor that runs each shard as a task of the flow's task runner, a bounded number at a time."""

    def submit(index: Callable[[Shard], ShardResult], shard: Shard) -> PrefectFuture[ShardResult]:
        return index_shard_task.submit(shard.number, partial(index, shard))

    def run(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        return in_flight(partial(submit, index), lambda future: future.result(), shards, most)

    return run
