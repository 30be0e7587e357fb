"""The steps of a run, and how long each of them took."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic

from dicom_sieve.tracing import span

STEPS = ("list", "index", "keep", "decide", "seal", "publish")
"""In their order. To keep is to count the headers and the facts of series that a listing changed."""

Step = Callable[[str], AbstractContextManager[None]]
"""Given the name of a step, what is to be entered while it is done."""


class Stopwatch:
    """Measures steps on a clock that is never set, and has a span of each; a step that is done twice counts twice.

    Attributes:
        milliseconds: That each step took, whole ones.
    """

    def __init__(self) -> None:
        self.milliseconds: dict[str, int] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Measure one of `STEPS`, also where it ends in an error."""
        begun = monotonic()
        try:
            with span(step):
                yield
        finally:
            took = round(1_000 * (monotonic() - begun))
            self.milliseconds[step] = self.milliseconds.get(step, 0) + took
