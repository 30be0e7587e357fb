"""What writers and damage do to data sets, one at a time."""

import dataclasses
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicom_sieve.headers import Damage, Defect, Header, Instance, NeedMore, Window, scan
from dicom_sieve.headers.vocabulary import first_vocabulary
from tests.corpus import FILES
from tests.headers.raw import (
    BIG_ENDIAN,
    DEFLATED,
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
    read_quickly,
    scan_part,
    scan_whole,
    sequence,
    series,
    window_over,
)
from tests.support.builders import make_instance

SOME_SEQUENCE = 0x00081115
CT = element(MODALITY, "CS", b"CT")


def header_of(*elements: bytes) -> Header:
    """The header of an explicit little-endian Part 10 object of these elements."""
    return scan_whole(meta() + b"".join(elements)).header


def modality_of(*elements: bytes) -> tuple[str, ...]:
    header = header_of(*elements)
    assert header.defect is None
    return header.attributes["00080060"]


class TestTheEndOfADataSet:
    @pytest.mark.parametrize("zeros", range(1, 40))
    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
    def test_the_end_of_a_data_set_may_be_followed_by_zeros(self, zeros: int, syntax: str) -> None:
        data = make_instance(transfer_syntax=syntax, Modality="CT")

        assert scan_whole(data + bytes(zeros)) == scan_whole(data)

    @pytest.mark.parametrize("rest", [b"\n", b"\0\0\1", b"garbage"])
    def test_the_end_of_a_data_set_is_damaged_where_it_is_followed_by_a_part_of_an_element(self, rest: bytes) -> None:
        assert header_of(CT, series(), rest).defect is Defect.CORRUPT

    def test_the_end_of_a_data_set_is_no_stray_item(self) -> None:
        assert header_of(CT, series(), delimiter(0xE000)).damage is Damage.CONTRADICTORY

    @pytest.mark.parametrize("tag", [0x52009229, 0x54000100, PIXEL_DATA, 0xFFFCFFFC])
    def test_the_end_of_a_data_set_is_the_first_element_from_group_5200_on(self, tag: int) -> None:
        behind = element(tag, "OW", b"\1\2", length=UNDEFINED) + element(0x00100040, "CS", b"F ")

        assert header_of(CT, series(), behind) == header_of(CT, series())

    def test_the_end_of_a_data_set_needs_no_byte_of_the_pixels(self) -> None:
        data = make_instance(Modality="CT", pixel_bytes=10_000)

        assert scan_part(data, len(data) - 10_000) == scan_whole(data)

    def test_the_end_of_a_data_set_may_come_at_once(self) -> None:
        assert header_of() == Header(defect=Defect.NO_SERIES)


class TestElements:
    def test_elements_may_stand_out_of_order(self) -> None:
        assert modality_of(series(), CT) == ("CT",)

    @pytest.mark.parametrize("vr", ["LO", "UN", "OB", "PN", "DA", "ZZ", "UT"])
    def test_elements_have_the_dictionarys_vr_whatever_the_object_claims(self, vr: str) -> None:
        assert modality_of(element(MODALITY, vr, b"CT"), series()) == ("CT",)

    def test_elements_of_another_vr_stay_out_even_if_the_object_claims_cs(self) -> None:
        header = header_of(element(0x00100010, "CS", b"DOE^JOHN"), element(0x00091001, "CS", b"MINE"), series())

        assert header.attributes == {}

    @pytest.mark.parametrize("vr", [b"\0\0", b"  ", b"??", b"1a"])
    def test_elements_without_a_vr_are_read_as_implicit(self, vr: bytes) -> None:
        odd = struct.pack("<HH", 0x0008, 0x0050) + vr + b"\0\0"
        assert struct.unpack("<L", vr + b"\0\0")[0] == int.from_bytes(vr, "little")
        value = bytes(int.from_bytes(vr, "little"))

        assert modality_of(element(0x00080005, "CS", b"ISO_IR 6"), odd, value, CT, series()) == ("CT",)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (b"", ()),
            (b"  ", ()),
            (b"\0\0", ()),
            (b"CT\0\0 ", ("CT",)),
            (b" CT ", (" CT",)),
            (b"CT \\MR\0", ("CT", "MR")),
            (b"\\", ("", "")),
            (b"C\0T", ("C\ufffdT",)),
            (b"K\xd6LN", ("K\xd6LN",)),
        ],
    )
    def test_elements_give_raw_values_without_trailing_padding(self, value: bytes, expected: tuple[str, ...]) -> None:
        assert modality_of(element(MODALITY, "CS", value), series()) == expected

    def test_elements_that_are_sequences_where_a_code_belongs_have_no_text(self) -> None:
        assert modality_of(sequence(MODALITY, CT), series()) == ("\ufffd",)

    def test_longer_than_their_vr_allows_have_no_text_and_are_not_read(self) -> None:
        longest = element(MODALITY, "UN", b"A" * 0xFFFE)
        longer = element(MODALITY, "UN", b"A" * 0xFFFF)
        data = meta() + element(MODALITY, "UN", bytes(1 << 20)) + series()
        window = Window(len(data))
        window.add(0, data[:500])
        window.add(len(data) - 100, data[-100:])
        answer = scan(window, inflated_limit=LIMIT, vocabulary=first_vocabulary())

        assert modality_of(longest, series()) == ("A" * 0xFFFE,)
        assert modality_of(longer, series()) == ("\ufffd",)
        assert isinstance(answer, Instance)
        assert answer.header.attributes == {"00080060": ("\ufffd",)}

    @pytest.mark.parametrize("length", [5, 0x1000, 0xFFFE, 0xFFFFFFFE])
    @pytest.mark.parametrize("tag", [MODALITY, 0x00080050])
    def test_elements_that_reach_behind_the_object_are_damage(self, tag: int, length: int) -> None:
        assert header_of(series(), element(tag, "UN", b"", length=length)).defect is Defect.CORRUPT

    @pytest.mark.parametrize("charset", [b"NONSENSE", b"..", b"ISO-IR 100", b"GBK\\ISO 2022 IR 87", b"\xff\xfe"])
    def test_elements_say_the_same_in_every_character_set(self, charset: bytes) -> None:
        assert modality_of(element(0x00080005, "CS", charset), CT, series()) == ("CT",)


class TestUids:
    @pytest.mark.parametrize("uid", [b"1.2.3 ", b"1.2.3\0", b"1.2.3\0\0\0"])
    def test_uids_lose_their_padding(self, uid: bytes) -> None:
        assert header_of(series(uid)).series_instance_uid == "1.2.3"

    def test_uids_may_be_longer_than_the_standard_allows_but_not_without_end(self) -> None:
        assert header_of(series(b"1" * 256)).series_instance_uid == "1" * 256
        assert header_of(series(b"1" * 257)).defect is Defect.CORRUPT

    def test_uids_are_never_sequences(self) -> None:
        assert header_of(sequence(SERIES)).defect is Defect.CORRUPT

    def test_uids_that_are_empty_count_as_none(self) -> None:
        assert header_of(series(b"")) == Header(defect=Defect.NO_SERIES)


class TestTheEncoding:
    @pytest.mark.parametrize(
        "syntax",
        [EXPLICIT, f"{EXPLICIT} ", f"{EXPLICIT}\0\0", "", None, "1.2.840.10008.1.2.4.70", "1.2.3.4.5", IMPLICIT],
    )
    def test_the_encoding_is_explicit_where_the_first_element_shows_it(self, syntax: str | None) -> None:
        header = scan_whole(meta(syntax) + CT + series()).header

        assert (header.defect, header.attributes) == (None, {"00080060": ("CT",)})

    @pytest.mark.parametrize("syntax", [IMPLICIT, f"{IMPLICIT}\0 ", EXPLICIT, None, "1.2.840.113619.5.2"])
    def test_the_encoding_is_implicit_where_the_first_element_shows_it(self, syntax: str | None) -> None:
        data_set = element(MODALITY, None, b"CT") + element(SERIES, None, b"1.2.3\0")
        header = scan_whole(meta(syntax) + data_set).header

        assert (header.series_instance_uid, header.attributes) == ("1.2.3", {"00080060": ("CT",)})

    @pytest.mark.parametrize("syntax", [BIG_ENDIAN, f"{BIG_ENDIAN} ", None, ""])
    def test_the_encoding_is_big_endian_by_transfer_syntax_or_by_its_first_group(self, syntax: str | None) -> None:
        data_set = element(MODALITY, "CS", b"CT", little_endian=False)
        data_set += element(SERIES, "UI", b"1.2.3\0", little_endian=False)
        header = scan_whole(meta(syntax) + data_set).header

        assert (header.series_instance_uid, header.attributes) == ("1.2.3", {"00080060": ("CT",)})

    @pytest.mark.parametrize("syntax", [DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"])
    @pytest.mark.parametrize("level", [0, 9])
    def test_the_encoding_is_deflated_in_three_transfer_syntaxes(self, syntax: str, level: int) -> None:
        deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
        stream = deflater.compress(CT + series()) + deflater.flush()

        assert scan_whole(meta(syntax) + stream + b"\0").header == header_of(CT, series())

    def test_the_encoding_of_a_deflated_object_survives_a_stream_that_begins_like_a_command_set(self) -> None:
        data_set = (CT + series() + element(PIXEL_DATA, "OW", bytes(300)))[:256]
        stored = b"\0" + struct.pack("<HH", 256, 0xFFFF ^ 256) + data_set + b"\1\0\0\xff\xff"
        assert stored[:2] == b"\0\0"

        assert scan_whole(meta(DEFLATED) + stored).header == header_of(CT, series())

    def test_of_a_deflated_object_that_breaks_behind_its_header_is_damage_too_for_nobody_can_open_it(self) -> None:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        head = deflater.compress(CT + series() + element(PIXEL_DATA, "OW", b"1234")) + deflater.flush(zlib.Z_SYNC_FLUSH)
        data = meta(DEFLATED) + head + b"\xff" * 100
        whole = scan_whole(data)
        answers = [scan_part(data, held) for held in range(len(meta(DEFLATED)), len(data))]

        assert (whole.header.defect, whole.header.damage) == (Defect.CORRUPT, Damage.CONTRADICTORY)
        assert (whole.header.attributes, whole.header.unreadable_from) == ({"00080060": ("CT",)}, "00000000")
        assert all(answer == whole or isinstance(answer, NeedMore) for answer in answers)

    def test_the_encoding_of_a_deflated_object_that_breaks_within_its_header_is_damage(self) -> None:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        head = deflater.compress(series()) + deflater.flush(zlib.Z_SYNC_FLUSH)

        assert scan_whole(meta(DEFLATED) + head + b"\xff" * 9000).header.defect is Defect.CORRUPT


class TestFileMeta:
    @pytest.mark.parametrize("length", [0, 1, 0xFFFFFFFF])
    def test_file_meta_is_not_believed_about_its_own_length(self, length: int) -> None:
        right = meta()
        wrong = right[:140] + struct.pack("<L", length) + right[144:]

        assert scan_whole(wrong + CT + series()) == scan_whole(right + CT + series())

    def test_file_meta_may_be_implicit(self) -> None:
        content = element(0x00020000, None, b"\x1a\0\0\0") + element(0x00020010, None, IMPLICIT.encode() + b"\0")
        data = bytes(128) + b"DICM" + content + element(MODALITY, None, b"CT") + element(SERIES, None, b"1.2.3\0")

        assert scan_whole(data).header.attributes == {"00080060": ("CT",)}

    def test_file_meta_may_stand_without_preamble(self) -> None:
        assert scan_whole(meta()[132:] + CT + series()).header == header_of(CT, series())

    @pytest.mark.parametrize("beginning", [b"", meta()])
    def test_file_meta_may_be_followed_by_a_command_set_or_be_absent(self, beginning: bytes) -> None:
        command = element(0x00000000, None, b"\x0a\0\0\0") + element(0x00000100, None, b"\1\0")

        assert scan_whole(beginning + command + CT + series()).header == header_of(CT, series())

    @pytest.mark.parametrize("little_endian", [True, False])
    @pytest.mark.parametrize("vr", ["CS", None])
    def test_file_meta_may_be_absent(self, vr: str | None, little_endian: bool) -> None:
        if vr is None and not little_endian:
            return  # no transfer syntax has it
        uid_vr = None if vr is None else "UI"
        data = element(MODALITY, vr, b"CT", little_endian=little_endian)
        data += element(SERIES, uid_vr, b"1.2.3.4\0", little_endian=little_endian)

        assert scan_whole(data).header == header_of(CT, series())

    def test_file_meta_and_uids_both_absent_make_no_dicom(self) -> None:
        assert scan_whole(CT + element(SERIES, "UI", b"none")).header == Header(defect=Defect.NOT_DICOM)
        assert scan_whole(CT).header == Header(defect=Defect.NOT_DICOM)


class TestWhatIsNoDicom:
    def test_what_is_no_dicom_is_told_from_the_first_bytes(self) -> None:
        assert scan_part(b"\x89PNG" + bytes(200), 132, size=1 << 40) == scan_whole(b"\x89PNG")

    def test_what_is_no_dicom_is_told_of_zeros_without_reading_them_all(self) -> None:
        answer = scan_part(bytes(200), 200, size=1 << 40)

        assert isinstance(answer, Instance)
        assert answer.header.defect is Defect.NOT_DICOM

    def test_what_is_no_dicom_is_not_an_object_whose_rest_was_never_written(self) -> None:
        data = meta() + CT + series() + bytes(66_000)
        answer = scan_part(data, len(data), size=1 << 40)

        assert isinstance(answer, Instance)
        assert answer.header == dataclasses.replace(header_of(CT, series()), unreadable_from="0020000E")


class TestSequences:
    @pytest.mark.parametrize("depth", [1, 30, 300, 3_000, 10_000])
    def test_sequences_may_nest_to_any_depth(self, depth: int) -> None:
        opened = (element(SOME_SEQUENCE, "SQ", length=UNDEFINED) + delimiter(0xE000, UNDEFINED)) * depth
        closed = (delimiter(0xE00D) + delimiter(0xE0DD)) * depth

        assert modality_of(CT, opened, closed, series()) == ("CT",)

    def test_sequences_of_an_unusual_object_are_gone_through_up_to_a_bound(self) -> None:
        opened = (element(SOME_SEQUENCE, "SQ", length=UNDEFINED) + delimiter(0xE000, UNDEFINED)) * 20_000
        closed = (delimiter(0xE00D) + delimiter(0xE0DD)) * 20_000

        bounded = header_of(CT, opened, closed, series(), bytes(4))
        assert (bounded.defect, bounded.attributes) == (Defect.TOO_LARGE, {"00080060": ("CT",)})
        assert bounded.unreadable_from == f"{SOME_SEQUENCE:08X}"
        # Usual objects are bounded by their bytes alone.
        usual = read_quickly(window_over(meta() + CT + opened + closed + series()))
        assert isinstance(usual, Instance)
        assert usual.header.defect is None

    def test_hide_their_attributes(self) -> None:
        assert modality_of(CT, sequence(SOME_SEQUENCE, element(MODALITY, "CS", b"MR"), b""), series()) == ("CT",)

    def test_sequences_of_defined_length_are_not_read(self) -> None:
        assert modality_of(CT, element(SOME_SEQUENCE, "SQ", b"\xff" * 64), series()) == ("CT",)

    def test_sequences_may_hold_items_of_defined_length_and_fragments(self) -> None:
        items = delimiter(0xE000, 0) + delimiter(0xE000, 5) + b"12345" + delimiter(0xE0DD)

        assert modality_of(element(0x00282000, "OB", items, length=UNDEFINED), CT, series()) == ("CT",)

    @pytest.mark.parametrize("length", [0, 2, 0x4241])
    def test_sequences_may_hold_implicit_elements_within_an_unknown_one(self, length: int) -> None:
        inner = element(0x00080100, None, b"A ") + element(0x00080104, None, bytes(length))

        assert modality_of(sequence(SOME_SEQUENCE, inner, inner, vr="UN"), CT, series()) == ("CT",)
        assert modality_of(sequence(0x00091010, inner, inner, vr="UN"), CT, series()) == ("CT",)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            delimiter(0xE00D),
            CT,
            delimiter(0xE000, UNDEFINED),
            delimiter(0xE000, UNDEFINED) + delimiter(0xE0DD),
            delimiter(0xE000, UNDEFINED) + delimiter(0xE000, 0) + delimiter(0xE00D) + delimiter(0xE0DD),
            delimiter(0xE000, 0xFFFFFFFE) + delimiter(0xE0DD),
            delimiter(0xE000, UNDEFINED) + element(0x00080100, "SH", b"", length=0xFFFF) + delimiter(0xE00D),
            delimiter(0xE000, UNDEFINED) + element(0x00080100, "UT", b"")[:9],
        ],
    )
    def test_sequences_that_do_not_close_are_damage(self, content: bytes) -> None:
        assert header_of(CT, series(), element(SOME_SEQUENCE, "SQ", content, length=UNDEFINED)).defect is Defect.CORRUPT


def test_the_answer_is_the_same_in_any_thread() -> None:
    objects = [path.read_bytes() for path in FILES.values()]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(scan_whole, objects * 3))

    assert answers == [scan_whole(data) for data in objects] * 3


def test_deflated_objects_say_the_same_as_plain_ones() -> None:
    plain = make_instance(Modality="CT", StudyDate="20220101", PatientAge="018M")
    data_set = plain[plain.index(b"\x08\0\x16\0") :]

    assert scan_whole(deflated(data_set)) == scan_whole(plain)
    assert scan_whole(plain).header.attributes["00080020"] == ("20220101",)
    assert STUDY_DATE in {int(tag, 16) for tag in scan_whole(plain).header.attributes}
