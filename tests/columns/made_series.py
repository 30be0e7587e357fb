"""Series to measure, made by chance: with gaps, tilts, duplicates, volumes, and positions that were rounded."""

import math
import random
from collections.abc import Mapping, Sequence

import numpy as np

from dicom_sieve.columns.facts import Fact, FactState
from dicom_sieve.columns.geometry import Geometry, Images, ImageState
from dicom_sieve.columns.planes import normals_of
from tests.columns.naive_geometry import FACTS, Known, NaiveImage

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
ALONG_AXES = (AXIAL, CORONAL, SAGITTAL, (0.0, 1.0, 0.0, 1.0, 0.0, 0.0))


def series(*positions: str, orientation: tuple[float, ...] = AXIAL, volumes: Sequence[int] = ()) -> list[NaiveImage]:
    """Make a series of positions as ``0 0 2.5``."""
    numbers = volumes or [0] * len(positions)
    return [
        NaiveImage((x, y, z), orientation, volume=number)
        for (x, y, z), number in zip(map(str.split, positions), numbers, strict=True)
    ]


def turned(rng: random.Random, digits: int = 6) -> tuple[float, ...]:
    """Make an orientation that is turned about two axes, with cosines as they are written."""
    a, b = rng.uniform(-math.pi, math.pi), rng.uniform(-math.pi, math.pi)
    row = (math.cos(a), math.sin(a), 0.0)
    column = (-math.sin(a) * math.cos(b), math.cos(a) * math.cos(b), math.sin(b))
    return tuple(round(cosine, digits) for cosine in (*row, *column))


def made_series(rng: random.Random) -> list[NaiveImage]:
    """Make one of any kind."""
    orientation = rng.choice(ALONG_AXES) if rng.random() < 0.6 else turned(rng)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    step = np.cross(row, column) * rng.choice([0.005, 0.01, 0.5, 0.625, 1.25, 2.5, 3.3])
    step += row * rng.choice([0, 0, 0, 0.1, -0.75])
    corner = np.array([rng.uniform(-300, 300) for _ in range(3)])
    digits, count = rng.choice([0, 1, 2, 3]), rng.choice([1, 2, 3, 4, 8, 15])
    kept = [number for number in range(count) if count < 4 or rng.random() > 0.1] or [0]
    images = [
        NaiveImage(written((corner + step * number).tolist(), digits), orientation, volume=volume)
        for volume in range(rng.choice([1, 1, 1, 2, 3]))
        for number in kept
    ]
    images += [image for image in images if rng.random() < 0.02]
    spoil(rng, images)
    rng.shuffle(images)
    return images


def spoil(rng: random.Random, images: list[NaiveImage]) -> None:
    """Make some series ones that have no geometry, or of which it cannot be decided."""
    first, chance = images[0], rng.random()
    if chance < 0.04:
        images[:] = [NaiveImage(image.position, image.orientation, "ABSENT") for image in images]
    elif chance < 0.08:
        images.append(NaiveImage(first.position, first.orientation, rng.choice(["ABSENT", "UNKNOWN"])))
    elif chance < 0.12:
        images.append(NaiveImage(first.position, turned(rng)))
    elif chance < 0.16:
        bad = rng.choice([(0.0,) * 6, (1.0, 0.0, 0.0, 0.1, 1.0, 0.0), (math.nan, *AXIAL[1:])])
        images.append(NaiveImage(first.position, bad))
    elif chance < 0.2:
        images.append(NaiveImage(first.position, first.orientation, volume=9))


def written(place: Sequence[float], digits: int) -> tuple[str, str, str]:
    x, y, z = (f"{part:.{digits}f}" for part in place)
    return x, y, z


def as_images(made: Mapping[int, Sequence[NaiveImage]], order: random.Random | None = None) -> Images:
    """Put series, by their numbers, into rows; in any order where one is given."""
    rows = [(number, image) for number, images in made.items() for image in images]
    if order is not None:
        order.shuffle(rows)
    normals, are_planes = normals_of(np.array([image.orientation for _, image in rows], np.float64).reshape(-1, 6))
    return Images(
        series=np.array([number for number, _ in rows], np.int64),
        positions=np.array([list(map(float, image.position)) for _, image in rows], np.float64).reshape(-1, 3),
        normals=normals,
        are_planes=are_planes,
        digits=np.array([image.digits for _, image in rows], np.int8),
        states=np.array([ImageState[image.state] for _, image in rows], np.uint8),
        volumes=np.array([image.volume for _, image in rows], np.int64),
    )


def known(geometry: Geometry) -> dict[int, dict[str, Known]]:
    """Give what is known of each series, as the naive evaluator has it."""
    plane = geometry.plane
    facts = {name: getattr(geometry, name) for name in FACTS[:-2]} | {
        "axis": Fact(plane.axes.astype(np.float64), plane.states),
        "angle": Fact(plane.angles, plane.states),
    }
    return {
        number: {name: _known(fact, place) for name, fact in facts.items()}
        for place, number in enumerate(geometry.series.tolist())
    }


def _known(fact: Fact, place: int) -> Known:
    state = FactState(fact.states[place])
    if state is FactState.VALUE:
        return float(fact.values[place])
    return "ABSENT" if state is FactState.ABSENT else "UNDECIDED"
