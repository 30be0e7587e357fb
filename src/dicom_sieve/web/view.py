"""What the address of a Result page says: which series, in which order, and what is open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from dicom_sieve.reports.listed_series import (
    AGE,
    BODY_PART,
    DATE,
    DESCRIPTION,
    INSTANCES,
    MODALITY,
    PASSED,
    Filter,
    Tab,
)
from dicom_sieve.web.asked import address_of, read_number
from dicom_sieve.web.of_run import FACTS
from dicom_sieve.web.texts import later

WINDOW = 50
"""Lines of a table that are shown at a time."""
HEADS = {
    DESCRIPTION: later("Series"),
    MODALITY: later("Modality"),
    BODY_PART: later("Body part"),
    DATE: later("Study date"),
    AGE: later("Age"),
    INSTANCES: later("Instances"),
    PASSED: later("Passed"),
    "slices": later("Slices"),
    "spacing": later("Spacing, mm"),
    "plane": later("Plane"),
    "thickness": later("Thickness, mm"),
}
"""What stands above each column."""
LONGEST_TEXT = 256
LONGEST_KEY = 4_096


@dataclass(frozen=True, slots=True)
class View:
    """The state of a Result page.

    Attributes:
        run_id: Of the run.
        unit: What attrition counts: ``instances`` or ``series``.
        filter: Which series, in which order.
        columns: What is measured of them and shown.
        has_pictures: Whether pictures are shown instead of a table.
        start: The first line that is shown.
        series: Of which the middle image is traced; empty: of none.
        object: Key of the object that is traced; empty: of none.
    """

    run_id: str
    unit: str = "instances"
    filter: Filter = field(default_factory=lambda: Filter(Tab.PASSED))
    columns: tuple[str, ...] = ()
    has_pictures: bool = False
    start: int = 0
    series: str = ""
    object: str = ""

    @property
    def state(self) -> dict[str, str]:
        """What the address says of it."""
        asked = self.filter
        stated = {
            "unit": "" if self.unit == "instances" else self.unit,
            "show": "" if asked.tab is Tab.PASSED else asked.tab.value,
            "find": asked.find,
            "modality": asked.modality,
            "by": "" if asked.by is None else str(asked.by),
            "sort": f"{'-' if asked.descending else ''}{asked.sort}" if asked.sort else "",
            "columns": ",".join(self.columns),
            "view": "pictures" if self.has_pictures else "",
            "from": str(self.start) if self.start else "",
            "series": self.series,
            "object": self.object,
        }
        return {name: value for name, value in stated.items() if value}

    def address(self, **changed: Any) -> str:
        """Give the address of this state, or of one that differs; ``from`` is that of ``start``."""
        if "start" in changed:
            changed["from"] = changed.pop("start")
        elif changed.keys() & {"show", "find", "modality", "by", "sort"}:
            changed["from"] = ""
        return address_of(f"/runs/{quote(self.run_id, safe='')}", self.state | changed)

    def sorted_by(self, name: str) -> str:
        """Give the address with another order: a second time the other way round."""
        is_same = self.filter.sort == name and not self.filter.descending
        return self.address(sort=f"-{name}" if is_same else name)

    def order_of(self, name: str) -> str:
        """Tell how a column is sorted, as ``aria-sort`` says it."""
        if self.filter.sort != name:
            return "none"
        return "descending" if self.filter.descending else "ascending"

    def part(self, path: str, **changed: Any) -> str:
        """Give the address of something else of this run, with the same filter."""
        here, _, query = self.address(**changed).partition("?")
        return f"{here}/{path}" + (f"?{query}" if query else "")


def read_view(run_id: str, asked: Mapping[str, str], columns: list[str] | None = None) -> View:
    """Read what an address says; what makes no sense is left out.

    Args:
        run_id: Of the run.
        asked: What stands behind the question mark.
        columns: That are ticked, each by itself.
    """
    text = {name: asked.get(name, "")[:LONGEST_TEXT] for name in ("find", "modality", "sort", "by", "from")}
    named = [name for each in (columns or [asked.get("columns", "")]) for name in each.split(",")]
    kept = tuple(name for name in FACTS if name in named)
    sort = text["sort"].removeprefix("-")
    show = asked.get("show", "")
    return View(
        run_id,
        "series" if asked.get("unit") == "series" else "instances",
        Filter(
            Tab(show) if show in list(Tab) else Tab.PASSED,
            text["find"],
            text["modality"],
            read_number(text["by"], 9),
            sort if sort in HEADS and (sort not in FACTS or sort in kept) else "",
            text["sort"].startswith("-"),
        ),
        kept,
        asked.get("view") == "pictures",
        read_number(text["from"], 9) or 0,
        asked.get("series", "")[:LONGEST_TEXT],
        asked.get("object", "")[:LONGEST_KEY],
    )


def begin_of_window(start: int, count: int) -> int:
    """Give where the window begins that shows a line, or the last one where there are fewer."""
    return min(start, max(0, count - 1)) // WINDOW * WINDOW
