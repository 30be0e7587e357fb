"""Combining columns: the same as row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns import combine as combine_module
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine, join


def coded(rows: list[str]) -> Coded[str]:
    things = tuple(dict.fromkeys(rows))
    return Coded(things, np.array([things.index(row) for row in rows], np.uint8))


tables = st.integers(0, 30).flatmap(
    lambda rows: st.lists(st.lists(st.sampled_from("abc"), min_size=rows, max_size=rows), max_size=4)
)


class TestCombine:
    @pytest.mark.parametrize(("few", "largest_table"), [(0, 0), (0, 1 << 22), (256, 1 << 22)])
    @given(table=tables)
    def test_gives_the_combination_of_each_row(self, few: int, largest_table: int, table: list[list[str]]) -> None:
        rows = len(table[0]) if table else 5
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(combine_module, "BYTES", few)
            patch.setattr(combine_module, "LARGEST_TABLE", largest_table)
            combined = combine([coded(column) for column in table], rows)

        expected = list(zip(*table, strict=True)) if table else [()] * rows
        assert [combined.things[code] for code in combined.codes.tolist()] == expected

    @given(table=tables)
    def test_gives_no_combination_twice_and_none_that_does_not_occur(self, table: list[list[str]]) -> None:
        if table and table[0]:
            combined = combine([coded(column) for column in table], len(table[0]))

            assert sorted(combined.things) == sorted(set(zip(*table, strict=True)))

    @given(
        st.lists(st.integers(0, 16), min_size=1, max_size=90).flatmap(
            lambda rows: st.tuples(st.just(rows), st.permutations(rows))
        )
    )
    def test_as_many_combinations_as_a_byte_has_values_or_more_are_kept_apart(
        self, both: tuple[list[int], list[int]]
    ) -> None:
        columns = [coded([str(number) for number in rows]) for rows in both]

        combined = combine(columns, len(both[0]))

        assert [combined.things[code] for code in combined.codes.tolist()] == [
            (str(one), str(other)) for one, other in zip(*both, strict=True)
        ]


class TestCoded:
    @given(st.lists(st.sampled_from("abc"), min_size=1))
    def test_map_applies_to_each_row_and_joins_equal_results(self, rows: list[str]) -> None:
        mapped = coded(rows).map(lambda thing: thing == "a")

        assert [mapped.things[code] for code in mapped.codes.tolist()] == [row == "a" for row in rows]
        assert len(mapped.things) == len(set(mapped.things))

    @given(st.lists(st.sampled_from("abc"), min_size=1))
    def test_flags_tell_of_each_row(self, rows: list[str]) -> None:
        assert coded(rows).flags(lambda thing: thing == "a").tolist() == [row == "a" for row in rows]

    @given(st.lists(st.lists(st.sampled_from("abc"), min_size=1), min_size=1))
    def test_joined_parts_have_their_rows_one_behind_the_other(self, parts: list[list[str]]) -> None:
        joined = join([coded(part) for part in parts])

        assert [joined.things[code] for code in joined.codes.tolist()] == [row for part in parts for row in part]

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**40)), min_size=1))
    def test_count_adds_up_weights(self, rows: list[tuple[str, int]]) -> None:
        names, weights = [name for name, _ in rows], [weight for _, weight in rows]

        counts = coded(names).count(np.array(weights))

        assert counts == {name: sum(weight for other, weight in rows if other == name) for name in names}
