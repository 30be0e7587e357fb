"""Sending events: by OpenLineage's own client, as its configuration says, in the background.

A receiver that is away delays the end of a run by a bounded time, and never fails it.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import RunEvent

NAMESPACE, DEFAULT_NAMESPACE = "OPENLINEAGE_NAMESPACE", "dicom-sieve"
CONFIG_FILE = "openlineage.yml"
WITHOUT_EXTRA = "OpenLineage is configured, but no event is sent: pip install 'dicom-sieve[lineage]'"
_TRANSPORT = "OPENLINEAGE__TRANSPORT"


def is_configured(environment: Mapping[str, str], directories: tuple[Path, ...]) -> bool:
    """Tell whether OpenLineage's client is configured to send events.

    Args:
        environment: Environment of the process.
        directories: Folders of a configuration file.
    """
    if environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if any(name == "OPENLINEAGE_URL" or name.startswith(_TRANSPORT) for name, value in environment.items() if value):
        return True
    named = environment.get("OPENLINEAGE_CONFIG")
    files = (*((Path(named),) if named else ()), *(directory / CONFIG_FILE for directory in directories))
    return any(_is_file(file) for file in files)


def is_configured_here() -> bool:
    """Tell the same of this process."""
    return is_configured(os.environ, (Path(), Path.home() / ".openlineage"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # not to be looked at
        return False


def is_installed() -> bool:
    """Tell whether OpenLineage's client is there: the extra ``dicom-sieve[lineage]``."""
    try:
        return find_spec("openlineage.client") is not None
    except ModuleNotFoundError:
        return False


class Sender:
    """Sends events one after the other, in its own thread."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Callable[[], RunEvent] | None] = SimpleQueue()
        self._problems: Counter[str] = Counter()
        self._thread = Thread(target=self._work, name="lineage", daemon=True)
        self._thread.start()

    def send(self, make: Callable[[], "RunEvent"]) -> None:
        """Have an event made and sent, in the background."""
        self._waiting.put(make)

    def close(self, seconds: float) -> list[str]:
        """Wait for the events that are left, and say what could not be sent.

        Args:
            seconds: Time to wait, at most.
        """
        self._waiting.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            return [f"not all OpenLineage events were sent: the receiver did not answer within {seconds:g} s"]
        return [f"{number} OpenLineage events could not be sent: {why}" for why, number in self._problems.items()]

    def _work(self) -> None:
        client: OpenLineageClient | None = None
        while (make := self._waiting.get()) is not None:
            with self._counting():
                client = client or _connect()
                client.emit(make())
        if client is not None:
            with self._counting():
                client.close()

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count errors, whatever they are: they do not fail a run."""
        try:
            yield
        except Exception as error:
            self._problems[_describe(error)] += 1


class _NoTransportError(Exception):
    """The configuration cannot be read, or names no transport."""


def _connect() -> "OpenLineageClient":
    """Make the client. It is slow to import, and what it logs may quote its configuration, with credentials."""
    logging.getLogger("openlineage").setLevel(logging.CRITICAL + 1)  # OPENLINEAGE_CLIENT_LOGGING overrides it
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each repeated request
    from openlineage.client import OpenLineageClient  # noqa: PLC0415

    client = OpenLineageClient()
    if client.transport.kind == "console" and (client.config.transport or {}).get("type") != "console":
        raise _NoTransportError  # else it would print them
    return client


def _describe(error: Exception) -> str:
    """Name an error without its text, which may hold an address with credentials."""
    if isinstance(error, _NoTransportError):
        return "its configuration names no transport"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ if status is None else f"the receiver answered {status}"
