"""Adding up by groups says what plain Python says, whatever 64 bits the groups are numbered with."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.columns import grouped
from dicom_sieve.columns.grouped import Members, Sums, bounds_of, count_of
from dicom_sieve.columns.numbers import mix, number_of, numbers_of

LEAST, GREATEST = -(2**63), 2**63 - 1
GROUPS = st.sampled_from([LEAST, LEAST + 1, -(2**62) - 1, -1, 0, 1, 2**62, 2**62 + 1, GREATEST])
"""Hashes of texts: the difference of two may need more than 64 bits."""
SMALL = st.integers(-5, 5)
BATCHES = st.lists(st.lists(st.tuples(GROUPS, SMALL, st.integers(0, 2)), max_size=12), max_size=6)


def columns(rows: list[tuple[int, int, int]]) -> list[np.ndarray]:
    return [np.array([row[place] for row in rows], np.int64) for place in range(3)]


@pytest.fixture(params=[0, 3, 1 << 20])
def most_waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are made one at every, some, or no addition."""
    monkeypatch.setattr(grouped, "MOST_WAITING", request.param)


@pytest.mark.usefixtures("most_waiting")
class TestSums:
    @settings(max_examples=150)
    @given(BATCHES)
    def test_sums_are_those_of_plain_python(self, batches: list[list[tuple[int, int, int]]]) -> None:
        sums, expected = Sums(2), defaultdict[int, list[int]](lambda: [0, 0])
        for rows in batches:
            sums.add(*columns(rows))
            for group, first, second in rows:
                expected[group][0] += first
                expected[group][1] += second

        groups, (first_sums, second_sums) = sums.finish()

        assert groups.tolist() == sorted(expected)
        found = zip(groups.tolist(), first_sums.tolist(), second_sums.tolist(), strict=True)
        assert {group: [first, second] for group, first, second in found} == expected

    def test_sums_of_groups_that_descend_by_more_than_64_bits_are_put_in_order(self) -> None:
        sums = Sums(1)

        sums.add(np.array([GREATEST, LEAST, GREATEST]), np.array([1, 2, 4]))

        groups, (added,) = sums.finish()
        assert (groups.tolist(), added.tolist()) == ([LEAST, GREATEST], [2, 5])


@pytest.mark.usefixtures("most_waiting")
class TestMembers:
    @settings(max_examples=150)
    @given(BATCHES)
    def test_members_have_their_highest_rank(self, batches: list[list[tuple[int, int, int]]]) -> None:
        members, expected = Members(), dict[tuple[int, int], int]()
        for rows in batches:
            members.add(*columns(rows))
            for group, member, rank in rows:
                expected[group, member] = max(rank, expected.get((group, member), 0))

        groups, numbers, ranks = (column.tolist() for column in members.finish())

        assert list(zip(groups, numbers, strict=True)) == sorted(expected)
        assert dict(zip(zip(groups, numbers, strict=True), ranks, strict=True)) == expected


class TestCounting:
    @given(st.lists(GROUPS), st.lists(GROUPS))
    def test_groups_are_counted_and_bounded(self, given_groups: list[int], others: list[int]) -> None:
        groups, among = np.array(sorted(given_groups), np.int64), np.unique(np.array(given_groups + others, np.int64))

        assert count_of(groups, among).tolist() == [given_groups.count(group) for group in among.tolist()]
        starts, ends = bounds_of(groups)
        assert [(groups[start], end - start) for start, end in zip(starts, ends, strict=True)] == [
            (group, given_groups.count(group)) for group in sorted(set(given_groups))
        ]


class TestNumbers:
    @pytest.mark.slow
    def test_a_million_pairs_have_a_million_numbers(self) -> None:
        small = np.arange(1000, dtype=np.int64)
        for firsts, seconds in ((small, small), (small - 500, small << 40), (small << 50, small)):
            mixed = mix(np.repeat(firsts, 1000), np.tile(seconds, 1000))
            assert len(np.unique(mixed)) == 1_000_000

        hashes = numbers_of([str(number) for number in range(1000)])
        assert len(np.unique(mix(np.repeat(hashes, 1000), np.tile(hashes, 1000)))) == 1_000_000

    def test_order_matters_and_numbers_are_the_same_everywhere(self) -> None:
        first, second = np.array([1]), np.array([2])

        assert mix(first, second) != mix(second, first)
        assert number_of("") == number_of("") == 1449310910991872227
        assert numbers_of([None, "1.2.3"]).tolist() == [0, number_of("1.2.3")]
