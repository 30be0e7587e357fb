"""A store that is far away: Ceph RGW that takes some 45 ms for a request, as it does with Nagle's algorithm on.

Ours beside a bare loop of the same ranged GETs with as many requests at a time: with one shard in flight, where
waiting is all that counts, and with as many as there are by default. And the same bucket listed, in small pages: with
one request at a time, and with as many as there are by default.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from scripts.ceph_rgw import CephRgw

from benchmarks.index import of_bare, take_turns
from benchmarks.made import Maker
from benchmarks.measure import Promise, Report, Spent, Table, interleave, ratio, run, spend
from benchmarks.wire import SETTINGS, Range, Server, read_bare
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import in_threads
from dicom_sieve.stores.listing import list_objects
from dicom_sieve.stores.s3.clients import make_boto3_client
from dicom_sieve.stores.s3.pages import list_page

ALONE = 100
PAGES = 200
"""Of the listing; of a thousand keys each it would be of 200,000 objects."""


def measure(chosen: argparse.Namespace) -> Report:
    """Measure against a server of its own."""
    with tempfile.TemporaryDirectory() as folder, CephRgw(Path(folder) / "rgw", tcp_nodelay=False) as rgw:
        return measure_on(Server.of(rgw), chosen.objects, chosen.repetitions)


def measure_on(server: Server, objects: int, repetitions: int, bucket: str = "made") -> Report:
    """Measure against a running server, in a bucket made for it."""
    server.fill(bucket, Maker().objects(objects))
    rows: list[tuple[str | float | None, ...]] = []
    promises: list[Promise] = []
    samples: dict[str, Any] = {}
    seconds = 0.0
    for shards in dict.fromkeys((1, SETTINGS.shards_in_flight)):
        in_flight = shards * SETTINGS.reads_in_flight
        runners = {"threads": in_threads(shards)}
        by_runner, bares, asked = take_turns(server, bucket, repetitions, runners, in_flight=in_flight)
        runs = by_runner["threads"]
        seconds = seconds or _seconds_of_one(server, bucket, asked)
        speed = of_bare(runs, bares)
        rows.append(("bare loop", *_figures(bares, objects, in_flight), 1.0))
        rows.append(("ours, index phase", *_figures([measured.index for measured in runs], objects, in_flight), speed))
        text = f"indexing far away, {in_flight} requests at a time: of the bare GET loop"
        promises.append(Promise(text, 0.8, speed))
        samples[str(in_flight)] = {
            "ours": [asdict(measured.index) for measured in runs],
            "bare": [asdict(bare) for bare in bares],
        }
    listings, promise = _list_far(server, bucket, objects, repetitions)
    samples["listing"] = {name: [asdict(turn) for turn in turns] for name, turns in listings.items()}
    promises.append(promise)
    return Report(
        "far",
        {"objects": objects, "milliseconds_of_a_request_alone": seconds * 1e3, "turns": repetitions},
        tuple(promises),
        (
            Table(
                f"**{objects:,} objects, far away**",
                ("way", "requests at a time", "objects/s", "client CPU, µs an object", "of the bare loop"),
                tuple(rows),
            ),
            Table(
                f"**{objects:,} objects listed far away, in {PAGES:,} pages**",
                ("requests at a time", "seconds", "client CPU, ms a page"),
                tuple(
                    (name, median(turn.wall for turn in turns), median(turn.cpu for turn in turns) / PAGES * 1e3)
                    for name, turns in listings.items()
                ),
            ),
        ),
        samples,
    )


def _list_far(server: Server, bucket: str, objects: int, repetitions: int) -> tuple[dict[str, list[Spent]], Promise]:
    """List a bucket page by page, and in parallel, in turns; both must find all of it."""
    client = make_boto3_client(server.access(bucket))
    page_keys = -(-objects // PAGES)
    client.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=page_keys)
    )
    ask, place = partial(list_page, client, bucket, ""), Location(server.endpoint, bucket)

    def take(in_flight: int) -> Spent:
        found: list[ObjectInfo] = []
        spent = spend(lambda: found.extend(list_objects(ask, place, in_flight=in_flight)))
        if len(found) != objects:
            raise RuntimeError(f"{len(found)} of {objects} objects were listed")
        return spent

    in_flight = (1, SETTINGS.lists_in_flight)
    listings = interleave({str(number): partial(take, number) for number in in_flight}, repetitions)
    alone, many = ([turn.wall for turn in turns] for turns in listings.values())
    text = f"listing far away, {SETTINGS.lists_in_flight} requests at a time: faster than one by one"
    return listings, Promise(text, 3.0, ratio(alone, many))


def _seconds_of_one(server: Server, bucket: str, asked: Sequence[Range]) -> float:
    """Give the seconds of one request while there is no other."""
    few = asked[:ALONE]
    return read_bare(server, bucket, few, in_flight=1).wall / len(few)


def _figures(spent: Sequence[Spent], objects: int, in_flight: int) -> tuple[int, float, float]:
    return (
        in_flight,
        objects / median(turn.wall for turn in spent),
        median(turn.cpu for turn in spent) / objects * 1e6,
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, default=8_000, help="in the bucket: two rounds of shards")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
