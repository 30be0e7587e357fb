"""A signal between a context manager and its ``with``: nothing is held, and the ledger shows how the run ended."""

import contextlib
import dis
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.ending import EndedBySignal, ending_in_order
from dicom_sieve.ledger.database import engine
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

OBJECTS = {"a": ct(), "b": mr(), "c": ct(uid="1.2.3.4.2")}
ENTERING = contextlib._GeneratorContextManager.__enter__.__code__
RETURN = dis.opmap["RETURN_VALUE"]
LEASE, SECONDS = 6, 25
"""A lease stays until it ends where its giving up is interrupted; a lock that is held is waited for much longer."""


class Interruption:
    """Raises what a signal raises, once, where a context manager was entered, and its ``with`` does not know yet.

    Args:
        window: Which of them, from 1.
    """

    def __init__(self, window: int) -> None:
        self._left = window
        self.has_come = False

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        sys.settrace(self._begin)
        try:
            yield
        finally:
            sys.settrace(None)

    def _begin(self, frame: FrameType, _event: str, _: Any) -> Callable[..., Any] | None:
        if frame.f_code is not ENTERING:
            return None
        frame.f_trace_opcodes = True
        return self._look

    def _look(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] == RETURN:
            self._left -= 1
            if not self._left:
                self.has_come = True
                sys.settrace(None)
                raise EndedBySignal(15)
        return self._look


@pytest.mark.timeout(600)
def test_a_signal_between_a_context_manager_and_its_with_holds_nothing_up(ledger: Ledger) -> None:
    assert SECONDS < engine.BUSY_SECONDS
    windows = 0
    while True:
        windows += 1
        interruption = Interruption(windows)
        began = time.monotonic()
        store = SimulatedStore({**OBJECTS, f"{windows}": ct(uid=f"1.2.3.4.5.{windows}")})
        try:
            with ending_in_order(), interruption.coming():
                screen_ct(store, ledger, f"run {windows}", lease_seconds=LEASE)
        except EndedBySignal:
            pass
        assert time.monotonic() - began < SECONDS, windows
        if not interruption.has_come:
            break

    assert windows > 50
    assert sql(ledger, "SELECT * FROM lease") == []
    ends = [(row.state, row.failure) for row in ledger.runs()]
    assert {state for state, _ in ends} == {"CANCELLED", "COMPLETED", "FAILED"}
    # Where it has begun, and nobody knows yet who would record its end.
    assert [why for state, why in ends if state == "FAILED"] == ["its process ended before the run did"]
