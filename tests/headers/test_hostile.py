"""Bytes made to crash, hang or bloat a reader, and thousands that are merely broken."""

import gc
import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from dicom_sieve.headers import Defect, Instance, NeedMore, Window, scan
from dicom_sieve.headers.vocabulary import current_vocabulary
from tests.corpus import read_file
from tests.headers.broken import LENGTHS, SEEDS, mutate
from tests.headers.raw import (
    MODALITY,
    UNDEFINED,
    deflated,
    delimiter,
    element,
    meta,
    read_carefully,
    scan_whole,
    series,
)

MIB = 1 << 20
BOUND = MIB // 4
CT_SMALL = read_file("CT_small.dcm")


def repeated(piece: bytes) -> bytes:
    """DICOM, so that it is believed, and then one piece repeated without end."""
    return series() + piece * (BOUND // len(piece) + 1)


BOMBS = {
    "zeros in a value": series() + element(MODALITY, "UN", bytes(2 * MIB)),
    "backslashes in a value": series() + element(MODALITY, "UN", b"\\" * 2 * MIB),
    "empty elements": repeated(element(0x00080050, "SH")),
    "repeated attributes": repeated(element(MODALITY, "CS", b"A\\B\\C\\D ")),
    "character sets": repeated(element(0x00080005, "CS", b"QQ")),
    "items": series() + element(0x00081115, "SQ", delimiter(0xE000) * (BOUND // 8), length=UNDEFINED),
    "nested sequences": repeated(element(0x00081115, "SQ", length=UNDEFINED) + delimiter(0xE000, UNDEFINED)),
    "implicit elements": repeated(struct.pack("<HHL", 0x0008, 0x0050, 0)),
}


@pytest.fixture(autouse=True, scope="module")
def _without_the_garbage_of_other_tests() -> None:
    """Let no object be charged with collecting what thousands of tests before left in this process."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def moment() -> float:
    """What 500 usual headers cost here, read carefully: 0.25 s on a quiet machine."""
    window = Window(len(CT_SMALL))
    window.add(0, CT_SMALL)
    began = time.process_time()
    for _ in range(500):
        read_carefully(window)
    return time.process_time() - began


class Peak:
    """How much memory this process came to hold at most since it began, in bytes (Linux, proc(5))."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is as from now
        self._began = self._read("VmRSS")

    @property
    def bytes(self) -> int:
        return self._read("VmHWM") - self._began

    @staticmethod
    def _read(name: str) -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def test_a_peak_is_seen_after_it_is_over() -> None:
    peak = Peak()
    held = bytearray(b"x") * (64 * MIB)
    del held

    assert 60 * MIB < peak.bytes < 80 * MIB


class TestDeflateBombs:
    @pytest.mark.no_cover
    @pytest.mark.parametrize("data_set", BOMBS.values(), ids=BOMBS.keys())
    def test_deflate_bombs_cost_no_more_than_what_may_come_out(self, data_set: bytes) -> None:
        data = deflated(data_set)
        window = Window(len(data))
        window.add(0, data)
        scan(window, inflated_limit=1024)

        tracemalloc.start()
        answer = scan(window, inflated_limit=BOUND)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert isinstance(answer, Instance)
        assert answer.header.series_instance_uid == "1.2.3.4"
        assert (answer.header.defect, answer.header.unreadable_from is None) == (None, False)
        assert peak < 8 * BOUND

    @pytest.mark.no_cover
    @pytest.mark.parametrize("data_set", BOMBS.values(), ids=BOMBS.keys())
    def test_deflate_bombs_of_16_mib_cost_no_more_than_a_moment(self, data_set: bytes, moment: float) -> None:
        begin, piece = data_set[:16], data_set[16:]
        data = deflated(begin + piece * (16 * MIB // len(piece) + 1))
        window = Window(len(data))
        window.add(0, data)

        peak, began = Peak(), time.process_time()
        answer = scan(window, inflated_limit=16 * MIB)

        assert time.process_time() - began < 3 * moment
        assert peak.bytes < 64 * MIB
        assert isinstance(answer, Instance)
        assert answer.header.defect in {None, Defect.CORRUPT}
        assert answer.header.unreadable_from is not None

    def test_deflate_bombs_behind_the_header_cost_nothing(self) -> None:
        data = deflated(series() + element(0x7FE00010, "OW", bytes(64 * MIB)))

        assert scan_whole(data, current_vocabulary()).header.series_instance_uid == "1.2.3.4"


class TestLargeHeaders:
    @pytest.mark.no_cover
    @pytest.mark.parametrize("data_set", BOMBS.values(), ids=BOMBS.keys())
    def test_large_headers_as_large_as_may_be_read_take_no_more_memory_than_four_times_that(
        self, data_set: bytes
    ) -> None:
        begin, piece = data_set[:16], data_set[16:]
        data = meta() + begin + piece * (16 * MIB // len(piece) + 1)

        peak = Peak()
        window = Window(1 << 40)
        length = 8192
        while window.held < 16 * MIB:  # as it is read: from the first missing byte, twice as much each time
            window.add(window.held, data[window.held : min(window.held + length, 16 * MIB)])
            scan(window, inflated_limit=16 * MIB)
            length *= 2

        assert peak.bytes < 64 * MIB


class TestLengths:
    @pytest.mark.parametrize("length", LENGTHS)
    @pytest.mark.parametrize("vr", ["UN", "SQ", "OB", None])
    @pytest.mark.parametrize("tag", [0x00020010, 0x00080005, MODALITY, 0x00081115, 0x0020000E, 0x00091001])
    def test_lengths_of_any_element_are_only_believed_within_the_object(
        self, tag: int, vr: str | None, length: int
    ) -> None:
        window = Window(1 << 45)
        data = meta() + series() + element(tag, vr, b"", length=length)
        window.add(0, data)

        tracemalloc.start()
        answer = scan(window, inflated_limit=MIB)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert isinstance(answer, (Instance, NeedMore))
        assert peak < MIB


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(12))
def test_broken_objects_are_judged_and_the_same_however_they_are_read(seed: int) -> None:
    chance = random.Random(seed)
    for number in range(250):
        data = mutate(chance.choice(SEEDS), chance)
        began = time.process_time()
        whole = scan_whole(data, current_vocabulary())
        assert time.process_time() - began < 1, number
        assert read_on(data, chance.choice([64, 500, 3000])) == whole, number


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would take most of the time
@pytest.mark.parametrize("seed", range(100, 120))
def test_100_000_broken_objects_cost_no_more_than_their_own_verdict(seed: int, moment: float) -> None:
    chance = random.Random(seed)
    slowest, peak = 0.0, Peak()
    for _ in range(5000):
        data = mutate(chance.choice(SEEDS), chance)
        began = time.process_time()
        answer = scan_whole(data, current_vocabulary())
        slowest = max(slowest, time.process_time() - began)
        assert answer.header.defect in {None, *Defect}
    assert slowest < moment
    assert peak.bytes < 64 * MIB


def read_on(data: bytes, length: int) -> Instance:
    """Scan an object as it is indexed: each read begins at the first byte that is missing, and is twice as long."""
    window = Window(len(data))
    answer = scan(window, inflated_limit=MIB) if not data else NeedMore(0)
    while isinstance(answer, NeedMore):
        before = window.held
        window.add(answer.offset, data[answer.offset : answer.offset + length])
        assert window.held > before
        answer = scan(window, inflated_limit=MIB)
        length *= 2
    return answer
