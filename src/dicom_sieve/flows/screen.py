"""The flow ``clean-dicom``: a thin layer over `dicom_sieve.screening.screen`."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed

from dicom_sieve.contract.locations import Publish
from dicom_sieve.contract.parameters import RawParameters
from dicom_sieve.contract.read import Request, look_up_criteria, read_request
from dicom_sieve.criteria import Damaged, compile_criteria
from dicom_sieve.criteria.choose import Unit
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.flows.again import stands_in_ledger, stands_in_prefect
from dicom_sieve.flows.artifacts import show_attrition, show_link, show_unread, show_verdicts
from dicom_sieve.flows.blocks_in_requests import rules_of, with_blocks
from dicom_sieve.flows.divided import is_part, screen_divided
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.follow_up import announce
from dicom_sieve.flows.guard import Guarded, run_guarded
from dicom_sieve.flows.names import CLEAN
from dicom_sieve.flows.observer import observing
from dicom_sieve.flows.redaction import only_our_words, redact_crashed
from dicom_sieve.flows.result import Result, of_clean
from dicom_sieve.flows.result import State as EndState
from dicom_sieve.ledger import Ledger, RecordedRun, open_ledger
from dicom_sieve.lineage import following
from dicom_sieve.objects import Listing, Selection
from dicom_sieve.publishing.anchor import open_anchor
from dicom_sieve.reports import make_report
from dicom_sieve.screening import (
    Limits,
    Preview,
    PreviewResult,
    RunsShards,
    Screening,
    Shard,
    ShardResult,
    preview_known,
    screen,
)
from dicom_sieve.screening import preview as run_preview
from dicom_sieve.settings import Settings, load_settings
from dicom_sieve.stores import Retries
from dicom_sieve.workers.choose import pool_for
from dicom_sieve.workers.local import in_flight

DESCRIPTION = "Screen a bucket of DICOM: every instance is kept or discarded, and the ledger says why."


@flow(
    name=CLEAN,
    description=DESCRIPTION,
    validate_parameters=False,
    persist_result=False,
    on_crashed=[redact_crashed],
)
def clean_dicom(
    input_s3_parameters: Any = None,
    criteria: Any = None,
    output_s3_parameters: Any = None,
    preview: Any = False,
    damaged: Any = Damaged.DISCARD.value,
    *,
    unit: Any = Unit.INSTANCE.value,
    choose: Any = None,
    input: Any = None,  # noqa: A002 - the contract's name
    listing: Any = Listing.NEW.value,
    divide: Any = None,
) -> State[None]:
    """Do what a request asks, as a flow run. Its parameters are `dicom_sieve.contract.parameters.Parameters`."""
    given = {
        "input_s3_parameters": input_s3_parameters,
        "criteria": criteria,
        "output_s3_parameters": output_s3_parameters,
        "preview": preview,
        "damaged": damaged,
        "unit": unit,
        "choose": choose,
        "input": input,
        "listing": listing,
        "divide": divide,
    }
    has_no_row = preview is True or divide is not None
    stands = stands_in_prefect if has_no_row else partial(stands_in_ledger, given)
    return run_guarded(given, Guarded(partial(_do, given), stands, _result))


def _do(given: RawParameters, execution: Execution) -> State[None]:
    settings = load_settings()
    execution.is_preview = given.get("preview") is True
    request = read_request(with_blocks(given), Retries.from_settings(settings), rules_of(settings))
    execution.output = request.output
    if request.named is not None:
        with open_ledger(settings.database_url.get_secret_value()) as ledger:
            request = look_up_criteria(request, ledger)
        execution.named = request.named
    if request.preview:
        return _preview(request, settings, execution)
    if request.divide is not None:
        return screen_divided(request, request.divide, settings, execution)
    return _screen(request, settings, execution)


def _result(execution: Execution, ledger: Ledger | None, state: EndState, message: str) -> Result:
    seconds = 0 if execution.output is None else load_settings().report_link_seconds
    return of_clean(execution, ledger, state, message, link_seconds=seconds)


def _preview(request: Request, settings: Settings, execution: Execution) -> State[None]:
    if request.output is not None:
        execution.logger.info("a preview publishes nothing: the output is not used")
    with open_ledger(settings.database_url.get_secret_value()) as ledger, observing(execution.logger) as observer:
        if request.listing is Listing.LAST:
            place, damaged = request.store.location, request.damaged
            known = preview_known(place, request.criteria, ledger, observer=observer, damaged=damaged)
            return _show_preview(known, request, execution)
        asked = Preview(
            request.store,
            request.criteria,
            limits=Limits.from_settings(settings),
            in_clear=settings.in_clear,
            shard_objects=settings.shard_objects,
            run_shards=in_tasks(settings),
            observer=observer,
            inventory=request.inventory,
            damaged=request.damaged,
            tables_in=(request.output, request.store),
        )
        return _show_preview(run_preview(asked, ledger), request, execution)


def _show_preview(previewed: PreviewResult, request: Request, execution: Execution) -> State[None]:
    execution.counts = previewed.counts
    show_verdicts(previewed.describe(), previewed.counts, compile_criteria(request.criteria))
    return Completed(message=previewed.describe())


def _screen(request: Request, settings: Settings, execution: Execution) -> State[None]:
    logger = execution.logger
    with (
        open_ledger(settings.database_url.get_secret_value()) as ledger,
        following(ledger, logger.warning) as follower,
        observing(logger) as observer,
    ):
        screening = Screening(
            execution_id=execution.flow_run_id,
            store=request.store,
            criteria=request.criteria,
            output=request.output,
            copies_of=None if request.publish is Publish.MANIFEST else request.store,
            copied=Selection.WHOLE if request.publish is Publish.COPY_WHOLE else Selection.ANY,
            limits=Limits.from_settings(settings),
            in_clear=settings.in_clear,
            shard_objects=settings.shard_objects,
            run_shards=in_tasks(settings),
            observer=observer,
            on_begin=follower.run,
            inventory=request.inventory,
            damaged=request.damaged,
            listing=request.listing,
            named=request.named,
            tables_in=(request.output, request.store),
            anchor=open_anchor(settings),
        )
        try:
            outcome = screen(screening, ledger)
        except IncompleteRunError as error:
            _show_incomplete(ledger.run(error.run_id))
            raise
        report = outcome.report or make_report(ledger.run(outcome.run_id))
    show_verdicts(outcome.describe(), outcome.counts, report.criteria)
    show_attrition(report)
    if outcome.manifest is not None and request.output is not None:
        show_link(outcome.manifest.uri, request.output.location)
    if not is_part():
        announce(outcome, request.store.location)
    return Completed(message=outcome.describe())


def _show_incomplete(recorded: RecordedRun) -> None:
    report = make_report(recorded)
    show_verdicts(report.title, recorded.row.counts or {}, report.criteria)
    show_attrition(report)
    show_unread(report.unread_causes)


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

    Tasks are threads of the flow's process. With other workers each hands its shard to one of the same that run without
    Prefect, and waits: engines of Prefect's own would load it in each worker, and send it the flow's parameters and
    Prefect's API key with every shard (ADR 17).
    """

    def submit(index: Callable[[Shard], ShardResult], shard: Shard) -> PrefectFuture[ShardResult]:
        return index_shard_task.submit(shard.number, partial(index, shard))

    def run(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with pool_for(settings)(index) as indexes:
            yield from in_flight(
                partial(submit, indexes), lambda future: future.result(), shards, settings.shards_in_flight
            )

    return run
