"""Tasks on Ray, whose workers may be on many machines (ADR 17). Imported only where it is chosen.

It needs the extra ``dicom-sieve[ray]``.

What a worker is sent lies in the call itself, never in Ray's object store or its control plane: credentials are held
by the process that runs and by the workers, in memory, and end with them. Errors come back as values, so that Ray has
no text to write down.
"""

import atexit
import logging
import os
import pickle
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported

import ray
from ray._private import ray_constants
from ray.exceptions import GetTimeoutError, RayError

from dicom_sieve import logs
from dicom_sieve.errors import DicomSieveError, WorkersError
from dicom_sieve.explain import explain
from dicom_sieve.private import SHORT_PREFIX, temporary_folder
from dicom_sieve.version import __version__
from dicom_sieve.workers.descendants import descendants_that_name, sweep
from dicom_sieve.workers.interface import Result, Task
from dicom_sieve.workers.resources import GIB, Resources

ONE_CORE = Resources()
EXECUTIONS = 5
"""Number of executions of one task, at most: its worker, or the machine, may die."""
OBJECT_STORE_BYTES = 256 * 1024 * 1024
"""Bytes of the object store of a Ray of our own: for the results of the tasks in flight, about a mebibyte each."""
SECONDS_TO_CONNECT = 10.0
ATTEMPTS = 3
"""Number of attempts to start a Ray of our own, or to be connected to another."""
SECONDS_BETWEEN_LOOKS = 30.0
SECONDS_WITHOUT_MACHINES = 600.0
"""Seconds in which a cluster that grows with its work has machines again."""
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0 it has Ray listen at 127.0.0.1 alone: what it does by itself on Windows and macOS. An address that is given
(``_node_ip_address``) does not: Ray puts one of the network in the place of 127.0.0.1, and listens on all."""
QUIET: dict[str, Any] = {"include_dashboard": False, "configure_logging": False, "log_to_driver": False}


@contextmanager
def ray_pool(
    address: str, workers: int, work: Callable[[Task], Result], *, needed: Resources = ONE_CORE
) -> Iterator[Callable[[Task], Result]]:
    """Give a function that runs another on one of Ray's workers, and waits for it.

    A task whose worker dies is executed again by another; what it brings is the same.

    Args:
        address: Of a running Ray: ``host:6379`` from one of its machines, ``ray://host:10001`` from elsewhere. Empty:
            one is started on this machine, and stopped in the end.
        workers: Of the one that is started.
        work: What is run. It is pickled.
        needed: By each task, of the machine that does it.

    Raises:
        WorkersError: Ray cannot be reached, or lost a task permanently.
    """
    sent = pickle.dumps(work)
    with connected(address, workers):
        execute = ray.remote(_execute).options(
            name="dicom-sieve-task",
            num_cpus=needed.cpus,
            num_gpus=needed.gpus,
            memory=int(needed.memory_gib * GIB),
            max_retries=EXECUTIONS - 1,
        )

        def remote(task: Task) -> Result:
            try:
                ended: Result | DicomSieveError = _wait_for(execute.remote(__version__, sent, task))
            except (RayError, ConnectionError) as error:
                raise WorkersError(
                    f"Ray did not bring {task} home: {type(error).__name__}",
                    "see whether its machines are up and all have this version of dicom-sieve, then start another "
                    "run: it reads only what is missing",
                ) from None
            if isinstance(ended, DicomSieveError):
                raise ended
            return ended

        yield remote


def _wait_for(call: Any) -> Any:
    """Give what a call returns. Ray itself would wait without end where all of its machines are gone."""
    last_seen = time.monotonic()
    while True:
        try:
            ended = ray.get(call, timeout=SECONDS_BETWEEN_LOOKS)
        except GetTimeoutError:
            machines = ray.nodes()  # type: ignore[no-untyped-call]
            if any(machine["Alive"] and machine["Resources"].get("CPU") for machine in machines):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > SECONDS_WITHOUT_MACHINES:
                raise WorkersError(
                    f"no machine of Ray has been up for {SECONDS_WITHOUT_MACHINES:.0f} s",
                    "start them, then start another run: it reads only what is missing",
                ) from None
        else:
            return ended


def _execute(version: str, sent: bytes, task: Any) -> Any:
    """Do a task, where a worker is. No error leaves it but as what it returns: Ray would keep and log its text."""
    if version != __version__:
        return WorkersError(
            f"a worker on Ray has dicom-sieve {__version__}, and the run {version}", "install the same everywhere"
        )
    try:
        return _restore(sent)(task)
    except DicomSieveError as error:
        return error
    except Exception as error:
        if explained := explain(error):
            return WorkersError(f"a worker on Ray: {explained}")
        places = ", ".join(
            f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
        )
        return WorkersError(f"unexpected {type(error).__name__} in a worker on Ray, raised through {places}")


@lru_cache(maxsize=1)
def _restore(sent: bytes) -> Callable[[Any], Any]:
    """Give the function with its store, whose clients then serve all tasks of a run in this worker."""
    logs.set_up()
    work: Callable[[Any], Any] = pickle.loads(sent)  # noqa: S301 - pickled by the run that calls
    return work


@contextmanager
def connected(address: str, workers: int) -> Iterator[None]:
    """Be connected to Ray; one that the process is connected to already is used as it is."""
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    with temporary_folder(SHORT_PREFIX) as made:  # ours leaves nothing behind
        folder = str(made)
        left: list[int] = []
        # Processes of a Ray ended while it starts wait a minute for others, and write there. Registered before Ray
        # registers what it does in the end, it comes after that.
        atexit.register(sweep, folder, left)
        try:
            _connect(address, workers, folder)
            yield
        except (SystemExit, KeyboardInterrupt):
            left += descendants_that_name(folder)
            raise
        finally:
            ray.shutdown()


def _connect(address: str, workers: int, folder: str) -> None:
    """Be connected to a Ray, or to one of our own that keeps its files in a folder."""
    try:
        if address:
            _check_address(address)
            _initialise(address)
        else:
            with _on_loopback():
                _initialise("local", num_cpus=workers, object_store_memory=OBJECT_STORE_BYTES, _temp_dir=folder)
    except Exception as error:  # Ray's own are of no closer type
        raise WorkersError(
            f"no Ray at {address or 'all on this machine'}: {type(error).__name__}",
            "accepted for DICOM_SIEVE_RAY_ADDRESS: host:6379 from one of Ray's machines, ray://host:10001 from "
            "elsewhere, or nothing: then the run starts one",
        ) from None


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have a Ray that is started inside listen at 127.0.0.1 alone; one elsewhere is connected to as ever.

    Its processes read the environment. This one read it when Ray was imported.
    """
    before, had = ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(LOOPBACK)
    ray_constants.ENABLE_RAY_CLUSTER, os.environ[LOOPBACK] = False, "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[LOOPBACK]
        if had is not None:
            os.environ[LOOPBACK] = had


def _initialise(address: str, attempts: int = ATTEMPTS, **own: Any) -> None:
    """Start Ray, or connect to it: it gives up after half a minute, and on a busy machine either takes longer."""
    try:
        ray.init(address, **own, **QUIET)
    except Exception:
        if attempts == 1:
            raise
        _initialise(address, attempts - 1, **own)


def _check_address(address: str) -> None:
    """See whether anyone listens there: Ray itself asks again for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
