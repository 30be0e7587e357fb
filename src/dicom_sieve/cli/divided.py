"""A divided run on the command line: ``dicom-sieve screen`` for each part, several at a time (ADR 63)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_sieve.cli.criteria_file import NAMED, AskedCriteria
from dicom_sieve.cli.exit import SAYS, say
from dicom_sieve.cli.output import text
from dicom_sieve.ending import ending_in_order
from dicom_sieve.inert import inert
from dicom_sieve.ledger import open_ledger
from dicom_sieve.objects import Listing, Location
from dicom_sieve.private import temporary_folder
from dicom_sieve.reports.words import describe_outcome
from dicom_sieve.screening.divide import DividedOutcome, PartOutcome, Parts, find_parts, outcome_of, refuse_across
from dicom_sieve.screening.screen import refuse_overlap
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.interface import Place

SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True, slots=True)
class DividedScreening:
    """What is to be screened in parts.

    Attributes:
        store: Where the objects lie.
        output: Where the manifest of each part is published, or None.
        asked: The criteria.
        at_least: How many parts there are to be, at least; as many run at a time, at most.
        listing: LAST: what was listed last is judged.
        options: Of the command, as they go to each part.
    """

    store: Place
    output: Place | None
    asked: AskedCriteria
    at_least: int
    listing: Listing
    options: Sequence[str]


def screen_divided(screening: DividedScreening, *, as_json: bool) -> None:
    """Screen each part, and say what came of all.

    Raises:
        InvalidRequestError: It cannot be divided, or criteria look beyond one instance.
        StoreError: It cannot be listed.
        PartsFailedError: Some parts did not complete.
    """
    refuse_across(screening.asked.items)
    if screening.output is not None:
        refuse_overlap(screening.store.location, screening.output.location)
    with ending_in_order(), open_ledger(load_settings().database_url.get_secret_value()) as ledger:
        at_least, listing = screening.at_least, screening.listing
        parts = find_parts(screening.store, ledger, at_least=at_least, note=say, listing=listing)
        outcome = outcome_of(ledger, _screen_all(screening, parts), parts.marks)
        address = ledger.address
    (_show_json if as_json else _show)(outcome, address)
    outcome.raise_where_one_failed()


def _screen_all(screening: DividedScreening, parts: Parts) -> list[PartOutcome]:
    at_once = min(screening.at_least, os.cpu_count() or 1)
    with temporary_folder() as folder:
        criteria = _write_criteria(screening.asked, folder)

        def start(number: int, place: Location) -> "_Process":
            asked = ["--criteria", criteria, "--json", *screening.options]
            command = [sys.executable, "-m", "dicom_sieve", "screen", place.uri(place.prefix), *asked]
            return _Process(command, place, folder / f"{number}.json", folder / f"{number}.txt")

        return _run(parts.locations, start, at_once)


def _write_criteria(asked: AskedCriteria, folder: Path) -> str:
    """Give what names the criteria to each part: they may have come from a pipe, or have a newer version meanwhile."""
    if asked.named is not None:
        return f"{NAMED}{asked.named.name}{NAMED}{asked.named.version}"
    file = folder / "criteria.json"
    file.write_text(json.dumps([item.as_given() for item in asked.items]), encoding="utf-8")
    return str(file)


class _Process:
    """The process of a part.

    Args:
        command: What it runs.
        place: The part.
        output: File for its output.
        errors: File for its errors.
    """

    def __init__(self, command: Sequence[str], place: Location, output: Path, errors: Path) -> None:
        self._place, self._output, self._errors = place, output, errors
        text_logs = {**os.environ, "DICOM_SIEVE_LOG_FORMAT": "text"}  # its errors are told by this process
        with output.open("wb") as out, errors.open("wb") as err:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=text_logs
            )

    def find_outcome(self) -> PartOutcome | None:
        """Give what came of it; None: it runs."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0:
            told = json.loads(self._output.read_text(encoding="utf-8"))
            return PartOutcome(self._place, told["run_id"], told["counts"])
        if code < 0:
            return PartOutcome(self._place, None, failure=f"its process was ended by {signal.Signals(-code).name}")
        lines = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
        return PartOutcome(self._place, None, failure="; ".join(said) or f"its process ended with {code}")

    def end(self) -> None:
        """End it in order: what it has recorded stays."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        self._process.wait()


def _run(places: Sequence[Location], start: Callable[[int, Location], _Process], at_once: int) -> list[PartOutcome]:
    """Run a process for each part, and give what came of them, in their order."""
    waiting, running = deque(enumerate(places)), dict[int, _Process]()
    outcomes: dict[int, PartOutcome] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, place = waiting.popleft()
                running[number] = start(number, place)
            for number, process in list(running.items()):
                if (outcome := process.find_outcome()) is not None:
                    del running[number]
                    outcomes[number] = outcome
                    _say(outcome, len(outcomes), len(places))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        for process in running.values():
            process.end()
    return [outcomes[number] for number in range(len(places))]


def _say(outcome: PartOutcome, done: int, parts: int) -> None:
    place = outcome.location.uri(outcome.location.prefix)
    what = outcome.failure if outcome.counts is None else describe_outcome(outcome.counts)
    say(inert(f"part {done:,} of {parts:,}: {place}: {what}"))


def _show(outcome: DividedOutcome, address: str) -> None:
    numbers = ("listed", "passed", "discarded")
    rows = [
        (
            part.location.uri(part.location.prefix),
            part.run_id or "",
            *(f"{part.counts[name]:,}" if part.counts else "" for name in numbers),
        )
        for part in outcome.parts
    ]
    text.show_table(("part", "run", *numbers), rows, right=numbers)
    text.show_lines("", outcome.describe(), f"ledger     {address}")


def _show_json(outcome: DividedOutcome, address: str) -> None:
    parts = [
        {
            "uri": part.location.uri(part.location.prefix),
            "run_id": part.run_id,
            "counts": part.counts,
            "failure": part.failure,
        }
        for part in outcome.parts
    ]
    told = {"counts": outcome.counts, "split_series": outcome.split_series, "folder_marks": outcome.marks}
    text.show_json({"parts": parts, **told, "ledger": address})
