"""How features are distributed over regions, as one HTML file that asks for nothing and runs no script."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jinja2 import Environment

from dicom_sieve.computations.radiomics.features import INTENSITY, Feature, features
from dicom_sieve.computations.radiomics.region import Region
from dicom_sieve.markup import inline, make_environment

MIN_CELL = 5
"""Fewer regions are counted, and their values are not shown (ADR 13)."""
MOST_BARS = 16
ROUNDING = 1e-12
"""Part of the largest value by which values may differ and be equal all the same."""
MOST_LABELS = 50
"""The most frequent labels have distributions; the regions of others are counted."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values of one feature over the regions of one label.

    Attributes:
        feature: Which.
        unit: Its unit.
        count: Of regions that have a value.
        quartiles: The lower one, the median, the upper one; None where the regions are too few to be shown.
        bars: Heights from 0 to 1 of bars of equal width, from the lowest value to the highest.
    """

    feature: Feature
    unit: str
    count: int
    quartiles: tuple[float, float, float] | None
    bars: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The regions of one label.

    Attributes:
        label: Of segments; names of ROIs.
        count: Of regions.
        families: Distributions by family; none where the regions are too few to be shown.
    """

    label: str
    count: int
    families: dict[str, list[Distribution]]


def group(regions: Iterable[Region], min_cell: int = MIN_CELL) -> list[Group]:
    """Distribute the values of regions that have some, by label; the most frequent label first."""
    kept = [region for region in regions if region.values]
    frequent = Counter(region.label for region in kept).most_common()
    frequent.sort(key=lambda counted: (-counted[1], counted[0]))
    return [_group(label, [region for region in kept if region.label == label], min_cell) for label, _ in frequent]


def _group(label: str, regions: Sequence[Region], min_cell: int) -> Group:
    families: dict[str, list[Distribution]] = {}
    if len(regions) >= min_cell:
        units = {region.intensity_unit for region in regions} - {""}
        unit = units.pop() if len(units) == 1 else INTENSITY
        for feature in features():
            found = [value for region in regions if (value := region.values.get(feature.column)) is not None]
            if found:
                families.setdefault(feature.family, []).append(_distribute(feature, unit, found, min_cell))
    return Group(label, len(regions), families)


def _distribute(feature: Feature, unit: str, values: Sequence[float], min_cell: int) -> Distribution:
    if len(values) < min_cell:
        return Distribution(feature, feature.unit_in(unit), len(values), None, ())
    quartiles = np.percentile(np.array(values) / 2, (25, 50, 75)) * 2.0  # halves: no difference of two is too large
    lower, median, upper = (float(quartile) for quartile in quartiles)
    return Distribution(feature, feature.unit_in(unit), len(values), (lower, median, upper), _bars(values))


def _bars(values: Sequence[float]) -> tuple[float, ...]:
    """Count values in bars of equal width; values that differ by no more than rounding have one."""
    largest = max(abs(value) for value in values)
    scaled = np.array(values) / largest if largest else np.zeros(len(values))
    if not np.ptp(scaled) > ROUNDING:
        return (1.0,)
    counts, _ = np.histogram(scaled, bins=min(MOST_BARS, 1 + len(values) // 2))
    return tuple(float(count) for count in counts / counts.max())


def as_html(regions: Iterable[Region], *, title: str, min_cell: int = MIN_CELL) -> str:
    """Give the distributions as a page; everything in it is escaped.

    Args:
        regions: Of any number of series.
        title: Of the page.
        min_cell: Fewer regions are counted, and their values are not shown.
    """
    given = list(regions)
    groups = group(given, min_cell)
    style = (files(__package__) / "templates" / "distributions.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("distributions.html")
        .render(
            title=title,
            groups=groups[:MOST_LABELS],
            others=sum(each.count for each in groups[MOST_LABELS:]),
            total=len(given),
            refused=sum(bool(region.refused) for region in given),
            min_cell=min_cell,
            **inline(style),
        )
    )


@cache
def _environment() -> Environment:
    made = make_environment([__package__])
    made.filters.update(value=lambda value: f"{value:.4g}", family=_spoken)
    return made


def _spoken(family: str) -> str:
    """Give a family as it is written: abbreviations in capitals."""
    return family.upper() if family.startswith(("gl", "ng")) else family.replace("_", " ").capitalize()
