"""Indexing a bucket: ours end to end, a bare loop of the same ranged GETs, and the naive way on a part of it.

All against one Ceph RGW on the same machine, in turns: server and client share its cores. The demo's bucket tells how
many GETs and bytes an object of real data takes. What processes gain where the server takes none of the client's cores
shows on a store that makes objects up.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median

from scripts.ceph_rgw import CephRgw

from benchmarks.made import Maker
from benchmarks.measure import Promise, Report, Spent, Table, interleave, ratio, run
from benchmarks.memory import EndlessStore
from benchmarks.naive import read_naively
from benchmarks.wire import SETTINGS, Range, Recording, Run, Server, read_bare, screen_all
from dicom_sieve.demo import bucket as demo_bucket
from dicom_sieve.screening import RunsShards, in_processes, in_threads, one_by_one
from dicom_sieve.stores import S3Store

IN_FLIGHT = SETTINGS.shards_in_flight * SETTINGS.reads_in_flight
KIB = 1024
Row = tuple[str | float | None, ...]


def measure(chosen: argparse.Namespace) -> Report:
    """Measure against a server of its own."""
    with tempfile.TemporaryDirectory() as folder, CephRgw(Path(folder) / "rgw") as rgw:
        alone = compare_alone(chosen.alone_objects, chosen.repetitions)
        return measure_on(Server.of(rgw), chosen.objects, chosen.naive_objects, chosen.repetitions, alone=alone)


def compare_alone(objects: int, repetitions: int) -> Mapping[str, Sequence[Run]]:
    """Screen a store that takes no core of this machine, but for making bytes up; gives runs by their runner."""
    store = EndlessStore(objects)
    return interleave({name: partial(screen_all, store, runner) for name, runner in _runners().items()}, repetitions)


def _runners() -> Mapping[str, RunsShards]:
    return {"threads": in_threads(SETTINGS.shards_in_flight), "processes": in_processes(os.cpu_count() or 1)}


def measure_on(
    server: Server,
    objects: int,
    naive_objects: int,
    repetitions: int,
    *,
    alone: Mapping[str, Sequence[Run]],
    buckets: tuple[str, str] = ("made", "demo"),
) -> Report:
    """Measure against a running server, in two buckets made for it.

    Args:
        server: Which.
        objects: Of the bucket that is read by all.
        naive_objects: Of these, read naively.
        repetitions: Turns.
        alone: What `compare_alone` gave.
        buckets: Their names.
    """
    made, real = buckets
    maker = Maker()
    server.fill(made, maker.objects(objects))
    server.fill(real, demo_bucket.objects())
    on_demo = screen_all(S3Store(server.access(real)), one_by_one)
    by_runner, bares, _ = take_turns(server, made, repetitions, _runners(), in_flight=IN_FLIGHT)
    keys = [maker.key(number) for number in range(min(naive_objects, objects))]
    naive = read_naively(server, made, keys)
    setting = {"objects": objects, "bytes_each": maker.size, "objects_read_naively": len(keys)}
    made_up = alone["threads"][0].listed
    beside_threads = {name: _beside(runs, alone["threads"]) for name, runs in alone.items()}
    ours, wall = by_runner["threads"], median(measured.whole.wall for measured in by_runner["threads"])
    buckets_read = {"made": ours[0], "demo": on_demo}
    return Report(
        "index",
        {**setting, "objects_made_up": made_up, "requests_at_a_time": IN_FLIGHT, "turns": repetitions},
        (
            Promise("indexing: of the bare GET loop", 1.0, of_bare(ours, bares)),
            Promise("indexing: client CPU an object", 150.0, _cpu(ours, objects), "µs", at_least=False),
            Promise("a whole run: times the naive way", 10.0, objects / wall * naive["tasks"].wall / len(keys)),
            Promise("processes, where no server shares the cores: times threads", 1.0, beside_threads["processes"]),
            Promise("GETs an object, demo bucket", 1.15, _reads(on_demo), "GETs", at_least=False),
            Promise("KiB an object, demo bucket", 32.0, _kib(on_demo), "KiB", at_least=False),
        ),
        (
            Table(
                f"**{objects:,} objects made of CT_small, all of them new**",
                ("way", "objects/s", "client CPU, µs an object", "of the bare loop"),
                (
                    _row("bare loop of the same GETs", bares, objects, 1.0),
                    *_rows(by_runner, bares, objects),
                    _row("naive, in threads without Prefect", [naive["threads"]], len(keys)),
                    _row("naive, a Prefect task an object", [naive["tasks"]], len(keys)),
                ),
            ),
            Table(
                "**What is read of an object**",
                ("bucket", "objects", "GETs an object", "KiB an object"),
                tuple(
                    (name, measured.listed, _reads(measured), _kib(measured)) for name, measured in buckets_read.items()
                ),
            ),
            Table(
                f"**{made_up:,} objects that are made up**, no server beside the client",
                ("ours in", "objects/s, index phase", "times threads"),
                tuple(
                    (name, made_up / median(measured.index.wall for measured in runs), beside_threads[name])
                    for name, runs in alone.items()
                ),
            ),
        ),
        {
            **{name: [asdict(measured) for measured in runs] for name, runs in by_runner.items()},
            "made_up": {name: [asdict(measured) for measured in runs] for name, runs in alone.items()},
            "bare": [asdict(bare) for bare in bares],
            "naive": {name: asdict(turn) for name, turn in naive.items()},
        },
    )


def take_turns(
    server: Server, bucket: str, repetitions: int, runners: Mapping[str, RunsShards], *, in_flight: int
) -> tuple[Mapping[str, Sequence[Run]], Sequence[Spent], Sequence[Range]]:
    """Let runs and the bare loop read a bucket in turns; a first run, that does not count, tells the ranges.

    Returns:
        The runs by their runner's name, what the bare loop took, and the ranges.
    """
    recording = Recording(server.access(bucket))
    screen_all(recording, one_by_one)
    asked = recording.asked
    runs: dict[str, list[Run]] = {name: [] for name in runners}
    bares: list[Spent] = []
    works: dict[str, Callable[[], None]] = {
        name: partial(_screen_into, runs[name], server, bucket, runner) for name, runner in runners.items()
    }
    works["bare"] = lambda: bares.append(read_bare(server, bucket, asked, in_flight=in_flight))
    interleave(works, repetitions)
    return runs, bares, asked


def _screen_into(runs: list[Run], server: Server, bucket: str, runner: RunsShards) -> None:
    runs.append(screen_all(S3Store(server.access(bucket)), runner))


def of_bare(runs: Sequence[Run], bares: Sequence[Spent]) -> float:
    """Give how fast the index phase is, of the bare loop's speed."""
    return ratio([bare.wall for bare in bares], [measured.index.wall for measured in runs])


def _beside(runs: Sequence[Run], others: Sequence[Run]) -> float:
    """Give how many times as fast an index phase is as that of others."""
    return ratio([measured.index.wall for measured in others], [measured.index.wall for measured in runs])


def _rows(by_runner: Mapping[str, Sequence[Run]], bares: Sequence[Spent], objects: int) -> Iterator[Row]:
    for name, runs in by_runner.items():
        yield _row(f"ours in {name}: index phase", [measured.index for measured in runs], objects, of_bare(runs, bares))
        yield _row(f"ours in {name}: whole run", [measured.whole for measured in runs], objects)


def _row(way: str, spent: Sequence[Spent], count: int, times: float | None = None) -> Row:
    return way, count / median(turn.wall for turn in spent), _micros(spent, count), times


def _cpu(runs: Sequence[Run], objects: int) -> float:
    """Give the client's CPU time of the index phase, in µs an object."""
    return _micros([measured.index for measured in runs], objects)


def _micros(spent: Sequence[Spent], count: int) -> float:
    return median(turn.cpu for turn in spent) / count * 1e6


def _reads(measured: Run) -> float:
    return float(measured.counts["reads"]) / measured.listed


def _kib(measured: Run) -> float:
    return float(measured.counts["bytes_read"]) / measured.listed / KIB


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, default=20_000, help="in the bucket")
    parser.add_argument("--naive-objects", type=int, default=500, help="of them, read the naive way")
    parser.add_argument("--alone-objects", type=int, default=400_000, help="made up, read without a server")
    parser.add_argument("--repetitions", type=int, default=5, help="turns")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
