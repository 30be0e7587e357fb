"""Parts of a listing: together they are all of it, and what is passed over is as it was."""

import datetime
import random

import pytest

from dicom_sieve.errors import ListingOrderError
from dicom_sieve.ledger.database.listed_ranges import ListedRange
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import listed_parts
from dicom_sieve.screening.listed_parts import Part, cut
from tests.support.simulated_store import PLACE

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
Content = dict[str, tuple[str, int]]


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_parts, "RANGE_KEYS", 8)
    monkeypatch.setattr(listed_parts, "FEWEST_KEYS", 2)
    monkeypatch.setattr(listed_parts, "_KEYS_AT_A_TIME", 5)


def listing(content: Content) -> list[ObjectInfo]:
    return [ObjectInfo(key, etag, size, NOW) for key, (etag, size) in sorted(content.items())]


def parts_of(content: Content, ranges: list[ListedRange], unsettled: frozenset[str] = frozenset()) -> list[Part]:
    def may_skip(after: str | None, last: str) -> bool:
        return not any((after is None or key > after) and key <= last for key in unsettled)

    return list(cut(iter(listing(content)), ranges, may_skip, PLACE))


def ranges_after(parts: list[Part], ranges: list[ListedRange]) -> list[ListedRange]:
    """Give the ranges that are kept behind a listing, as the ledger keeps them."""
    kept = {kept.last_key: kept for kept in ranges}
    for part in parts:
        if part.is_known:
            continue
        for last_key in list(kept):
            if (part.after is None or last_key > part.after) and (part.last is None or last_key <= part.last):
                del kept[last_key]
        if (new := part.as_range()) is not None:
            kept[new.last_key] = new
    return [kept[last_key] for last_key in sorted(kept)]


def change(content: Content, chance: random.Random) -> Content:
    """Add, overwrite and remove some objects; now and then many next to each other."""
    changed = dict(content)
    for _ in range(chance.choice([0, 0, 1, 1, 3, 40])):
        key = f"{chance.randrange(400):03}"
        if chance.random() < 0.4:
            changed.pop(key, None)
        else:
            changed[key] = (f"{chance.randrange(9)}", chance.randrange(9))
    if chance.random() < 0.1:
        first = chance.randrange(400)
        changed = {key: value for key, value in changed.items() if not first <= int(key) < first + 60}
    return changed


@pytest.mark.parametrize("seed", range(60))
def test_parts_are_the_whole_listing_and_known_ones_are_as_they_were(seed: int) -> None:
    chance = random.Random(seed)
    ranges: list[ListedRange] = []
    before: Content = {}
    for _ in range(25):
        content = change(before, chance)
        unsettled = frozenset(key for key in before if chance.random() < 0.01)

        parts = parts_of(content, ranges, unsettled)

        assert [info for part in parts for info in part.listed] == listing(content)
        assert [part.after for part in parts] == [None, *(part.last for part in parts[:-1])]
        assert parts[-1].last is None
        for part in parts:
            keys = [key for key in before if (part.after or "") < key and (part.last is None or key <= part.last)]
            assert all((part.after or "") < info.key for info in part.listed)
            assert len(part.listed) <= 2 * 8
            if part.is_known:
                assert {key: before[key] for key in keys} == {i.key: (i.etag, i.size) for i in part.listed}
                assert not unsettled.intersection(keys)
        ranges, before = ranges_after(parts, ranges), content
        assert sum(kept.row_count for kept in ranges) == len(content)
        again = parts_of(content, ranges)
        assert all(part.is_known for part in again[:-1])  # an unchanged listing is passed over
        assert not again[-1].listed


def test_small_ranges_are_joined() -> None:
    content = {f"{number:03}": ("e", 1) for number in range(64)}
    ranges = ranges_after(parts_of(content, []), [])
    assert len(ranges) == 8

    few = {key: value for key, value in content.items() if int(key) % 8 == 0}
    ranges = ranges_after(parts_of(few, ranges), ranges)

    assert [kept.row_count for kept in ranges] == [2, 2, 2, 2]


@pytest.mark.parametrize("place", [1, 4, 5, 9, 10, 11, 63])
def test_a_listing_out_of_order_is_refused_wherever_it_is(place: int) -> None:
    infos = listing({f"{number:03}": ("e", 1) for number in range(64)})
    infos[place - 1], infos[place] = infos[place], infos[place - 1]

    with pytest.raises(ListingOrderError):
        list(cut(infos, [], lambda _after, _last: True, PLACE))
    twice = [*infos[:place], infos[place - 1]]
    with pytest.raises(ListingOrderError):
        list(cut(twice, [], lambda _after, _last: True, PLACE))
