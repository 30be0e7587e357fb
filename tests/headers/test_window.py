import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.headers import Window
from dicom_sieve.headers.window import MissingBytesError

DATA = bytes(range(200)) + b"the end"

parts = st.lists(st.tuples(st.integers(0, len(DATA)), st.integers(0, 60)), max_size=12)
steps = st.lists(st.tuples(st.sampled_from(["read", "set", "cur", "end"]), st.integers(-80, 260)), max_size=40)


def held_places(spans: list[tuple[int, int]]) -> set[int]:
    return {place for start, length in spans for place in range(start, min(start + length, len(DATA)))}


def window_with(spans: list[tuple[int, int]]) -> Window:
    window = Window(len(DATA))
    for start, length in spans:
        window.add(start, DATA[start : start + length])
    return window


def play(file: Window | io.BytesIO, script: list[tuple[str, int]]) -> Iterator[object]:
    for action, number in script:
        if action == "read":
            yield file.read(number)
        else:
            whence = {"set": io.SEEK_SET, "cur": io.SEEK_CUR, "end": io.SEEK_END}[action]
            base = {"set": 0, "cur": file.tell(), "end": len(DATA)}[action]
            yield file.seek(max(number, -base), whence)
        yield file.tell()


class TestReading:
    @given(script=steps, cuts=st.permutations(range(0, len(DATA), 23)))
    def test_reading_of_a_whole_window_equals_reading_the_object(
        self, script: list[tuple[str, int]], cuts: list[int]
    ) -> None:
        spans = [(start, 23) for start in cuts]

        assert list(play(window_with(spans), script)) == list(play(io.BytesIO(DATA), script))

    @settings(max_examples=300)
    @given(spans=parts, start=st.integers(0, len(DATA) + 20), count=st.integers(-1, 250))
    def test_reading_gives_exactly_the_bytes_or_names_the_first_that_is_missing(
        self, spans: list[tuple[int, int]], start: int, count: int
    ) -> None:
        held = held_places(spans)
        whole = io.BytesIO(DATA)
        whole.seek(start)
        expected = whole.read(count)
        missing = [place for place in range(start, start + len(expected)) if place not in held]
        window = window_with(spans)
        window.seek(start)

        if missing:
            with pytest.raises(MissingBytesError) as caught:
                window.read(count)
            assert caught.value.offset == missing[0]
            assert window.tell() == start
        else:
            assert window.read(count) == expected
            assert window.tell() == start + len(expected)

    def test_reading_ends_only_at_the_objects_true_end(self) -> None:
        window = Window(10)
        window.add(0, b"01234")

        with pytest.raises(MissingBytesError):
            window.read(6)
        window.add(5, b"56789")

        assert (window.read(11), window.read(1)) == (b"0123456789", b"")

    def test_reading_may_skip_over_what_is_missing_and_behind_the_end(self) -> None:
        window = Window(10)
        window.add(8, b"89")

        window.seek(8)
        assert window.read(2) == b"89"
        window.seek(1 << 40)
        assert (window.read(5), window.tell()) == (b"", 1 << 40)

    def test_reading_cannot_begin_before_the_object(self) -> None:
        with pytest.raises(OSError, match="before the object's start"):
            Window(10).seek(-1)

    def test_reading_of_gigabytes_allocates_nothing(self) -> None:
        with pytest.raises(MissingBytesError):
            Window(1 << 50).read(1 << 49)


class TestAdding:
    @given(spans=parts)
    def test_adding_counts_every_byte_once(self, spans: list[tuple[int, int]]) -> None:
        assert window_with(spans).held == len(held_places(spans))

    @given(spans=parts, start=st.integers(0, len(DATA) + 5))
    def test_joins_what_touches(self, spans: list[tuple[int, int]], start: int) -> None:
        held = held_places(spans)
        end = next(place for place in range(start, len(DATA) + 7) if place not in held)

        assert window_with(spans).contiguous(start) == DATA[start:end]

    def test_adding_keeps_the_first_of_parts_that_overlap(self) -> None:
        window = Window(8)
        window.add(2, b"abcd")
        window.add(0, b"XXXXXXXX")

        assert window.contiguous(0) == b"XXabcdXX"
