"""A run that is stopped in Prefect at the moment in which its work ends."""

import logging
import signal
import threading
import uuid
from contextlib import nullcontext

import pytest

from dicom_sieve.explain import Stop
from dicom_sieve.flows import watch
from dicom_sieve.flows.watch import SIGNAL, watching


def test_a_signal_that_is_on_its_way_when_the_work_has_ended_interrupts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_sent, has_ended = threading.Event(), threading.Event()
    kill, before = signal.pthread_kill, signal.getsignal(SIGNAL)

    def send_late(thread: int, number: signal.Signals) -> None:
        is_sent.set()
        has_ended.wait(10)
        threading.Event().wait(0.2)  # meanwhile the main thread waits for its turn
        kill(thread, number)

    monkeypatch.setattr(watch, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(watch, "get_client", lambda **_: nullcontext())
    monkeypatch.setattr(watch, "find_stop", lambda *_: Stop.DELETED)
    monkeypatch.setattr(signal, "pthread_kill", send_late)

    with watching(uuid.uuid4(), logging.getLogger()):
        assert is_sent.wait(10)
        has_ended.set()

    assert signal.getsignal(SIGNAL) == before
