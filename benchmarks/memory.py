"""Memory and time of runs over very many objects, which a store makes up while it is asked.

Every run is a process of its own, so that each has its own peak. The first run reads every object, the second finds
them all known. The ledger is SQLite in a file.
"""

import argparse
import asyncio
import dataclasses
import datetime
import json
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.made import CRITERIA, Maker
from benchmarks.measure import Phases, Promise, Report, Table, run
from dicom_sieve import open_ledger
from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import Limits, Screening, in_threads, screen
from dicom_sieve.settings import Settings

MIB = 1024 * 1024
LARGE = 1_000_000
CLOCK = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class EndlessStore:
    """A number of objects, of which it keeps none: keys, etags and bytes follow from an object's number.

    Attributes:
        objects: How many.
        maker: Makes them.
        location: Where it pretends to be.
    """

    objects: int
    maker: Maker = field(default_factory=lambda: Maker(instances_per_series=100))
    location: Location = field(default_factory=lambda: Location("https://simulated", "endless"))

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object in the order of keys."""
        return map(self._info, range(self.objects))

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Give bytes of an object; nothing ever fails."""
        await asyncio.sleep(0)
        return self.maker.make(int(listed.etag, 16))[start:end]

    async def stat(self, key: str) -> ObjectInfo:
        """Look an object up."""
        return self._info(int(key.rpartition("/")[2].removesuffix(".dcm")))

    def find(self, key: str) -> ObjectInfo | None:
        """Tell that there is nothing of that key."""
        del key
        return None

    def write_once(self, key: str, body: Path) -> None:
        """Refuse: nothing is published here."""
        raise AlreadyPublishedError(key)

    def _info(self, number: int) -> ObjectInfo:
        return ObjectInfo(self.maker.key(number), f"{number:032x}", self.maker.size, CLOCK)


def screen_once(objects: int, ledger_file: Path) -> dict[str, Any]:
    """Screen N objects in this process; gives its peak of resident memory, and what the phases took."""
    phases, settings, store = Phases(), Settings(), EndlessStore(objects)
    store.maker.make(0)
    before = _peak_bytes()
    with open_ledger(f"sqlite:///{ledger_file}") as ledger:
        screening = Screening(
            execution_id=str(uuid.uuid4()),
            store=store,
            criteria=CRITERIA,
            limits=Limits.from_settings(settings),
            shard_objects=settings.shard_objects,
            run_shards=in_threads(settings.shards_in_flight),
            observer=phases,
        )
        counts = screen(screening, ledger).counts
    if counts["listed"] != objects or counts["passed"] + counts["discarded"] != objects:
        raise ValueError(f"{objects} objects were to be judged, not {counts}")
    return {
        "before_bytes": before,
        "peak_bytes": _peak_bytes(),
        "reads": counts["reads"],
        "phases": {phase: dataclasses.asdict(spent) for phase, spent in phases.spent().items()},
    }


def measure(chosen: argparse.Namespace) -> Report:
    """Measure each size with a ledger of its own."""
    sizes = [*chosen.objects, *([LARGE] if chosen.large else [])]
    runs: dict[str, dict[str, Any]] = {}
    for objects in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("first", "second"):
                runs[f"{objects:,} objects, {name} run"] = _in_a_process(objects, Path(folder) / "ledger.db")
    peaks = [measured["peak_bytes"] / MIB for measured in runs.values()]
    promises = [Promise("peak of resident memory", 512.0, max(peaks), "MiB", at_least=False)]
    if len(sizes) > 1:
        few, many = max(peaks[:2]), max(peaks[-2:])
        text = f"memory at {sizes[-1]:,} objects: times that at {sizes[0]:,}"
        promises.append(Promise(text, 1.1, many / few, at_least=False))
    return Report("memory", {"objects_of_a_series": 100}, tuple(promises), (_table(runs),), runs)


def _in_a_process(objects: int, ledger_file: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory", "--one", str(objects), str(ledger_file)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _peak_bytes() -> int:
    """Give the peak of this process.

    Linux counts in KiB, and counts in the peak of the process that started this one: which holds the same modules, and
    nothing else.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _table(runs: dict[str, dict[str, Any]]) -> Table:
    names = ("list", "index", "decide")
    rows = tuple(
        (name, *_figures(measured), *(measured["phases"][phase]["wall"] for phase in names))
        for name, measured in runs.items()
    )
    heads = ("run", "peak, MiB", "before it, MiB", "reads", *(f"{name}, s" for name in names))
    return Table("**Simulated store, ledger on SQLite**", heads, rows)


def _figures(measured: dict[str, Any]) -> tuple[float, float, int]:
    return measured["peak_bytes"] / MIB, measured["before_bytes"] / MIB, measured["reads"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, nargs="+", default=[100_000], help="sizes")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} objects, too: minutes")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if given[:1] == ["--one"]:  # how it starts itself, once a run
        sys.stdout.write(json.dumps(screen_once(int(given[1]), Path(given[2]))))
        return
    run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
