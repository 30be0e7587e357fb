"""Several series at the same time: in threads, in processes, or on Ray (ADR 52)."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

from dicom_sieve.computations.command.run import kill_programs
from dicom_sieve.computations.computation import Computation, Series
from dicom_sieve.computations.elsewhere import ComputesElsewhere, compute_elsewhere
from dicom_sieve.computations.kind import Kind
from dicom_sieve.settings import Settings, load_settings
from dicom_sieve.tracing import here, span
from dicom_sieve.workers.choose import runner_for

SECONDS_BETWEEN_KILLS = 0.2
"""A thread may just be starting a program."""


@contextmanager
def computing(
    computation: Computation, kind: Kind, most: int, settings: Settings | None = None
) -> Iterator[tuple[Callable[[Series], None], int]]:
    """Give what computes on one series, to be called by several threads; and how many of them.

    Args:
        computation: Under way.
        kind: What is computed.
        most: Series that are asked for at the same time.
        settings: Name the workers; None: those of the environment.

    Raises:
        WorkersError: This machine does not have what a series needs, or workers cannot be reached.
    """
    settings, within = settings or load_settings(), here()
    pool, in_flight = runner_for(settings, kind.resources, most, own_process=kind.own_process)
    if pool is None:
        yield partial(_traced, within, partial(_compute_here, kind.load())), in_flight
        return
    with pool(ComputesElsewhere.of(computation, kind.load)) as remote:
        yield partial(_traced, within, partial(compute_elsewhere, remote)), in_flight


def _traced(within: Any, compute: Callable[[Series], None], series: Series) -> None:
    """Compute on a series in a span of it, whichever thread it is."""
    with span("series", within=within, instances=len(series.input.instances)) as told:
        compute(series)
        told.tell(state=str(series.state))


def _compute_here(computes: Callable[[Series], None], series: Series) -> None:
    with series:
        computes(series)


def compute_together(
    computation: Computation,
    kind: Kind,
    workers: int,
    *,
    advance: Callable[[int], None] = lambda _: None,
    settings: Settings | None = None,
) -> None:
    """Compute on all series of a computation, some at the same time; each is recorded when it ends.

    Series are asked for when there is a worker for them, so that memory does not grow with their number.

    Args:
        computation: Under way.
        kind: What is computed.
        workers: Series at the same time, at most; 1: one after the other, where the caller is.
        advance: Called with 1 when a series has ended.
        settings: Name the workers; None: those of the environment.
    """
    if workers == 1:
        computes, within = kind.load(), here()
        for series in computation.series():
            _traced(within, partial(_compute_here, computes), series)
            advance(1)
        return
    flying = set[Future[None]]()
    with (
        _threads(workers, flying, computation.id) as threads,
        computing(computation, kind, workers, settings) as (compute, in_flight),
    ):
        for series in computation.series():
            if len(flying) >= in_flight:
                _wait_for_some(flying, advance)
            flying.add(threads.submit(compute, series))
        while flying:
            _wait_for_some(flying, advance)


@contextmanager
def _threads(workers: int, flying: set[Future[None]], computation_id: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads, and do not leave before they have ended: their workers and programs are killed before."""
    threads = ThreadPoolExecutor(workers, thread_name_prefix="compute")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        while flying:
            kill_programs(computation_id)
            wait(flying, SECONDS_BETWEEN_KILLS)
            flying -= {future for future in flying if future.done()}
        threads.shutdown()


def _wait_for_some(flying: set[Future[None]], advance: Callable[[int], None]) -> None:
    """Wait until some have ended, and take them out."""
    for future in wait(flying, return_when=FIRST_COMPLETED).done:
        flying.discard(future)
        future.result()
        advance(1)
