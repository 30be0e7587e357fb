"""Series are measured as image by image in exact decimals, in any order and in any frame of the patient."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.columns import groups
from dicom_sieve.columns.geometry import Images, geometry_of
from dicom_sieve.columns.planes import Plane, plane_of
from tests.columns.made_series import (
    ALONG_AXES,
    AXIAL,
    CORONAL,
    SAGITTAL,
    as_images,
    known,
    made_series,
    series,
    turned,
    written,
)
from tests.columns.naive_geometry import FACTS, Known, NaiveImage, naive_geometry

UNDECIDED = dict.fromkeys(FACTS, "UNDECIDED")
ABSENT = dict.fromkeys(FACTS, "ABSENT")
seeds = st.integers(0, 2**32).map(random.Random)


def measure(images: Sequence[NaiveImage]) -> dict[str, Known]:
    """Measure one series."""
    return known(geometry_of(as_images({7: images})))[7]


def stack(*heights: str, **named: Any) -> list[NaiveImage]:
    """Make an axial series."""
    return series(*(f"-10.5 20 {height}" for height in heights), **named)


class TestMeanings:
    def test_a_regular_stack(self) -> None:
        assert measure(stack("0", "2.5", "5.0", "7.5")) == {
            "slices": 4,
            "volumes": 1,
            "duplicates": 0,
            "spacing": 2.5,
            "spacing_variation": 0,
            "tilt": 0,
            "axis": 2,
            "angle": 0,
        }

    def test_no_images_are_no_series(self) -> None:
        assert known(geometry_of(as_images({}))) == {}

    @pytest.mark.parametrize(("apart", "slices"), [("0.009", 1), ("0.01", 2), ("0.009999", 1)])
    def test_positions_a_hundredth_of_a_millimetre_apart_are_two(self, apart: str, slices: int) -> None:
        assert measure(stack("0", apart))["slices"] == slices
        assert measure(stack("700.1", str(Decimal("700.1") + Decimal(apart))))["slices"] == slices

    def test_neighbours_make_one_position_however_far_the_first_is_from_the_last(self) -> None:
        found = measure(stack("0", "0.008", "0.016", "0.024", "2"))
        assert (found["slices"], found["spacing"]) == (2, 2 - 0.012)

    @pytest.mark.parametrize(
        ("heights", "numbers", "volumes", "duplicates"),
        [
            ("0 0 1 1", (1, 2, 1, 2), 2, 0),
            ("0 0 1 1", (1, 1, 1, 2), 2, 1),
            ("0 0 1", (1, 2, 1), "UNDECIDED", 0),
            ("0 0 0 1", (3, 3, 3, 3), "UNDECIDED", 2),
            ("5 5 5", (1, 2, 2), 3, 1),
            ("0 0 1 1", (2**62, -(2**62), 0, 0), 2, 1),
        ],
    )
    def test_volumes_and_duplicates(self, heights: str, numbers: Any, volumes: Known, duplicates: int) -> None:
        found = measure(stack(*heights.split(), volumes=numbers))
        assert (found["volumes"], found["duplicates"]) == (volumes, duplicates)

    @pytest.mark.parametrize(
        ("heights", "spacing", "variation"),
        [
            ("0 2 4 8", 2, 2),  # a slice is missing
            ("0 1 3", 1.5, 0.5),  # of an even number of distances, the middle of the middle two
            ("0.1 0.4 0.7", 0.3, 0),
            ("0 1.3 2.5 3.8 5.0", 1.25, 0.05),  # half a unit is not less than half a unit
            ("0 1.25 2.501 3.75", 1.25, 0.001),
            ("0 1.250 2.5004 3.75", 1.25, 0.0004),
            ("0 1 2.4 3.0", 1, 0.4),
            ("0 1 2.04 3.0", 1, 0.04),
            ("-2 -1", 1, 0),
        ],
    )
    def test_spacing_and_its_variation(self, heights: str, spacing: float, variation: float) -> None:
        found = measure(stack(*heights.split()))
        assert (found["spacing"], found["spacing_variation"]) == (spacing, variation)

    @pytest.mark.parametrize(("digits", "variation"), [(0, 0), (1, 0), (2, 0.04)])
    def test_less_than_half_a_unit_of_the_last_digit_written_is_no_variation(
        self, digits: int, variation: float
    ) -> None:
        images = as_images({7: stack("0", "1", "2.04", "3")})
        few = replace(images, digits=np.full(4, digits, np.int8))
        assert known(geometry_of(few))[7]["spacing_variation"] == variation

    def test_half_a_unit_is_a_variation_however_the_stack_lies(self) -> None:
        slanted = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)  # its normal is 0 -0.6 0.8
        images = as_images({7: series("0 0 0", "0 -0.6 0.8", "0 -1.5 2.0", "0 -2.1 2.8", orientation=slanted)})
        found = known(geometry_of(replace(images, digits=np.zeros(4, np.int8))))[7]
        assert (found["spacing"], found["spacing_variation"]) == (1, 0.5)

    @given(st.integers(2000, 5000), st.integers(0, 2), st.integers(-9999, 9999))
    def test_rounding_gives_an_even_stack_a_variation_of_one_unit_at_most(
        self, step: int, digits: int, corner: int
    ) -> None:
        heights = (Decimal(corner + step * number) / 1000 for number in range(9))
        rounded = (height.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) for height in heights)
        found = measure(stack(*map(str, rounded)))
        assert found["slices"] == 9
        assert float(found["spacing_variation"]) <= 10**-digits

    @pytest.mark.parametrize("digits", [1, 2, 3])
    def test_rounding_gives_a_slanted_stack_a_variation_of_less_than_two_units(self, digits: int) -> None:
        rng = random.Random(digits)
        units = []
        for _ in range(300):
            orientation = turned(rng, 15)
            way = np.cross(orientation[:3], orientation[3:]) * rng.uniform(1, 5)
            images = [NaiveImage(written((way * number).tolist(), digits), orientation) for number in range(30)]
            units.append(float(measure(images)["spacing_variation"]) * 10**digits)
        assert 1 < max(units) < 1.8

    @pytest.mark.parametrize("corner", ["0", "100.1", "-317.123457", "999.999999"])
    def test_what_lies_between_two_roundings_is_rounded_alike_wherever_the_stack_is(self, corner: str) -> None:
        heights = [str(Decimal(corner) + Decimal(height)) for height in ("0", "1.000001", "2.000003", "4")]
        found = measure(stack(*heights[:3]))
        assert (found["spacing"], found["spacing_variation"]) == (1.000002, 0)  # of 1.0000015 and 0.0000005

    def test_the_angle_of_a_tilted_stack(self) -> None:
        assert measure(series("0 0 0", "0 1 1", "0 2 2"))["tilt"] == 45
        tilted = measure(series("0 0 0", "0 0.000001 1"))
        assert tilted["tilt"] == pytest.approx(math.degrees(1e-6), abs=1e-6)

    def test_several_images_of_a_position_count_for_the_tilt_by_their_mean(self) -> None:
        assert measure(series("0 0 0", "0 -1 1", "0 1 1"))["tilt"] == 0

    def test_one_position_has_no_distance(self) -> None:
        found = measure(stack("1", "1"))
        assert [found[name] for name in FACTS] == [1, 2, 1, "ABSENT", "ABSENT", "ABSENT", 2, 0]

    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            ("ABSENT ABSENT", ABSENT),
            ("GIVEN ABSENT", UNDECIDED),
            ("GIVEN UNKNOWN", UNDECIDED),
            ("ABSENT UNKNOWN", UNDECIDED),
            ("UNKNOWN UNKNOWN", UNDECIDED),
        ],
    )
    def test_what_is_not_known_of_an_image(self, states: Any, expected: dict[str, Known]) -> None:
        images = [replace(image, state=state) for image, state in zip(stack("0", "1"), states.split(), strict=True)]
        assert measure(images) == expected

    @pytest.mark.parametrize(
        ("degrees", "is_decided"), [(0.9, True), (1.9, True), (2.1, False), (90, False), (180, False)]
    )
    def test_images_face_one_way_within_a_degree_of_their_mean(self, degrees: float, is_decided: bool) -> None:
        angle = math.radians(degrees)
        other = (1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle))
        found = measure(stack("0", "1") + stack("0", "1", orientation=other))
        assert (found["slices"] != "UNDECIDED") is is_decided
        assert found == UNDECIDED or is_decided

    @pytest.mark.parametrize(
        ("orientation", "is_plane"),
        [
            ((0.0,) * 6, False),
            ((0.4, 0, 0, 0, 1, 0), False),
            ((0.6, 0, 0, 0, 1, 0), True),
            ((1, 0, 0, 1, 0, 0), False),
            ((1, 0, 0, 0.002, 1, 0), False),
            ((1, 0, 0, 0.0009, 1, 0), True),
            ((math.inf, 0, 0, 0, 1, 0), False),
            ((1, 0, 0, 0, math.nan, 0), False),
            ((1e100, 0, 0, 0, 1e100, 0), False),
            ((1e200, 0, 0, 0, 1e200, 0), False),
        ],
    )
    def test_a_bad_orientation_is_not_known(self, orientation: tuple[float, ...], is_plane: bool) -> None:
        assert (measure(stack("0", "1", orientation=orientation))["slices"] == 2) is is_plane

    @pytest.mark.parametrize("far", ["1000000.1", "-1e300", "inf", "nan"])
    def test_a_position_a_kilometre_off_is_not_known(self, far: str) -> None:
        assert measure(series("0 0 0", f"0 {far} 1")) == UNDECIDED
        assert measure(series("0 0 0", "0 -1000000 1"))["slices"] == 2


class TestPlanes:
    @pytest.mark.parametrize(
        ("orientation", "plane"), [(AXIAL, Plane.AXIAL), (CORONAL, Plane.CORONAL), (SAGITTAL, Plane.SAGITTAL)]
    )
    def test_planes_along_an_axis(self, orientation: tuple[float, ...], plane: Plane) -> None:
        found = geometry_of(as_images({1: stack("0", orientation=orientation)})).plane
        assert (found.axes.tolist(), found.angles.tolist(), found.names(0).tolist()) == ([plane], [0], [plane])

    @pytest.mark.parametrize(("degrees", "plane"), [(24.999, 2), (25, 2), (25.001, 3), (44, 3), (67, 1), (155, 2)])
    def test_planes_are_named_up_to_a_tolerance(self, degrees: float, plane: int) -> None:
        angle = math.radians(degrees)
        orientation = (1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle))
        found = geometry_of(as_images({1: stack("0", orientation=orientation)})).plane
        assert found.names().tolist() == [plane]
        assert plane_of(int(found.axes[0]), float(found.angles[0])) is Plane(plane)
        assert plane_of(int(found.axes[0]), float(found.angles[0]), 60) in {Plane.AXIAL, Plane.CORONAL}

    def test_of_equally_near_axes_it_is_the_first(self) -> None:
        half = math.sqrt(0.5)
        found = measure(stack("0", orientation=(1.0, 0.0, 0.0, 0.0, half, half)))
        assert (found["axis"], found["angle"]) == (1, 45)

    def test_what_is_not_known_has_no_name(self) -> None:
        images = [replace(image, state="UNKNOWN") for image in stack("0")]
        assert geometry_of(as_images({1: images})).plane.names(90).tolist() == [Plane.OBLIQUE]


class TestNaively:
    def test_ten_thousand_series_are_measured_as_image_by_image(self) -> None:
        rng = random.Random(18)
        made = {number * 7 - 30_000: made_series(rng) for number in range(10_000)}

        found = known(geometry_of(as_images(made, rng)))

        assert list(found) == sorted(made)
        expected = {number: naive_geometry(images) for number, images in made.items()}
        for number, images in made.items():
            assert_same(found[number], expected[number], images)
        for name in FACTS:  # what is compared is of all kinds
            values = [facts[name] for facts in expected.values()]
            assert min(values.count("ABSENT"), values.count("UNDECIDED")) > 60
            assert sum(isinstance(value, float | int) and value > 0 for value in values) > 150

    @given(seeds)
    @settings(max_examples=50)
    def test_a_series_is_measured_as_image_by_image(self, rng: random.Random) -> None:
        images = made_series(rng)
        assert_same(measure(images), naive_geometry(images), images)


def assert_same(found: dict[str, Known], expected: dict[str, Known], images: Sequence[NaiveImage]) -> None:
    """Compare; of slanted planes the last digit may be rounded otherwise."""
    if all(image.orientation in ALONG_AXES for image in images):
        assert found == {**expected, "tilt": found["tilt"]}, images
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, str):
            assert found[name] == value, (name, images)
        else:
            assert found[name] == pytest.approx(value, abs=1.5e-6), (name, images)


class TestInvariance:
    @given(seeds)
    def test_the_order_of_images_does_not_matter(self, rng: random.Random) -> None:
        made = {number: made_series(rng) for number in (3, -5, 11)}
        assert known(geometry_of(as_images(made))) == known(geometry_of(as_images(made, rng)))

    @pytest.mark.parametrize("most", [1, 5, 64])
    @given(rng=seeds)
    @settings(max_examples=30)
    def test_many_series_at_once_are_as_each_alone(self, most: int, rng: random.Random) -> None:
        made = {number: made_series(rng) for number in rng.sample(range(-99, 99), 6)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(groups, "BLOCK_ROWS", most)
            together = known(geometry_of(as_images(made, rng)))
        assert together == {number: measure(made[number]) for number in sorted(made)}

    @given(seeds, st.tuples(*[st.integers(-5000, 5000)] * 3))
    def test_shifting_the_patient_leaves_everything(self, rng: random.Random, by: tuple[int, int, int]) -> None:
        images = [image for image in made_series(rng) if image.orientation in ALONG_AXES] or stack("0", "1.5")
        shifted = [replace(image, position=_shifted(image, by)) for image in images]
        assert measure(shifted) == pytest.approx(measure(images), abs=1e-6)

    @given(seeds)
    def test_turning_the_patient_leaves_slices_spacing_and_tilt(self, rng: random.Random) -> None:
        made = as_images({7: _with_distances_above_the_smallest(rng)})
        row, column = np.split(np.array(turned(rng, 15)), 2)
        rotation = np.stack([row, column, np.cross(row, column)])
        there = _turned(made, rotation)
        found, expected = known(geometry_of(there))[7], known(geometry_of(made))[7]
        for name in set(FACTS) - {"axis", "angle"}:
            assert found[name] == pytest.approx(expected[name], abs=3e-6), name

    @given(seeds)
    def test_turning_images_over_leaves_everything(self, rng: random.Random) -> None:
        images = _with_distances_above_the_smallest(rng)
        over = [replace(image, orientation=(*image.orientation[3:], *image.orientation[:3])) for image in images]
        assert measure(over) == pytest.approx(measure(images), abs=1e-6)


def _shifted(image: NaiveImage, by: tuple[int, int, int]) -> tuple[str, str, str]:
    x, y, z = (str(part + shift) for part, shift in zip(image.place, by, strict=True))
    return x, y, z


def _with_distances_above_the_smallest(rng: random.Random) -> list[NaiveImage]:
    """Make a series of which no two positions are so near that rounding could make them one."""
    step = rng.choice([0.5, 1.25, 3.3])
    heights = rng.sample(range(20), rng.randint(2, 8))
    lean = rng.choice([0.0, 0.3])
    return [
        NaiveImage(("1.5", f"{lean * height:.2f}", f"{step * height:.3f}"), AXIAL, volume=volume)
        for height in heights
        for volume in range(rng.randint(1, 2))
    ]


def _turned(images: Images, rotation: Any) -> Images:
    """Turn the frame of the patient."""
    return replace(images, positions=images.positions @ rotation.T, normals=images.normals @ rotation.T)
