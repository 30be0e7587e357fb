"""Workers on Ray: whether four of them index four times as fast as one, and what Ray costs beside processes.

The first against a Ceph RGW that takes some 45 ms for a request, with so few requests in flight that waiting counts,
and not the cores of this machine; the second against one that answers at once. Ray runs before a run begins, as on a
cluster, and its workers know nothing of us yet; nearby also with a Ray that the run starts and stops.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median

from scripts.ceph_rgw import CephRgw

from benchmarks.made import Maker
from benchmarks.measure import Promise, Report, Table, interleave, ratio, run
from benchmarks.wire import SETTINGS, Run, Server, screen_all
from dicom_sieve.screening import executor_for
from dicom_sieve.settings import Settings
from dicom_sieve.stores import S3Store
from dicom_sieve.workers.choose import worker_processes
from dicom_sieve.workers.ray import connected

FAR_READS = 4
FAR = {"task_runner": "ray", "reads_in_flight": FAR_READS, "shard_objects": 50}
"""Shards are small, so that each worker gets some of a small bucket."""
WORKERS, PROMISED = (1, 2, 4, 8), 4
PROCESSES, RUNNING, OWN = "processes", "Ray that runs already", "Ray that the run starts and stops"


def measure(chosen: argparse.Namespace) -> Report:
    """Measure against servers of its own."""
    with tempfile.TemporaryDirectory() as folder:
        with CephRgw(Path(folder) / "far", tcp_nodelay=False) as rgw:
            far = scale(Server.of(rgw), chosen.far_objects, chosen.repetitions)
        with CephRgw(Path(folder) / "near") as rgw:
            near = compare(Server.of(rgw), chosen.objects, chosen.near_repetitions)
    return report_of(far, near, chosen.far_objects, chosen.objects)


def scale(
    server: Server, objects: int, repetitions: int, bucket: str = "workers-far", workers: Sequence[int] = WORKERS
) -> Mapping[str, Sequence[Run]]:
    """Screen a bucket far away with ever more workers; gives runs by how many."""
    settings = {count: SETTINGS.model_copy(update={**FAR, "shards_in_flight": count}) for count in workers}
    works = {
        str(count): partial(_screen_on_running_ray, server, bucket, chosen, count) for count, chosen in settings.items()
    }
    return _take_turns(server, bucket, objects, repetitions, works)


def compare(server: Server, objects: int, repetitions: int, bucket: str = "workers") -> Mapping[str, Sequence[Run]]:
    """Screen a bucket nearby at default settings; gives runs by what shards run in."""
    processes, on_ray = (SETTINGS.model_copy(update={"task_runner": runner}) for runner in ("processes", "ray"))
    works = {
        PROCESSES: partial(_screen, server, bucket, processes),
        RUNNING: partial(_screen_on_running_ray, server, bucket, on_ray, worker_processes(on_ray.shards_in_flight)),
        OWN: partial(_screen, server, bucket, on_ray),
    }
    return _take_turns(server, bucket, objects, repetitions, works)


def report_of(
    far: Mapping[str, Sequence[Run]], near: Mapping[str, Sequence[Run]], far_objects: int, objects: int
) -> Report:
    """Hold what was measured against what is promised."""
    walls = {name: [measured.index.wall for measured in runs] for name, runs in {**far, **near}.items()}
    fewest, *_ = far
    promised = str(max(int(count) for count in far if int(count) <= PROMISED))
    return Report(
        "workers",
        {
            "objects_far_away": far_objects,
            "objects_nearby": objects,
            "turns_far_away": len(walls[fewest]),
            "turns_nearby": len(walls[PROCESSES]),
        },
        (
            Promise(f"{promised} workers on Ray, far away: of one", 3.4, ratio(walls[fewest], walls[promised])),
            *(
                Promise(f"{way}, beside processes: time", 1.15, ratio(walls[way], walls[PROCESSES]), at_least=False)
                for way in (RUNNING, OWN)
            ),
        ),
        (
            Table(
                f"**{far_objects:,} objects, far away, {FAR_READS} requests of a worker at a time**",
                ("workers on Ray", "objects/s", "times one"),
                tuple((name, far_objects / median(walls[name]), ratio(walls[fewest], walls[name])) for name in far),
            ),
            Table(
                f"**{objects:,} objects, nearby**",
                ("shards in", "objects/s", "time, of processes"),
                tuple((name, objects / median(walls[name]), ratio(walls[name], walls[PROCESSES])) for name in near),
            ),
        ),
        {name: [asdict(measured.index) for measured in runs] for name, runs in {**far, **near}.items()},
    )


def _take_turns(
    server: Server, bucket: str, objects: int, repetitions: int, works: Mapping[str, Callable[[], Run]]
) -> Mapping[str, Sequence[Run]]:
    server.fill(bucket, Maker().objects(objects))
    return interleave(works, repetitions)


def _screen(server: Server, bucket: str, settings: Settings) -> Run:
    return screen_all(S3Store(server.access(bucket)), executor_for(settings), settings)


def _screen_on_running_ray(server: Server, bucket: str, settings: Settings, workers: int) -> Run:
    """Screen while this process is connected to a Ray of N workers, which the run then uses."""
    with connected("", workers):
        return _screen(server, bucket, settings)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, default=50_000, help="in the bucket nearby")
    parser.add_argument("--far-objects", type=int, default=12_000, help="in the bucket far away")
    parser.add_argument("--repetitions", type=int, default=1, help="turns far away")
    parser.add_argument("--near-repetitions", type=int, default=2, help="turns nearby")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
