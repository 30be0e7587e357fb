"""A report as one HTML file that asks for nothing from anywhere, and runs no script."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dicom_sieve.criteria import Finding
from dicom_sieve.headers import Defect
from dicom_sieve.reports.attrition import NARROW, WIDE, svg_of
from dicom_sieve.reports.markdown import amounts, citation, why_partial
from dicom_sieve.reports.report import Report
from dicom_sieve.reports.words import counted, describe_patients, headed, size_of, spoken

BAR_WIDTH = 200
"""Width of the longest bar, in the units of its drawing."""


def as_html(report: Report) -> str:
    """Give it as HTML. Everything in it is escaped but the drawing, which escapes its own texts."""
    style = (files(__package__) / "templates" / "report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            run=report.run,
            figures=report.figures,
            criteria=list(zip(report.criteria, report.figures.criteria, strict=True)),
            amounts=amounts(report),
            drawings=[Markup(svg_of(report, shape)) for shape in (WIDE, NARROW)],  # noqa: S704 - it escapes its texts
            style=Markup(style),  # noqa: S704 - a file of ours
            style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            citation=citation(report),
            findings=list(Finding),
            defects=[Defect(name) for name in report.figures.defects],
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        counted=counted,
        size=size_of,
        spoken=spoken,
        headed=headed,
        patients=describe_patients,
        why=why_partial,
        length_of=_length_of,
    )
    return environment


def _length_of(part: int, longest: int) -> str:
    """Give a bar's length; whatever is there can be seen."""
    return f"{max(BAR_WIDTH * part / longest, 1.0 if part else 0.0):.1f}"
