"""Prefixes that part the keys of a place: each object lies under exactly one, whatever keys there are."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.interface import ListsBehind, Place
from dicom_sieve.stores.prefixes import MOST_PARTS, Division, divisible, find_again, find_prefixes
from tests.conftest import S3Server
from tests.stores.buckets import fill
from tests.stores.few_keys import Bucket
from tests.stores.keys import ODD, make_keys
from tests.support.clouds import AzureServer, GcsServer

LETTERS = st.sampled_from(["a", "b", "/", "1", "é", "\ue000", "\ud7ff", "\uffff", "😀", "\U0010ffff"])
KEYS = st.dictionaries(st.text(LETTERS, min_size=1, max_size=6), st.integers(0, 1), max_size=40)


def under(division: Division, key: str) -> list[str]:
    return [prefix for prefix in division.prefixes if key.startswith(prefix)]


def assert_parted(division: Division, place: ListsBehind) -> None:
    """Each object lies under one prefix; all that lies under none is empty, and counted."""
    found = {info.key: (info.size, under(division, info.key)) for info in place.list()}
    assert {len(prefixes) for _, prefixes in found.values()} <= {0, 1}
    assert [size for size, prefixes in found.values() if not prefixes] == [0] * division.marks
    assert all(prefix.startswith(place.location.prefix) for prefix in division.prefixes)
    assert list(division.prefixes) == sorted(set(division.prefixes))


class TestAnyKeys:
    @given(KEYS, st.sampled_from(["", "a", "a/", "é"]), st.integers(2, 8), st.integers(1, 5))
    @settings(max_examples=400)
    def test_each_object_lies_under_one_prefix(
        self, sizes: dict[str, int], prefix: str, at_least: int, page_keys: int
    ) -> None:
        bucket = Bucket(sizes, prefix, page_keys)
        try:
            division = find_prefixes(bucket, at_least=at_least)
        except InvalidRequestError:
            keys = [info.key for info in bucket.list() if info.size or info.key != prefix]
            parted = {key[: len(prefix) + 1] for key in keys} if prefix not in keys else set()
            assert len(parted) < 2
            return
        assert len(division.prefixes) >= 2
        assert_parted(division, bucket)

    @given(KEYS, KEYS, st.sampled_from(["", "a"]), st.integers(2, 6), st.integers(1, 4))
    @settings(max_examples=400)
    def test_later_the_same_prefixes_are_found_and_one_for_each_key_that_begins_otherwise(
        self, first: dict[str, int], later: dict[str, int], prefix: str, at_least: int, page_keys: int
    ) -> None:
        try:
            known = find_prefixes(Bucket(first, prefix, page_keys), at_least=at_least).prefixes
            division = find_again(bucket := Bucket(later, prefix, page_keys), known)
        except InvalidRequestError:
            return
        assert set(known) <= set(division.prefixes)
        assert_parted(division, bucket)
        assert find_again(bucket, division.prefixes) == division
        assert find_again(Bucket(first, prefix, page_keys), known).prefixes == known

    def test_the_fullest_prefix_is_divided(self) -> None:
        keys = {f"few/{number}": 1 for number in range(9)} | {f"many/{number:04}": 1 for number in range(300)}

        division = find_prefixes(Bucket(keys, page_keys=100), at_least=4)

        assert division.prefixes == ("f", "many/00", "many/01", "many/02")

    def test_a_long_way_that_all_keys_have_in_common_takes_a_few_pages_a_character(self) -> None:
        bucket = Bucket({f"1.2.840.113619/{number:03}": 1 for number in range(200)}, page_keys=100)

        assert find_prefixes(bucket, at_least=2).prefixes == ("1.2.840.113619/0", "1.2.840.113619/1")

    def test_where_too_many_characters_follow_keys_are_not_parted(self) -> None:
        many = {f"many{chr(0x4E00 + number)}{last}": 1 for number in range(MOST_PARTS + 1) for last in "xy"}

        division = find_prefixes(Bucket({**many, "other": 1}), at_least=3)

        assert division.prefixes == ("m", "o")


class TestKeysThatAreAPrefix:
    def test_the_mark_of_a_folder_is_counted(self) -> None:
        bucket = Bucket({"images/": 0, "images/a": 1, "images/b": 1}, "images/")

        assert find_prefixes(bucket, at_least=2) == Division(("images/a", "images/b"), marks=1)

    def test_an_object_is_never_lost(self) -> None:
        bucket = Bucket({"a": 1, "a1": 1, "a2": 1, "b": 1})

        assert find_prefixes(bucket, at_least=4) == Division(("a", "b"))

    def test_where_it_is_the_place_itself_it_is_refused(self) -> None:
        with pytest.raises(InvalidRequestError, match="divide: its keys have no two prefixes that part them"):
            find_prefixes(Bucket({"a": 1, "a1": 1, "a2": 1}, "a"), at_least=2)

    def test_a_later_object_is_refused_rather_than_lost(self) -> None:
        known = find_prefixes(Bucket({"a1": 1, "a2": 1}, "a"), at_least=2).prefixes

        with pytest.raises(InvalidRequestError, match="divide: an object's key is what several parts begin with"):
            find_again(Bucket({"a": 1, "a1": 1}, "a"), known)


class TestRefused:
    def test_an_empty_place(self) -> None:
        with pytest.raises(
            InvalidRequestError, match="divide: there is nothing to divide; accepted: a run that is not"
        ):
            find_prefixes(Bucket({}), at_least=2)

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequestError, match="divide: prefixes of a directory are folders; accepted with s3:"):
            divisible(DirectoryStore(tmp_path))

    def test_a_container_of_azure(self, azure_server: AzureServer) -> None:
        with pytest.raises(InvalidRequestError, match="divide: az:// is listed from its beginning alone"):
            divisible(azure_server.store("any"))

    def test_what_lies_in_archives(self, moto_server: S3Server) -> None:
        with pytest.raises(InvalidRequestError, match="divide: what lies in archives is not divided"):
            divisible(ArchivesOpened(moto_server.store("any")))

    def test_a_server_that_lists_from_the_beginning_whatever_is_asked(self) -> None:
        bucket = Bucket({f"{letter}{number}": 1 for letter in "ace" for number in range(5)}, honours_start_after=False)

        with pytest.raises(StoreError, match=r"does not begin where it was asked to.*cannot be divided"):
            find_prefixes(bucket, at_least=2)

    def test_a_control_character_is_in_no_prefix(self) -> None:
        division = find_prefixes(Bucket({"a\x01b": 1, "a\x02b": 1, "b": 1}), at_least=3)

        assert division.prefixes == ("a", "b")


class TestServers:
    def test_s3(self, s3_server: S3Server) -> None:
        bucket = s3_server.make_bucket()
        keys = [*make_keys(80, ODD, seed=7), *(f"x{number:04}" for number in range(1_010))]
        fill(s3_server, bucket, {key: b"" if key.endswith("/") else b"1" for key in keys})

        self.divide_twice(s3_server.store(bucket), at_least=40)
        self.divide_twice(s3_server.store(bucket, "x"), at_least=3)

    def test_google(self, gcs_server: GcsServer) -> None:
        bucket = gcs_server.make_bucket()
        for key in ("a", "a/b", "é", "éé", "😀", *(f"x{number:04}" for number in range(1_010))):
            gcs_server.put(bucket, key, b"1")

        self.divide_twice(gcs_server.store(bucket), at_least=6)

    @staticmethod
    def divide_twice(place: Place, *, at_least: int) -> None:
        listed = divisible(place)
        division = find_prefixes(listed, at_least=at_least)
        assert len(division.prefixes) >= at_least
        assert_parted(division, listed)
        assert find_again(listed, division.prefixes) == division
