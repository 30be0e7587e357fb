"""Draw the pictures of ``docs/geometry.md``; what is written in them is measured.

``python -m scripts.geometry_pictures`` writes them into ``docs/images``.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dicom_sieve.columns.facts import Fact, FactState
from dicom_sieve.columns.geometry import Geometry, Images, geometry_of
from dicom_sieve.columns.planes import normals_of, plane_of

IMAGES = Path(__file__).parent.parent / "docs" / "images"
AXIAL = (1, 0, 0, 0, 1, 0)
GAP = (0.0, 2.5, 2.5, 5.0, 10.0, 12.5)
"""Positions with one that is there twice, and one that is missing, in mm."""
LEAN = 18.0
"""Tilt, in degrees."""
STYLE = """<style>
    .slice { stroke: #0969da; stroke-width: 3; }
    .twin { stroke: #cf222e; stroke-width: 3; stroke-dasharray: 6 4; }
    .missing { stroke: #8c959f; stroke-width: 1.5; stroke-dasharray: 3 4; }
    .line { stroke: #57606a; stroke-width: 1.5; fill: none; }
    .arrow { stroke: #1f2328; stroke-width: 2; marker-end: url(#tip); }
    .cone { fill: #ddf4ff; stroke: #0969da; }
    .head { font-weight: 600; fill: #1f2328; }
    .text { fill: #1f2328; }
    .soft { fill: #57606a; font-size: 11.5px; }
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
      <path d="M0 0L10 5L0 10z" fill="#1f2328"/>
    </marker>
  </defs>"""
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


def main() -> None:
    """Write them."""
    for name, picture in pictures().items():
        (IMAGES / name).write_text(picture, encoding="utf-8")


def pictures() -> dict[str, str]:
    """Give each picture by the name of its file."""
    return {
        "geometry-slices.svg": _draw(
            560, 190, "Slices along their normal: one is there twice, one is missing", _slices()
        ),
        "geometry-tilt.svg": _draw(560, 230, "A tilted stack: slices shift as they go along the normal", _tilt()),
        "geometry-plane.svg": _draw(560, 270, "Normals near an axis name a plane, others are oblique", _plane()),
    }


def _slices() -> Iterator[str]:
    measured = _measure([(0, 0, height) for height in GAP])
    yield _line("arrow", 30, 80, 530, 80)
    yield _text("soft", 468, 70, "normal")
    for place, height in enumerate(GAP):
        is_twin = height in GAP[:place]
        x = 60 + 32 * height + (5 if is_twin else 0)
        yield _line("twin" if is_twin else "slice", x, 40, x, 120)
        if not is_twin:
            yield _text("soft", x - 9, 136, f"{height:g}")
    yield _line("missing", 300, 40, 300, 120)
    yield _text("head", 30, 24, "Positions in mm; one is there twice, and one is missing")
    said = [_said(name, measured) for name in ("slices", "volumes", "duplicates")]
    yield _text("text", 30, 160, " · ".join(said))
    yield _text("text", 30, 180, " · ".join(_said(name, measured) for name in ("spacing", "spacing_variation")))


def _tilt() -> Iterator[str]:
    lean = math.tan(math.radians(LEAN))
    measured = _measure([(0, lean * height, height) for height in (0.0, 2.5, 5.0, 7.5, 10.0)])
    yield _text("head", 30, 24, "A tilted stack")
    for number in range(5):
        x, shift = 60 + 80 * number, 80 * number * lean
        yield _line("slice", x, 170 - shift, x, 200 - shift)
    yield _line("arrow", 60, 185, 520, 185)
    yield _text("soft", 478, 177, "normal")
    yield _line("arrow", 60, 185, 480, round(185 - 420 * lean, 1))
    yield _text("soft", 400, 40, "first position to last")
    end_x, end_y = _end((60, 185), 90 - LEAN, 120)
    yield f'<path class="line" d="M180 185A120 120 0 0 0 {end_x:.1f} {end_y:.1f}"/>'
    yield _text("text", 188, 170, f"{float(measured.tilt.values[0]):g}°")
    yield _text("text", 30, 222, " · ".join(_said(name, measured) for name in ("tilt", "spacing")))


def _plane() -> Iterator[str]:
    yield _text("head", 30, 24, "The normal, seen from the side")
    corner = (110, 235)
    for first in (0, 65):
        ends = [_end(corner, angle, 165) for angle in (first, first + 25)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (corner, *ends))
        yield f'<polygon class="cone" points="{points}"/>'
    yield _line("line", *corner, 110, 50)
    yield _line("line", *corner, 330, 235)
    yield _text("soft", 24, 62, "z: to the head")
    yield _text("soft", 338, 239, "y: to the back")
    for degrees in (12, 40, 72):
        x, y = _end(corner, degrees, 190)
        yield _line("arrow", *corner, round(x, 1), round(y, 1))
        yield _text("text", x + 8, y + 4, _named(degrees))
    yield _text("soft", 390, 62, "Within 25° of an axis, the")
    yield _text("soft", 390, 79, "plane is named for it.")


def _named(degrees: float) -> str:
    """Say what plane has a normal this far from the axis to the head, towards the back."""
    angle = math.radians(degrees)
    plane = _measure([(0, 0, 0)], (1, 0, 0, 0, math.cos(angle), -math.sin(angle))).plane
    axis, off = int(plane.axes[0]), float(plane.angles[0])
    return f"{plane_of(axis, off).name}: {off:g}° from {'xyz'[axis]}"


def _measure(positions: Sequence[Sequence[float]], orientation: Sequence[float] = AXIAL) -> Geometry:
    count = len(positions)
    normals, are_planes = normals_of(np.array([orientation] * count, np.float64))
    return geometry_of(
        Images(
            series=np.zeros(count, np.int64),
            positions=np.array(positions, np.float64),
            normals=normals,
            are_planes=are_planes,
            digits=np.full(count, 6, np.int8),
            states=np.zeros(count, np.uint8),
            volumes=np.zeros(count, np.int64),
        )
    )


def _said(name: str, measured: Geometry) -> str:
    fact: Fact = getattr(measured, name)
    if fact.states[0] != FactState.VALUE:
        return f"{name.upper()} {FactState(fact.states[0]).name.lower()}"
    unit = {"spacing": " mm", "spacing_variation": " mm", "tilt": "°"}.get(name, "")
    return f"{name.upper()} {float(fact.values[0]):g}{unit}"


def _end(corner: tuple[int, int], degrees: float, length: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return corner[0] + length * math.sin(angle), corner[1] - length * math.cos(angle)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{text}</text>'


def _draw(width: int, height: int, label: str, parts: Iterator[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}" '
        f'font-family="{FONT}" font-size="13">'
    )
    body = [STYLE, f'<rect width="{width}" height="{height}" fill="#ffffff" rx="10"/>', *parts]
    return "\n  ".join([head, *body]) + "\n</svg>\n"


if __name__ == "__main__":
    main()
