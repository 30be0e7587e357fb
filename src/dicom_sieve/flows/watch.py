"""A run that is deleted, paused or cancelled in Prefect while it works ends in order.

Prefect tells a flow's process of a cancellation alone, by a signal of the process that serves it. Here its server is
asked again and again how the flow run stands; where it is not to go on, the work is interrupted, as Ctrl-C does it.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.states import Cancelled, Suspended

from dicom_sieve.explain import Stop, StoppedInPrefect
from dicom_sieve.flows.execution import RunLogger

SECONDS_BETWEEN_LOOKS = 5.0
SIGNAL = signal.SIGUSR1
"""Signal by which the watching thread interrupts the main one."""


class Watch:
    """Watches one flow run; made by `watching`.

    Args:
        flow_run_id: Which.
    """

    def __init__(self, flow_run_id: UUID) -> None:
        self._flow_run_id = flow_run_id
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._found: Stop | None = None

    def look_again_and_again(self) -> None:
        """Look until the work has ended, or is not to go on."""
        with get_client(sync_client=True) as client:
            while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
                self._found = find_stop(client, self._flow_run_id)
                if self._found is not None:
                    self._interrupt_main_thread()
                    return

    def end(self) -> None:
        """Look no more, and interrupt nothing; a signal that is on its way has come when this returns."""
        self._ended.set()
        with self._turn:
            pass

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Interrupt the work: this is what the signal calls, in the main thread."""
        if self._found is not None and not self._ended.is_set():
            raise StoppedInPrefect(self._found)

    def _interrupt_main_thread(self) -> None:
        with self._turn:  # where the work has ended, the signal would end the process
            if not self._ended.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)


def find_stop(client: SyncPrefectClient, flow_run_id: UUID) -> Stop | None:
    """Tell why a run is not to go on; None where it is, or where nobody answers."""
    try:
        state = client.read_flow_run(flow_run_id).state
    except ObjectNotFound:
        return Stop.DELETED
    except (httpx.HTTPError, ValueError):  # the server is away, or busy
        return None
    if state is not None and state.is_paused():
        return Stop.PAUSED
    if state is not None and state.is_cancelled():
        return Stop.CANCELLED
    return None


@contextmanager
def watching(flow_run_id: UUID, logger: RunLogger) -> Iterator[None]:
    """Interrupt what is done inside where the flow run is deleted, paused or cancelled in Prefect.

    Only the main thread can be interrupted; Prefect runs flows there. In another one nothing is watched.

    Raises:
        StoppedInPrefect: It was.
    """
    if threading.current_thread() is not threading.main_thread():
        logger.warning("not in the main thread: a run that is deleted or paused in Prefect goes on")
        yield
        return
    watch = Watch(flow_run_id)
    before = signal.signal(SIGNAL, watch.interrupt)
    # With the flow run's context: in it Prefect's client knows the server.
    looking = threading.Thread(target=copy_context().run, args=(watch.look_again_and_again,), name="watch", daemon=True)
    looking.start()
    try:
        yield
    finally:
        watch.end()
        looking.join(SECONDS_BETWEEN_LOOKS)  # it may be waiting for a server that is away
        signal.signal(SIGNAL, before or signal.SIG_DFL)


def end_of(stop: StoppedInPrefect, flow_run_id: UUID) -> State[None]:
    """Give the state in which a run that was stopped ends.

    Raises:
        Abort: It was deleted: there is nothing to set a state of.
        Pause: It was paused, and stays so until it is resumed: then it is started again.
    """
    match stop.stop:
        case Stop.DELETED:
            raise Abort(str(stop)) from None
        case Stop.PAUSED:
            raise Pause(state=_suspend(flow_run_id)) from None
        case Stop.CANCELLED:
            return Cancelled(message=str(stop))


def _suspend(flow_run_id: UUID) -> State[None]:
    """Have a paused run started again when it is resumed: a plain pause expects a process that waits."""
    suspended: State[None] = Suspended()
    with suppress(httpx.HTTPError, ObjectNotFound), get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run_id).state
        if state is not None and state.is_paused() and state.state_details.pause_reschedule:
            return state
        client.set_flow_run_state(flow_run_id, suspended, force=True)
    return suspended
