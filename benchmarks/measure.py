"""How the benchmarks measure: in turns, by the process's own CPU time beside the wall's, as ratios pair by pair.

What runs beside a benchmark slows both sides of a pair alike. No figure is held against an absolute threshold.
"""

import argparse
import dataclasses
import json
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")
_PLACE = re.compile(r"(?<=<!-- figures: )(\w+)( -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took.

    Attributes:
        wall: Seconds that went by.
        cpu: Seconds of CPU time of this process and of those that it started and that have ended, all threads together.
    """

    wall: float
    cpu: float


def spend(work: Callable[[], object]) -> Spent:
    """Run something once, and tell what it took."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return Spent(time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Give the CPU time that this process and its ended children took so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Phases:
    """Watches a run, and tells what each phase of it took: until all of it was done, or else until the next one."""

    def __init__(self) -> None:
        self._marks: list[tuple[str, float, float]] = []
        self._left: int | None = None

    def begin(self, phase: str, total: int | None) -> None:
        """Note when a phase begins."""
        self._left = total
        self._marks.append((phase, time.perf_counter(), cpu_seconds()))

    def advance(self, count: int) -> None:
        """Note when a phase whose size is known is done: what a run keeps of it then is none of its own."""
        if self._left is not None:
            self._left -= count
            if self._left == 0:
                self.begin("", None)

    def note(self, text: str) -> None:
        """Nothing to note."""

    def spent(self) -> dict[str, Spent]:
        """Give what each phase took, the last one up to now."""
        self.begin("", None)
        return {
            phase: Spent(wall - began, cpu - cpu_began)
            for (phase, began, cpu_began), (_, wall, cpu) in zip(self._marks, self._marks[1:], strict=False)
        }


def interleave(works: Mapping[str, Callable[[], T]], repetitions: int) -> dict[str, list[T]]:
    """Run works in turns, A B A B, so that what disturbs the machine disturbs them alike.

    Returns:
        By the work's name, what it gave each time.
    """
    given: dict[str, list[T]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            given[name].append(work())
    return given


def ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """Give the median of the ratios of ones to others, each taken within one turn."""
    return median(numerator / denominator for numerator, denominator in zip(ones, others, strict=True))


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise of the design, with what was measured.

    Attributes:
        text: What is promised.
        target: The figure.
        measured: The same, measured.
        unit: Behind the figure; ``x`` stands for a ratio.
        at_least: Whether more is better.
    """

    text: str
    target: float
    measured: float
    unit: str = "x"
    at_least: bool = True

    @property
    def is_met(self) -> bool:
        """Whether it holds."""
        return self.measured >= self.target if self.at_least else self.measured <= self.target


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to read.

    Attributes:
        title: A sentence.
        columns: Their heads; the first column is text.
        rows: One cell a column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What one benchmark found.

    Attributes:
        benchmark: Its name.
        setting: Sizes and counts that the figures hold for.
        promises: Held against the design.
        tables: The figures.
        samples: Those of every single turn.
    """

    benchmark: str
    setting: Mapping[str, Any]
    promises: tuple[Promise, ...]
    tables: tuple[Table, ...]
    samples: Mapping[str, Any] = field(default_factory=dict)


def machine() -> dict[str, Any]:
    """Describe the machine: nothing that names it or its owner."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gib": round(memory / 1024**3, 1),
        "python": platform.python_version(),
    }


def run(
    measure: Callable[[argparse.Namespace], Report],
    *,
    description: str | None,
    options: Callable[[argparse.ArgumentParser], object],
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a benchmark as a command: prints its report, as JSON with ``--json``.

    Args:
        measure: The benchmark.
        description: Says what it measures.
        options: Adds its options.
        arguments: Those of the command line; None reads them from ``sys.argv``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options(parser)
    chosen = parser.parse_args(arguments)
    before = os.getloadavg()[0]
    report = dataclasses.asdict(measure(chosen))
    report["machine"] = machine()
    report["load_average"] = {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)}
    report["measured_on"] = time.strftime("%Y-%m-%d", time.gmtime())
    sys.stdout.write(json.dumps(report, indent=1) if chosen.json else render(report))
    sys.stdout.write("\n")


def put_figures(document: str, figures: Callable[[str], str]) -> str:
    """Put figures between a document's markers.

    Args:
        document: In Markdown, with places as ``<!-- figures: name -->`` and ``<!-- end of figures -->``.
        figures: Gives those of a place by its name.
    """
    return _PLACE.sub(lambda place: f"{place[1]}{place[2]}\n{figures(place[1])}\n\n", document)


def render(report: Mapping[str, Any]) -> str:
    """Write a report, as JSON gives it, as Markdown."""
    tables = (f"{content['title']}\n\n{table(content['columns'], content['rows'])}" for content in report["tables"])
    return "\n\n".join([_said(report), *tables])


def render_promises(reports: Sequence[Mapping[str, Any]]) -> str:
    """Write the promises of all reports as one table."""
    rows = []
    for report in reports:
        for content in report["promises"]:
            promise = Promise(**content)
            sign = "≥" if promise.at_least else "≤"
            verdict = "met" if promise.is_met else "**missed**"
            rows.append((promise.text, f"{sign} {_figure(promise)}", _figure(promise, promise.measured), verdict))
    return table(("promise", "target", "measured", ""), rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> str:
    """Write a table in Markdown."""
    lines = [columns, ["---", *("---:" for _ in columns[1:])], *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(report: Mapping[str, Any]) -> str:
    on, load = report["machine"], report["load_average"]
    setting = "; ".join(f"{name.replace('_', ' ')}: {_cell(value)}" for name, value in report["setting"].items())
    return (
        f"Measured on {report['measured_on']}: {on['cores']} cores ({on['cpu']}), {on['memory_gib']} GiB, "
        f"Python {on['python']}; load average {load['before']} before, {load['after']} after. {setting}."
    )


def _figure(promise: Promise, figure: float | None = None) -> str:
    number = _cell(promise.target if figure is None else figure)
    return f"{number} times" if promise.unit == "x" else f"{number} {promise.unit}".rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
