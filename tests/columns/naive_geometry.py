"""The geometry of one series, worked out image by image in exact decimals: slow, and without numpy."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, getcontext
from itertools import pairwise
from typing import Literal

getcontext().prec = 60
Vector = tuple[Decimal, Decimal, Decimal]
Known = float | Literal["ABSENT", "UNDECIDED"]
FACTS = ("slices", "volumes", "duplicates", "spacing", "spacing_variation", "tilt", "axis", "angle")
WITHOUT_DISTANCES = ("spacing", "spacing_variation", "tilt")
MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class NaiveImage:
    """One image; a position and an orientation that are not `GIVEN` do not matter."""

    position: tuple[str, str, str]
    orientation: tuple[float, ...]
    state: Literal["GIVEN", "ABSENT", "UNKNOWN"] = "GIVEN"
    volume: int = 0

    @property
    def digits(self) -> int:
        return max(len(text.partition(".")[2]) for text in self.position)

    @property
    def place(self) -> Vector:
        x, y, z = map(Decimal, self.position)
        return x, y, z


def dot(a: Vector, b: Vector) -> Decimal:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def length(a: Vector) -> Decimal:
    return dot(a, a).sqrt()


def scaled(a: Vector, by: Decimal) -> Vector:
    return a[0] * by, a[1] * by, a[2] * by


def mean(vectors: Sequence[Vector]) -> Vector:
    x, y, z = (sum(parts, Decimal()) / len(vectors) for parts in zip(*vectors, strict=True))
    return x, y, z


def degrees_between(a: Vector, b: Vector) -> float:
    return math.degrees(math.atan2(float(length(cross(a, b))), float(dot(a, b))))


def normal_of(image: NaiveImage) -> Vector | None:
    """Give the normal of an image, if its orientation has one."""
    if not all(map(math.isfinite, image.orientation)):
        return None
    a, b, c, d, e, f = map(Decimal, image.orientation)
    row, column = (a, b, c), (d, e, f)
    if min(length(row), length(column)) < Decimal("0.5"):
        return None
    if abs(dot(row, column)) > Decimal("0.001") * length(row) * length(column):
        return None
    normal = cross(row, column)
    return scaled(normal, 1 / length(normal))


def naive_geometry(images: Sequence[NaiveImage]) -> dict[str, Known]:
    """Give the facts of one series, and the axis and the angle of its plane."""
    if all(image.state == "ABSENT" for image in images):
        return dict.fromkeys(FACTS, "ABSENT")
    normals = [normal_of(image) if image.state == "GIVEN" else None for image in images]
    known = [normal for normal in normals if normal is not None]
    undecided: dict[str, Known] = dict.fromkeys(FACTS, "UNDECIDED")
    if len(known) < len(images) or any(abs(part) > 10**6 for image in images for part in image.place):
        return undecided
    normal = mean(known)
    if length(normal) < Decimal("0.5"):
        return undecided
    normal = scaled(normal, 1 / length(normal))
    if any(degrees_between(normal, each) > 1 for each in known):
        return undecided
    return plane_facts(normal) | stack_facts(images, normal)


def plane_facts(normal: Vector) -> dict[str, Known]:
    axes: list[Vector] = [(Decimal(number == 0), Decimal(number == 1), Decimal(number == 2)) for number in range(3)]
    angles = [degrees_between(axis, normal) for axis in axes]
    smaller = [round(min(angle, 180 - angle), 6) for angle in angles]
    return {"axis": smaller.index(min(smaller)), "angle": min(smaller)}


def stack_facts(images: Sequence[NaiveImage], normal: Vector) -> dict[str, Known]:
    ordered = sorted(images, key=lambda image: dot(image.place, normal))
    places: list[list[NaiveImage]] = []
    for image in ordered:
        before = dot(places[-1][-1].place, normal) if places else Decimal("-Infinity")
        if dot(image.place, normal) - before < Decimal("0.01") - MICRO / 2:
            places[-1].append(image)
        else:
            places.append([image])
    numbers = {len(place) for place in places}
    facts: dict[str, Known] = {
        "slices": len(places),
        "volumes": numbers.pop() if len(numbers) == 1 else "UNDECIDED",
        "duplicates": sum(count - 1 for place in places for count in Counter(image.volume for image in place).values()),
    }
    if len(places) == 1:
        return facts | dict.fromkeys(WITHOUT_DISTANCES, "ABSENT")
    return facts | distance_facts(places, normal)


def distance_facts(places: Sequence[Sequence[NaiveImage]], normal: Vector) -> dict[str, Known]:
    middles = [(dot(place[0].place, normal) + dot(place[-1].place, normal)) / 2 for place in places]
    distances = sorted(after - before for before, after in pairwise(middles))
    count = len(distances)
    median = (distances[(count - 1) // 2] + distances[count // 2]) / 2
    variation = max(abs(distance - median) for distance in distances).quantize(MICRO)
    digits = max(image.digits for place in places for image in place)
    if variation < Decimal(10) ** -digits / 2:
        variation = Decimal(0)
    first, last = (mean([image.place for image in place]) for place in (places[0], places[-1]))
    way = (last[0] - first[0], last[1] - first[1], last[2] - first[2])
    return {
        "spacing": float(median.quantize(MICRO)),
        "spacing_variation": float(variation),
        "tilt": round(degrees_between(normal, way), 6),
    }
