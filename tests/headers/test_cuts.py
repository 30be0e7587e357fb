"""Missing bytes never discard: headers of which only a part was read, and objects that really end there."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.filereader import data_element_generator

from dicom_sieve.headers import Damage, Defect, Instance, NeedMore, Window, scan
from dicom_sieve.headers.vocabulary import first_vocabulary
from tests.corpus import read_file
from tests.headers.raw import LIMIT, scan_part, scan_whole

WELL_FORMED = {0x00080016, 0x00080018, 0x0020000D, 0x0020000E}


@dataclass(frozen=True)
class Sample:
    """A file, with what its data set is written in; told here, not found out."""

    name: str
    implicit: bool = False
    little_endian: bool = True
    has_meta: bool = True


PLAIN = [
    Sample("MR_small.dcm"),
    Sample("MR_small_implicit.dcm", implicit=True),
    Sample("MR_small_bigendian.dcm", little_endian=False),
    Sample("ExplVR_LitEndNoMeta.dcm", has_meta=False),
    Sample("ExplVR_BigEndNoMeta.dcm", has_meta=False, little_endian=False),
    Sample("nested_priv_SQ.dcm", implicit=True),
    Sample("UN_sequence.dcm"),
    Sample("rtplan.dcm", implicit=True),
    Sample("test-SR.dcm"),
    Sample("DICOMDIR-implicit", implicit=True),
    Sample("DICOMDIR-bigEnd", little_endian=False),
]
each_plain = pytest.mark.parametrize("sample", PLAIN, ids=lambda sample: sample.name)
each_file = pytest.mark.parametrize("name", [sample.name for sample in PLAIN] + ["image_dfl.dcm", "no_meta.dcm"])


@cache
def ends_of_elements(sample: Sample) -> tuple[tuple[int | None, int], ...]:
    """Each top-level element of the header with the place behind it, as pydicom walks; first, where they begin."""
    file = io.BytesIO(read_file(sample.name))
    ends: list[tuple[int | None, int]] = []
    if sample.has_meta:
        file.seek(132)
        ends.append((None, 132))
        meta = data_element_generator(file, False, True, lambda tag, _vr, _length: tag >> 16 != 2)
        ends.extend((int(element.tag), file.tell()) for element in meta)
    ends.append((None, file.tell()))
    walk = data_element_generator(
        file, sample.implicit, sample.little_endian, lambda tag, _vr, _length: tag >= 0x52000000
    )
    ends.extend((int(element.tag), file.tell()) for element in walk)
    return tuple(ends)


def answers_by_bytes_held(data: bytes) -> Iterator[tuple[int, Instance | NeedMore]]:
    """The answer for every number of bytes read, up to a few behind the first that could be judged."""
    judged = 0
    for held in range(len(data) + 1):
        answer = scan_part(data, held)
        yield held, answer
        judged += isinstance(answer, Instance)
        if judged > 20:
            return


class TestAHeaderOfWhichAPartWasRead:
    @each_file
    def test_a_header_of_which_a_part_was_read_is_judged_as_the_whole_or_read_on(self, name: str) -> None:
        data = read_file(name)
        whole = scan_whole(data)
        is_judged = False

        for held, answer in answers_by_bytes_held(data):
            if isinstance(answer, NeedMore):
                assert held <= answer.offset < len(data)
                assert not is_judged, "once given, an answer stays"
            else:
                assert answer == whole
                is_judged = True

        assert is_judged

    @each_file
    @settings(max_examples=20)
    @given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=10))
    def test_a_header_of_which_a_part_was_read_comes_to_the_same_however_it_is_read(
        self, name: str, lengths: list[int]
    ) -> None:
        data = read_file(name)
        window = Window(len(data))
        answer: Instance | NeedMore = NeedMore(0)

        for length in itertools.cycle(lengths):
            if isinstance(answer, Instance):
                break
            before = window.held
            window.add(answer.offset, data[answer.offset : answer.offset + length])
            assert window.held > before
            answer = scan(window, inflated_limit=LIMIT, vocabulary=first_vocabulary())

        assert answer == scan_whole(data)

    @each_file
    @settings(max_examples=50)
    @given(holes=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 400)), max_size=4))
    def test_with_holes_is_judged_as_the_whole_or_asks_for_a_byte_of_a_hole(
        self, name: str, holes: list[tuple[int, int]]
    ) -> None:
        data = read_file(name)
        window = Window(len(data))
        missing = {place for start, length in holes for place in range(start, start + length)}
        places = [place for place in range(len(data)) if place not in missing]
        for _, run in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
            part = [place for _, place in run]
            window.add(part[0], data[part[0] : part[-1] + 1])

        answer = scan(window, inflated_limit=LIMIT, vocabulary=first_vocabulary())

        assert answer == scan_whole(data) if isinstance(answer, Instance) else answer.offset in missing


def expected_of_cut_object(sample: Sample, data: bytes, size: int) -> tuple[Defect | None, set[str]]:
    """What can honestly be said of an object that ends after a number of bytes, of what it is, and to hold."""
    ends = [(tag, end) for tag, end in ends_of_elements(sample) if end <= size]
    held = {tag for tag, _ in ends if tag is not None}
    is_dicom = bool(ends) if sample.has_meta else bool(held & WELL_FORMED)
    if not is_dicom:
        return Defect.NOT_DICOM, set()
    rest = data[ends[-1][1] : size]
    if rest.strip(b"\0") or len(rest) >= 8:
        return Defect.CORRUPT, {f"{tag:08X}" for tag in held}
    return (None if 0x0020000E in held else Defect.NO_SERIES), {f"{tag:08X}" for tag in held}


class TestAnObjectThatEndsWithinItsHeader:
    @each_plain
    def test_an_object_that_ends_within_its_header_is_corrupt_or_says_exactly_what_it_holds(
        self, sample: Sample
    ) -> None:
        data = read_file(sample.name)
        whole = scan_whole(data).header

        for size in range(1, ends_of_elements(sample)[-1][1]):
            header = scan_whole(data[:size]).header
            defect, held = expected_of_cut_object(sample, data, size)
            assert header.defect == defect, size
            assert header.attributes == {tag: texts for tag, texts in whole.attributes.items() if tag in held}, size
            assert (header.damage, header.unreadable_from is None) == (
                (Damage.CUT, False) if defect is Defect.CORRUPT else (None, True)
            ), size
            unread = whole.attributes.keys() - header.attributes.keys() if defect is Defect.CORRUPT else set()
            assert all(tag >= (header.unreadable_from or "") for tag in unread), size

    def test_an_object_that_ends_within_its_header_is_corrupt_where_a_deflated_header_is_not_whole(self) -> None:
        data = read_file("image_dfl.dcm")
        whole = scan_whole(data)
        answers = [scan_whole(data[:size]) for size in range(400, len(data))]
        enough = answers.index(whole)

        assert {answer.header.defect for answer in answers[:enough]} == {Defect.CORRUPT}
        assert set(map(repr, answers[enough:])) == {repr(whole)}

    def test_an_object_that_ends_within_its_header_of_no_bytes_is_empty(self) -> None:
        assert scan_whole(b"").header.defect is Defect.EMPTY_OBJECT
