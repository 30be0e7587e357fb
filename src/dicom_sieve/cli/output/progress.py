"""A progress bar on stderr, so that output can be piped."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dicom_sieve import logs
from dicom_sieve.screening.observer import PHASES

_WORDS = {
    "list": "listing",
    "index": "reading headers",
    "decide": "judging headers",
    "publish": "publishing",
    "verify": "verifying",
    "forget": "forgetting",
    "pull": "pulling",
    "compute": "computing",
    "export": "exporting",
}


class ProgressBar:
    """Watches a run and draws a bar for each of its phases; silent where nobody looks."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<15}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal or logs.is_json(),
        )
        self._task = self._progress.add_task(_WORDS[PHASES[0]], total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_phase()
        self._progress.stop()

    def begin(self, phase: str, total: int | None) -> None:
        """Draw a new bar."""
        self._end_phase()
        self._task = self._progress.add_task(_WORDS[phase], total=total)

    def advance(self, count: int) -> None:
        """Move the bar."""
        self._progress.advance(self._task, count)

    def note(self, text: str) -> None:
        """Write a line above the bar, or to the log where that is JSON."""
        if logs.is_json():
            logs.tell(text)
            return
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _end_phase(self) -> None:
        done = self._progress.tasks[self._task].completed
        self._progress.update(self._task, total=max(done, 1), completed=max(done, 1))
