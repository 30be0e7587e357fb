"""What a run takes on buckets that nobody has here: a model of its steps, fed with what was measured, and its figures.

Indexing is simulated, request by request; the other steps are costs for each object, header or page. ``docs/scale.md``
shows the figures between its markers; ``python -m benchmarks --only-write`` puts them there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ledger_side import CHANGED_EVERY, seconds_of_unchanged
from benchmarks.limits import GETS_A_PREFIX, RATES, S3_SECONDS
from benchmarks.measure import put_figures, table
from benchmarks.queues import Flow, Resource, Step, always, simulate
from benchmarks.wire import SETTINGS
from benchmarks.workers import FAR_READS, PROMISED
from dicom_sieve.publishing.parts import PART_ROWS

Results = Mapping[str, Any]

NEEDS = {"scan", "index", "far", "limits", "memory", "ledger", "workers"}
"""Benchmarks whose figures the model is fed with, or held to."""
DOCUMENT = Path(__file__).parent.parent / "docs" / "scale.md"
TOLERANCE = 1 / 3
"""How far the model may be from a measured point, as a part of it."""
GIB = 1024**3
HOUR = 3600.0

PAGE_KEYS = 1_000
"""Of one answer to ListObjectsV2. Amazon S3 API Reference."""
PAGE_CPU = 0.013
"""Seconds of the client, a page. ADR 14."""
FIRST_LISTING = 34e-6
"""Seconds of PostgreSQL and client, an object that is new: 200,000 of them, measured once, on a busy machine."""
CORES = 2
"""Of the machine on which all was measured: server and client share them."""
REQUESTS_OF_A_WORKER = SETTINGS.shards_in_flight * SETTINGS.reads_in_flight
OBJECTS_OF_A_HEADER = 10
"""As in the ledgers that are made to measure with."""
MANIFEST_BYTES = 64.0
"""An object, where etags, UIDs and keys are random, as UIDs made from UUIDs are; a test holds it to what is written."""


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices of AWS, region us-east-1 (N. Virginia), in US dollars, without tax, discount or free tier.

    Attributes:
        get: A request.
        list: A request.
        machine: An hour of an m7i.large, 2 vCPU, on demand, Linux.
        ledger: A GB of RDS for PostgreSQL's gp3 storage, a month.
    """

    get: float = 0.0004 / 1_000
    list: float = 0.005 / 1_000
    machine: float = 0.1008
    ledger: float = 0.115


PRICES = Prices()
WORKERS_OF_A_MACHINE = 2


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured, in seconds and bytes.

    Attributes:
        bare: CPU of a bare GET loop, an object.
        server: CPU of Ceph RGW, a request, on cores that it shares with the client.
        index: CPU of ours, an object: asking, scanning, and recording on SQLite.
        far: Seconds of one request alone to the far-away store.
        far_cpu: As `index` and `bare`, far away, by requests in flight.
        again: Of a listing of which a hundredth changed, an object, on PostgreSQL.
        unchanged: Of a listing of which nothing changed, an object, on PostgreSQL, the store's part left out.
        record: Of recording an object's header, on PostgreSQL.
        decide: Of judging, recording, counting and sealing, a header, on PostgreSQL.
        seal: Of the first seal, an object more, on PostgreSQL.
        ledger: Bytes an object, its part of headers and indexes included, on PostgreSQL.
        run: Bytes a header, of each run, on PostgreSQL.
    """

    bare: float
    server: float
    index: float
    far: float
    far_cpu: Mapping[str, Mapping[str, float]]
    again: float
    unchanged: float
    record: float
    decide: float
    seal: float
    ledger: float
    run: float


def read_costs(results: Results) -> Costs:
    """Take the costs out of what the benchmarks keep."""
    index, far, postgres = results["index"], results["far"], results["ledger"]["samples"]["PostgreSQL"]
    objects = index["setting"]["objects"]
    headers, keys = (results["ledger"]["setting"][name] for name in ("headers", "keys_listed"))
    bare = median(turn["cpu"] for turn in index["samples"]["bare"]) / objects
    all_of = median(turn["all"] for turn in postgres["ours"])
    return Costs(
        bare=bare,
        server=CORES * median(turn["wall"] for turn in index["samples"]["bare"]) / objects - bare,
        index=median(turn["index"]["cpu"] for turn in index["samples"]["threads"]) / objects,
        far=far["setting"]["milliseconds_of_a_request_alone"] / 1e3,
        far_cpu={
            in_flight: {
                who: median(turn["cpu"] for turn in turns) / far["setting"]["objects"] for who, turns in by.items()
            }
            for in_flight, by in far["samples"].items()
            if in_flight.isdigit()
        },
        again=median(turn["all"] for turn in postgres["lists"]) / keys,
        unchanged=seconds_of_unchanged(postgres["unchanged"]) / keys,
        record=1 / median(postgres["indexed"]),
        decide=all_of / headers,
        seal=(postgres["first"]["all"] - all_of) / postgres["objects"],
        ledger=postgres["bytes"] / postgres["objects"],
        run=postgres["run_bytes"] / headers,
    )


def _phases(results: Results, run: str, phase: str) -> dict[int, float]:
    """Give the CPU seconds an object of a phase, by how many objects there were."""
    runs = {
        name: run_figures for name, run_figures in results["memory"]["samples"].items() if name.endswith(f"{run} run")
    }
    sizes = {name: int(name.split()[0].replace(",", "")) for name in runs}
    return {sizes[name]: run_figures["phases"][phase]["cpu"] / sizes[name] for name, run_figures in runs.items()}


@dataclass(frozen=True, slots=True)
class Point:
    """Something that was measured, and what the model says of it.

    Attributes:
        what: In words.
        measured: The figure.
        modelled: The same, by the model.
        unit: Of both.
    """

    what: str
    measured: float
    modelled: float
    unit: str

    @property
    def off(self) -> float:
        """How far the model is away, as a part of what was measured."""
        return self.modelled / self.measured - 1


def points(results: Results, costs: Costs) -> list[Point]:
    """Give every measured point that the model says something of, but for those that it was fed with."""
    objects = results["index"]["setting"]["objects"]
    near = objects / median(turn["index"]["wall"] for turn in results["index"]["samples"]["threads"])
    in_flight = results["index"]["setting"]["requests_at_a_time"]
    found = [Point("near, ours, index phase", near, on_two_cores(costs, costs.index, in_flight).rate, "objects/s")]
    away = costs.far - costs.server - costs.bare
    for number, by in costs.far_cpu.items():
        for who, cpu in by.items():
            walls = (turn["wall"] for turn in results["far"]["samples"][number][who])
            measured = results["far"]["setting"]["objects"] / median(walls)
            modelled = on_two_cores(costs, cpu, int(number), away).rate
            words = "ours, index phase" if who == "ours" else "bare loop"
            found.append(Point(f"far away, {words}, {number} requests at a time", measured, modelled, "objects/s"))
    for workers, turns in results["workers"]["samples"].items():
        if workers.isdigit() and int(workers) <= PROMISED:  # more of them wait for the two cores, not for the store
            measured = results["workers"]["setting"]["objects_far_away"] / median(turn["wall"] for turn in turns)
            modelled = on_two_cores(costs, costs.index, int(workers) * FAR_READS, away).rate
            found.append(Point(f"far away, workers on Ray: {workers}", measured, modelled, "objects/s"))
    in_flight = results["limits"]["setting"]["requests_at_a_time"]
    for store, rate in RATES.items():
        measured = results["limits"]["setting"]["objects"] / median(
            turn["wall"] for turn in results["limits"]["samples"][store]
        )
        modelled = simulate(asked_of_s3(rate, prefixes=1), in_flight, rounds=20_000).rate
        found.append(Point(f"as slow as S3, {store}, {in_flight} requests at a time", measured, modelled, "objects/s"))
    for run, phase in (("first", "list"), ("first", "index"), ("first", "decide"), ("second", "list")):
        by_size = _phases(results, run, phase)
        least = min(by_size)
        found += [
            Point(
                f"{run} run of {size:,} objects, simulated store: {phase}",
                cpu * 1e6,
                by_size[least] * 1e6,
                "µs an object",
            )
            for size, cpu in by_size.items()
            if size != least
        ]
    return found


def on_two_cores(costs: Costs, client: float, in_flight: int, away: float = 0.0) -> Flow:
    """Simulate indexing as it was measured: server and client share the machine's two cores.

    Args:
        costs: Of the server's part.
        client: CPU seconds of the client, an object.
        in_flight: Requests at the same time.
        away: Seconds of a request in which neither works.
    """
    cores = Resource("cores", servers=CORES)
    steps = (always(Resource("the way", servers=None), away), always(cores, costs.server), always(cores, client))
    return simulate(steps, in_flight, rounds=20_000)


def asked_of_s3(rate: float | None, prefixes: int) -> list[Step]:
    """Give what a request waits for at S3: its prefix's turn, where there is a rate, and the answer."""
    turn = [] if rate is None else [always(Resource("S3's rate of a prefix", groups=prefixes), 1 / rate)]
    return [*turn, Step(Resource("S3", servers=None), *S3_SECONDS)]


def on_s3(costs: Costs, workers: int, prefixes: int, locations: int = 1) -> Flow:
    """Simulate indexing from S3, at its published rates.

    Args:
        costs: Of the client and the ledger.
        workers: Cores that index, spread over the locations.
        prefixes: Among which the requests are spread; S3 gives each its rate.
        locations: Each with a flow of its own, the only one that records there.
    """
    steps = (
        *asked_of_s3(GETS_A_PREFIX, prefixes),
        always(Resource("workers", groups=workers), costs.index),
        always(Resource("the flow's recording", groups=locations), costs.record),
    )
    in_flight = workers * REQUESTS_OF_A_WORKER
    return simulate(steps, in_flight, rounds=20_000 + 2 * in_flight)


@dataclass(frozen=True, slots=True)
class Plan:
    """A bucket, and what it is to be screened with.

    Attributes:
        name: In words.
        objects: In the bucket.
        workers: Cores that index.
        prefixes: Among which the objects are spread.
        locations: Into which the bucket is divided, each with a flow of its own.
        databases: Among which the locations' ledgers are spread, each on a machine of its own.
    """

    name: str
    objects: int
    workers: int
    prefixes: int = 64
    locations: int = 1
    databases: int = 1


PLANS = (
    Plan("10⁶", 10**6, workers=4),
    Plan("10⁸", 10**8, workers=16),
    Plan("10⁹", 10**9, workers=16),
    Plan("10⁹, as 8 locations", 10**9, workers=128, locations=8),
    Plan("10¹⁰, as 64 locations", 10**10, workers=512, prefixes=512, locations=64, databases=8),
)


def plan_rows(costs: Costs, plan: Plan) -> dict[str, str]:
    """Say what a plan takes, row by row; all locations go on at the same time."""
    objects, each = plan.objects, plan.objects / plan.locations
    headers, flow = objects / OBJECTS_OF_A_HEADER, on_s3(costs, plan.workers, plan.prefixes, plan.locations)
    pages = objects / PAGE_KEYS
    pages_each = pages / plan.locations
    asked = max(pages_each * sum(S3_SECONDS) / 2 / SETTINGS.lists_in_flight, pages_each * PAGE_CPU)
    decide = headers / plan.locations * costs.decide
    listing, index, decided = max(asked, each * FIRST_LISTING), objects / flow.rate, decide + each * costs.seal
    first = listing + index + decided
    again = max(asked, each * costs.again) + decide + objects / CHANGED_EVERY / flow.rate
    unchanged = max(asked, each * costs.unchanged)
    machines = ceil(plan.workers / WORKERS_OF_A_MACHINE) + plan.locations + plan.databases
    ledger, by_run = objects * costs.ledger, headers * costs.run
    spent = {
        "GETs": objects * PRICES.get,
        "LISTs": pages * PRICES.list,
        "machines": first / HOUR * machines * PRICES.machine,
    }
    return {
        "workers; machines, with the flows' and the databases'": f"{plan.workers:,}; {machines:,}",
        "objects indexed a second": f"{flow.rate:,.0f}",
        "what limits that": flow.limit,
        "first run: list": _time(listing),
        "first run: index": _time(index),
        "first run: decide, count and seal": _time(decided),
        "first run": f"**{_time(first)}**",
        "another run, a hundredth changed": _time(again),
        "another run, nothing changed": _time(unchanged + decide),
        f"shards of {SETTINGS.shard_objects:,}, a Prefect task each": f"{objects / SETTINGS.shard_objects:,.0f}",
        "rows of objects; of headers": f"{objects:,.0f}; {headers:,.0f}",
        "ledger, GiB; each further run, GiB": f"{ledger / GIB:,.1f}; {by_run / GIB:,.2f}",
        "manifest, GiB; parts": f"{objects * MANIFEST_BYTES / GIB:,.2f}; {ceil(objects / PART_ROWS):,}",
        "GETs of the first run": _money(spent["GETs"]),
        "LISTs of each run": _money(spent["LISTs"]),
        "machines of the first run": _money(spent["machines"]),
        "first run, money": f"**{_money(sum(spent.values()))}**",
        "storage of the ledger, a month": _money(ledger / 1e9 * PRICES.ledger),
    }


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 1.5 * HOUR else f"{seconds / HOUR:.1f} h"


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars < 100 else f"${dollars:,.0f}"


def cost_rows(results: Results, costs: Costs) -> list[tuple[str, str, str]]:
    """Say what each step costs, and what says so."""
    scan = next(row for row in results["scan"]["tables"][1]["rows"] if row[0].startswith("ours, the first"))[1]

    def micro(seconds: float) -> str:
        return f"{seconds * 1e6:.3g} µs"

    return [
        ("first listing, PostgreSQL", f"{micro(FIRST_LISTING)} an object", "measured once, on a busy machine"),
        ("listing again, a hundredth changed, PostgreSQL", f"{micro(costs.again)} an object", "*ledger*"),
        ("listing again, nothing changed, PostgreSQL", f"{micro(costs.unchanged)} an object", "*ledger*"),
        ("a page of a listing: its client", f"{PAGE_CPU * 1e3:.0f} ms a page", "CPU; measured once, ADR 14"),
        ("scanning a header", f"{scan:.3g} µs an object", "CPU; *scan*, each header another"),
        ("asking for it, scanning, recording on SQLite", f"{micro(costs.index)} an object", "CPU; *index*"),
        ("recording, PostgreSQL", f"{micro(costs.record)} an object", "*ledger*"),
        ("judging, counting, sealing, PostgreSQL", f"{micro(costs.decide)} a header and run", "*ledger*"),
        ("the first seal, PostgreSQL", f"{micro(costs.seal)} an object more", "*ledger*"),
        ("ledger, PostgreSQL", f"{costs.ledger:.0f} bytes an object", "*ledger*, ten objects a header"),
        ("each run, PostgreSQL", f"{costs.run:.0f} bytes a header", "*ledger*"),
        ("manifest", f"{MANIFEST_BYTES:.0f} bytes an object", "random etags, UIDs and keys"),
    ]


def fill(document: str, results: Results) -> str:
    """Put the figures between a document's markers."""
    return put_figures(document, render_all(results).__getitem__)


def render_all(results: Results) -> dict[str, str]:
    """Write every table of the document, by the name of its place."""
    costs = read_costs(results)
    plans = {plan.name: plan_rows(costs, plan) for plan in PLANS}
    shown = [
        (
            point.what,
            f"{_number(point.measured)} {point.unit}",
            f"{_number(point.modelled)} {point.unit}",
            f"{point.off:+.0%}",
        )
        for point in points(results, costs)
    ]
    rates = [(f"{workers:,}", *_rates(costs, workers)) for workers in (1, 2, 4, 8, 16, 32)]
    rows = [(name, *(rows[name] for rows in plans.values())) for name in next(iter(plans.values()))]
    return {
        "costs": table(("step", "cost", "measured by"), cost_rows(results, costs)),
        "points": table(("what", "measured", "modelled", "off by"), shown),
        "rates": table(("workers", "all keys in one prefix", "spread over 64 prefixes"), rates),
        "plans": table(("objects", *plans), rows),
    }


def _rates(costs: Costs, workers: int) -> list[str]:
    flows = (on_s3(costs, workers, prefixes) for prefixes in (1, 64))
    return [f"{flow.rate:,.0f} ({flow.limit})" for flow in flows]
