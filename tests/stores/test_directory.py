"""A directory as an object store keeps the promises of one."""

import asyncio
import datetime
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, TransportError
from tests.stores.buckets import read, read_all
from tests.stores.keys import CONTROL, ODD, in_byte_order, make_keys


def fill(root: Path, names: list[bytes]) -> None:
    for name in names:
        path = Path(os.fsdecode(os.fsencode(root) + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"body of " + name)


def keys(root: Path, prefix: str = "") -> list[str]:
    return [info.key for info in DirectoryStore(root, prefix).list()]


def only(root: Path) -> ObjectInfo:
    (listed,) = DirectoryStore(root).list()
    return listed


class TestListing:
    def test_listing_is_in_the_order_of_the_keys_bytes_below_and_above_the_slash(self, tmp_path: Path) -> None:
        names = ["a", "a!/x", "a-/x", "a-b", "a./x", "a.b", "b/x", "b/x-/y", "b/x.dcm", "b0/x", "b0", "b:/x", "b/é"]
        names.remove("b0")  # a name is a file or a directory
        fill(tmp_path, [name.encode() for name in names])

        assert keys(tmp_path) == in_byte_order(names)

    def test_listing_of_odd_names_is_complete_ordered_and_read_back_exactly(self, tmp_path: Path) -> None:
        made = make_keys(600, ODD + CONTROL, seed=3)
        names = list({f"{key[0]!a}/{key.replace('/', '|')}~": None for key in made if key[0] != "/"})
        fill(tmp_path, [name.encode() for name in names])
        store = DirectoryStore(tmp_path)

        listed = list(store.list())

        assert len(names) > 500
        assert [info.key for info in listed] == in_byte_order([name.replace("\\x", "\\x5cx") for name in names])
        assert set(read_all(store, listed).values()) == {b"body of " + name.encode() for name in names}

    def test_listing_gives_names_that_are_no_text_a_key_of_their_own(self, tmp_path: Path) -> None:
        names = [
            b"\xff",
            b"\\xff",
            b"\\x5cxff",
            b"\xe9t\xe9/\x80",
            b"\\",
            b"\\x",
            b"\\x5c",
            b"ok\xf0\x9f",
            b"\xed\xa0\x80",
        ]
        fill(tmp_path, names)
        store = DirectoryStore(tmp_path)

        listed = list(store.list())

        assert [info.key for info in listed] == in_byte_order(
            [
                *("\\xff", "\\x5cxff", "\\x5cx5cxff", "\\xe9t\\xe9/\\x80", "\\", "\\x5cx", "\\x5cx5c"),
                *("ok\\xf0\\x9f", "\\xed\\xa0\\x80"),
            ]
        )
        assert set(read_all(store, listed).values()) == {b"body of " + name for name in names}
        for info in listed:
            assert asyncio.run(store.stat(info.key)) == info
            assert store.find(info.key) is not None

    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a.", "é", "nothing"])
    def test_listing_by_a_prefix_shows_the_keys_that_begin_with_it(self, tmp_path: Path, prefix: str) -> None:
        names = ["a/b", "a/bc", "a/c/d", "a.b", "ab", "é/x", "b"]
        fill(tmp_path, [name.encode() for name in names])

        assert keys(tmp_path, prefix) == in_byte_order([name for name in names if name[: len(prefix)] == prefix])

    def test_listing_tells_size_and_time_and_an_etag_that_stays(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"12345")
        os.utime(tmp_path / "a", ns=(0, 1_700_000_000_123_456_789))

        listed = only(tmp_path)

        assert listed.size == 5
        assert listed.last_modified.isoformat(timespec="seconds") == "2023-11-14T22:13:20+00:00"
        assert only(tmp_path) == listed

    def test_listing_of_an_empty_directory_is_empty(self, tmp_path: Path) -> None:
        assert keys(tmp_path) == []

    @pytest.mark.parametrize("name", ["missing", "file"])
    def test_listing_of_no_directory_is_an_error(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(StoreError, match=f"cannot list {tmp_path}/{name}: No"):
            keys(tmp_path / name)


class TestWhatIsNoRegularFile:
    def test_what_is_no_regular_file_is_no_object(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        (root / "file").touch()
        (root / "empty directory").mkdir()
        (root / "broken").symlink_to("nowhere")
        (root / "through a file").symlink_to("file/x")
        (root / "itself").symlink_to("itself")
        os.mkfifo(root / "pipe")
        (root / "link to pipe").symlink_to("pipe")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(root / "socket"))

            assert keys(root) == ["file"]

    def test_what_is_no_regular_file_but_links_to_files_and_directories_are_followed(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        fill(root, [b"a"])
        fill(outside, [b"x/y"])
        (root / "link to directory").symlink_to(outside)
        (root / "link to file").symlink_to(outside / "x" / "y")

        listed = list(DirectoryStore(root).list())

        assert [info.key for info in listed] == ["a", "link to directory/x/y", "link to file"]
        assert set(read_all(DirectoryStore(root), listed).values()) == {b"body of a", b"body of x/y"}

    def test_what_is_no_regular_file_and_a_directory_that_contains_itself_is_entered_once(self, tmp_path: Path) -> None:
        fill(tmp_path, [b"a/file"])
        (tmp_path / "a" / "here").symlink_to(".")
        (tmp_path / "a" / "up").symlink_to("..")

        assert keys(tmp_path) == ["a/file"]


class TestReading:
    @pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 10), (9, 10), (3, 7)])
    def test_reading_gives_the_bytes_from_start_up_to_but_not_end(self, tmp_path: Path, start: int, end: int) -> None:
        (tmp_path / "a").write_bytes(b"0123456789")

        assert read(DirectoryStore(tmp_path), only(tmp_path), start, end) == b"0123456789"[start:end]

    def test_reading_of_a_file_that_was_written_again_says_that_it_changed(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"0123456789")
        listed = only(tmp_path)
        (tmp_path / "new").write_bytes(b"0123456789")
        (tmp_path / "new").rename(tmp_path / "a")

        with pytest.raises(ObjectChangedError):
            read(DirectoryStore(tmp_path), listed, 0, 10)

        now = asyncio.run(DirectoryStore(tmp_path).stat("a"))
        assert read(DirectoryStore(tmp_path), now, 0, 10) == b"0123456789"

    @pytest.mark.parametrize("content", [b"", b"01234", b"0123456789 and more"])
    def test_reading_of_a_file_that_was_cut_or_grew_says_that_it_changed(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a").write_bytes(b"0123456789")
        listed = only(tmp_path)
        (tmp_path / "a").write_bytes(content)

        with pytest.raises(ObjectChangedError):
            read(DirectoryStore(tmp_path), listed, 0, 10)

    @pytest.mark.parametrize("then", ["nothing", "a directory", "a pipe", "a broken link", "a loop"])
    def test_reading_of_a_file_that_gave_way_to_something_else_says_that_it_is_gone(
        self, tmp_path: Path, then: str
    ) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"0123456789")
        listed = only(tmp_path)
        path.unlink()
        match then:
            case "a directory":
                path.mkdir()
            case "a pipe":
                os.mkfifo(path)
            case "a broken link":
                path.symlink_to("nowhere")
            case "a loop":
                path.symlink_to("a")

        with pytest.raises(ObjectGoneError):
            read(DirectoryStore(tmp_path), listed, 0, 10)
        with pytest.raises(ObjectGoneError):
            asyncio.run(DirectoryStore(tmp_path).stat("a"))
        assert DirectoryStore(tmp_path).find("a") is None

    def test_reading_of_a_file_whose_directory_is_a_file_now_says_that_it_is_gone(self, tmp_path: Path) -> None:
        fill(tmp_path, [b"a/b"])
        listed = only(tmp_path)
        (tmp_path / "a" / "b").unlink()
        (tmp_path / "a").rmdir()
        (tmp_path / "a").touch()

        with pytest.raises(ObjectGoneError):
            read(DirectoryStore(tmp_path), listed, 0, 1)

    def test_reading_that_the_system_fails_is_a_fault_of_transport(self, tmp_path: Path) -> None:
        name = "x" * 300  # longer than a file's name may be
        listed = ObjectInfo(name, "e", 1, only_time(tmp_path))

        with pytest.raises(TransportError, match="File name too long"):
            read(DirectoryStore(tmp_path), listed, 0, 1)


def only_time(root: Path) -> datetime.datetime:
    (root / "a").touch()
    return only(root).last_modified


class TestWritingOnce:
    @pytest.fixture
    def body(self, tmp_path: Path) -> Path:
        path = tmp_path / "body"
        path.write_bytes(b"first")
        return path

    def test_writing_once_writes_a_new_file_and_the_directories_above_it(self, tmp_path: Path, body: Path) -> None:
        store = DirectoryStore(tmp_path / "root")
        assert store.find("a/b/c.json") is None

        store.write_once("a/b/c.json", body)

        assert store.find("a/b/c.json") is not None
        assert store.find("a/b") is None
        assert keys(tmp_path / "root") == ["a/b/c.json"]
        assert (tmp_path / "root/a/b/c.json").read_bytes() == b"first"

    def test_writing_once_writes_the_same_bytes_again_without_complaint(self, tmp_path: Path, body: Path) -> None:
        store = DirectoryStore(tmp_path / "root")
        store.write_once("a", body)
        before = only(tmp_path / "root")

        store.write_once("a", body)

        assert only(tmp_path / "root") == before

    @pytest.mark.parametrize("other", [b"other", b"", b"firs", b"first and more"])
    def test_writing_once_never_overwrites_other_bytes_and_leaves_nothing_behind(
        self, tmp_path: Path, body: Path, other: bytes
    ) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "root/a").write_bytes(other)

        with pytest.raises(AlreadyPublishedError, match="a exists already and is never overwritten"):
            DirectoryStore(tmp_path / "root").write_once("a", body)

        assert (tmp_path / "root/a").read_bytes() == other
        assert os.listdir(tmp_path / "root") == ["a"]  # noqa: PTH208 - names, hidden ones included

    def test_writing_once_where_a_directory_is_refuses(self, tmp_path: Path, body: Path) -> None:
        (tmp_path / "root/a").mkdir(parents=True)

        with pytest.raises(AlreadyPublishedError):
            DirectoryStore(tmp_path / "root").write_once("a", body)

    def test_writing_once_under_a_file_is_an_error_in_words(self, tmp_path: Path, body: Path) -> None:
        with pytest.raises(StoreError, match=f"cannot write {body}/a/b: "):
            DirectoryStore(tmp_path).write_once("body/a/b", body)

    def test_writing_once_of_sixteen_that_write_at_once_exactly_one_wins(self, tmp_path: Path) -> None:
        start = Barrier(16)
        bodies = [tmp_path / str(number) for number in range(16)]
        for number, path in enumerate(bodies):
            path.write_bytes(f"writer {number:2}".encode() * 1000)

        def write(path: Path) -> bool:
            start.wait()
            try:
                DirectoryStore(tmp_path / "root").write_once("a/b", path)
            except AlreadyPublishedError:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(write, bodies))

        assert won.count(True) == 1
        assert (tmp_path / "root/a/b").read_bytes() == bodies[won.index(True)].read_bytes()
        assert keys(tmp_path / "root") == ["a/b"]
