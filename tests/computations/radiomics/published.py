"""The values that the IBSI published, and how one is held to them."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from dicom_sieve.computations.radiomics.features import Feature, features

FILE = Path(__file__).with_name("ibsi_reference_values.csv")
"""Source: IBSI, reference manual, chapter "Image features", all tables of reference values (arXiv 1612.07003)."""
MISPRINTED = {
    "10th discretised intensity percentile": "GPMT",  # the manual repeats 1PR8, the minimum's
    "90th discretised intensity percentile": "OZ0C",  # it has the code of the 10th
    "Small zone emphasis": "5QRC",  # it has none
}
"""Codes that the manual's text has wrong, and that its own list of identifiers has as they are here."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row."""

    name: str
    code: str
    aggregation: str
    data: str
    value: float
    tolerance: float

    def agrees(self, value: float | None) -> bool:
        """Tell whether a value rounds to the published one, or to one within its tolerance.

        Published values have three digits.
        """
        if value is None:
            return False
        return abs(round_to_three(value) - self.value) <= self.tolerance + 1e-9 * abs(self.value)


def round_to_three(value: float) -> float:
    """Round to three digits that count."""
    if value == 0:
        return 0.0
    return round(value, 2 - math.floor(math.log10(abs(value))))


def published(data: str) -> list[Published]:
    """Give the rows of one data set, as ``digital phantom`` or ``configuration A``."""
    with FILE.open(encoding="utf-8") as stream:
        return [
            Published(
                row["feature"],
                MISPRINTED.get(row["feature"], row["code"]),
                row["aggregation"],
                row["data"],
                float(row["value"]),
                float(row["tolerance"] or 0),
            )
            for row in csv.DictReader(stream)
            if row["data"] == data
        ]


def columns() -> dict[tuple[str, str, str], Feature]:
    """Give our features by name, code and aggregation."""
    return {(feature.name, feature.code, feature.aggregation): feature for feature in features()}


def column_of(row: Published) -> str:
    """Name the column of a published value."""
    return columns()[row.name, row.code, row.aggregation].column


def disagreements(values: dict[str, float | None], data: str) -> dict[str, tuple[float | None, float]]:
    """Give ours and the published value of each that differs by more than its tolerance."""
    return {
        column_of(row): (values.get(column_of(row)), row.value)
        for row in published(data)
        if not row.agrees(values.get(column_of(row)))
    }
