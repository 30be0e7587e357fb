"""Enhanced objects: what is said of functional groups, shared and of each frame."""

import json
import struct
from typing import Any

import pytest

from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers import Instance, NeedMore, attributes
from dicom_sieve.headers.frames import sum_up
from dicom_sieve.headers.identities import digest_identities
from dicom_sieve.headers.scan import scan
from dicom_sieve.headers.vocabulary import LARGEST_FRAMES, current_vocabulary, first_vocabulary
from tests.headers.raw import (
    MODALITY,
    PIXEL_DATA,
    STUDY_DATE,
    delimiter,
    element,
    meta,
    read_carefully,
    sequence,
    series,
    window_over,
)

SHARED, PER_FRAME = 0x52009229, 0x52009230
FRAME_CONTENT, ECHO_TIME, COMMENT = "00209111", "00189082", "00209158"
IDENTITIES = element(0x00080016, "UI", b"1.2\0") + element(0x00080018, "UI", b"1.3\0")
BEFORE = IDENTITIES + element(STUDY_DATE, "DA", b"20230314") + element(MODALITY, "CS", b"MR")
BEFORE += element(0x0020000D, "UI", b"1.4\0") + series()


def frame(echo_time: float) -> bytes:
    return sequence(0x00189114, element(0x00189082, "FD", struct.pack("<d", echo_time)))


def read(data: bytes) -> Instance:
    answer = read_carefully(window_over(data), current_vocabulary())
    assert isinstance(answer, Instance)
    return answer


def frames_of(values: list[Any]) -> list[dict[str, Any]]:
    return [{"00189114": [{ECHO_TIME: [value]}]} for value in values]


def summed(frames: list[dict[str, Any]]) -> Any:
    return json.loads(json.dumps(sum_up(frames)))


class TestAnEnhancedObject:
    def test_has_its_frames_summed_up_with_the_header(self) -> None:
        groups = sequence(PER_FRAME, frame(5.0), frame(7.5), frame(5.0))

        instance = read(meta() + BEFORE + groups + element(PIXEL_DATA, "OW", bytes(4)))

        [items] = map(json.loads, instance.header.attributes[f"{PER_FRAME:08X}"])
        assert items == [
            {
                "00189114": [{"00189082": ["5", "7.5"]}],
                "frames": [
                    {
                        "number": ["3"],
                        "volumes": ['{"00189114.00189082":"5"}', '{"00189114.00189082":"7.5"}'],
                        "of_volumes": ["0 1 0"],
                    }
                ],
            }
        ]
        assert instance.header.unreadable_from is None

    def test_says_where_each_frame_lies(self) -> None:
        positions = ["-1.50\\2\\3", "-1.50\\2\\5.0", "-1.50\\2\\3", ""]
        frames = [
            sequence(0x00209113, element(0x00200032, "DS", place.encode() + b" " * (len(place) % 2)))
            + sequence(0x00209116, element(0x00200037, "DS", b"1\\0\\0\\0\\1\\0 "))
            for place in positions
        ]

        instance = read(meta() + BEFORE + sequence(PER_FRAME, *frames))

        [[item]] = map(json.loads, instance.header.attributes[f"{PER_FRAME:08X}"])
        assert item["frames"] == [
            {
                "number": ["4"],
                "positions": ["-1.50\\2\\3", "-1.50\\2\\5.0", ""],
                "of_positions": ["0 1 0 2"],
                "orientations": ["1\\0\\0\\0\\1\\0"],
            }
        ]

    def test_says_of_too_many_frames_how_they_are_in_all_and_not_where_each_lies(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attributes, "LONGEST_FRAMES_TEXT", 60)

        instance = read(meta() + BEFORE + sequence(PER_FRAME, frame(5.0), frame(7.5)))

        [[item]] = map(json.loads, instance.header.attributes[f"{PER_FRAME:08X}"])
        assert item == {"00189114": [{"00189082": ["5", "7.5"]}], "frames": [NOT_KEPT]}

    def test_has_its_shared_groups_with_the_header(self) -> None:
        instance = read(meta() + BEFORE + sequence(SHARED, frame(5.0)))

        assert instance.header.attributes[f"{SHARED:08X}"] == ('[{"00189114":[{"00189082":["5"]}]}]',)

    @pytest.mark.parametrize(("size", "is_kept"), [(400_000, True), (LARGEST_FRAMES, False)])
    def test_has_them_whatever_else_a_scanner_put_there(self, size: int, is_kept: bool) -> None:
        own = element(0x00211001, "OB", bytes(size))
        item = frame(5.0) + element(0x00210010, "LO", b"SOMEONE ") + own
        groups = element(SHARED, "SQ", delimiter(0xE000, len(item)) + item)

        instance = read(meta() + BEFORE + groups + sequence(PER_FRAME, frame(7.0)))

        text = instance.header.attributes[f"{SHARED:08X}"][0]
        assert ('"00189082":["5"]' in text) is is_kept
        assert (text == NOT_KEPT) is not is_kept
        assert f"{PER_FRAME:08X}" in instance.header.attributes
        assert (instance.header.defect, instance.header.unreadable_from) == (None, None)

    @pytest.mark.parametrize("length", [None, 0xFFFFFFFF])
    def test_with_too_many_bytes_of_frames_is_read_up_to_there(self, length: int | None) -> None:
        content = element(0x00209158, "LT", b"x" * 60_000)
        items = (delimiter(0xE000, len(content)) + content) * (LARGEST_FRAMES // 60_000 + 1)
        groups = element(PER_FRAME, "SQ", items + delimiter(0xE0DD) * bool(length), length=length)

        instance = read(meta() + BEFORE + groups + element(PIXEL_DATA, "OW", bytes(4)))

        assert (instance.header.defect, instance.header.unreadable_from) == (None, f"{PER_FRAME:08X}")
        assert instance.header.attributes[f"{MODALITY:08X}"] == ("MR",)
        assert f"{PER_FRAME:08X}" not in instance.own

    def test_asks_for_the_bytes_of_its_frames_in_the_full_edition_alone(self) -> None:
        data = meta() + BEFORE + sequence(PER_FRAME, frame(5.0)) + element(PIXEL_DATA, "OW", bytes(4))
        held = len(data) - 60

        assert isinstance(read_carefully(window_over(data, held), current_vocabulary()), NeedMore)
        assert isinstance(read_carefully(window_over(data, held), first_vocabulary()), Instance)


class TestManyFrames:
    def test_with_up_to_sixteen_values_say_all_in_the_order_of_frames(self) -> None:
        values = [str(number) for number in range(16, 0, -1)]

        assert summed(frames_of(values + values)) == [{"00189114": [{ECHO_TIME: values}]}]

    def test_with_more_numbers_say_the_lowest_and_the_highest(self) -> None:
        values = [str(number) for number in (5, -3, 1e20, *range(20))]

        assert summed(frames_of(values)) == [{"00189114": [{ECHO_TIME: ["-3", "1e+20", NOT_KEPT]}]}]

    def test_with_more_texts_say_the_first_sixteen(self) -> None:
        values = [f"text {number}" for number in range(20)]

        assert summed([{COMMENT: [value]} for value in values]) == [{COMMENT: [*values[:16], NOT_KEPT]}]

    def test_with_numbers_among_what_is_no_number_say_the_first_sixteen(self) -> None:
        values = [*map(str, range(20)), "many"]

        assert summed(frames_of(values)) == [{"00189114": [{ECHO_TIME: [*values[:16], NOT_KEPT]}]}]

    @pytest.mark.parametrize(
        ("key", "values", "extremes"),
        [
            ("00080022", [f"202301{day:02}" for day in range(1, 21)], ["20230101", "20230120"]),
            ("00101010", [f"{number:03}M" for number in range(11, 31)] + ["001Y"], ["011M", "030M"]),
        ],
    )
    def test_with_more_dates_or_ages_say_the_first_and_the_last(
        self, key: str, values: list[str], extremes: list[str]
    ) -> None:
        assert summed([{key: [value]} for value in values]) == [{key: [*extremes, NOT_KEPT]}]

    def test_with_a_number_that_is_not_kept_say_nothing_of_the_others(self) -> None:
        assert summed(frames_of(["1", "2", NOT_KEPT])) == [{"00189114": [{ECHO_TIME: [NOT_KEPT]}]}]

    def test_with_a_text_that_is_not_kept_say_so_behind_the_others(self) -> None:
        assert summed([{COMMENT: ["a"]}, {COMMENT: [NOT_KEPT]}]) == [{COMMENT: ["a", NOT_KEPT]}]

    def test_with_several_values_a_frame_join_them(self) -> None:
        frames = [{"00200032": ["1", "2", "3"]}, {"00200032": ["1", "2", "4"]}]

        assert summed(frames) == [{"00200032": ["1\\2\\3", "1\\2\\4"]}]

    def test_with_several_items_a_frame_join_their_values(self) -> None:
        frames = [{FRAME_CONTENT: [{COMMENT: ["a"]}, {COMMENT: ["b"]}]}]

        assert summed(frames) == [{FRAME_CONTENT: [{COMMENT: ["a\\b"]}]}]

    def test_with_a_sequence_that_is_not_kept_say_nothing_of_it(self) -> None:
        assert summed([{FRAME_CONTENT: [{COMMENT: ["a"]}]}, {FRAME_CONTENT: [NOT_KEPT]}]) == [
            {FRAME_CONTENT: [NOT_KEPT]}
        ]

    def test_without_a_frame_are_empty(self) -> None:
        assert summed([]) == []


SEGMENTS = 0x00620002


@pytest.mark.parametrize("value", [b"hello ", b'"00100010"', b'[{"00100010":["x"]}]'])
@pytest.mark.parametrize("vr", ["LO", "UT", "ST"])
def test_a_text_in_the_place_of_items_is_not_kept(vr: str, value: bytes) -> None:
    data = meta() + BEFORE + element(SEGMENTS, vr, value)
    within = meta() + BEFORE + sequence(SEGMENTS, element(0x00082218, vr, value))

    for _ in range(3):  # the quick reader learns
        for instance in (scan(window_over(data), inflated_limit=0), read(data)):
            assert isinstance(instance, Instance)
            assert instance.header.attributes[f"{SEGMENTS:08X}"] == (NOT_KEPT,)
            assert digest_identities(instance.header.attributes, b"secret") == instance.header.attributes
    [[item]] = map(json.loads, read(within).header.attributes[f"{SEGMENTS:08X}"])
    assert item == {"00082218": [NOT_KEPT]}
