"""Archives that are cut, or have bits flipped: every object ends with a verdict, and nothing counts as absent."""

import asyncio
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.errors import StoreError
from dicom_sieve.headers import Defect, Instance
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.interface import ReadRefusedError
from dicom_sieve.stores.read_header import Limits, Meter, read_header
from tests.screening.screenings import ct, screen_ct, state_of, verdicts
from tests.stores.archives.packed import PACKERS
from tests.stores.archives.simulated import Simulated

MEMBERS = {f"d/{number}.dcm": ct(uid=f"1.2.{number}") for number in range(6)}
LARGE = {f"d/{number}.dcm": ct(uid=f"1.2.{number}", pixel_bytes=40_000) for number in range(6)}
PACKED = {kind: pack(MEMBERS) for kind, pack in PACKERS.items()}
WITH_CRC = [kind for kind in PACKERS if kind.endswith(("zip", "gz"))]


def read(kind: str, packed: bytes) -> dict[str, Instance]:
    """List an archive and read what is listed, as a run does."""

    async def read_one(info: ObjectInfo) -> Instance:
        return (await read_header(store, info, Limits(), Meter()))[1]

    store = ArchivesOpened(Simulated({kind: packed}))
    listed = list(store.list())
    assert listed
    assert all(0 <= info.size < 1 << 63 for info in listed)
    for info in listed:
        with suppress(ReadRefusedError):
            assert len(store.read_bytes(info)) == info.size
    return {info.key: asyncio.run(read_one(info)) for info in listed}


WHOLE = {kind: set(map(repr, read(kind, packed).values())) for kind, packed in PACKED.items()}


def is_as_whole_or_defective(kind: str, instance: Instance) -> bool:
    return instance.header.defect is not None or repr(instance) in WHOLE[kind]


class TestDamage:
    @pytest.mark.parametrize("kind", PACKERS)
    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_of_a_cut_archive_each_object_is_as_it_was_or_defective(self, kind: str, data: st.DataObject) -> None:
        packed = PACKED[kind]
        cut = packed[: data.draw(st.integers(0, len(packed) - 1))]

        found = read(kind, cut)

        assert all(is_as_whole_or_defective(kind, instance) for instance in found.values())
        is_told = any(instance.header.defect is not None for instance in found.values())
        assert is_told or len(found) == len(MEMBERS)

    @pytest.mark.parametrize("kind", WITH_CRC)
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_with_a_bit_flipped_each_object_is_as_it_was_or_defective(self, kind: str, data: st.DataObject) -> None:
        packed = bytearray(PACKED[kind])
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))

        found = read(kind, bytes(packed))

        assert all(is_as_whole_or_defective(kind, instance) for instance in found.values())
        is_told = any(instance.header.defect is not None for instance in found.values())
        assert is_told or len(found) == len(MEMBERS)

    @pytest.mark.parametrize("kind", PACKERS)
    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_with_bytes_of_any_kind_every_object_ends_in_a_verdict(self, kind: str, data: st.DataObject) -> None:
        packed = bytearray(PACKED[kind])
        for _ in range(data.draw(st.integers(1, 20))):
            at = data.draw(st.integers(0, len(packed)))
            packed[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))

        assert read(kind, bytes(packed))

    @pytest.mark.parametrize("kind", ["stored.zip", "plain.tar"])
    def test_bytes_of_no_kind_are_no_archive(self, kind: str) -> None:
        noise = random.Random(1).randbytes(100_000)

        for data in (noise, b"PK\3\4" + noise, noise + b"PK\5\6" + bytes(18), b"PK\5\6" * 30_000, bytes(5_000)):
            assert read(kind, data)


def test_a_fault_while_an_archive_is_listed_fails_the_run_and_takes_nothing_away(ledger: Ledger) -> None:
    place = Simulated({**PACKED, "plain.dcm": ct(uid="1.9")})
    store = ArchivesOpened(place)
    screen_ct(store, ledger, "first")

    former = place.content("deflated.zip")
    place.put("deflated.zip", former + b"another")  # one that is as it was is not opened again
    place.faults["deflated.zip"] = -1
    with pytest.raises(StoreError, match="an archive could not be read"):
        screen_ct(store, ledger, "second")
    place.faults.clear()
    place.put("deflated.zip", former)
    third = screen_ct(store, ledger, "third")

    assert state_of(ledger, "second")[0] == "FAILED"
    assert (third.counts["added"], third.counts["removed"], third.counts["indexed"]) == (0, 0, 0)
    assert verdicts(ledger, "third") == verdicts(ledger, "first")


def test_a_cut_archive_is_seen_in_a_run(ledger: Ledger) -> None:
    store = ArchivesOpened(
        Simulated({kind: pack(LARGE)[: 3 * len(pack(LARGE)) // 4] for kind, pack in PACKERS.items()})
    )

    screen_ct(store, ledger, "run")

    found = verdicts(ledger, "run")
    for kind in PACKERS:
        assert found[kind] == ("DISCARDED", Defect.CORRUPT.value)
    whole = {key for key, (verdict, _) in found.items() if verdict == "PASSED"}
    assert {key.partition("!/")[0] for key in whole} == {kind for kind in PACKERS if not kind.endswith("zip")}
