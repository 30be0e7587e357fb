"""What is left after each step, and what fell out: as bars; and in the manner of CONSORT, drawn as SVG or Mermaid."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from dicom_sieve.reports.figures import Step
from dicom_sieve.reports.report import Report
from dicom_sieve.reports.words import counted, spoken
from dicom_sieve.reports.would_be import StepLeft, Three

MOST_LINES = 3
"""Lines of one sentence in a box; a list of references may be longer than a page."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the diagram.

    Attributes:
        title: What it holds.
        lines: How much.
    """

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """What fell out, and what was left then.

    Attributes:
        excluded: None where nothing did.
        left: What was left.
    """

    excluded: Box | None
    left: Box


def steps_left(sentences: Sequence[str], steps: Sequence[Step], *, is_series: bool) -> list[StepLeft]:
    """Give each step with what it leaves, for the bars of reports and pages.

    Args:
        sentences: Of the criteria.
        steps: Of the report.
        is_series: Whether series are counted; else instances.
    """
    return [
        StepLeft(sentence, _series_left(step) if is_series else _instances_left(step))
        for sentence, step in zip(sentences, steps, strict=True)
    ]


def _instances_left(step: Step) -> Three:
    fails = sum(fell.instances for fell in step.fell if fell.finding.is_decided)
    return Three(step.instances, fails, sum(fell.instances for fell in step.fell) - fails)


def _series_left(step: Step) -> Three:
    """Give it by series; one whose instances fell by several findings fails as soon as one of them is decided."""
    undecided = step.mixed_undecided + sum(fell.series for fell in step.fell if not fell.finding.is_decided)
    fell_out = step.fell_mixed + sum(fell.series for fell in step.fell)
    return Three(step.series, fell_out - undecided, undecided)


def stages_of(report: Report) -> tuple[Box, list[Stage]]:
    """Give the first box, and the stages from there to what passed."""
    figures = report.figures
    unjudged = [f"{spoken(name)}: {count:,}" for name, count in figures.defects.items()]
    if figures.unread:
        unjudged.append(f"not read: {figures.unread:,}")
    missed = figures.looked_at.instances - figures.judged.instances
    first = Stage(
        Box("Could not be judged", (counted(missed, "object"), *unjudged)) if missed else None,
        Box("Judged", (_left(figures.judged.instances, figures.judged.series),)),
    )
    stages = [first]
    for number, (criterion, step) in enumerate(zip(report.criteria, figures.steps, strict=True), 1):
        instances, series = (
            sum(excluded.instances for excluded in step.fell),
            sum(excluded.series for excluded in step.fell),
        )
        lines = [_left(instances, series + step.fell_mixed)]
        lines += [f"{spoken(excluded.finding)}: {_left(excluded.instances, excluded.series)}" for excluded in step.fell]
        if step.fell_mixed:
            lines.append(f"for several of these: {counted(step.fell_mixed, 'series')}")
        out = Box(f"Not: {criterion.label}", tuple(lines)) if instances else None
        name = "Passed" if number == len(figures.steps) else f"Left after criterion {number}"
        stages.append(Stage(out, Box(name, (_left(step.instances, step.series),))))
    return Box("Objects listed", (counted(figures.looked_at.instances, "object"),)), stages


def _left(instances: int, series: int) -> str:
    return f"{counted(instances, 'instance')}, {counted(series, 'series')}"


def mermaid_of(report: Report) -> str:
    """Draw it as a Mermaid flowchart; texts are inert there."""
    first, stages = stages_of(report)
    lines = ["flowchart TD", f'  n0["{_mermaid(first)}"]']
    for number, stage in enumerate(stages, 1):
        lines += [f'  n{number}["{_mermaid(stage.left)}"]', f"  n{number - 1} --> n{number}"]
        if stage.excluded is not None:
            lines += [f'  f{number}["{_mermaid(stage.excluded)}"]', f"  n{number - 1} --> f{number}"]
    return "\n".join(lines)


def _mermaid(box: Box) -> str:
    return "<br/>".join(
        "".join(_entity(character) for character in line) for line in (*_wrap(box.title, 48), *box.lines)
    )


def _entity(character: str) -> str:
    """Mermaid takes ``#35;`` for a character of that number, and others than these may mean something to it."""
    return character if character.isalnum() or character in " ,.:()-/_" else f"#{ord(character)};"


@dataclass(frozen=True, slots=True)
class Shape:
    """Where boxes stand, in pixels.

    Attributes:
        name: Of the shape.
        width: Of the drawing.
        main: Width of the boxes in the middle.
        line: From the left to the line that joins them.
        aside: From the left to the boxes of what fell out; they reach to the right.
    """

    name: str
    width: int
    main: int
    line: int
    aside: int


WIDE = Shape("wide", width=720, main=300, line=150, aside=340)
NARROW = Shape("narrow", width=340, main=340, line=16, aside=36)
_LINE, _PAD, _GAP, _LETTER = 20, 12, 28, 7.4


def svg_of(report: Report, shape: Shape) -> str:
    """Draw it as SVG, for a page that styles its classes."""
    first, stages = stages_of(report)
    name = f"attrition-{shape.name}"
    drawn = [*_box(first, 0.5, 0.5, shape.main - 1, "left")]
    top = _height(first, shape.main) + 0.5
    for stage in stages:
        bottom = top + _GAP
        if stage.excluded is not None:
            width = shape.width - shape.aside - 1
            height = _height(stage.excluded, width)
            middle = bottom - _GAP / 2 + height / 2
            drawn += _arrow(shape.line, middle, shape.aside, middle)
            drawn += _box(stage.excluded, shape.aside, bottom - _GAP / 2, width, "fell")
            bottom += height
        drawn += _arrow(shape.line, top, shape.line, bottom)
        drawn += _box(stage.left, 0.5, bottom, shape.main - 1, "left")
        top = bottom + _height(stage.left, shape.main)
    style, size = f"attrition {shape.name}", f"0 0 {shape.width} {top + 1:g}"
    return "\n".join(
        [
            f'<svg class="{style}" role="img" aria-labelledby="{name}-title {name}-desc" viewBox="{size}">',
            f'<title id="{name}-title">Attrition of instances and series</title>',
            f'<desc id="{name}-desc">{escape(report.title)}. The table below says the same step by step.</desc>',
            *drawn,
            "</svg>",
        ]
    )


def _wrap(text: str, letters: int) -> list[str]:
    return textwrap.wrap(text, letters, max_lines=MOST_LINES, placeholder=" …") or [""]


def _lines(box: Box, width: float) -> tuple[list[str], list[str]]:
    """Give title and text in lines that fit."""
    letters = int((width - 2 * _PAD) / _LETTER)
    return _wrap(box.title, letters), [part for line in box.lines for part in _wrap(line, letters)]


def _height(box: Box, width: float) -> float:
    title, text = _lines(box, width)
    return (len(title) + len(text)) * _LINE + 2 * _PAD - 4


def _box(box: Box, left: float, top: float, width: float, kind: str) -> Iterator[str]:
    title, text = _lines(box, width)
    yield f'<rect class="{kind}" x="{left:g}" y="{top:g}" width="{width:g}" height="{_height(box, width):g}" rx="6"/>'
    for number, (line, style) in enumerate(
        [*((line_of_text, "title") for line_of_text in title), *((line_of_text, "text") for line_of_text in text)]
    ):
        y = top + _PAD + (number + 1) * _LINE - 7
        yield f'<text class="{style}" x="{left + _PAD:g}" y="{y:g}">{escape(line)}</text>'


def _arrow(from_x: float, from_y: float, to_x: float, to_y: float) -> Sequence[str]:
    head = (
        f"M{to_x - 6:g} {to_y - 4:g}L{to_x:g} {to_y:g}L{to_x - 6:g} {to_y + 4:g}"
        if from_y == to_y
        else f"M{to_x - 4:g} {to_y - 6:g}L{to_x:g} {to_y:g}L{to_x + 4:g} {to_y - 6:g}"
    )
    return (f'<path class="arrow" d="M{from_x:g} {from_y:g}L{to_x:g} {to_y:g}{head}"/>',)
