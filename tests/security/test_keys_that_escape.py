"""An object's key names a file outside the output directory, or the file of another object."""

import asyncio
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import Location, ObjectInfo, part_of_key
from dicom_sieve.publishing.copies import Copied
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.directory import TAKEN
from dicom_sieve.stores.interface import ObjectGoneError, UnwritableKeyError
from dicom_sieve.stores.paths import key_of_copy, names_of_key
from tests.conftest import S3Server
from tests.publishing.copying import copy_listed
from tests.screening.screenings import ct, screen_ct
from tests.stores.buckets import fill, read
from tests.support.simulated_store import SimulatedStore

UPWARDS = (
    r"\x2e\x2e/\x2e\x2e/\x2e\x2e/outside",
    r"..\x2f..\x2f..\x2foutside",
    r"\x2e./outside",
    "../outside",
    "a/../../outside",
    "/etc/outside",
    r"a\x00",
    "a\x00b",
    "a//b",
    "a/./b",
    "folder/",
    ".",
    "..",
    "/",
)
S3 = Location("https://s3.example", "bucket")
DIRECTORY = Location("file:", "/out")
PIECES = (
    "a",
    "A",
    "x",
    "5c",
    "41",
    "2e",
    "2f",
    "ff",
    "\\",
    "\\x",
    "/",
    ".",
    "..",
    "\0",
    "\n",
    "é",
    "e\u0301",
    "😀",
    " ",
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(PIECES)).map("".join)
NAMES = st.binary(min_size=1) | st.lists(
    st.sampled_from([piece.encode() for piece in (*PIECES, "\\x")] + [b"\xff", b"\xc3"])
).map(b"".join)


def files_in(root: Path) -> dict[bytes, bytes]:
    """Give every file below a directory, by its path."""
    found = {}
    for folder, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - of bytes
            found[os.path.relpath(path, os.fsencode(root))] = Path(os.fsdecode(path)).read_bytes()
    return found


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def copy_all(objects: dict[str, bytes], root: Path) -> dict[str, Copied]:
    store = SimulatedStore(objects)
    return {copy.info.key: copy for copy in copy_listed(store.list(), store, DirectoryStore(root), "objects")}


class TestTheMapping:
    @given(st.lists(NAMES, min_size=1, max_size=4))
    @example([b"\\", b"\\x41", b"\\x5cx", b"\xff\\xff"])
    @settings(max_examples=1_000)
    def test_the_mapping_leads_from_every_path_to_its_key_and_back(self, names: list[bytes]) -> None:
        names = [name.replace(b"/", b"|").replace(b"\0", b"0") for name in names]
        names = [b"n" if name in {b"", b".", b".."} else name for name in names]

        assert names_of_key("/".join(map(part_of_key, names))) == names

    @given(TEXTS)
    @example(r"\x2e\x2e/a")
    @example(r"a\x41.dcm")
    @example(r"a\x5cx41.dcm")
    @example(r"\xff")
    @example(r"\xc3\xa9")
    @settings(max_examples=2_000)
    def test_the_mapping_leads_from_every_key_to_its_path_and_back_or_refuses(self, key: str) -> None:
        try:
            names = names_of_key(key)
        except UnwritableKeyError:
            return

        assert "/".join(map(part_of_key, names)) == key
        assert not {b"", b".", b".."} & set(names)
        assert not any(b"/" in name or b"\0" in name for name in names)

    @given(TEXTS)
    @example(r"a\x41.dcm")
    @settings(max_examples=2_000)
    def test_the_mapping_names_the_copy_of_an_s3_object_as_its_key(self, key: str) -> None:
        parts = key.split("/")
        fits = not {"", ".", ".."} & set(parts) and "\0" not in key

        with suppress(UnwritableKeyError):
            assert b"/".join(names_of_key(key_of_copy(key, S3, DIRECTORY))) == key.encode()
            assert fits
            return
        assert not fits

    def test_the_mapping_refuses_what_is_no_text(self) -> None:
        with pytest.raises(UnwritableKeyError, match="it is no path"):
            names_of_key("a\ud800")

    def test_the_mapping_leaves_the_keys_of_copies_alone_elsewhere(self) -> None:
        for source, target in ((S3, S3), (DIRECTORY, S3), (DIRECTORY, DIRECTORY)):
            assert key_of_copy(r"a\x41", source, target) == r"a\x41"


class TestCopies:
    @pytest.mark.parametrize("key", UPWARDS)
    def test_copies_stay_within_the_output(self, tmp_path: Path, key: str) -> None:
        (tmp_path / "outside").write_bytes(b"of somebody else")
        before = files_in(tmp_path)

        copied = copy_all({key: b"attack", "good": b"good"}, tmp_path / "out")

        outcome = copied[key]
        made = {path: data for path, data in files_in(tmp_path).items() if path not in before}
        assert files_in(tmp_path).items() >= before.items()
        assert made.pop(b"out/objects/good") == b"good"
        assert copied["good"].outcome == "COPIED"
        if outcome.outcome == "COPIED":  # under a name that is its key, letter by letter
            assert made == {b"out/objects/" + key.encode(): b"attack"}
        else:
            assert made == {}
            assert (outcome.outcome, outcome.reason) == (
                "UNWRITABLE_KEY",
                "no object of that key can be written there: it is no path",
            )

    def test_copies_of_different_keys_are_different_files(self, tmp_path: Path) -> None:
        objects = {key: key.encode() for key in (r"a\x41.dcm", "aA.dcm", r"a\x5cx41.dcm", r"\xff", "é", "e\u0301")}

        copied = copy_all(objects, tmp_path)

        assert {copy.outcome for copy in copied.values()} == {"COPIED"}
        assert files_in(tmp_path / "objects") == {key.encode(): data for key, data in objects.items()}
        there = {info.key for info in DirectoryStore(tmp_path).list()}
        assert there == {copy.key for copy in copied.values()}

    def test_copies_of_names_that_are_no_text_keep_them(self, tmp_path: Path) -> None:
        names = (b"\xff.dcm", rb"\xff.dcm", rb"\x2e\x2e", "é".encode())
        (tmp_path / "in").mkdir()
        for name in names:
            (tmp_path / "in" / os.fsdecode(name)).write_bytes(name)
        store = DirectoryStore(tmp_path / "in")

        list(copy_listed(store.list(), store, DirectoryStore(tmp_path / "out"), "objects"))

        assert files_in(tmp_path / "out" / "objects") == {name: name for name in names}

    def test_copies_of_any_keys_are_each_one_file_or_refused_with_a_reason(self) -> None:
        @given(st.lists(TEXTS.filter(lambda key: 0 < len(key.encode()) < 1024), unique=True, max_size=8))
        @settings(max_examples=60)
        def copy(keys: list[str]) -> None:
            with TemporaryDirectory() as name:
                root = Path(name) / "a" / "b" / "out"
                copied = copy_all({key: f"{number}".encode() for number, key in enumerate(keys)}, root)
                whole = {key: copy for key, copy in copied.items() if copy.outcome == "COPIED"}

                assert copied.keys() == set(keys)
                assert all(copy.reason for copy in copied.values() if copy.outcome == "UNWRITABLE_KEY")
                assert {copy.outcome for copy in copied.values()} <= {"COPIED", "UNWRITABLE_KEY"}
                assert files_in(Path(name)) == {
                    b"a/b/out/objects/" + key.encode(): f"{keys.index(key)}".encode() for key in whole
                }

        copy()

    def test_copies_of_a_real_bucket_are_each_accounted_for(
        self, s3_server: S3Server, ledger: Ledger, tmp_path: Path
    ) -> None:
        bucket = s3_server.make_bucket()
        keys = (r"\x2e\x2e/\x2e\x2e/\x2e\x2e/outside", r"a\x41.dcm", "aA.dcm", "../../../outside", "b//c", "x" * 300)
        fill(s3_server, bucket, {key: ct(uid=f"1.2.3.4.{number}") for number, key in enumerate(keys)})
        store, out = s3_server.store(bucket), tmp_path / "1" / "2" / "out"

        outcome = screen_ct(store, ledger, "run", output=DirectoryStore(out), copies_of=store)

        rows = pq.read_table(out / "run" / "copies.parquet").to_pylist()
        assert Counter(row["outcome"] for row in rows) == outcome.counts["copies"] == {"COPIED": 3, "UNWRITABLE_KEY": 3}
        assert all(row["reason"] for row in rows if row["outcome"] != "COPIED")
        assert files_in(out / "run" / "objects").keys() == {key.encode() for key in keys[:3]}
        assert [path.name for path in tmp_path.iterdir() if path.name in {"outside", "etc"}] == []
        for row in rows:
            found = DirectoryStore(out).find(row["copy_key"])
            assert (found is not None) == (row["outcome"] == "COPIED")


class TestEveryOtherWay:
    @pytest.mark.parametrize("key", UPWARDS)
    def test_writing_finding_and_reading_refuse_the_key(self, tmp_path: Path, key: str) -> None:
        (tmp_path / "outside").write_bytes(b"of somebody else")
        root = tmp_path / "1" / "2" / "root"
        (root / "a").mkdir(parents=True)
        (tmp_path / "body").write_bytes(b"attack")
        store = DirectoryStore(root)
        (listed,) = DirectoryStore(tmp_path, "outside").list()
        attacking = ObjectInfo(key, listed.etag, listed.size, listed.last_modified)

        with pytest.raises(UnwritableKeyError):
            store.write_once(key, tmp_path / "body")
        assert store.find(key) is None
        with pytest.raises(ObjectGoneError):
            asyncio.run(store.stat(key))
        with pytest.raises(ObjectGoneError):
            read(store, attacking, 0, 1)
        with pytest.raises(ObjectGoneError):
            store.download(attacking, tmp_path / "download")
        assert (tmp_path / "outside").read_bytes() == b"of somebody else"

    @pytest.mark.parametrize(
        "name", ["../../../../../outside", r"\x2e\x2e/\x2e\x2e/\x2e\x2e/\x2e\x2e/\x2e\x2e/outside"]
    )
    def test_a_result_of_a_computation_stays_within_the_output(self, ledger: Ledger, tmp_path: Path, name: str) -> None:
        store = SimulatedStore({"1": ct()})
        screen_ct(store, ledger, "run")

        with open_computation(
            ledger, "c", version="1", run="run", inputs=store, outputs=DirectoryStore(tmp_path / "out")
        ) as computation:
            for series in computation.series():
                with series:
                    series.record_output(b"attack", name=name)

        assert files_in(tmp_path).keys() <= {b"ledger.db", b"ledger.db-wal", b"ledger.db-shm", b"ledger.db.lock"}
        assert series.state == "REFUSED"

    def test_objects_that_are_computed_on_are_files_in_one_folder_whatever_their_keys(self, ledger: Ledger) -> None:
        keys = ("../../outside", r"\x2e\x2e/\x2e\x2e/outside", "/etc/outside", "a/", "x" * 300)
        store = SimulatedStore({key: ct(uid=f"1.2.3.4.{number}") for number, key in enumerate(keys)})
        screen_ct(store, ledger, "run")

        with open_computation(ledger, "c", version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    files = series.download()
                    assert [file.name for file in files] == [f"{number:06}.dcm" for number in range(len(keys))]
                    assert {file.parent for file in files} == {files[0].parent}

        assert computation.count() == {"COMPLETED": 1}


class TestLinksInTheOutput:
    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Iterator[Path]:
        """A directory that nothing may be written to."""
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "file").write_bytes(b"of somebody else")
        (tmp_path / "out" / "objects").mkdir(parents=True)
        yield tmp_path / "elsewhere"
        assert files_in(tmp_path / "elsewhere") == {b"file": b"of somebody else"}

    @pytest.mark.parametrize("key", ["a/file", "a/new", "a/b/new"])
    def test_links_in_the_output_to_a_directory_are_not_followed(
        self, tmp_path: Path, elsewhere: Path, key: str
    ) -> None:
        (tmp_path / "out" / "objects" / "a").symlink_to(elsewhere)

        copied = copy_all({key: b"attack"}, tmp_path / "out")

        assert copied[key].outcome == "UNWRITABLE_KEY"

    def test_links_in_the_output_to_a_file_are_neither_followed_nor_replaced(
        self, tmp_path: Path, elsewhere: Path
    ) -> None:
        (tmp_path / "out" / "objects" / "a").symlink_to(elsewhere / "file")
        (tmp_path / "out" / "objects" / "b").symlink_to(elsewhere / "new")

        copied = copy_all({"a": b"attack", "b": b"attack"}, tmp_path / "out")

        assert {copy.reason for copy in copied.values()} == {f"no object of that key can be written there: {TAKEN}"}

    def test_links_in_the_output_are_not_followed_for_what_is_written_once(
        self, tmp_path: Path, elsewhere: Path
    ) -> None:
        (tmp_path / "body").write_bytes(b"of somebody else")
        (tmp_path / "out" / "folder").symlink_to(elsewhere)
        (tmp_path / "out" / "link").symlink_to(elsewhere / "file")

        with pytest.raises(StoreError, match=f"cannot write {tmp_path}/out/folder/new: Not a directory"):
            DirectoryStore(tmp_path / "out").write_once("folder/new", tmp_path / "body")
        with pytest.raises(AlreadyPublishedError):
            DirectoryStore(tmp_path / "out").write_once("link", tmp_path / "body")


class TestAFileSystemThatTellsFewerNamesApart:
    """Of which there is none here: what it does to a new name that it holds the same as an old one is simulated."""

    @pytest.fixture(autouse=True)
    def fold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        link, mkdir, descend = os.link, os.mkdir, os.open
        at_once = Lock()  # a file system looks for a name and takes it in one step

        def same(name: bytes, folder: int | None) -> bytes:
            """Give the name under which the folder has a file that this name means, too."""
            there = os.listdir(folder)  # noqa: PTH208 - a descriptor has no path
            return next((os.fsencode(other) for other in there if folded(other) == folded(os.fsdecode(name))), name)

        def link_folded(source: Path, name: bytes, *, dst_dir_fd: int) -> None:
            with at_once:
                link(source, same(name, dst_dir_fd), dst_dir_fd=dst_dir_fd)

        def mkdir_folded(name: bytes, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
            with at_once:
                mkdir(name if dir_fd is None else same(name, dir_fd), mode, dir_fd=dir_fd)

        def open_folded(name: bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            with at_once:
                return descend(name if dir_fd is None else same(name, dir_fd), flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "link", link_folded)
        monkeypatch.setattr(os, "mkdir", mkdir_folded)
        monkeypatch.setattr(os, "open", open_folded)

    @pytest.mark.parametrize(
        "keys",
        [("aA.dcm", "AA.dcm", "aa.dcm"), ("a/x", "A/x"), ("é", "e\u0301"), ("a", "A/x"), ("A/x", "a")],
    )
    def test_one_of_the_objects_is_copied_and_the_others_are_refused(
        self, tmp_path: Path, keys: tuple[str, ...]
    ) -> None:
        copied = copy_all({key: key.encode() for key in keys}, tmp_path)

        outcomes = Counter(copy.outcome for copy in copied.values())
        assert outcomes == {"COPIED": 1, "UNWRITABLE_KEY": len(keys) - 1}
        (whole,) = (key for key, copy in copied.items() if copy.outcome == "COPIED")
        assert list(files_in(tmp_path / "objects").values()) == [whole.encode()]
        refused = {copy.reason for copy in copied.values() if copy.outcome != "COPIED"}
        assert all(re.search("a file already|too long, or no path", reason or "") for reason in refused)
