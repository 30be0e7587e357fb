"""A signal that ends the work ends it, wherever it arrives: also where Python ignores exceptions."""

import signal
import subprocess
import sys

import pytest

WORK = """
import os, signal, sys, time, weakref
from dicom_sieve.ending import ending_in_order

class Thing: pass

class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000): pass

def called_back(_):
    os.kill(os.getpid(), signal.{name})
    for _ in range(1000): pass

{handler}
with ending_in_order():
    try:
        if {in_callback}:
            thing = Thing()
            reference = weakref.ref(thing, called_back)
            del thing
        else:
            deleted = Deleted()
            del deleted
        print("went on", flush=True)
        time.sleep(30)
    finally:
        print("ended in order", flush=True)
"""
PREFECT = """
class TerminationSignal(BaseException):
    def __init__(self, signal):
        self.signal = signal

def of_prefect(number, frame):
    raise TerminationSignal(number)

signal.signal(signal.SIGTERM, of_prefect)
"""


@pytest.mark.parametrize("in_callback", [True, False])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_it_is_raised_again_where_it_was_ignored(name: str, in_callback: bool) -> None:
    done = _run(WORK.format(name=name, in_callback=in_callback, handler=""))

    assert done.returncode == 128 + signal.Signals[name], done.stderr
    assert done.stdout.splitlines()[-1] == "ended in order"


def test_prefect_s_own_is_raised_again_too() -> None:
    done = _run(WORK.format(name="SIGTERM", in_callback=True, handler=PREFECT))

    assert "TerminationSignal" in done.stderr
    assert done.stdout.splitlines() == ["went on", "ended in order"]


def _run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
