"""What is read of an object: its header, and little more."""

import math
from itertools import pairwise

import pytest

from dicom_sieve.advice import NOT_ASKED
from dicom_sieve.headers import Defect
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import Limits, ShardResult, index_shard
from dicom_sieve.screening.index import FAILURES_IN_A_ROW
from tests.headers.raw import element, sequence
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

KIB = 1024


def index(store: SimulatedStore, **limits: int) -> ShardResult:
    return index_shard(store, store.shard(), Limits(**limits))


def defects(result: ShardResult) -> list[Defect | None]:
    return [indexed.instance.header.defect for indexed in result.indexed]


class TestReading:
    def test_reading_reads_only_the_header_of_a_large_object(self) -> None:
        store = SimulatedStore({"1.dcm": make_instance(PatientAge="018M", pixel_bytes=10_000_000)})

        result = index(store)

        assert result.indexed[0].instance.header.attributes["00101010"] == ("018M",)
        assert store.reads == [("1.dcm", 0, 8 * KIB)]
        assert store.bytes_read < 32_768

    def test_reading_reads_a_small_object_whole_and_once(self) -> None:
        store = SimulatedStore({"1": make_instance(Modality="CT")})

        result = index(store)

        assert store.reads == [("1", 0, len(store.content("1")))]
        assert (result.reads, result.bytes_read) == (1, len(store.content("1")))

    def test_reading_asks_nothing_for_an_object_without_bytes(self) -> None:
        store = SimulatedStore({"1": b"", "marker/": b""})

        result = index(store)

        assert (store.reads, store.stats, result.reads) == ([], [], 0)
        assert defects(result) == [Defect.EMPTY_OBJECT] * 2

    def test_reading_reads_on_where_bytes_are_missing_and_skips_what_nobody_needs(self) -> None:
        large = make_instance(Modality="CT", DerivationDescription="x" * 50_000, PatientAge="018M", pixel_bytes=90_000)
        store = SimulatedStore({"1": large})

        result = index(store)

        header = result.indexed[0].instance.header
        assert (header.attributes["00080060"], header.attributes["00101010"]) == (("CT",), ("018M",))
        assert len(store.reads) == 2
        (_, _, first_end), (_, second_start, second_end) = store.reads
        assert first_end == 8 * KIB
        assert second_start == large.index(b"x" * 50_000) + 50_000
        assert second_end - second_start == 16 * KIB

    def test_reading_never_asks_twice_for_the_same_byte(self) -> None:
        store = SimulatedStore({"1": make_instance(Modality="CT", PatientAge="018M", pixel_bytes=1_000)})

        index(store, first_read_bytes=16)

        ranges = [(start, end) for _, start, end in store.reads]
        assert all(end <= start for (_, end), (start, _) in pairwise(ranges))

    @pytest.mark.parametrize("size", [1_000, 30_000, 1_000_000])
    def test_reading_takes_a_number_of_reads_that_grows_with_the_logarithm_of_the_header(self, size: int) -> None:
        data = long_header(size)
        store = SimulatedStore({"1": data})

        result = index(store, first_read_bytes=64)

        assert result.indexed[0].instance.header.attributes["00400252"] == ("COMPLETED",)
        assert len(store.reads) <= math.log2(len(data) / 64) + 2


class TestLimit:
    def test_limit_takes_nothing_away_from_what_lies_before_it(self) -> None:
        store = SimulatedStore({"1": long_header(400 * KIB), "2": make_instance(Modality="CT")})

        result = index(store, header_limit_bytes=64 * KIB)

        (bounded, whole) = [indexed.instance.header for indexed in result.indexed]
        assert (bounded.defect, whole.defect) == (None, None)
        assert bounded.series_instance_uid is not None
        assert bounded.attributes["00080060"] == ("CT",)
        assert (bounded.unreadable_from, whole.unreadable_from) == ("0020000E", None)
        assert sum(end - start for key, start, end in store.reads if key == "1") == 64 * KIB

    def test_limit_is_a_defect_where_the_series_is_not_known(self) -> None:
        long = make_instance(Modality="CT", PatientComments="x" * 9_000)

        (header,) = [
            indexed.instance.header for indexed in index(SimulatedStore({"1": long}), header_limit_bytes=8_192).indexed
        ]

        assert (header.defect, header.series_instance_uid) == (Defect.TOO_LARGE, None)
        assert header.attributes["00080060"] == ("CT",)
        assert header.unreadable_from == "00104000"

    def test_the_last_byte_within_the_bound_counts(self) -> None:
        data = long_header(100 * KIB)
        store = SimulatedStore({"1": data})

        one_read = len(data)
        (whole,) = index(store, first_read_bytes=one_read, header_limit_bytes=len(data)).indexed
        (bounded,) = index(store, first_read_bytes=one_read, header_limit_bytes=len(data) - 1).indexed
        assert whole.instance.header.attributes["00400252"] == ("COMPLETED",)
        assert whole.instance.header.unreadable_from is None
        assert "00400252" not in bounded.instance.header.attributes
        assert bounded.instance.header.unreadable_from == "00400252"

    def test_limit_does_not_concern_a_structure_set_of_26_mb(self) -> None:
        contours = sequence(0x30060039, *[sequence(0x30060040, element(0x30060050, "DS", b"1\\2\\3 ") * 60)] * 1_000)
        data = make_instance(Modality="RTSTRUCT", StudyDate="20230314", pixel_bytes=0) + contours * 30
        store = SimulatedStore({"1": data})

        (indexed,) = index(store).indexed

        header = indexed.instance.header
        assert len(data) > 26_000_000
        assert (header.defect, header.attributes["00080060"]) == (None, ("RTSTRUCT",))
        assert header.unreadable_from == "30060039"


class TestChanges:
    def test_a_changed_object_is_looked_up_and_read_again(self) -> None:
        store = SimulatedStore({"1": make_instance(Modality="CT")})
        shard = store.shard()
        now = store.put("1", make_instance(Modality="MR"))

        result = index_shard(store, shard, Limits())

        assert result.indexed[0].info == now
        assert result.indexed[0].instance.header.attributes["00080060"] == ("MR",)
        assert store.stats == ["1"]

    def test_following_is_bounded(self) -> None:
        store = SimulatedStore({"1": make_instance(Modality="CT")})
        store.on_read = lambda key: store.put(key, make_instance(Modality="CT", SOPInstanceUID=f"1.{len(store.reads)}"))

        result = index(store)

        assert (result.indexed, len(result.unread)) == ((), 1)
        assert result.unread[0] == (1, "it changed again and again while it was read")
        assert len(store.reads) == 3

    def test_gone_refused_and_broken_are_three_things(self) -> None:
        store = SimulatedStore({name: make_instance(Modality="CT") for name in ("broken", "gone", "refused")})
        shard = store.shard()
        store.delete("gone")
        store.faults, store.refused = {"broken": -1}, {"refused"}

        result = index_shard(store, shard, Limits())

        assert defects(result) == [Defect.GONE, Defect.UNREADABLE]
        assert [(indexed.id, indexed.info.key) for indexed in result.indexed] == [(2, "gone"), (3, "refused")]
        assert result.unread == ((1, "ConnectionClosedError"),)

    def test_changed_and_then_gone_or_refused(self) -> None:
        store = SimulatedStore({"gone": make_instance(Modality="CT"), "refused": make_instance(Modality="CT")})
        shard = store.shard()
        for key in ("gone", "refused"):
            store.put(key, make_instance(Modality="MR", SOPInstanceUID="1.5"))

        def meanwhile(key: str) -> None:
            if key == "gone":
                store.delete(key)
            else:
                store.refused.add(key)

        store.on_read = meanwhile

        assert defects(index_shard(store, shard, Limits())) == [Defect.GONE, Defect.UNREADABLE]


class TestInFlight:
    def test_no_more_requests_than_allowed_are_under_way(self) -> None:
        counting = CountingStore({str(number): make_instance(Modality="CT") for number in range(40)})

        result = index(counting, reads_in_flight=5)

        assert len(result.indexed) == 40
        assert counting.most == 5

    def test_an_unexpected_error_ends_the_shard(self) -> None:
        store = SimulatedStore({str(number): make_instance(Modality="CT") for number in range(40)})

        def fail(key: str) -> None:
            if key == "7":
                raise RuntimeError

        store.on_read = fail

        with pytest.raises(RuntimeError):
            index(store)


class TestAStoreThatIsDown:
    def test_a_store_that_is_down_is_not_asked_for_each_of_the_rest(self) -> None:
        store = SimulatedStore({f"{number:03}": make_instance(Modality="CT") for number in range(300)})
        store.faults = {f"{number:03}": -1 for number in range(100, 300)}

        result = index(store, reads_in_flight=10)

        assert len(result.indexed) == 100
        assert len(store.reads) < 100 + FAILURES_IN_A_ROW + 10
        assert [row for row, _ in result.unread] == list(range(101, 301))
        assert {cause for _, cause in result.unread} == {"ConnectionClosedError", NOT_ASKED}

    def test_a_store_that_is_down_is_told_from_one_that_fails_now_and_then(self) -> None:
        store = SimulatedStore({f"{number:03}": make_instance(Modality="CT") for number in range(300)})
        store.faults = {f"{number:03}": -1 for number in range(300) if number % 10}

        result = index(store, reads_in_flight=10)

        assert len(store.reads) == 300
        assert len(result.indexed) == 30


class CountingStore(SimulatedStore):
    """Counts how many reads are under way."""

    now = 0
    most = 0

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().read(listed, start=start, end=end)
        finally:
            self.now -= 1


def long_header(size: int) -> bytes:
    """Make an object that is all header: many small elements of no dictionary, and at its very end one that counts."""
    start = make_instance(Modality="CT")
    filler = [
        (0x0022).to_bytes(2, "little") + element.to_bytes(2, "little") + b"LO" + (32).to_bytes(2, "little") + b"A" * 32
        for element in range(0x2000, 0xFFFF)
    ]
    last = bytes.fromhex("40005202") + b"CS" + (10).to_bytes(2, "little") + b"COMPLETED "
    return start + b"".join(filler)[: max(0, size - len(start)) // 40 * 40] + last


def test_what_a_shard_brought_shows_no_patient_value() -> None:
    store = SimulatedStore({"named-after-a-patient": make_instance(PatientAge="018M", Modality="CT")})

    shown = repr(index(store)) + repr(store.shard())

    assert "018M" not in shown
    assert "patient" not in shown
