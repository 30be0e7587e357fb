"""Everything that the full edition keeps, against pydicom: real files, made objects, texts in many character sets."""

import io
import json
import struct
from pathlib import Path
from typing import Any, ClassVar

import pydicom
import pytest

from dicom_sieve.dicom.marks import BYTES, IDENTITY, NOT_KEPT
from dicom_sieve.headers import Instance
from dicom_sieve.headers.vocabulary import current_vocabulary
from tests.corpus import FILES
from tests.headers.by_pydicom import in_silence
from tests.headers.corpus_answers import DEFECTS
from tests.headers.grammar import Grammar
from tests.headers.kept_by_pydicom import PER_FRAME, kept_by_pydicom, kept_by_us
from tests.headers.raw import element, meta, read_carefully, read_quickly, sequence, series, window_over

READABLE = {name: path for name, path in FILES.items() if DEFECTS.get(path.name, "NO_SERIES") == "NO_SERIES"}


def read_in_full(data: bytes) -> Instance:
    answer = read_carefully(window_over(data), current_vocabulary())
    assert isinstance(answer, Instance)
    return answer


def said(instance: Instance) -> dict[str, Any]:
    attributes = kept_by_us({**instance.header.attributes, **instance.own})
    attributes.pop(f"{PER_FRAME:08X}", None)
    return attributes


def said_by_pydicom(data: bytes) -> dict[str, Any]:
    with in_silence():
        expected = kept_by_pydicom(pydicom.dcmread(io.BytesIO(data), force=True))
    expected.pop(f"{PER_FRAME:08X}", None)
    return expected


@pytest.mark.parametrize("path", READABLE.values(), ids=READABLE.keys())
def test_every_kept_value_of_a_real_file_is_what_pydicom_reads(path: Path) -> None:
    data = path.read_bytes()

    assert said(read_in_full(data)) == said_by_pydicom(data)


class PlainGrammar(Grammar):
    """Makes values that are texts and numbers, where the grammar makes any bytes."""

    PLAIN: ClassVar = {
        "LO": (b"ACME 1.0", b"A B ", b" ACME"),
        "PN": (b"A^B^C ", b"A^B=C"),
        "DS": (b"1.50", b"2\\-3"),
        "US": (b"\x10\x02", b""),
    }

    def _value(self, vr: str) -> bytes:
        return self.chance.choice(self.PLAIN[vr]) if vr in self.PLAIN else super()._value(vr)


IN_ORDER = frozenset({"repeated"})
"""Where elements do not ascend, or items end twice, docs/reading.md says how pydicom differs."""


@pytest.mark.parametrize("seed", range(4))
def test_every_kept_value_of_a_made_object_is_what_pydicom_reads(seed: int) -> None:
    grammar, compared = PlainGrammar(seed), 0
    for number in range(500):
        made = grammar.make()
        if made.oddities <= IN_ORDER:
            assert said(read_in_full(made.data)) == said_by_pydicom(made.data), number
            compared += 1
    assert compared > 100


TEXTS = {
    "": ("Buc^Jerome", "iso8859"),
    "ISO_IR 100": ("Buc^Jérôme", "latin-1"),
    "ISO_IR 101": ("Dvořák", "iso8859_2"),
    "ISO_IR 109": ("ĉiuĵaŭde", "iso8859_3"),
    "ISO_IR 110": ("Kārlis", "iso8859_4"),
    "ISO_IR 144": ("\u0416\u0443\u043b\u0438\u0439", "iso8859_5"),
    "ISO_IR 127": ("قباني", "iso8859_6"),
    "ISO_IR 126": ("\u03a9\u03b4\u03ae", "iso8859_7"),
    "ISO_IR 138": ("שרון", "iso8859_8"),
    "ISO_IR 148": ("Çavuşoğlu", "iso8859_9"),
    "ISO_IR 166": ("ประเทศ", "iso8859_11"),
    "ISO_IR 13": ("ﾔﾏﾀﾞ", "shift_jis"),
    "ISO_IR 192": ("王^小東 é", "utf8"),
    "GB18030": ("王^小东", "gb18030"),
    "GBK": ("王^小东", "gbk"),
}
ESCAPED = {
    "\\ISO 2022 IR 87": "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B".encode("latin-1"),
    "\\ISO 2022 IR 149": b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
    "\\ISO 2022 IR 58": b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    "ISO 2022 IR 13\\ISO 2022 IR 87": b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
    "ISO 2022 IR 100\\ISO 2022 IR 144": b"J\xe9r\xf4me \x1b-L\xbb\xee\xda",
    "ISO 2022 IR 100\\ISO 2022 IR 159": b"\x1b$(D\x30\x21\x1b(B end",
    "ISO_IR 192\\ISO 2022 IR 87": "é".encode(),
    "ISO-IR 100": b"J\xe9",
    "ISO_IR 999": b"J\xe9",
    "ISO_IR 6": b"\x1b-X unknown \xe9",
    "\\ISO 2022 IR 126": b"a\x1b-F\xc4\xe9\nb\xe9",
    "ISO_IR 100\\ISO 2022 IR 149": b"\x1b$)C\xff\xff no text",
}


def with_text(charset: str, text: bytes, vr: str = "LO") -> bytes:
    tag = 0x00204000 if vr == "LT" else 0x00081030
    padded = text + b" " * (len(text) % 2)
    names = charset.encode() + b" " * (len(charset) % 2)
    return meta() + element(0x00080005, "CS", names) + element(tag, vr, padded) + series()


@pytest.mark.parametrize("vr", ["LO", "LT"])
@pytest.mark.parametrize("charset", [*TEXTS, *ESCAPED])
def test_texts_are_decoded_as_pydicom_decodes_them(charset: str, vr: str) -> None:
    text = TEXTS[charset][0].encode(TEXTS[charset][1]) if charset in TEXTS else ESCAPED[charset]
    data = with_text(charset, text, vr)

    read = said(read_in_full(data))

    assert read == said_by_pydicom(data)
    if charset in TEXTS:
        assert [TEXTS[charset][0]] in read.values()


def test_a_text_that_is_not_in_its_character_set_has_replacement_characters() -> None:
    assert read_in_full(with_text("ISO_IR 192", b"J\xe9r")).header.attributes["00081030"] == ("J\ufffdr",)


def test_no_value_is_taken_for_a_mark() -> None:
    marks = f"{NOT_KEPT}\\{IDENTITY}00\\{BYTES}00".encode()

    assert read_in_full(with_text("ISO_IR 192", marks)).header.attributes["00081030"] == (
        "\ufffd",
        "\ufffd00",
        "\ufffd00",
    )


@pytest.mark.parametrize(
    ("vr", "tag", "value", "texts"),
    [
        ("FL", 0x00189087, struct.pack("<f", 0.1), ("0.1",)),
        ("FD", 0x00189087, struct.pack("<3d", 0.1, 25.0, float("nan")), ("0.1", "25", "nan")),
        ("FD", 0x00189087, struct.pack("<2d", float("inf"), float("-inf")), ("inf", "-inf")),
        ("FL", 0x00189087, struct.pack("<2f", 3.4028235e38, 1e-45), ("3.4028235e+38", "1e-45")),
        ("US", 0x00280010, struct.pack("<H", 512), ("512",)),
        ("US", 0x00280010, b"\1\0\2", ("\ufffd",)),
        ("AT", 0x00280009, b"\x18\0\x63\x10", ("00181063",)),
        ("LT", 0x00204000, b"a\\b ", ("a\\b",)),
        ("UN", 0x00181151, b"120 ", ("120",)),
        ("OB", 0x00420011, b"", ()),
        ("OB", 0x00420011, b"12", (NOT_KEPT,)),
        ("LT", 0x00204000, b"x" * 258, (NOT_KEPT,)),
        ("LT", 0x00204000, b"x" * 256, ("x" * 256,)),
        ("IS", 0x00200011, b" 12 ", (" 12",)),
    ],
)
def test_a_value_is_written_by_its_vr(vr: str, tag: int, value: bytes, texts: tuple[str, ...]) -> None:
    instance = read_in_full(meta() + element(tag, vr, value) + series())

    assert {**instance.header.attributes, **instance.own}[f"{tag:08X}"] == texts


class TestPrivateElements:
    def test_are_named_by_their_creator(self) -> None:
        data = meta() + element(0x00190010, "LO", b"ACME ") + element(0x0019100C, "IS", b"7 ") + series()

        assert read_in_full(data).header.attributes["0019xx0C ACME"] == ("7",)

    def test_of_no_creator_are_left_out(self) -> None:
        attributes = read_in_full(meta() + element(0x0019100C, "IS", b"7 ") + series()).header.attributes

        assert not [key for key in attributes if key.startswith("0019")]

    def test_of_an_unknown_vr_are_kept_as_bytes(self) -> None:
        data = meta() + element(0x00190010, "LO", b"ACME ") + element(0x0019100C, "UN", b"\1\2") + series()

        assert read_in_full(data).header.attributes["0019xx0C ACME"] == (f"{BYTES}0102",)

    def test_with_a_name_are_not_kept(self) -> None:
        data = meta() + element(0x00190010, "LO", b"ACME ") + element(0x0019100C, "PN", b"A^B ") + series()

        assert read_in_full(data).header.attributes["0019xx0C ACME"] == (NOT_KEPT,)

    def test_with_an_empty_name_are_empty(self) -> None:
        data = meta() + element(0x00190010, "LO", b"ACME ") + element(0x0019100C, "PN", b"") + series()

        assert read_in_full(data).header.attributes["0019xx0C ACME"] == ()

    def test_that_vary_within_series_are_kept_with_the_object(self) -> None:
        data = meta() + element(0x00190010, "LO", b"GEMS_ACQU_01") + element(0x001910A2, "SL", b"\1\0\0\0") + series()
        quick = read_quickly(window_over(data))

        assert read_in_full(data).own == {"0019xxA2 GEMS_ACQU_01": ("1",)}
        assert quick == read_in_full(data)


class TestSequences:
    def test_are_json_with_sorted_members(self) -> None:
        code = element(0x00080100, "SH", b"T-1 ") + element(0x00080104, "LO", "é ".encode())
        names = element(0x00080005, "CS", b"ISO_IR 192")
        data = meta() + names + sequence(0x00081032, code) + series()

        assert read_in_full(data).header.attributes["00081032"] == ('[{"00080100":["T-1"],"00080104":["é"]}]',)

    def test_are_kept_to_the_third_level(self) -> None:
        fourth = sequence(0x00081032, element(0x00080100, "SH", b"D "))
        nested = sequence(0x00081032, sequence(0x00081032, fourth))
        data = meta() + sequence(0x00081032, nested) + series()

        (text,) = read_in_full(data).header.attributes["00081032"]

        assert json.loads(text) == [{"00081032": [{"00081032": [{"00081032": [NOT_KEPT]}]}]}]

    @pytest.mark.parametrize("tag", [0x00101002, 0x00401101])
    def test_that_identify_are_not_kept(self, tag: int) -> None:
        data = meta() + sequence(tag, element(0x00100020, "LO", b"1 ")) + series()

        assert read_in_full(data).header.attributes[f"{tag:08X}"] == (NOT_KEPT,)

    def test_that_are_damaged_are_not_kept(self) -> None:
        item = element(0xFFFEE000, None, b"", length=100) + b"12"
        data = meta() + element(0x00081032, "SQ", item) + series()

        assert read_in_full(data).header.attributes["00081032"] == (NOT_KEPT,)

    def test_with_too_many_bytes_are_not_kept(self) -> None:
        items = [element(0x00080104, "LO", b"x" * 64)] * 300
        data = meta() + sequence(0x00081032, *items) + series()

        assert read_in_full(data).header.attributes["00081032"] == (NOT_KEPT,)


def test_an_attribute_that_is_there_twice_with_different_values_is_not_kept() -> None:
    data = meta() + element(0x00081030, "LO", b"A ") + element(0x00081030, "LO", b"B ") + series()

    header = read_in_full(data).header

    assert header.damage is None
    assert header.attributes["00081030"] == (NOT_KEPT,)


def test_the_fast_path_keeps_of_real_and_made_objects_what_the_careful_reader_keeps() -> None:
    grammar, compared = PlainGrammar(9), 0
    objects = [path.read_bytes() for path in READABLE.values()] + [grammar.make().data for _ in range(500)]
    for number, data in enumerate(objects * 3):
        answer = read_quickly(window_over(data))
        if answer is not None:
            assert answer == read_in_full(data), number
            compared += 1
    assert compared > 900
