"""How a run shows itself in Prefect: log lines, a progress artifact, a summary. Counts only."""

import time
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

from dicom_sieve.criteria import CompiledCriterion, Finding
from dicom_sieve.headers import Defect
from dicom_sieve.screening import Forecast, Outcome

SECONDS_BETWEEN_UPDATES = 2.0
_WORDS = {
    "list": "listing the location",
    "index": "reading headers",
    "decide": "judging headers",
    "publish": "publishing the manifest",
}


class PrefectObserver:
    """Watches a run for those who watch Prefect.

    Args:
        logger: The run's.
    """

    def __init__(self, logger: "Logger | LoggerAdapter[Any]") -> None:
        self._logger = logger
        self._total: int | None = None
        self._done = 0
        self._artifact: UUID | None = None
        self._updated_at = 0.0

    def begin(self, phase: str, total: int | None) -> None:
        """Log the phase; show the progress of reading headers."""
        self._update()
        self._total, self._done, self._artifact = total, 0, None
        self._logger.info("%s%s", _WORDS[phase], "" if total is None else f": {total:,} objects")
        if phase == "index" and total:
            self._artifact = UUID(
                str(create_progress_artifact(0.0, key="headers-read", description=f"Headers read of {total:,}"))
            )

    def advance(self, count: int) -> None:
        """Show how far it is, not too often."""
        self._done += count
        if time.monotonic() - self._updated_at >= SECONDS_BETWEEN_UPDATES:
            self._update()

    def note(self, text: str) -> None:
        """Log it."""
        self._logger.info("%s", text)

    def _update(self) -> None:
        if self._artifact is not None and self._total:
            update_progress_artifact(self._artifact, min(100.0, 100.0 * self._done / self._total))
            self._updated_at = time.monotonic()


def show_outcome(outcome: Outcome | Forecast, criteria: tuple[CompiledCriterion, ...]) -> None:
    """Leave a summary with the flow run: counts, and the reasons in words."""
    counts = outcome.counts
    lines = [
        f"**{outcome.describe()}**",
        "",
        "| objects | passed | discarded | series whole | partial | none |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {counts['listed']:,} | {counts['passed']:,} | {counts['discarded']:,} | "
        + " | ".join(f"{counts['series'].get(name, 0):,}" for name in ("WHOLE", "PARTIAL", "NONE"))
        + " |",
        "",
        "| reason to discard | objects |",
        "| --- | ---: |",
    ]
    for criterion, findings in zip(criteria, counts["findings"], strict=False):
        named = criterion.describe().replace("|", "\\|")
        lines.extend(
            f"| {named}: {name} | {findings[name]:,} |" for name in Finding if name in findings and name != "MET"
        )
    lines.extend(f"| {Defect(name).describe()} | {count:,} |" for name, count in counts["defects"].items())
    if isinstance(outcome, Outcome) and outcome.manifest is not None:
        lines += ["", f"Manifest: `{outcome.manifest.uri}`"]
    create_markdown_artifact("\n".join(lines), key="verdicts", description="Verdicts by reason")
