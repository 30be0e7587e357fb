"""The report of a run: what it did and why, for those who ask for images and do not write code."""

from dicom_sieve.reports.markdown import as_json, as_markdown
from dicom_sieve.reports.report import MIN_CELL, Report, make_report

__all__ = ["ENDINGS", "MIN_CELL", "Report", "make_report", "render"]

ENDINGS = {"html": "html", "markdown": "md", "json": "json"}
"""The formats of a report, and how the names of their files end."""


def render(report: Report, how: str) -> str:
    """Write a report down in one of the formats of `ENDINGS`."""
    if how == "html":
        from dicom_sieve.reports.html import as_html  # noqa: PLC0415 - slow to import

        return as_html(report)
    return as_json(report) if how == "json" else as_markdown(report)
