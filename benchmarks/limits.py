"""Indexing from a store that answers as slowly as S3 does, and takes no more requests a second than it is allowed to.

The store makes objects up, as that of the benchmark of memory does. Each answer takes 100 to 200 ms, as AWS publishes
for S3; requests above a prefix's rate wait their turn. The rate is a tenth of S3's, so that one process reaches it.
"""

import argparse
import asyncio
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.measure import Report, Spent, Table, interleave, run
from benchmarks.memory import EndlessStore
from benchmarks.wire import SETTINGS, screen_all
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import in_threads

GETS_A_PREFIX = 5_500.0
"""A second. Amazon S3 User Guide, "Best practices design patterns: optimizing Amazon S3 performance"."""
S3_SECONDS = (0.1, 0.2)
"""Of a request. The same guide, "Performance guidelines for Amazon S3": small objects, roughly 100 to 200 ms."""
A_TENTH = GETS_A_PREFIX / 10
RATES = {"no rate": None, "a tenth of S3's rate of a prefix": A_TENTH}


@dataclass
class Turns:
    """When a store that takes N requests a second takes the next one.

    Attributes:
        rate: Requests a second; None: any number.
    """

    rate: float | None
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> float:
        """Take the next turn; gives the seconds until then."""
        if self.rate is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self.rate
            return turn - now


@dataclass(frozen=True)
class SlowStore(EndlessStore):
    """A store whose answers take time.

    Attributes:
        turns: When it takes a request; all of its keys are in one prefix.
        chance: Of how long it takes.
    """

    turns: Turns = field(default_factory=lambda: Turns(None))
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Give bytes of an object, after a while."""
        await asyncio.sleep(self.turns.wait() + self.chance.uniform(*S3_SECONDS))
        return await super().read(listed, start=start, end=end)


def index_once(objects: int, rate: float | None) -> Spent:
    """Screen a bucket of which nothing is known; gives what indexing took."""
    run_shards = in_threads(SETTINGS.shards_in_flight)
    screened = screen_all(SlowStore(objects, turns=Turns(rate)), run_shards)
    if screened.listed != objects:
        raise RuntimeError(f"{screened.listed} of {objects} objects were listed")
    return screened.index


def measure(chosen: argparse.Namespace) -> Report:
    """Measure with a rate and without, in turns."""
    works = {name: lambda rate=rate: index_once(chosen.objects, rate) for name, rate in RATES.items()}
    turns = interleave(works, chosen.repetitions)
    in_flight = SETTINGS.shards_in_flight * SETTINGS.reads_in_flight
    rows = tuple((name, chosen.objects / median(turn.wall for turn in spent)) for name, spent in turns.items())
    return Report(
        "limits",
        {"objects": chosen.objects, "requests_at_a_time": in_flight, "turns": chosen.repetitions},
        (),
        (Table("**A store as slow as S3**", ("store", "objects/s"), rows),),
        {name: [asdict(turn) for turn in spent] for name, spent in turns.items()},
    )


def _options(parser: argparse.ArgumentParser) -> None:
    shards = SETTINGS.shards_in_flight * SETTINGS.shard_objects
    parser.add_argument("--objects", type=int, default=2 * shards, help="in the bucket")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
