"""The report of a run: what it did and why, for those who ask for images and do not write code."""

from collections.abc import Callable, Mapping

from dicom_sieve.publishing.report.html import as_html
from dicom_sieve.publishing.report.plain import as_json, as_markdown
from dicom_sieve.publishing.report.report import MIN_CELL, Report, make_report

__all__ = ["ENDINGS", "MIN_CELL", "Report", "make_report", "render"]

ENDINGS = {"html": "html", "markdown": "md", "json": "json"}
"""The formats of a report, and how the names of their files end."""
_RENDER: Mapping[str, Callable[[Report], str]] = {"html": as_html, "markdown": as_markdown, "json": as_json}


def render(report: Report, how: str) -> str:
    """Write a report down in one of the formats of `ENDINGS`."""
    return _RENDER[how](report)
