"""Attack: a place that is listed has no end: empty pages, a deep directory, links that fan out at every step."""

import itertools
import os
import subprocess
from pathlib import Path

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.directory import MOST_WAYS
from dicom_sieve.stores.listing import EMPTY_IN_A_ROW, Cursor, Page, list_objects
from tests.stores.scripted_server import Answer, ScriptedServer, serve

LOCATION = Location("http://127.0.0.1:9", "bucket", "")
WORDS = (
    f"{EMPTY_IN_A_ROW} pages in a row are empty, and each says that there is more; the server's listing does not end"
)


def empty_page(token: str) -> Answer:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    return Answer(200, f"<ListBucketResult>{more}</ListBucketResult>".encode())


class TestEmptyPagesWithEverNewTokens:
    def test_empty_pages_with_ever_new_tokens_end_the_listing(self) -> None:
        with serve() as server:
            tokens = itertools.count()

            class Endless(ScriptedServer):
                def take(self, request: object) -> Answer:
                    self.requests.append(request)  # type: ignore[arg-type]
                    return empty_page(f"token-{next(tokens)}")

            server.__class__ = Endless
            with pytest.raises(StoreError, match=WORDS):
                list(server.store().list())

            assert len(server.requests) == EMPTY_IN_A_ROW

    @pytest.mark.parametrize("in_flight", [1, 8])
    def test_empty_pages_with_ever_new_tokens_end_a_listing_that_began_with_keys(self, in_flight: int) -> None:
        asked: list[Cursor] = []

        def ask(cursor: Cursor) -> Page:
            asked.append(cursor)
            objects = list(DirectoryStore(Path(__file__).parent).list())[:3] if cursor == Cursor() else ()
            return Page(objects, Cursor(token=f"token-{len(asked)}"))

        with pytest.raises(StoreError, match=WORDS):
            list(list_objects(ask, LOCATION, in_flight=in_flight, pages_one_by_one=2))

        assert len(asked) < 4 * EMPTY_IN_A_ROW

    def test_empty_pages_with_ever_new_tokens_between_keys_are_passed_over(self) -> None:
        objects = list(DirectoryStore(Path(__file__).parent).list())[:3]
        pages = [Page((), Cursor(token=str(number))) for number in range(EMPTY_IN_A_ROW - 1)]
        answers = iter([*pages, Page(objects[:1], Cursor(token="a")), *pages, Page(objects[1:], None)])

        assert list(list_objects(lambda _: next(answers), LOCATION, in_flight=1)) == objects


class TestADeepDirectory:
    def test_a_deep_directory_is_listed_to_its_end(self, tmp_path: Path) -> None:
        depth = 1_500
        there = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=there)
            below = os.open("d", os.O_RDONLY, dir_fd=there)
            os.close(there)
            there = below
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=there))
        os.close(there)

        try:
            assert [info.key for info in DirectoryStore(tmp_path).list()] == ["d/" * depth + "file"]
        finally:  # Python's own way to remove it is recursive
            subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)

    def test_a_deep_directory_that_is_deeper_than_a_path_may_be_is_an_error(self, tmp_path: Path) -> None:
        there = os.open(tmp_path, os.O_RDONLY)
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=there)
            below = os.open("d" * 250, os.O_RDONLY, dir_fd=there)
            os.close(there)
            there = below
        os.close(there)

        with pytest.raises(StoreError, match="File name too long"):
            list(DirectoryStore(tmp_path).list())


class TestLinksThatFanOut:
    def make_fan(self, root: Path, steps: int, links: int) -> None:
        for step in range(steps):
            (root / f"step-{step:02}").mkdir(parents=True)
            for number in range(links):
                (root / f"step-{step:02}" / f"{number}").symlink_to(f"../step-{step + 1:02}")
        (root / f"step-{steps:02}").mkdir()
        (root / f"step-{steps:02}" / "file").touch()

    def test_links_that_fan_out_at_every_step_end_the_listing(self, tmp_path: Path) -> None:
        self.make_fan(tmp_path, steps=13, links=3)
        listed: list[ObjectInfo] = []

        with pytest.raises(
            StoreError, match=r"/0/1: links lead here by too many ways; accepted: up to 100 ways to one"
        ):
            listed.extend(DirectoryStore(tmp_path / "step-00").list())

        assert len(listed) <= MOST_WAYS

    def test_a_little_are_followed_each_under_its_own_key(self, tmp_path: Path) -> None:
        self.make_fan(tmp_path, steps=4, links=3)

        assert len(list(DirectoryStore(tmp_path / "step-00").list())) == 3**4

    def test_links_that_fan_out_to_one_directory_from_many_others_are_followed(self, tmp_path: Path) -> None:
        (tmp_path / "patient").mkdir()
        (tmp_path / "patient" / "file").touch()
        for number in range(MOST_WAYS):
            (tmp_path / f"view-{number}").symlink_to("patient")

        assert len(list(DirectoryStore(tmp_path).list())) == MOST_WAYS + 1
