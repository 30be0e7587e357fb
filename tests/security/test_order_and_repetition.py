"""Attack: elements out of order, or twice, so that a verdict is made on a value that other readers do not see."""

import pytest

from dicom_sieve.headers import Damage, Defect, Header, Instance, NeedMore, Window, scan_bounded
from tests.headers.by_pydicom import read_by_pydicom
from tests.headers.raw import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    LIMIT,
    MODALITY,
    PIXEL_DATA,
    SERIES,
    STUDY_DATE,
    UNDEFINED,
    deflated,
    delimiter,
    element,
    meta,
    scan_part,
    scan_whole,
    series,
)
from tests.support.builders import make_instance

CT, US = element(MODALITY, "CS", b"CT"), element(MODALITY, "CS", b"US")
DATE = element(STUDY_DATE, "DA", b"20230314")
PIXELS = element(PIXEL_DATA, "OW", bytes(64))
OVERLAY = element(0x60000010, "US", b"\1\0")


def header_of(*elements: bytes) -> Header:
    return scan_whole(meta() + b"".join(elements)).header


class TestOrder:
    @pytest.mark.parametrize("before", [OVERLAY, PIXELS, OVERLAY + PIXELS, element(0x54000100, "SQ")])
    def test_what_stands_behind_overlays_or_pixels_is_found(self, before: bytes) -> None:
        for elements in ([before, DATE, CT, series()], [DATE, before, CT, series()], [DATE, CT, before, series()]):
            header = header_of(*elements)

            assert (header.defect, header.series_instance_uid, header.unreadable_from) == (None, "1.2.3.4", None)
            assert header.attributes == {"00080020": ("20230314",), "00080060": ("CT",)}

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
    def test_order_in_any_encoding(self, syntax: str) -> None:
        written = [(PIXEL_DATA, "OW", bytes(64)), (MODALITY, "CS", b"CT"), (SERIES, "UI", b"1.2\0")]
        data = meta(syntax) + b"".join(
            element(tag, None if syntax == IMPLICIT else vr, value, little_endian=syntax != BIG_ENDIAN)
            for tag, vr, value in written
        )

        assert scan_whole(data).header.attributes == {"00080060": ("CT",)}

    def test_order_in_a_deflated_object(self) -> None:
        header = scan_whole(deflated(PIXELS + CT + series())).header

        assert (header.defect, header.attributes) == (None, {"00080060": ("CT",)})

    def test_order_behind_pixels_nothing_is_looked_for_where_all_that_is_expected_came_before(self) -> None:
        usual = make_instance(Modality="CT", StudyDate="20230314", pixel_bytes=100_000)
        start = scan_whole(usual)

        behind = usual + element(0xFFFCFFFC, "OB", bytes(126)) + element(0x00101010, "AS", b"045Y")

        assert scan_whole(behind) == start
        assert scan_part(behind, len(usual) - 100_000) == start

    def test_pixels_are_not_read_for_it(self) -> None:
        data = meta() + CT + series() + element(PIXEL_DATA, "OW", bytes(100_000)) + DATE
        held = len(data) - 100_000 - len(DATE)

        answer = scan_part(data, held)

        assert answer == NeedMore(len(data) - len(DATE))

    def test_a_usual_object_needs_no_byte_of_its_pixels(self) -> None:
        data = make_instance(Modality="CT", pixel_bytes=100_000)

        assert isinstance(scan_part(data, len(data) - 100_000), Instance)

    def test_compressed_pixels_end_it_but_where_the_series_has_not_come(self) -> None:
        compressed = element(PIXEL_DATA, "OB", delimiter(0xE000) + delimiter(0xE0DD), length=UNDEFINED)

        assert header_of(CT, series(), compressed, DATE).attributes == {"00080060": ("CT",)}
        assert header_of(CT, compressed, series(), DATE).attributes.keys() == {"00080060", "00080020"}

    def test_what_is_cut_there_says_that_anything_may_be_missing(self) -> None:
        header = header_of(series(), PIXELS, DATE, CT[:9])

        assert (header.defect, header.damage) == (Defect.CORRUPT, Damage.CUT)
        assert (header.attributes, header.unreadable_from) == ({"00080020": ("20230314",)}, "00000000")

    @pytest.mark.parametrize("last", [b"", element(0x7FE11010, "UN", b"")])
    def test_a_bound_behind_pixels_says_that_anything_may_be_missing(self, last: bytes) -> None:
        data = meta() + CT + series() + PIXELS + last
        window = Window(len(data) + 1000)
        window.add(0, data)

        header = scan_bounded(window, inflated_limit=LIMIT).header

        assert (header.defect, header.unreadable_from) == (None, "00000000")


class TestRepetition:
    @pytest.mark.parametrize(
        "elements",
        [(CT, US, series()), (CT, series(), US), (CT, series(), PIXELS, US), (US, PIXELS, CT, series(), PIXELS)],
    )
    def test_repetition_of_another_value_is_damage_and_neither_is_kept(self, elements: tuple[bytes, ...]) -> None:
        header = header_of(*elements, DATE)

        assert (header.defect, header.damage, header.unreadable_from) == (Defect.CORRUPT, Damage.REPEATED, "00080060")
        assert header.series_instance_uid == "1.2.3.4"
        assert header.attributes == {"00080020": ("20230314",)}

    def test_repetition_of_the_same_value_is_none(self) -> None:
        once = header_of(CT, series())

        assert header_of(CT, element(MODALITY, "CS", b"CT "), series(), series(), PIXELS, CT) == once

    def test_repetition_of_a_series_leaves_the_object_without_a_place(self) -> None:
        header = header_of(CT, series(), series(b"1.2.9\0"))

        assert (header.damage, header.unreadable_from, header.series_instance_uid) == (
            Damage.REPEATED,
            "0020000E",
            None,
        )

    @pytest.mark.parametrize("tag", [0x00080018, 0x00100020])
    def test_repetition_of_a_name_or_a_patient_is_damage_too(self, tag: int) -> None:
        twice = element(tag, "LO", b"1.2.3.4.5.6 ") + element(tag, "LO", b"1.2.3.4.5.7 ")

        assert header_of(CT, series(), twice).damage is Damage.REPEATED

    def test_repetition_of_what_nobody_asks_for_is_none(self) -> None:
        names = element(0x00100010, "PN", b"A ") + element(0x00100010, "PN", b"B ")

        assert header_of(CT, names, series()).defect is None

    def test_repetition_within_sequences_is_none(self) -> None:
        items = element(0x00081115, "SQ", delimiter(0xE000, 20) + CT + US, length=28)

        assert header_of(items, CT, series()).attributes == {"00080060": ("CT",)}

    def test_repetition_would_have_been_read_as_the_last_one_by_pydicom(self) -> None:
        theirs = read_by_pydicom(meta() + CT + series() + PIXELS + US)

        assert theirs is not None
        assert theirs["00080060"] == ("US",)
