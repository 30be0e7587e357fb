"""The series of a run, as its page shows them: one window of those that are asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger import RecordedRun
from dicom_sieve.ledger.reading.series_objects import find_object
from dicom_sieve.reports.listed_series import INSTANCES, KEYWORDS, PASSED, SeriesLine, Tab
from dicom_sieve.web.context import Context
from dicom_sieve.web.kept import Deadline
from dicom_sieve.web.texts import gettext, later
from dicom_sieve.web.view import HEADS, WINDOW, View, begin_of_window

TABS = {Tab.PASSED: later("Passed"), Tab.NEAR: later("Near misses"), Tab.OTHER: later("Other"), Tab.ALL: later("All")}
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """What the page shows of the series.

    Attributes:
        tabs: Name and number of series of each.
        modalities: That may be chosen.
        heads: Names of the columns, with what stands above them.
        lines: Of the window.
        total: Series that are asked for.
        start: The first that is shown.
        end: The one behind the last.
        near: For each criterion: instances that it alone discards, their series, and instances for want of an answer.
        note: Why something is not shown; empty: all is.
    """

    tabs: Mapping[Tab, tuple[str, int]]
    modalities: Sequence[str]
    heads: Mapping[str, str]
    lines: Sequence[SeriesLine]
    total: int
    start: int
    end: int
    near: Sequence[tuple[int, int, int]]
    note: str = ""


def series_part(context: Context, run: RecordedRun, view: View, deadline: Deadline) -> SeriesPart | None:
    """Give what the page shows of the series; None: they are still being read."""
    note, columns = "", view.columns
    try:
        listed = context.runs.listed(run, columns, deadline)
    except LedgerError as error:  # headers were not read for what is to be measured
        note, columns = str(error), ()
        listed = context.runs.listed(run, (), deadline)
    if listed is None:
        return None
    places = listed.select(view.filter)
    start = begin_of_window(view.start, len(places))
    shown = [*KEYWORDS, *columns, INSTANCES if view.filter.tab is Tab.OTHER else PASSED]
    return SeriesPart(
        {tab: (gettext(TABS[tab]), count) for tab, count in listed.counts.items()},
        listed.modalities,
        {name: gettext(HEADS[name]) for name in shown},
        listed.lines(places[start : start + WINDOW]),
        len(places),
        start,
        min(start + WINDOW, len(places)),
        listed.near_misses,
        note,
    )


def look_for(context: Context, run: RecordedRun, view: View, deadline: Deadline) -> str | None:
    """Give the address where what is searched for is open: a series, or an instance, by its whole UID; else None."""
    name = view.filter.find.strip()
    if not _UID.fullmatch(name) or view.series or view.object:
        return None
    listed = context.runs.listed(run, (), deadline)
    if listed is not None and listed.find(name) is not None:
        return view.address(show=Tab.ALL.value, find="", series=name)
    found = find_object(run.engine, run.row, name)
    return None if found is None else view.address(show=Tab.ALL.value, find="", object=found.info.key)
