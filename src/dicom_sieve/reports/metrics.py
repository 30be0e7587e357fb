"""What a ledger did and holds, as metrics in the text format of Prometheus. No value of any object is in them.

Counters are sums over all runs of the ledger: it does not matter which process serves them, or for how long.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from dicom_sieve.advice import OTHER_CAUSES
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.reading.totals import Totals
from dicom_sieve.version import __version__

_Values = dict[tuple[str, ...], float]
"""By the values of the labels."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "dicom_sieve_"
BOUNDS = (1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200)
"""Of the seconds that runs took: the upper end of each bucket."""
OBJECTS = {
    "listed": ("objects_listed", "Objects that runs listed."),
    "indexed": ("objects_read", "Objects whose headers runs read; what is known is not read again."),
    "unread": ("objects_unread", "Objects that runs could not read after all attempts: a fault of the way there."),
    "reads": ("reads", "Ranges of objects that runs asked for."),
    "bytes_read": ("read_bytes", "Bytes of objects that runs read."),
}


def metrics_text(totals: Totals, flow_runs: Mapping[str, int] | None = None) -> bytes:
    """Give everything as text.

    Args:
        totals: Of the ledger.
        flow_runs: Runs that Prefect has and that have not ended, by state; None: it was not asked.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Totals(totals, flow_runs))
    return generate_latest(registry)


class _Totals(Collector):
    def __init__(self, totals: Totals, flow_runs: Mapping[str, int] | None) -> None:
        self._totals, self._flow_runs = totals, flow_runs

    def collect(self) -> Iterator[Metric]:
        totals = self._totals
        yield _gauge("info", "The version that serves these figures.", {(__version__,): 1}, ["version"])
        states: _Values = {(state.value,): totals.runs.get(state.value, 0) for state in RunState}
        yield _gauge("runs", "Runs of the ledger, by state.", states, ["state"])
        if self._flow_runs is not None:
            waiting: _Values = {(state,): count for state, count in self._flow_runs.items()}
            yield _gauge("flow_runs", "Runs that Prefect has and that have not ended, by state.", waiting, ["state"])
        for name, (metric, text) in OBJECTS.items():
            yield _counter(metric, text, {(): totals.counted.get(name, 0)}, [])
        judged: _Values = {(verdict,): totals.counted.get(verdict, 0) for verdict in ("passed", "discarded")}
        yield _counter("objects_judged", "Objects that runs judged, by verdict.", judged, ["verdict"])
        defects: _Values = {(defect,): count for defect, count in sorted(totals.defects.items())}
        yield _counter("objects_defective", "Objects that could not be judged, by defect.", defects, ["defect"])
        faults: _Values = {(kind,): count for kind, count in sorted({OTHER_CAUSES: 0, **totals.faults}.items())}
        yield _counter("faults", "Objects that runs could not read, by kind of the fault.", faults, ["kind"])
        yield _histogram("run_seconds", "How long finished runs took.", totals.seconds)
        steps: _Values = {(step,): seconds for step, seconds in sorted(totals.step_seconds.items())}
        yield _counter("step_seconds", "Seconds that the steps of runs took, by step.", steps, ["step"])
        of_series: _Values = dict(sorted(totals.computations.items()))
        yield _gauge("computed_series", "Series of computations, by state.", of_series, ["computation", "state"])
        yield _gauge("locations", "Locations that were listed.", {(): totals.locations})
        yield _gauge("leases", "Locations that are being worked on.", {(): totals.leases})
        yield _gauge("leases_lapsed", "Leases that nobody renewed in time: their process is gone.", {(): totals.lapsed})
        yield _gauge("runs_unsealed", "Runs with a result and without a seal.", {(): totals.unsealed})
        yield _gauge("ledger_bytes", "Size of the ledger's database.", {(): totals.bytes})
        for name, text, moment in (
            ("last_seal_timestamp_seconds", "When the run was finished that was sealed last.", totals.sealed_at),
            ("oldest_lease_timestamp_seconds", "Begin of the run that holds its location longest.", totals.held_since),
            ("oldest_listing_timestamp_seconds", "Last listing of the location listed longest ago.", totals.listed_at),
        ):
            if moment is not None:
                yield _gauge(name, text, {(): moment.timestamp()})


def _gauge(name: str, text: str, values: _Values, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _counter(name: str, text: str, values: _Values, labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _histogram(name: str, text: str, seconds: Sequence[float]) -> Metric:
    ascending = sorted(seconds)
    buckets = [(str(float(bound)), bisect_left(ascending, bound + 1e-9)) for bound in BOUNDS]
    family = HistogramMetricFamily(PREFIX + name, text)
    family.add_metric([], [*buckets, ("+Inf", len(ascending))], sum(ascending))
    return family
