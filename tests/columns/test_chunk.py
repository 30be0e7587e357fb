"""Chunks: what is packed comes back, in little space; what is damaged is an error of this package."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns.chunk import (
    Entry,
    as_entry,
    column_of,
    columns_of,
    decode,
    decode_numbers,
    decode_packed,
    encode,
    encode_numbers,
    join_packed,
    same_for_all,
    values_of,
)
from dicom_sieve.errors import DamagedChunkError

values = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), max_size=3).map(tuple)
entries = st.none() | values.map(as_entry)
rows = st.lists(entries, min_size=1, max_size=300).filter(lambda listed: any(entry is not None for entry in listed))


class TestEntries:
    @given(st.none() | values)
    def test_an_entry_stands_for_exactly_its_values(self, given_values: tuple[str, ...] | None) -> None:
        assert values_of(as_entry(given_values)) == given_values

    def test_absent_empty_and_one_empty_value_differ(self) -> None:
        assert len({as_entry(None), as_entry(()), as_entry(("",))}) == 3


class TestColumns:
    @given(st.lists(st.dictionaries(st.sampled_from("abcd"), values), min_size=1, max_size=30))
    def test_have_for_each_row_the_entry_of_its_own_value(self, listed: list[dict[str, tuple[str, ...]]]) -> None:
        columns = columns_of(listed)

        expected = {name: column_of([as_entry(row.get(name)) for row in listed]) for name in columns}
        assert list(columns) == sorted({name for row in listed for name in row})
        assert {name: encode(column) for name, column in columns.items()} == {
            name: encode(column) for name, column in expected.items()
        }

    def test_have_no_row_for_nothing(self) -> None:
        assert columns_of([]) == columns_of([{}, {}]) == {}


class TestChunks:
    @given(rows)
    def test_rows_come_back(self, listed: list[Entry]) -> None:
        assert decode(encode(column_of(listed)), len(listed)).rows() == listed

    @pytest.mark.parametrize("distinct", [255, 256, 257, 65_536, 65_537])
    def test_any_number_of_distinct_entries_comes_back(self, distinct: int) -> None:
        listed = [as_entry((str(number),)) for number in range(distinct)]

        assert decode(encode(column_of(listed)), distinct).rows() == listed

    def test_half_a_surrogate_pair_comes_back(self) -> None:
        listed = [as_entry(("\ud800",)), None]

        assert decode(encode(column_of(listed)), 2).rows() == listed

    def test_a_chunk_of_one_entry_is_hardly_longer_than_the_entry(self) -> None:
        assert len(encode(same_for_all(as_entry(("AXIAL",)), 10_000))) == len("AXIAL") + 2

    def test_a_column_of_few_entries_takes_little_space(self) -> None:
        listed = [as_entry((str(number % 7),)) for number in range(10_000)]

        assert len(encode(column_of(listed))) < 200

    @given(rows, st.data())
    def test_damaged_bytes_are_an_error_of_this_package_or_rows(self, listed: list[Entry], data: st.DataObject) -> None:
        packed = bytearray(encode(column_of(listed)))
        place = data.draw(st.integers(0, len(packed) - 1))
        packed[place] ^= data.draw(st.integers(1, 255))
        cut = bytes(packed[: data.draw(st.integers(0, len(packed)))])
        for damaged in (bytes(packed), cut):
            try:
                column = decode(damaged, len(listed))
            except DamagedChunkError:
                continue
            assert len(column.rows()) == len(listed)

    @given(rows)
    def test_another_number_of_rows_is_an_error(self, listed: list[Entry]) -> None:
        column = column_of(listed)
        if len(column.entries) > 1:
            with pytest.raises(DamagedChunkError, match="dicom-sieve verify"):
                decode(encode(column), len(listed) + 1)

    def test_a_chunk_that_claims_gigabytes_is_an_error(self) -> None:
        with pytest.raises(DamagedChunkError):
            decode(b"\x03" + (2**32 - 1).to_bytes(4, "little") + b"abc", 3)


class TestSomeRows:
    @given(rows, st.data())
    def test_have_their_entries_and_no_others(self, listed: list[Entry], data: st.DataObject) -> None:
        some = sorted(data.draw(st.sets(st.integers(0, len(listed) - 1), min_size=1)))

        taken = column_of(listed).take(np.array(some))

        assert taken.rows() == [listed[row] for row in some]
        assert set(taken.entries) == set(taken.rows())


class TestJoinedRows:
    @given(st.lists(rows | st.lists(st.none(), min_size=1, max_size=3), min_size=1, max_size=6))
    def test_are_those_of_each_chunk_one_behind_the_other(self, parts: list[list[Entry]]) -> None:
        chunks = [(encode(column_of(part)) if set(part) != {None} else None, len(part)) for part in parts]

        joined = join_packed([decode_packed(data, count) for data, count in chunks]).as_column()

        assert joined.rows() == [entry for part in parts for entry in part]

    def test_of_chunks_with_the_same_entries_have_them_once(self) -> None:
        parts = [decode_packed(encode(column_of(["a\0", "b\0", "a\0"])), 3) for _ in range(3)]

        assert len(join_packed(parts).as_column().entries) == 2

    def test_of_more_entries_than_their_codes_had_room_for_are_kept_apart(self) -> None:
        parts = [[f"{part} {number}\0" for number in range(200)] for part in range(3)]

        joined = join_packed([decode_packed(encode(column_of(part)), 200) for part in parts])

        assert joined.as_column().rows() == [entry for part in parts for entry in part]

    def test_of_bytes_that_are_no_text_are_an_error_of_this_package(self) -> None:
        with pytest.raises(DamagedChunkError):
            decode_packed(b"\x01\xff\0", 2).as_column()


class TestNumbers:
    @given(st.lists(st.integers(-(2**62), 2**62), max_size=300))
    def test_numbers_come_back(self, numbers: list[int]) -> None:
        array = np.array(numbers, np.int64)

        assert decode_numbers(encode_numbers(array), len(numbers)).tolist() == numbers

    def test_ids_that_ascend_take_little_space(self) -> None:
        assert len(encode_numbers(np.arange(5_000, 15_000))) < 100

    def test_another_number_of_numbers_is_an_error(self) -> None:
        with pytest.raises(DamagedChunkError):
            decode_numbers(encode_numbers(np.arange(3)), 4)
