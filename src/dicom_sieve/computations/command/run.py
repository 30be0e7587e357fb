"""Running a program on one series: its files in a folder, its results from another, bounded in time and memory."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.computations.command.spec import INPUT, OUTPUT, Command
from dicom_sieve.computations.computation import Series
from dicom_sieve.errors import ComputationError, RefusedError

_LIMITED = Path(__file__).with_name("limited.py")
GIB = 1024**3
MOST_FILES = 10_000
"""Of results of one series."""
LONGEST_LOG = 1024 * 1024
"""Bytes of what it printed that are kept; the last ones."""
_NOT_ITS_OWN = re.compile(r"^(DICOM_SIEVE|PREFECT|AWS)_|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
"""Variables that a program is not given."""


def run_on_series(command: Command, series: Series) -> None:
    """Run the program, and record every file that it leaves as a result; what it prints is kept in the log.

    Raises:
        RefusedError: The program says that the series is not fit for it.
        ComputationError: It ended otherwise than well, took too long, or left nothing.
    """
    with results_of(command, series) as found:
        for name, file in found.items():
            series.record_output(file, name=name)


@contextmanager
def results_of(command: Command, series: Series) -> Iterator[dict[str, Path]]:
    """Run the program, and give the files that it leaves by their paths; they go when the context is left.

    Raises:
        RefusedError: The program says that the series is not fit for it.
        ComputationError: It ended otherwise than well, took too long, or left nothing.
    """
    files = series.download()
    with private.temporary_folder() as folder:
        instances, results, scratch = (folder / name for name in ("instances", "results", "scratch"))
        for each in (instances, results, scratch):
            each.mkdir()
        for file in files:
            _link(file, instances / file.name)
        said = {INPUT: str(instances), OUTPUT: str(results)}
        arguments = [_fill(part, said) for part in command.command]
        printed = folder / "log"
        code = _run(arguments, command, scratch, printed, of=series.computation.id)
        log = series.computation.log.keep_text(series.uid, _last_of(printed))
        where = f"what it printed: {log or 'it could not be written'}"
        if code is None:
            raise ComputationError(f"it took longer than {command.timeout_seconds:g} s and was killed; {where}")
        if code in command.refuses:
            raise RefusedError(f"the program refuses it: exit code {code}")
        if code:
            ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            raise ComputationError(f"{ended}; {where}")
        found = _results(results)
        if not found:
            raise ComputationError(f"it wrote nothing to {OUTPUT}; {where}")
        yield found


def _link(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)


def _fill(part: str, said: Mapping[str, str]) -> str:
    for name, folder in said.items():
        part = part.replace(name, folder)
    return part


_running: dict[int, set["subprocess.Popen[bytes]"]] = {}
"""Programs under way, by the id of their computation: threads wait for them."""


def kill_programs(computation_id: int) -> None:
    """Kill the programs of a computation that is stopped; threads that wait for them go on then."""
    for process in tuple(_running.get(computation_id, ())):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _run(arguments: Sequence[str], command: Command, scratch: Path, printed: Path, *, of: int) -> int | None:
    """Run it in a session of its own, of which nothing is left; gives its exit code, None where it was too slow."""
    limit = 0 if command.memory_gib is None else int(command.memory_gib * GIB)
    given = {name: value for name, value in os.environ.items() if not _NOT_ITS_OWN.search(name)}
    with private.create(printed) as log:
        process = subprocess.Popen(  # noqa: S603 - what the deployment's owner names; no shell
            [sys.executable, "-I", str(_LIMITED), str(limit), *arguments],
            cwd=scratch,
            env={**given, "TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = _running.setdefault(of, set())
        running.add(process)
        try:
            return process.wait(command.timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            running.discard(process)


def _last_of(printed: Path) -> str:
    with printed.open("rb") as file:
        file.seek(max(0, printed.stat().st_size - LONGEST_LOG))
        return file.read().decode("utf-8", "backslashreplace")


def _results(folder: Path) -> dict[str, Path]:
    """Give the files of a folder by their paths in it; a link is no result.

    Raises:
        ComputationError: There are too many.
    """
    found: dict[str, Path] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent) / name
            if not file.is_symlink() and file.is_file():
                found[file.relative_to(folder).as_posix()] = file
        if len(found) > MOST_FILES:
            raise ComputationError(f"it wrote more than {MOST_FILES:,} files")
    return dict(sorted(found.items()))
