"""The frames of enhanced objects are images: facts and criteria are those of plain decimals, image by image."""

import json
import os
import random
import warnings
from collections import Counter
from typing import Any

import pytest
from pydicom import DataElement, Dataset

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.columns import placed_frames
from dicom_sieve.columns.planes import Plane
from dicom_sieve.columns.series_pass import MEASURED
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.headers import attributes
from dicom_sieve.ledger.database.packed_blocks import read_packed
from dicom_sieve.ledger.reading import pass_headers
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.reading.values import values_held
from dicom_sieve.objects import Damaged, Location
from tests.columns.made_series import AXIAL, made_series
from tests.columns.naive_geometry import NaiveImage
from tests.headers.raw import element
from tests.ledger.measured_facts import expected_of, facts_of, in_one_pass, one_by_one
from tests.ledger.some_frames import enhanced_object, enhanced_objects
from tests.screening.screenings import ct, screen_ct
from tests.support.real_series import written
from tests.support.simulated_store import SimulatedStore

SERIES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000")) // 10
SEED = 20_261_201
PLAIN: dict[str, Any] = {"ImageOrientationPatient": list(AXIAL), "ImagePositionPatient": [0, 0, 5]}
"""Of an object that is one image."""
PLACE = Location("https://made", "made")


def filled(ledger: Ledger, objects: dict[str, bytes], **given: Any) -> None:
    screen_ct(SimulatedStore(objects, location=PLACE), ledger, "run", **given)


class TestFrames:
    @pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
    @pytest.mark.parametrize("together", [placed_frames.FRAMES_TOGETHER, 3])
    def test_are_measured_as_plain_python_measures_images(self, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(placed_frames, "FRAMES_TOGETHER", together)
        chance, seen = random.Random(SEED), Counter[Any]()
        made, objects = dict[str, list[NaiveImage]](), dict[str, bytes]()
        for number in range(SERIES):
            name, images = f"7.{number}", made_series(chance)
            made[f"1.3.{name}"] = images
            with warnings.catch_warnings(action="ignore"):
                for place, dataset in enumerate(enhanced_objects(chance, name, images)):
                    objects[f"{name}/{place}"] = written(dataset)
        with open_ledger("sqlite:///:memory:") as ledger:
            filled(ledger, objects, objects_together=1)
            found = {uid: facts_of(ledger, uid) for uid in made}
            one_pass = in_one_pass(ledger, Damaged.DISCARD)
            each = {kind: one_by_one(ledger, kind, Damaged.DISCARD) for kind in MEASURED}

        expected = {uid: expected_of(images) for uid, images in made.items()}
        assert [(uid, found[uid], expected[uid]) for uid in made if found[uid] != pytest.approx(expected[uid])] == []
        assert one_pass == each
        seen.update(
            type(value) if isinstance(value, float) else value for of in found.values() for value in of.values()
        )
        assert {"ABSENT", "UNDECIDED", "AXIAL", "OBLIQUE", 1, 2, 3, float} <= set(seen)


def axial(*heights: str, volumes: list[int] | None = None, state: Any = "GIVEN") -> list[NaiveImage]:
    """Make images of the same corner."""
    numbers = volumes or [0] * len(heights)
    return [NaiveImage(("0", "0", z), AXIAL, state, volume) for z, volume in zip(heights, numbers, strict=True)]


def enhanced(name: str, images: list[NaiveImage], way: str = "echo", **values: Any) -> bytes:
    """Make an enhanced object of the series ``1.3.7``."""
    dataset = enhanced_object(random.Random(1), name, "7", images, way)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return written(dataset)


def measured(ledger: Ledger, objects: dict[str, bytes]) -> dict[str, Any]:
    """Give the facts of the series ``1.3.7``, and what is measured of it by itself says the same."""
    filled(ledger, objects)
    assert in_one_pass(ledger, Damaged.DISCARD) == {
        kind: one_by_one(ledger, kind, Damaged.DISCARD) for kind in MEASURED
    }
    return facts_of(ledger, "1.3.7")


def test_objects_and_frames_of_one_series_are_one_stack(ledger: Ledger) -> None:
    facts = measured(
        ledger,
        {
            "1": enhanced("1", axial("0", "2.5")),
            "2": ct("1.3.7", "1.4.2", **PLAIN),
            "3": enhanced("3", axial("7.5")),
        },
    )

    assert (facts["slices"], facts["spacing"], facts["spacing_variation"], facts["volumes"]) == (4, 2.5, 0.0, 1)


@pytest.mark.parametrize("way", ["echo", "time", "diffusion"])
def test_frames_of_one_position_are_duplicates_where_nothing_tells_them_apart(ledger: Ledger, way: str) -> None:
    twice = ["0", "2", "0", "2"]

    facts = measured(
        ledger,
        {
            "1": enhanced("1", axial(*twice, volumes=[1, 1, 2, 2]), way),
            "2": enhanced("2", axial("0", "2", volumes=[2, 3]), way),
        },
    )

    assert (facts["slices"], facts["volumes"], facts["duplicate_images"]) == (2, 3, 1)


def test_segments_are_volumes(ledger: Ledger) -> None:
    dataset = enhanced_object(random.Random(1), "1", "7", axial("0", "2", "0", "2"))
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.SegmentIdentificationSequence = [Dataset()]
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number // 2 + 1

    facts = measured(ledger, {"1": written(dataset)})

    assert (facts["slices"], facts["volumes"], facts["duplicate_images"]) == (2, 2, 0)


def test_what_stands_for_all_frames_counts_for_each(ledger: Ledger) -> None:
    """One place and several times in one object, another place in the next; orientation is said once."""
    objects = {}
    for name, height in (("1", "0"), ("2", "4")):
        dataset = enhanced_object(random.Random(1), name, "7", axial(*[height] * 3, volumes=[0, 1, 2]), "time")
        shared, frames = dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence
        for keyword in ("PlanePositionSequence", "PlaneOrientationSequence"):
            for frame in frames:
                if keyword in frame:
                    setattr(shared, keyword, frame[keyword].value)
                    del frame[keyword]
        objects[name] = written(dataset)

    facts = measured(ledger, objects)

    assert (facts["slices"], facts["volumes"], facts["duplicate_images"], facts["spacing"]) == (2, 3, 0, 4.0)


class TestUndecided:
    def test_is_a_series_of_which_an_object_has_more_or_fewer_frames_than_it_says(self, ledger: Ledger) -> None:
        facts = measured(
            ledger, {"1": enhanced("1", axial("0", "2"), NumberOfFrames=3), "2": enhanced("2", axial("4"))}
        )

        assert set(facts.values()) == {"UNDECIDED"}

    @pytest.mark.parametrize("number", [0, "", 2])
    def test_is_one_whose_object_has_no_groups_of_frames(self, ledger: Ledger, number: Any) -> None:
        image = enhanced("1", axial("0"), NumberOfFrames=number, PerFrameFunctionalGroupsSequence=[])

        facts = measured(ledger, {"1": image, "2": enhanced("2", axial("4"))})

        assert facts["slices"] == "UNDECIDED"

    def test_is_a_mosaic(self, ledger: Ledger) -> None:
        facts = measured(ledger, {"1": enhanced("1", axial("0", "2"), ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])})

        assert set(facts.values()) == {"UNDECIDED"}

    def test_is_an_object_that_says_where_it_lies_while_its_frames_do_not(self, ledger: Ledger) -> None:
        facts = measured(ledger, {"1": enhanced("1", axial("0", "2", state="ABSENT"), **PLAIN)})

        assert set(facts.values()) == {"UNDECIDED"}

    def test_is_an_object_of_too_many_frames(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(attributes, "LONGEST_FRAMES_TEXT", 100)

        facts = measured(ledger, {"1": enhanced("1", axial(*map(str, range(100))))})

        assert set(facts.values()) == {"UNDECIDED"}

    def test_is_an_object_that_a_former_version_read(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(attributes, "FRAMES", "00209111")  # of what is kept now nothing was
            filled(ledger, {"1": enhanced("1", axial("0", "2"))})

        assert set(facts_of(ledger, "1.3.7").values()) == {"UNDECIDED"}


def test_frames_that_lie_nowhere_have_no_geometry(ledger: Ledger) -> None:
    facts = measured(ledger, {"1": enhanced("1", axial("0", "2", state="ABSENT"))})

    assert set(facts.values()) == {"ABSENT"}


def test_one_frame_without_groups_of_its_own_is_an_image(ledger: Ledger) -> None:
    dataset = enhanced_object(random.Random(1), "1", "7", axial("0"))
    groups = dataset.PerFrameFunctionalGroupsSequence[0]
    for group in groups:
        dataset.SharedFunctionalGroupsSequence[0].add(group)
    del dataset.PerFrameFunctionalGroupsSequence

    facts = measured(ledger, {"1": written(dataset)})

    assert (facts["slices"], facts["plane"]) == (1, Plane.AXIAL.name)


FORGED = json.dumps(
    [{"frames": [{"number": ["2"], "positions": ["0\\0\\1"], "orientations": ["1\\0\\0\\0\\1\\0"]}]}]
).encode()
BOMB = json.dumps([{"frames": [{"number": ["2000000000"], "positions": ["0\\0\\1"]}]}]).encode()


class TestGroupsThatAreNone:
    """Who reads groups takes no text for them that stands in their place, under another VR than that of sequences."""

    @pytest.mark.parametrize("tag", [0x52009229, 0x52009230])
    @pytest.mark.parametrize(
        ("vr", "value", "frames"),
        [
            ("LO", b"hello ", 2),
            ("UT", b"[1] ", 2),
            ("UT", b'["a"] ', 2),
            ("US", b"\1\0", 2),
            ("UT", FORGED, 2),
            ("UT", BOMB, 2_000_000_000),
        ],
    )
    def test_are_not_known_and_stop_no_run(self, tag: int, vr: str, value: bytes, frames: int) -> None:
        image = enhanced("1", axial("0"), NumberOfFrames=frames, PerFrameFunctionalGroupsSequence=None)
        start = image.index(b"\x00\x52\x29\x92SQ")
        data = image[:start] + element(tag, vr, value + b" " * (len(value) % 2))
        with open_ledger("sqlite:///:memory:") as ledger:
            facts = measured(ledger, {"1": data, "2": enhanced("2", axial("4"))})

        assert facts["slices"] == "UNDECIDED"


def test_what_tells_volumes_apart_and_is_not_kept_leaves_them_undecided(ledger: Ledger) -> None:
    dataset = enhanced_object(random.Random(1), "1", "7", axial("0", "0", volumes=[0, 1]))
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame[0x00189114] = DataElement(0x00189114, "OB", b"\1\2")

    facts = measured(ledger, {"1": written(dataset)})

    assert facts["duplicate_images"] == "UNDECIDED"


def test_segments_of_what_a_frame_was_made_of_are_not_its_own(ledger: Ledger) -> None:
    dataset = enhanced_object(random.Random(1), "1", "7", axial("0", "0"))
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.DerivationImageSequence = [Dataset()]
        frame.DerivationImageSequence[0].SourceImageSequence = [Dataset()]
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSegmentNumber = number + 1

    facts = measured(ledger, {"1": written(dataset)})

    assert (facts["volumes"], facts["duplicate_images"]) == (2, 1)


def test_a_volume_is_the_same_whichever_groups_tell_of_it(ledger: Ledger) -> None:
    objects = {}
    for name in ("1", "2"):
        dataset = enhanced_object(random.Random(1), name, "7", axial("0"))
        [shared], [frame] = dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence
        (shared if name == "1" else frame).FrameContentSequence = [Dataset()]
        (shared if name == "1" else frame).FrameContentSequence[0].StackID = "Z;A=1"
        objects[name] = written(dataset)

    assert measured(ledger, objects)["duplicate_images"] == 1


def test_blocks_of_headers_are_read_once_for_many_parts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placed_frames, "FRAMES_TOGETHER", 1)
    objects = {str(number): enhanced(str(number), axial(f"{number}", f"{number}.5")) for number in range(1, 20)}
    filled(ledger, objects)
    reads = list[int]()

    def counting(connection: Any, blocks: Any, **named: Any) -> Any:
        reads.append(len(blocks))
        return read_packed(connection, blocks=blocks, **named)

    monkeypatch.setattr(pass_headers, "read_packed", counting)
    found = in_one_pass(ledger, Damaged.DISCARD)

    assert list(found[Measure.SLICES].values()) == ["38\0"]
    assert len(reads) == 2, "once for what is told of headers, once for their groups"


def test_values_of_groups_are_those_of_attributes_alone(ledger: Ledger) -> None:
    filled(ledger, {"1": enhanced("1", axial("0", "2"))})
    snapshot = snapshot_of_run(ledger.engine, ledger.run("run").row)

    [value] = values_held(ledger.engine, snapshot, "52009230").values

    assert "00209113" in str(value.value)
    assert "frames" not in str(value.value)
