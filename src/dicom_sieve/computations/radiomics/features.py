"""The features: what each column is called, and what it is in the words of the standard.

All that has a published reference value is in ``features.csv``, and nothing else (ADR 48).

Source:
    Image Biomarker Standardisation Initiative, reference manual, chapter "Image features" (arXiv 1612.07003).
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

INTENSITY = "intensity"
"""Stands in units for the unit of the image."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature with one way to aggregate it.

    Attributes:
        column: Its name in tables: lower case, and the code. Never changes, and has 63 characters at most, as names
            in PostgreSQL have.
        name: As the manual says it.
        code: Four characters that the manual gives.
        family: As ``glcm``.
        aggregation: As ``3D, merged``; empty where the feature has no texture matrix.
        unit: As ``mm3``; ``1`` where there is none; ``intensity`` stands for the unit of the image.
        mirp: How MIRP calls it, without what it says of the discretisation.
    """

    column: str
    name: str
    code: str
    family: str
    aggregation: str
    unit: str
    mirp: str

    def unit_in(self, intensity: str) -> str:
        """Give its unit where intensities of the image are in the one that is given."""
        return self.unit.replace(INTENSITY, intensity)


@cache
def features() -> tuple[Feature, ...]:
    """Give all of them in the order of the manual."""
    text = (files(__package__) / "features.csv").read_text(encoding="utf-8")
    return tuple(Feature(**row) for row in csv.DictReader(text.splitlines()))


@cache
def by_column() -> dict[str, Feature]:
    """Give them by their columns."""
    return {feature.column: feature for feature in features()}


def families() -> tuple[str, ...]:
    """Name the families in the order of the manual."""
    return tuple(dict.fromkeys(feature.family for feature in features()))


def aggregations() -> tuple[str, ...]:
    """Name the ways to aggregate texture matrices."""
    return tuple(dict.fromkeys(feature.aggregation for feature in features() if feature.aggregation))
