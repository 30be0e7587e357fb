"""Attack: an object whose bytes two readers of ours take for two objects, so that a US passes as a CT."""

import pytest

from dicom_sieve.headers import Defect, Instance, Window, quick, scan
from dicom_sieve.headers.vocabulary import current_vocabulary
from tests.fuzz.seeds import kept, seeds
from tests.fuzz.target import check
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
    read_carefully,
    read_quickly,
    scan_whole,
    sequence,
    series,
)

ODD_VRS = (b"C1", b"C[", b"Cs", b"A\x7f", b"A@", b"Z@", b"B!", b"Q\xff", b"Y ")
"""They sort between AA and ZZ, and are no two capital letters."""
SOME_SEQUENCE = 0x00081115
CLOSED = delimiter(0xE00D) + delimiter(0xE0DD)
US = element(MODALITY, "CS", b"US") + series()


def of_two_readings(vr: bytes, container: str = "SQ") -> bytes:
    """An object whose item begins with an element that has a VR and no value, or else no VR and a value that ends
    within another one: a CT in the first reading, a US in the second.
    """
    far = int.from_bytes(vr, "little")
    shown = CLOSED + element(MODALITY, "CS", b"CT") + series()
    hidden = CLOSED + US
    before = bytes(far - len(shown) - 12)
    data_set = element(SOME_SEQUENCE, container, delimiter(0xE000, UNDEFINED), length=UNDEFINED)
    data_set += b"\x08\0\0\1" + vr + b"\0\0" + shown + element(0x00211010, "OB", before + hidden)
    return meta(EXPLICIT) + data_set


def in_every_way(data: bytes) -> list[Instance]:
    """Read an object by the careful reader, by the fast path when it is sure, and by both."""
    answers = [
        read_carefully(_window(data)),
        read_quickly(_window(data)),
        scan(_window(data), inflated_limit=LIMIT),
    ]
    return [answer for answer in answers if isinstance(answer, Instance)]


def _window(data: bytes, size: int | None = None) -> Window:
    window = Window(size or len(data))
    window.add(0, data)
    return window


@pytest.mark.parametrize("container", ["SQ", "UN"])
@pytest.mark.parametrize("vr", ODD_VRS)
def test_the_first_vr_of_an_item_is_read_as_pydicom_reads_it(vr: bytes, container: str) -> None:
    data = of_two_readings(vr, container)

    answers = in_every_way(data)

    assert {answer.header.attributes.get("00080060") for answer in answers} == {("US",)}
    theirs = read_by_pydicom(data)
    assert theirs is not None
    assert theirs["00080060"] == ("US",)


def test_capital_letters_are_a_vr_known_or_not() -> None:
    for vr in (b"CS", b"ZZ", b"XQ"):
        answers = in_every_way(of_two_readings(vr))

        assert len(answers) == 3
        assert {answer.header.attributes["00080060"] for answer in answers} == {("CT",)}


@pytest.mark.parametrize("is_deflated", [True, False])
def test_what_was_read_before_leads_no_reader_past_the_pixels(is_deflated: bool) -> None:
    uids = element(0x00080018, "UI", b"1.3\0") + element(STUDY_DATE, "DA", b"20230314") + element(MODALITY, "CS", b"CT")
    uids += element(0x0020000D, "UI", b"1.4\0") + element(SERIES, "UI", b"1.5\0")
    sop_class = element(0x00080016, "UI", b"1.2\0")
    image = b"".join(element(0x00280000 + number, "US", b"\1\0") for number in (0x10, 0x11, 0x100, 0x101, 0x102))
    image += (
        element(PIXEL_DATA, "OW", bytes(16)) + element(0x00080008, "CS", b"ORIGINAL") + element(0x00100040, "CS", b"F ")
    )
    complete = meta() + sop_class + uids + image
    quick.forget()
    at_first = scan_whole(complete, current_vocabulary())

    # In these it is looked at what is behind the pixels, too.
    incomplete = meta() + uids + image + element(0x7FE00020, "OB", bytes(3000))
    for _ in range(4):
        scan_whole(deflated(sop_class + uids + image) if is_deflated else incomplete, current_vocabulary())

    assert "00080008" not in at_first.header.attributes
    assert in_every_way(complete) == [at_first] * 3


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("length", [b"OB\0\0", b"AB\0\0", b"UN\0\0", b"\4\0\0\0", b"\xff\xff\xff\xff"])
@pytest.mark.parametrize("place", ["item", "sequence", "begin"])
def test_delimiters_that_have_a_length_give_one_answer(place: str, length: bytes, syntax: str) -> None:
    def some(tag: int, vr: str, value: bytes) -> bytes:
        return element(tag, None if syntax == IMPLICIT else vr, value)

    data = meta(syntax) + some(STUDY_DATE, "DA", b"20230314") + some(MODALITY, "CS", b"CT")
    begin, item_end, sequence_end = (
        delimiter(number)[:4] + (length if place == name else usual)
        for number, name, usual in (
            (0xE000, "begin", b"\xff" * 4),
            (0xE00D, "item", bytes(4)),
            (0xE0DD, "sequence", bytes(4)),
        )
    )
    items = begin + some(0x00081155, "UI", b"1.2\0") + item_end + sequence_end
    data += element(0x00081140, None if syntax == IMPLICIT else "SQ", items, length=UNDEFINED)
    data += some(SERIES, "UI", b"1.5\0") + some(PIXEL_DATA, "OW", bytes(8))
    quick.forget()

    for _ in range(3):  # from the second on it is known
        answers = in_every_way(data)
        assert answers.count(answers[0]) == len(answers)
    if (place, length, syntax) == ("item", b"OB\0\0", EXPLICIT):
        assert read_by_pydicom(data) is None
        assert answers[0].header.defect is Defect.CORRUPT


def test_spaces_in_an_implicit_object_end_it_for_both() -> None:
    data = meta(IMPLICIT) + element(STUDY_DATE, None, b"20230314") + element(MODALITY, None, b"CT")
    data += element(SERIES, None, b"1.2\0") + b" " * 8
    larger = _window(data, 1 << 30)

    assert read_quickly(larger) is None
    assert scan(larger, inflated_limit=LIMIT) == scan_whole(data, current_vocabulary())
    assert scan_whole(data).header.attributes == {"00080020": ("20230314",), "00080060": ("CT",)}


def places_of_vrs(data: bytes) -> list[int]:
    """Where VRs are in an explicit object, at any depth."""
    return [
        place
        for place in range(132, len(data) - 2)
        if data[place : place + 2] in {b"CS", b"UI", b"SQ", b"UN", b"OB", b"SH", b"UL", b"LO", b"DA"}
    ]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("vr", [*ODD_VRS, b"\0\0", b"  ", b"cs", b"OB", b"UN", b"CS"])
def test_any_vr_in_any_place_gives_one_answer(vr: bytes, syntax: str) -> None:
    little = syntax == EXPLICIT

    def some(tag: int, vr: str, value: bytes) -> bytes:
        return element(tag, vr, value, little_endian=little)

    inner = some(0x00080100, "SH", b"1 ") + some(0x00080102, "SH", b"DCM ")
    items = sequence(SOME_SEQUENCE, inner, sequence(0x00081199, inner)) + sequence(0x00081140, inner, vr="UN")
    data_set = some(0x00080005, "CS", b"ISO_IR 100") + some(STUDY_DATE, "DA", b"20230314") + (items if little else b"")
    data_set += some(MODALITY, "CS", b"CT") + some(0x00090010, "LO", b"MINE") + some(SERIES, "UI", b"1.2.3\0")
    data = meta(syntax) + data_set + some(0x7FE00010, "OB", bytes(20))
    known = scan_whole(data)  # so that the fast path knows all that is usual in it

    assert known.header.defect is None
    for place in places_of_vrs(data):
        answers = in_every_way(data[:place] + vr + data[place + 2 :])
        assert answers.count(answers[0]) == len(answers), place


def test_fragments_are_never_taken_for_items() -> None:
    inner = delimiter(0xE000, UNDEFINED) + sequence(0x00081199) + US + delimiter(0xE00D)
    data = meta() + element(0x00282000, "OB", inner + delimiter(0xE0DD), length=UNDEFINED) + US

    assert {str(answer.header.damage) for answer in in_every_way(data)} == {"CONTRADICTORY"}


def test_what_fuzzing_found_and_began_with_gives_one_answer() -> None:
    inputs = [*seeds(), *kept()]
    for given in inputs:
        check(given)
    assert len(inputs) > 200
