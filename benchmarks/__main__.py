"""Run the benchmarks, one after the other, each in a process of its own; keep the figures and put them in the docs.

``results.json`` holds the last figures of each; ``docs/performance.md`` shows them between its markers, and
``docs/scale.md`` what follows from them for larger buckets.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import scale
from benchmarks.measure import put_figures, render, render_promises

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BENCHMARKS = ("scan", "index", "far", "workers", "limits", "memory", "ledger", "audit", "pages")
HAVE_LARGE = ("memory", "ledger", "audit", "pages")
PROMISES = "promises"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmark", nargs="*", help=f"which: {', '.join(BENCHMARKS)}; without, all of them")
    parser.add_argument("--large", action="store_true", help="memory: with a million objects; ledger: with ten million")
    parser.add_argument("--only-write", action="store_true", help="measure nothing; write the figures that are kept")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.benchmark) - set(BENCHMARKS):
        parser.error(f"{', '.join(sorted(unknown))}: no benchmark; accepted: {', '.join(BENCHMARKS)}")
    for name in () if chosen.only_write else chosen.benchmark or BENCHMARKS:
        report = _run(name, ["--large"] if chosen.large and name in HAVE_LARGE else [])
        sys.stdout.write(f"# {name}\n\n{render(report)}\n\n")
        _keep({**_kept(), name: report})
    if chosen.only_write:
        _keep(_kept())


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return kept


def _keep(results: Mapping[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    DOCUMENT.write_text(fill(DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")
    if set(results) >= scale.NEEDS:
        scale.DOCUMENT.write_text(scale.fill(scale.DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")


def fill(document: str, results: Mapping[str, Any]) -> str:
    """Put figures between a document's markers; where there are none, that is said."""

    def figures(name: str) -> str:
        if name == PROMISES:
            return render_promises([results[benchmark] for benchmark in BENCHMARKS if benchmark in results])
        return render(results[name]) if name in results else "Not measured yet."

    return put_figures(document, figures)


def _run(name: str, options: Sequence[str]) -> Any:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    main()
