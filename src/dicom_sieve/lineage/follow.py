"""Following runs and computations: events of their begin and end go to the receiver in OpenLineage's settings."""

import datetime
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dicom_sieve.computations.computation import Computation
from dicom_sieve.ledger import Ledger
from dicom_sieve.lineage import sending
from dicom_sieve.lineage.sending import Sender

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

SECONDS = 5.0
"""Time that the end of a run waits for its events to be sent, at most."""


class Follower:
    """Sends an event of each followed run or computation at once, and another one at the end.

    Args:
        ledger: The ledger that records them.
        sender: Sends events; None where none are sent.
    """

    def __init__(self, ledger: Ledger, sender: Sender | None) -> None:
        self._ledger = ledger
        self._sender = sender
        self._followed: list[Callable[[], Callable[[], RunEvent]]] = []
        self._problems: Counter[str] = Counter()

    def run(self, run_id: str) -> None:
        """Follow a run that has begun."""
        self._follow(partial(self._read_run, run_id))

    def computation(self, computation: Computation) -> None:
        """Follow a computation that has begun."""
        self._follow(partial(self._read_computation, computation.run.id, computation.id))

    def end(self, seconds: float) -> list[str]:
        """Send the final events, and give the problems in sentences."""
        if self._sender is None:
            return []
        for read in self._followed:
            self._tell(read)
        not_made = [f"{number} OpenLineage events could not be made: {why}" for why, number in self._problems.items()]
        return [*not_made, *self._sender.close(seconds)]

    def _follow(self, read: "Callable[[], Callable[[], RunEvent]]") -> None:
        if self._sender is not None:
            self._followed.append(read)
            self._tell(read)

    def _tell(self, read: "Callable[[], Callable[[], RunEvent]]") -> None:
        """Read rows in this thread; the sender's thread, where the client is loaded, makes the event of them."""
        if self._sender is None:
            return
        try:
            self._sender.send(read())
        except Exception as error:  # a run does not fail because an event cannot be sent
            self._problems[type(error).__name__] += 1

    def _read_run(self, run_id: str) -> "Callable[[], RunEvent]":
        row = self._ledger.run(run_id).row
        return lambda: _events().run_event(row, _namespace(), _now())

    def _read_computation(self, run_id: str, computation_id: int) -> "Callable[[], RunEvent]":
        recorded = self._ledger.run(run_id)
        [row] = [computation for computation in self._ledger.computations(run_id) if computation.id == computation_id]
        computed = (series for series in recorded.computed() if series.computation_id == computation_id)
        uris = [output.uri for series in computed for output in series.outputs]
        return lambda: _events().computation_event(row, recorded.row, uris, _namespace(), _now())


@contextmanager
def following(ledger: Ledger, warn: Callable[[str], None], *, seconds: float = SECONDS) -> Iterator[Follower]:
    """Send OpenLineage events of what is followed inside; none where OpenLineage is not configured.

    Args:
        ledger: The ledger that records runs and computations.
        warn: Called at the end with what could not be sent, without values and addresses.
        seconds: Time to wait for the receiver at the end, at most.
    """
    sender = None
    if sending.is_configured_here():
        if sending.is_installed():
            sender = Sender()
        else:
            warn(sending.WITHOUT_EXTRA)
    follower = Follower(ledger, sender)
    try:
        yield follower
    finally:
        for problem in follower.end(seconds):
            warn(problem)


def _events() -> Any:
    from dicom_sieve.lineage import events  # noqa: PLC0415 - it needs the extra, and is slow to import

    return events


def _namespace() -> str:
    return os.environ.get(sending.NAMESPACE) or sending.DEFAULT_NAMESPACE


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
