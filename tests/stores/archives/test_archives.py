"""Archives as they come, and as nobody should make them: what is listed of them, and what is read for that."""

import asyncio
import datetime
import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from examples.store_memory import MemoryStore

from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.headers import Defect
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.archives.mark import Mark
from dicom_sieve.stores.archives.names import archives_in, key_of_member
from dicom_sieve.stores.archives.open_archive import list_archive
from dicom_sieve.stores.archives.store import ArchivesOfInventory, ArchivesOpened
from dicom_sieve.stores.interface import (
    DamagedObjectError,
    ObjectGoneError,
    Place,
    ReadRefusedError,
    UnwritableKeyError,
)
from dicom_sieve.stores.open import open_archives, open_store
from dicom_sieve.stores.paths import names_of_key
from dicom_sieve.stores.read_header import Limits, Meter, read_header
from tests.screening.screenings import ct
from tests.stores.archives.packed import PACKERS, stored, tar_gz, tarred, zip_of, zipped
from tests.stores.archives.simulated import Simulated

BODY = ct()


def opened(**objects: bytes) -> tuple[ArchivesOpened, Simulated]:
    held = Simulated({name.replace("_", "."): data for name, data in objects.items()})
    return ArchivesOpened(held), held


def keys(store: ArchivesOpened) -> list[str]:
    return [info.key for info in store.list()]


def defects(store: ArchivesOpened) -> dict[str, Defect | None]:
    """Give what becomes of each object: None of an instance."""

    async def read_all() -> dict[str, Defect | None]:
        read = {info.key: await read_header(store, info, Limits(), Meter()) for info in store.list()}
        return {key: instance.header.defect for key, (_, instance) in read.items()}

    return asyncio.run(read_all())


class TestListing:
    def test_members_stand_in_the_order_of_the_bytes_of_keys_in_place_of_their_archive(self) -> None:
        members = zipped({"b": BODY, "a/": b"", "a": BODY, "ä": BODY})
        held = Simulated({"a.zip": members, "a.zip ": b"", "a.zip#": b"", "a.zip!": b"", "a.zi": b"", "b": b""})

        listed = keys(ArchivesOpened(held))

        assert listed == sorted(listed, key=str.encode)
        assert listed == ["a.zi", "a.zip ", "a.zip!", "a.zip!/a", "a.zip!/b", "a.zip!/ä", "a.zip#", "b"]

    def test_an_object_whose_key_is_that_of_a_member_keeps_it(self) -> None:
        members = zip_of([("x", BODY), ("x!2", BODY)])
        held = Simulated({"a.zip": members, "a.zip!/x": b"its own"})
        store = ArchivesOpened(held)

        found = {info.key: store.read_bytes(info) for info in store.list()}

        assert found == {"a.zip!/x": b"its own", "a.zip!/x!2": BODY, "a.zip!/x!2!2": BODY}
        assert asyncio.run(store.stat("a.zip!/x")).size == len(b"its own")

    def test_an_archive_in_a_folder_that_is_named_like_an_archive_is_found(self) -> None:
        held = Simulated({"a.zip!/b.zip": zipped({"x": BODY}), "a.zip": zipped({"c": b"no"})})
        store = ArchivesOpened(held)

        found = {info.key: store.read_bytes(info) for info in store.list()}

        assert found == {"a.zip!/b.zip!/x": BODY, "a.zip!/c": b"no"}
        assert asyncio.run(store.stat("a.zip!/b.zip!/x")).size == len(BODY)

    def test_what_is_no_archive_or_has_nothing_in_it_is_listed_as_it_is(self) -> None:
        store, held = opened(a_zip=BODY, b_tar=b"text", c_tgz=BODY, d_zip=zipped({}), e_zip=b"", f_tar=tarred({}))

        assert list(store.list()) == list(held.list())
        assert defects(store)["a.zip"] is None

    def test_archives_in_archives_are_not_opened(self) -> None:
        store, _ = opened(a_zip=zipped({"b.zip": zipped({"x": BODY})}))

        assert defects(store) == {"a.zip!/b.zip": Defect.NOT_DICOM}

    def test_archives_are_listed_as_they_are_where_nobody_asks_and_their_members_are_read(self) -> None:
        store, held = opened(a_zip=zipped({"x": BODY}))
        [member] = store.list()
        reader = ArchivesOpened(held, lists=False)

        assert keys(reader) == ["a.zip"]
        assert reader.read_bytes(member) == BODY
        assert reader.find("a.zip!/x") == member
        assert reader.find("a.zip!/y") is reader.find("b.zip!/x") is None

    def test_a_fault_while_an_archive_is_opened_ends_the_listing_and_a_refusal_is_a_verdict(self) -> None:
        store, held = opened(a_zip=zipped({"x": BODY}), b=BODY)
        held.faults["a.zip"] = -1
        with pytest.raises(StoreError, match="an archive could not be read: ConnectionClosedError"):
            list(store.list())

        held.faults.clear()
        held.refused.add("a.zip")

        assert defects(store) == {"a.zip": Defect.UNREADABLE, "b": None}

    def test_an_archive_that_changes_while_it_is_opened_is_listed_as_it_is_now(self) -> None:
        store, held = opened(a_zip=zipped({"x": BODY}))
        held.on_read = lambda key: held.put(key, zipped({"y": BODY})) if len(held.reads) == 1 else None

        assert keys(store) == ["a.zip!/y"]
        held.on_read = held.delete
        assert defects(store) == {"a.zip": Defect.GONE}

    def test_a_member_that_changes_before_it_is_read_is_judged_as_it_is_now(self) -> None:
        store, held = opened(a_zip=zipped({"x": BODY, "y": BODY}))
        x, y = store.list()
        held.put("a.zip", stored({"x": b"now"}))

        now, instance = asyncio.run(read_header(store, x, Limits(), Meter()))

        assert (now, instance.header.defect) == (next(store.list()), Defect.NOT_DICOM)
        with pytest.raises(ObjectGoneError):
            asyncio.run(store.read(y, start=0, end=10))

    def test_an_inventory_has_its_archives_opened_too(self) -> None:
        store, held = opened(a_zip=zipped({"x": BODY}))

        @dataclass
        class Inventory:
            location: Location = held.location
            created_at: datetime.datetime = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

            def list(self) -> Iterator[ObjectInfo]:
                return held.list()

        inventory = ArchivesOfInventory(Inventory(), store)

        assert [info.key for info in inventory.list()] == ["a.zip!/x"]
        assert (inventory.created_at.year, inventory.location) == (2026, held.location)

    def test_a_pacs_holds_no_archives(self) -> None:
        place = open_store("dicomweb+https://127.0.0.1/dicom-web")
        assert not isinstance(place, ArchivesOpened)
        with pytest.raises(InvalidRequestError, match="holds none"):
            open_archives(place, lists=True)
        plain: Place = MemoryStore("none")
        assert open_archives(plain, lists=True) == ArchivesOpened(plain)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "key"),
        [
            (b"a/b.dcm", "a/b.dcm"),
            (b"../../etc/passwd", r"\x2e\x2e/\x2e\x2e/etc/passwd"),
            (b"./a/..", r"\x2e/a/\x2e\x2e"),
            (b"/abs", "/abs"),
            (b"a\\..\\b", "a\\..\\b"),
            (b"\\x2e\\x2e", r"\x5cx2e\x5cx2e"),
            (b"a\0b\n\x1b[2J", r"a\x00b\x0a\x1b[2J"),
            (b"M\x81ller", r"M\x81ller"),
            ("Müller".encode(), "Müller"),
            (b"", ""),
        ],
    )
    def test_names_are_made_inert(self, name: bytes, key: str) -> None:
        assert key_of_member("a.zip", name) == f"a.zip!/{key}"

    def test_long_names_are_bounded_and_stay_apart(self) -> None:
        one, other = (key_of_member("a.zip", ("ä" * 30_000 + end).encode()) for end in "xy")

        assert one != other
        assert 900 < len(one.encode()) < 1_010

    def test_no_member_leads_out_of_a_folder(self) -> None:
        odd = ["../up", "a/../../up", "./x", "/abs", "a\\..\\b", "new\nline", "a//b", "..", "ok"]
        store, _ = opened(a_zip=stored(dict.fromkeys(odd, BODY)), b_tar=tarred(dict.fromkeys(odd, BODY)))

        for key in keys(store):
            parts = key.split("/")
            assert not {".", ".."} & set(parts)
            with suppress(UnwritableKeyError):
                assert not {b"..", b".", b""} & set(names_of_key(key))
        assert len(keys(store)) == 2 * len(odd)

    def test_a_name_that_is_there_twice_is_two_members(self) -> None:
        with pytest.warns(UserWarning, match="Duplicate name"):
            store, _ = opened(a_zip=zip_of([("x", BODY), ("x", b"other"), ("x!2", b"third")]))

        found = {info.key: store.read_bytes(info) for info in store.list()}

        assert found == {"a.zip!/x": BODY, "a.zip!/x!2": b"other", "a.zip!/x!2!2": b"third"}

    def test_archives_of_a_key(self) -> None:
        assert list(archives_in("a.zip!/b!/c.tgz!/d")) == ["a.zip", "a.zip!/b!/c.tgz"]
        assert list(archives_in("a!/b")) == []


class TestMembers:
    def test_a_zip_archive_is_read_in_ranges_alone(self) -> None:
        held = {f"{number:03}.dcm": ct(uid=f"1.{number}", pixel_bytes=250_000) for number in range(200)}
        for pack in (stored, tarred):
            name = "a.zip" if pack is stored else "a.tar"
            packed = pack(held)
            store, place = ArchivesOpened(simulated := Simulated({name: packed})), simulated

            listed = list(store.list())
            to_list = (len(place.reads), place.bytes_read)
            asyncio.run(read_all(store, listed))

            assert len(packed) > 50_000_000
            assert to_list[0] == (1 if pack is stored else 200 + 1)
            assert len(place.reads) == to_list[0] + 200
            assert place.bytes_read < len(packed) / (20 if pack is stored else 4)

    @pytest.mark.parametrize("kind", PACKERS)
    def test_any_ranges_of_a_member_are_its_bytes(self, kind: str) -> None:
        data = bytes(range(256)) * 5_000
        store = ArchivesOpened(Simulated({kind: PACKERS[kind]({"a": b"x", "m": data, "z": b"y"})}))
        info = next(info for info in store.list() if info.key.endswith("/m"))

        for start, end in [(0, 10), (10, 9_000), (9_000, 9_001), (5, 6), (1_000_000, len(data)), (0, len(data))]:
            assert asyncio.run(store.read(info, start=start, end=end)) == data[start:end]

    def test_reading_on_does_not_begin_again(self) -> None:
        noise = b"".join(struct.pack("<Q", number * 0x9E3779B97F4A7C15 & (1 << 64) - 1) for number in range(100_000))
        store, place = opened(a_zip=zipped({"x": noise}))
        [info] = store.list()
        place.forget_requests()

        for start in range(0, len(noise), 100_000):
            asyncio.run(store.read(info, start=start, end=start + 100_000))

        assert place.bytes_read < len(noise) * 1.1

    def test_what_is_encrypted_or_packed_otherwise_is_unreadable_and_the_rest_is_read(self) -> None:
        packed = bytearray(zip_of([("secret", BODY), ("plain", BODY)]))
        for at in (packed.find(b"PK\3\4") + 6, packed.find(b"PK\1\2") + 8):
            packed[at] |= 1
        store, _ = opened(
            a_zip=bytes(packed),
            b_zip=zipped({"x": BODY}, zipfile.ZIP_LZMA),
            c_zip=zipped({"x": BODY}, zipfile.ZIP_BZIP2),
        )

        assert defects(store) == {
            "a.zip!/plain": None,
            "a.zip!/secret": Defect.UNREADABLE,
            "b.zip!/x": Defect.UNREADABLE,
            "c.zip!/x": Defect.UNREADABLE,
        }
        with pytest.raises(ReadRefusedError, match="encrypted"):
            store.read_bytes(next(info for info in store.list() if "secret" in info.key))

    def test_a_crc_that_differs_is_damage(self) -> None:
        packed = bytearray(stored({"x": BODY}))
        packed[packed.find(BODY[-20:]) + 5] ^= 1
        store, _ = opened(a_zip=bytes(packed))
        [info] = store.list()

        assert defects(store) == {"a.zip!/x": Defect.CORRUPT}
        with pytest.raises(DamagedObjectError, match="CRC"):
            store.read_bytes(info)

    def test_archives_with_something_before_them_or_a_comment_or_in_64_bits_are_read(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive, archive.open("x", "w", force_zip64=True) as member:
            member.write(BODY)
        store, _ = opened(
            a_zip=b"#!/bin/sh\n" + zipped({"x": BODY}),
            b_zip=zipped({"x": BODY}, comment=b"PK\5\6 a comment"),
            c_zip=file.getvalue(),
            d_zip=in_64_bits(zipped({"x": BODY})),
        )

        assert defects(store) == dict.fromkeys(["a.zip!/x", "b.zip!/x", "c.zip!/x", "d.zip!/x"])

    def test_links_long_names_and_what_is_no_file_in_a_tar_archive(self) -> None:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, kind, link in [
                ("folder", tarfile.DIRTYPE, ""),
                ("pipe", tarfile.FIFOTYPE, ""),
                ("soft", tarfile.SYMTYPE, "/etc/passwd"),
                ("n" * 300, tarfile.REGTYPE, ""),
                ("hard", tarfile.LNKTYPE, "n" * 300),
                ("nowhere", tarfile.LNKTYPE, "none"),
                ("sparse", tarfile.GNUTYPE_SPARSE, ""),
            ]:
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.size = kind, link, len(BODY) if kind == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(BODY) if info.size else None)
        store, _ = opened(a_tar=file.getvalue())

        found = {key.partition("!/")[2]: defect for key, defect in defects(store).items()}

        assert found == {
            "hard": None,
            "n" * 300: None,
            "nowhere": Defect.EMPTY_OBJECT,
            "soft": Defect.EMPTY_OBJECT,
            "sparse": Defect.EMPTY_OBJECT,
        }

    def test_streams_that_follow_each_other_are_one_archive(self) -> None:
        whole = tarred({"x": BODY, "y": BODY})
        store, _ = opened(a_tgz=gzip.compress(whole[:700]) + gzip.compress(whole[700:]) + b"\0" * 512)

        assert defects(store) == {"a.tgz!/x": None, "a.tgz!/y": None}

    def test_a_mark_is_read_as_it_was_written(self) -> None:
        store, _ = opened(a_zip=zipped({"x": BODY}))
        [info] = store.list()
        mark = Mark.read(info.etag)

        assert mark is not None
        assert str(mark) == info.etag
        assert (mark.count, mark.key_length) == (1, len("a.zip"))
        assert Mark.read("0f!") is Mark.read("0f") is Mark.read("!d.1") is None


async def read_all(store: ArchivesOpened, listed: list[ObjectInfo]) -> None:
    for info in listed:
        _, instance = await read_header(store, info, Limits(), Meter())
        assert instance.header.defect is None


def in_64_bits(packed: bytes) -> bytes:
    """Say the end of an archive in 64 bits."""
    *_, count, size, offset, _ = struct.unpack("<4s4H2LH", packed[-22:])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(packed) - 22, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return packed[:-22] + record + locator + end


def test_what_is_listed_of_an_archive_names_it() -> None:
    _, held = opened(a_tgz=tar_gz({"x": BODY}))
    listed = asyncio.run(list_archive(held, held.objects()["a.tgz"]))
    assert list(listed.objects) == ["a.tgz!/x"]
    assert listed.archive == held.objects()["a.tgz"]


def test_an_archive_that_changed_is_opened_once_for_all_its_members() -> None:
    members = {str(number): BODY for number in range(50)}
    store, held = opened(a_zip=zipped(members))
    listed = list(store.list())
    held.put("a.zip", stored(members))
    held.forget_requests()

    async def read_each() -> list[Defect | None]:
        read = await asyncio.gather(*(read_header(store, info, Limits(), Meter()) for info in listed))
        return [instance.header.defect for _, instance in read]

    assert asyncio.run(read_each()) == [None] * 50
    size = len(held.content("a.zip"))
    assert [(start, end) for _, start, end in held.reads].count((0, size)) == 1
