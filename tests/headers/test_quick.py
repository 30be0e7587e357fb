"""The fast path gives what the careful reader gives, or is unsure; and the careful reader gives what pydicom gives."""

import io
import warnings
from collections import Counter

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from dicom_sieve.headers import Instance, NeedMore, Window
from dicom_sieve.headers import quick as fast
from dicom_sieve.headers.quick import INFLATED_FIRST
from tests.corpus import FILES
from tests.headers.made import ATTRIBUTES, UIDS, Maker, Oddity
from tests.headers.raw import (
    MODALITY,
    SERIES,
    STUDY_DATE,
    UNDEFINED,
    deflated,
    element,
    meta,
    of_first_edition,
    read_carefully,
    read_quickly,
    sequence,
    series,
)

PATIENT = ("00100020", "00100021")
SEEDS = 20
OBJECTS_A_SEED = 5_000


def window_of(data: bytes, held: int | None = None) -> Window:
    window = Window(len(data))
    window.add(0, data if held is None else data[:held])
    return window


def careful(data: bytes, held: int | None = None) -> Instance | NeedMore:
    return read_carefully(window_of(data, held))


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would take most of the time
@pytest.mark.parametrize("seed", range(SEEDS))
def test_100_000_made_objects_are_read_alike(seed: int) -> None:
    maker, answers = Maker(seed), Counter[str]()
    for number in range(OBJECTS_A_SEED):
        data = maker.make()
        quick = read_quickly(window_of(data))

        answers[type(quick).__name__] += 1
        assert quick is None or quick == careful(data), number
        assert not isinstance(quick, NeedMore), number
    # The oddities are frequent, and most objects are read quickly all the same.
    assert answers["Instance"] > OBJECTS_A_SEED * 0.4
    assert answers["NoneType"] > OBJECTS_A_SEED * 0.05


@pytest.mark.parametrize("seed", range(4))
def test_made_objects_of_which_a_part_is_held_are_never_judged_by_what_is_missing(seed: int) -> None:
    maker = Maker(1000 + seed)
    for number in range(500):
        data = maker.make()
        whole = careful(data)
        for _ in range(8):
            held = maker.chance.randrange(len(data) + 1)
            quick = read_quickly(window_of(data, held))
            if isinstance(quick, NeedMore):
                assert held <= quick.offset < len(data), number
            else:
                assert quick is None or quick == whole, number


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(4))
def test_made_objects_are_read_as_pydicom_reads_them(seed: int) -> None:
    maker, compared = Maker(2000 + seed, Oddity(no_vr=0, lying_length=0, stray_delimiter=0)), 0
    of_patients = 0
    for number in range(1000):
        data = maker.make()
        answer = careful(data)
        assert isinstance(answer, Instance)
        theirs = read_with_pydicom(data) if answer.header.defect is None else None
        if theirs is not None:
            ours = {tag: texts for tag, texts in of_first_edition(answer.header).items() if tag != "00080005"}
            patient = [theirs.pop(tag, ()) for tag in PATIENT]
            assert ours == theirs, number
            assert answer.header.patient == patient_of(*patient), number
            compared, of_patients = compared + 1, of_patients + (answer.header.patient is not None)
    assert compared > 600
    assert of_patients > 100


def patient_of(patient_id: tuple[str, ...], issuer: tuple[str, ...]) -> tuple[str, str] | None:
    texts = ["\\".join(value).strip(" \0") for value in (patient_id, issuer)]
    return None if texts[0] in ("", "\ufffd") else (texts[0], texts[1])


def read_with_pydicom(data: bytes) -> dict[str, tuple[str, ...]] | None:
    """The attributes, and whose they are, of the made objects, as pydicom finds them before it converts them
    (as it does with 0008,0005).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
        except (NotImplementedError, TypeError, ValueError):  # some names of character sets are too odd for it
            return None
    raws = [element for element in dataset._dict.values() if isinstance(element, RawDataElement)]
    if any(
        element.length == UNDEFINED for element in raws
    ):  # it ends one with the first delimiter, be it a nested sequence's
        return None
    found: dict[str, tuple[str, ...]] = {}
    for tag in (*ATTRIBUTES, *UIDS, *(int(tag, 16) for tag in PATIENT)):
        if tag in UIDS or tag == 0x00080005 or tag not in dataset:
            continue
        raw = dataset._dict[BaseTag(tag)]  # untouched: get_item converts empty ones
        texts: tuple[str, ...] = ("\ufffd",)  # what has no length of its own is no text
        if isinstance(raw, RawDataElement):
            text = (raw.value or b"").decode("latin-1").rstrip(" \0")
            texts = tuple(part.rstrip(" \0").replace("\0", "\ufffd") for part in text.split("\\")) if text else ()
        found[f"{tag:08X}"] = texts
    return found


@pytest.mark.parametrize("name", FILES, ids=str)
def test_every_real_file_is_read_alike(name: str) -> None:
    data = FILES[name].read_bytes()
    quick = read_quickly(window_of(data)) if data else None
    assert quick is None or quick == careful(data)


def test_most_real_images_are_read_quickly() -> None:
    images = [data for path in FILES.values() if (data := path.read_bytes())[128:132] == b"DICM" and len(data) > 20_000]
    quick = [data for data in images if isinstance(read_quickly(window_of(data)), Instance)]
    assert len(quick) / len(images) > 0.8


def test_the_first_object_of_all_is_read_quickly() -> None:
    for syntax in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"):
        fast.forget()
        data = meta(syntax) + element(MODALITY, "CS", b"SR") + series()
        assert isinstance(read_quickly(window_of(data)), Instance)


def test_an_object_that_ends_with_its_header_is_read_quickly() -> None:
    data = meta() + element(MODALITY, "CS", b"SR") + series()
    assert isinstance(read_quickly(window_of(data)), Instance)
    assert read_quickly(window_of(data)) == careful(data)
    assert read_quickly(window_of(data, len(data) - 1)) == NeedMore(len(data) - 1)


class TestDeflated:
    """What is deflated is read quickly where it is short."""

    def test_objects_are_read_quickly(self) -> None:
        data = deflated(element(MODALITY, "CS", b"CT") + series() + element(0x7FE00010, "OW", bytes(500_000)))
        quick = read_quickly(window_of(data))
        assert isinstance(quick, Instance)
        assert quick == careful(data)
        assert of_first_edition(quick.header) == {"00080060": ("CT",)}

    @pytest.mark.parametrize(
        "behind",
        [
            b"",
            element(0x00400555, "UN", bytes(INFLATED_FIRST)) + element(0x7FE00010, "OW", bytes(8)),
            bytes(8),
            element(STUDY_DATE, None, b"20220101"),
        ],
        ids=["the end of the object", "more than is inflated first", "zeros", "what has no VR"],
    )
    def test_what_is_unusual_is_left_to_the_careful_reader(self, behind: bytes) -> None:
        data = deflated(element(MODALITY, "CS", b"CT") + series() + behind)
        assert read_quickly(window_of(data)) in (None, careful(data))

    def test_a_part_is_never_taken_for_the_whole(self) -> None:
        data = deflated(element(MODALITY, "CS", b"CT") + series() + element(0x7FE00010, "OW", bytes(100)))
        for held in range(len(data)):
            quick = read_quickly(window_of(data, held))
            expected = (None, careful(data), careful(data, held))
            assert quick in expected or isinstance(quick, NeedMore), held


@pytest.mark.parametrize("seed", range(4))
def test_reading_on_gives_what_reading_all_at_once_gives(seed: int) -> None:
    maker = Maker(3000 + seed)
    parts = 0
    for number in range(500):
        data = maker.make()
        whole, window = careful(data), Window(len(data))
        start, answer = 0, read_quickly(window_of(data))
        while True:
            end = min(start + maker.chance.choice((1, 8, 40, 400)), len(data))
            window.add(start, data[start:end])
            part = read_quickly(window)
            if not isinstance(part, NeedMore):
                break
            # A byte that is held is never asked for again; what needs not be read may be left out.
            assert window.contiguous(part.offset) == b"", number
            assert part.offset < len(data), number
            start, parts = part.offset, parts + 1
        assert part in (None, whole), number
        assert (part is None) == (answer is None), number
    assert parts > 3_000


class TestUnsure:
    """What is unusual is left to the careful reader."""

    @pytest.mark.parametrize(
        "data",
        [
            element(MODALITY, "CS", b"CT") + series(),
            bytes(128) + b"DICX" + series(),
            meta("1.2.840.10008.1.2.2") + series(),
            meta("1.2.840.10008.1.2.1.99") + series(),
            meta("1.2.840.113619.5.2") + series(),
            meta(None) + series() + bytes(64),
            meta() + element(SERIES, None, b"1.2.3.4\0") + bytes(64),
            meta("1.2.840.10008.1.2") + series() + bytes(64),
            meta() + sequence(MODALITY, series()) + series() + bytes(64),
            meta() + series() + bytes(64),
            meta() + series() + bytes(4),
        ],
        ids=[
            "no preamble",
            "no prefix",
            "big endian",
            "deflated",
            "private transfer syntax",
            "no transfer syntax",
            "explicit that is implicit",
            "implicit that is explicit",
            "a sequence where a code belongs",
            "zeros at the end",
            "the end of the object is near",
        ],
    )
    def test_unsure_is_said(self, data: bytes) -> None:
        assert read_quickly(window_of(data)) is None
        assert isinstance(careful(data), Instance)
