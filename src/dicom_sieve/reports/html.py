"""A report as one HTML file that asks for nothing from anywhere, and runs no script."""

from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from dicom_sieve.criteria import Finding
from dicom_sieve.headers import Defect
from dicom_sieve.markup import inline
from dicom_sieve.reports.attrition import NARROW, WIDE, steps_left, svg_of
from dicom_sieve.reports.charts import make_environment, style_of
from dicom_sieve.reports.markdown import amounts, citation, why_partial
from dicom_sieve.reports.report import Report
from dicom_sieve.reports.words import describe_patients, spoken
from dicom_sieve.reports.would_be import StepLeft


def as_html(report: Report) -> str:
    """Give it as HTML. Everything in it is escaped but the drawing, which escapes its own texts."""
    judged = report.figures.judged
    style = style_of("charts") + style_of("report")
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            run=report.run,
            figures=report.figures,
            criteria=list(zip(report.criteria, report.figures.criteria, strict=True)),
            amounts=amounts(report),
            left=[
                ("instances", "Instances left after each criterion", judged.instances, _left(report, is_series=False)),
                ("series", "Series left after each criterion", judged.series, _left(report, is_series=True)),
            ],
            drawings=[Markup(svg_of(report, shape)) for shape in (WIDE, NARROW)],  # noqa: S704 - it escapes its texts
            **inline(style),
            citation=citation(report),
            findings=list(Finding),
            defects=[Defect(name) for name in report.figures.defects],
        )
    )


def _left(report: Report, *, is_series: bool) -> list[StepLeft]:
    return steps_left([item.label for item in report.criteria], report.figures.steps, is_series=is_series)


@cache
def _environment() -> Environment:
    environment = make_environment()
    environment.filters.update(spoken=spoken, patients=describe_patients, why=why_partial)
    return environment
