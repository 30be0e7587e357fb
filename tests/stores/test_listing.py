"""A listing by several requests at a time is the one that asks for one page after the other."""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.errors import ListingOrderError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.key_space import Letters, Stretch, behind
from dicom_sieve.stores.listing import PAGES_ONE_BY_ONE, PAGES_WAITING, list_objects
from tests.stores.keys import CONTROL, ODD
from tests.stores.listed import PLACE, ListedBucket

MANY = 1_000_000
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def listed(bucket: ListedBucket, *, in_flight: int = 8, pages_one_by_one: int = PAGES_ONE_BY_ONE) -> list[str]:
    found = list_objects(bucket.ask, PLACE, in_flight=in_flight, pages_one_by_one=pages_one_by_one)
    return [info.key for info in found]


def begin(bucket: ListedBucket) -> Generator[ObjectInfo, None, None]:
    yield from list_objects(bucket.ask, PLACE, in_flight=4)


def letters_of(*keys: str) -> Letters:
    letters = Letters()
    for key in keys:
        letters.learn(key)
    return letters


def listers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("list_")]


def uid(dice: random.Random) -> str:
    return f"1.2.840.113619.2.55.3.{dice.randrange(10**12)}.{dice.randrange(1_000)}"


def studies() -> Iterator[str]:
    """Folders of studies and series, of all sizes."""
    dice = random.Random(11)
    while True:
        study = uid(dice)
        for series in range(dice.randint(1, 5)):
            for number in range(dice.choice([1, 30, 400, 3_000])):
                yield f"archive/{study}/{series}.{uid(dice)}/{number}.dcm"


def numbered() -> Iterator[str]:
    yield from (f"scan{number:08}.dcm" for number in range(MANY))


def lopsided() -> Iterator[str]:
    yield from (f"a/{number}" for number in range(15_000))
    yield from (f"z/a long way down that all have in common/{number}" for number in range(MANY))


def hashed() -> Iterator[str]:
    yield from (hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest() for number in range(MANY))


class TestDividing:
    @settings(max_examples=150, deadline=None)
    @given(
        keys=st.lists(
            st.one_of(
                st.text("ab", min_size=1, max_size=12),
                st.integers(0, 300).map(lambda number: f"image{number}.dcm"),
                st.lists(st.sampled_from(ODD + CONTROL), min_size=1, max_size=6).map("".join),
                st.integers(1, 60).map(lambda number: "a" * number),
                texts.filter(bool),
            ),
            max_size=300,
        ),
        page_keys=st.integers(1, 9),
        in_flight=st.integers(2, 6),
        seconds=st.sampled_from([0.0, 0.0001]),
    )
    def test_dividing_loses_doubles_and_moves_no_key(
        self, keys: list[str], page_keys: int, in_flight: int, seconds: float
    ) -> None:
        bucket = ListedBucket(keys, page_keys=page_keys, seconds=seconds)

        assert listed(bucket, in_flight=in_flight, pages_one_by_one=1) == sorted(set(keys), key=str.encode)
        assert bucket.most_at_once <= in_flight

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("keys", "count"), [(numbered, MANY), (studies, MANY // 5), (lopsided, MANY // 5), (hashed, MANY // 5)]
    )
    def test_dividing_lists_a_great_many_keys_by_many_requests_at_a_time_and_few_in_all(
        self, keys: Callable[[], Iterator[str]], count: int
    ) -> None:
        bucket = ListedBucket(islice(keys(), count), seconds=0.01)

        assert listed(bucket) == bucket.keys
        assert bucket.most_at_once == 8
        assert fmean(bucket.at_once) > 2  # 5 to 8 where pages are taken as quickly as they come
        assert len(bucket.asked) < 1.7 * bucket.pages

    def test_dividing_where_each_folder_is_one_page_few_requests_are_alone(self) -> None:
        keys = (f"series-{number // 40:07}/{number:09}.dcm" for number in range(8_000))
        bucket = ListedBucket(keys, page_keys=40, seconds=0.02)

        assert listed(bucket, in_flight=16) == bucket.keys
        assert bucket.at_once.count(1) < 2 * PAGES_ONE_BY_ONE

    def test_a_short_listing_is_asked_for_page_by_page(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(PAGES_ONE_BY_ONE * 10)), page_keys=10)

        assert listed(bucket) == bucket.keys
        assert len(bucket.asked) == bucket.pages == PAGES_ONE_BY_ONE
        assert bucket.most_at_once == 1

    def test_dividing_is_not_done_where_one_request_at_a_time_is_asked_for(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(500)), page_keys=10)

        assert listed(bucket, in_flight=1) == bucket.keys
        assert len(bucket.asked) == bucket.pages
        assert bucket.most_at_once == 1

    def test_dividing_goes_no_further_ahead_than_some_pages(self) -> None:
        bucket = ListedBucket((f"{number:06}" for number in range(20_000)), page_keys=10)

        with closing(begin(bucket)) as begun:
            first = list(islice(begun, PAGES_ONE_BY_ONE * 10 + 1))
            seen = -1
            while seen != len(bucket.asked):
                seen = len(bucket.asked)
                time.sleep(0.1)

        assert [info.key for info in first] == bucket.keys[: len(first)]
        # Those that wait, and those that found nothing, of which no page is kept.
        assert seen <= PAGES_ONE_BY_ONE + 2 * 4 * PAGES_WAITING

    def test_dividing_ends_with_its_reader(self) -> None:
        bucket = ListedBucket((f"{number:06}" for number in range(2_000)), page_keys=10)

        with closing(begin(bucket)) as begun:
            list(islice(begun, 500))
            assert listers()

        assert not listers()


class TestServersThatDoOtherwise:
    def test_one_that_knows_no_start_after_is_listed_by_its_tokens(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(2_000)), page_keys=10)
        bucket.honours_start_after = False

        assert listed(bucket) == bucket.keys
        assert len(bucket.asked) <= bucket.pages + 8

    def test_one_that_refuses_start_after_is_listed_by_its_tokens(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(2_000)), page_keys=10)
        bucket.fails = lambda cursor: cursor.after is not None

        assert listed(bucket) == bucket.keys

    def test_one_that_does_not_sort_is_listed_as_it_lists(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(2_000)), page_keys=10)
        bucket.keys = random.Random(5).sample(bucket.keys, len(bucket.keys))

        assert listed(bucket) == bucket.keys
        assert bucket.most_at_once == 1

    def test_one_that_sorts_no_longer_further_on_is_refused(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(2_000)), page_keys=10)
        bucket.keys = [*bucket.keys[:1_500], *reversed(bucket.keys[1_500:])]
        bucket.honours_start_after = False

        with pytest.raises(ListingOrderError, match="lists its keys out of order"):
            listed(bucket)
        assert not listers()

    def test_one_that_fails_further_on_fails_the_listing(self) -> None:
        bucket = ListedBucket((f"{number:05}" for number in range(2_000)), page_keys=10)
        bucket.fails = lambda cursor: cursor.token is not None and int(cursor.token) > 1_000

        with pytest.raises(StoreError, match="cannot list s3://challenge-tech: said so"):
            listed(bucket)
        assert not listers()


class TestPlacesToDivide:
    @given(prefix=texts, rest=texts)
    def test_nothing_that_begins_so_is_behind_it(self, prefix: str, rest: str) -> None:
        point = behind(prefix)

        if point is None:
            assert set(prefix) <= {"\U0010ffff"}
        else:
            assert (prefix + rest).encode() < point.encode()

    @given(low=texts, high=texts, keys=st.lists(texts))
    def test_one_between_two_is_between_them(self, low: str, high: str, keys: list[str]) -> None:
        point = letters_of(*keys, low, high).between(low, high)

        assert point is None or low.encode() < point.encode() < high.encode()

    def test_places_to_divide_is_made_as_keys_are(self) -> None:
        letters = letters_of(*(f"study-{number}/image.dcm" for number in range(10)))

        assert letters.between("study-0/image.dcm", "study-9/image.dcm") == "study-5"
        assert letters.between("study-0/image.dcm", "t") == "study-5"
        assert letters.between("study-4/image.dcm", "study-5/image.dcm") == "study-5"
        assert letters.between("study-4/image.dcm", "study-4/image.dcm/") is None

    def test_pages_are_guessed_from_those_beside(self) -> None:
        listed = Stretch("image000", "image099", pages=10)

        assert listed.pages_between("image099", "image299", list("0123456789")) == pytest.approx(20, rel=0.3)
        assert listed.pages_between("image099", "image1", list("0123456789")) < 1
