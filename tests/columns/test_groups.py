"""Blocks hold whole groups, each once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns import groups
from dicom_sieve.columns.groups import blocks_of_groups

numbers = st.lists(st.sampled_from([-(2**63), -1, 0, 5, 6, 7, 2**63 - 1]), max_size=30)


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("most", [1, 7, 1 << 16])
@given(listed=numbers)
def test_every_row_is_in_one_block_with_all_its_group(most: int, is_sorted: bool, listed: list[int]) -> None:
    of_rows = np.array(sorted(listed) if is_sorted else listed, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "BLOCK_ROWS", most)
        blocks = list(blocks_of_groups(of_rows))

    rows = [block.take(np.arange(len(listed))) for block in blocks]
    assert sorted(row for part in rows for row in part.tolist()) == list(range(len(listed)))
    assert [number for block in blocks for number in block.groups.tolist()] == sorted(set(listed))
    for block, part in zip(blocks, rows, strict=True):
        assert of_rows[part].tolist() == block.groups[block.members].tolist()
        assert block.sizes.tolist() == [listed.count(number) for number in block.groups.tolist()]
        assert len(part) <= most or len(block.groups) == 1


def test_a_block_is_as_large_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "BLOCK_ROWS", 4)
    sizes = [len(block.members) for block in blocks_of_groups(np.array([1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5, 5, 5, 6]))]
    assert sizes == [4, 4, 5, 1]


def test_rows_are_sorted_by_the_last_key_first() -> None:
    [block] = blocks_of_groups(np.array([1, 1, 1, 2, 2]))
    order = block.sort(np.array([3, 1, 2, 9, 8]), np.array([1, 1, 0, 5, 5]))
    assert order.tolist() == [2, 1, 0, 4, 3]
