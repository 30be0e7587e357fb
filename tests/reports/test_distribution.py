"""What is shown of values: nothing that tells of few instances, also not by subtraction."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.dicom.vr import AS, CS, DA, ValueType
from dicom_sieve.dicom.vr.value_type import Bin
from dicom_sieve.reports.distribution import MOST_BARS, Bar, distribution_of, group_small

bars = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(any), max_size=MOST_BARS + 4).map(
    lambda parts: [Bar(f"value {number}", met + missed, met) for number, (met, missed) in enumerate(parts)]
)


def bins(vr: ValueType, *texts: str) -> tuple[Bin, ...]:
    values = [vr.find(text) for text in texts]
    return tuple(sorted({vr.bin_of(value) for value in values if value is not None}, key=str))


def counts(vr: ValueType, *given: tuple[Sequence[str], int, int]) -> dict[tuple[Bin, ...], list[int]]:
    return {bins(vr, *texts): [instances, met] for texts, instances, met in given}


class TestGroupSmall:
    @given(bars=bars, min_cell=st.integers(2, 10))
    def test_group_small_shows_no_small_part_and_lets_none_be_worked_out(self, bars: list[Bar], min_cell: int) -> None:
        shown, grouped = group_small(bars, min_cell)

        assert sorted([*shown, *grouped], key=str) == sorted(bars, key=str)
        assert shown == [bar for bar in bars if bar in shown]
        assert len(shown) <= MOST_BARS
        for bar in shown:
            assert not 0 < bar.met < min_cell
            assert not 0 < bar.instances - bar.met < min_cell
        if shown and grouped:  # what is grouped is the total less what is shown
            assert len(grouped) > 1
            met, missed = sum(bar.met for bar in grouped), sum(bar.instances - bar.met for bar in grouped)
            assert not 0 < met < min_cell
            assert not 0 < missed < min_cell

    @given(bars=bars.filter(lambda bars: len(bars) <= MOST_BARS))
    def test_group_small_shows_all_where_that_is_asked(self, bars: list[Bar]) -> None:
        assert group_small(bars, 1) == (bars, [])

    @given(bars=bars.filter(lambda bars: len(bars) <= MOST_BARS))
    def test_groups_nothing_where_nothing_is_small(self, bars: list[Bar]) -> None:
        large = [Bar(bar.label, 100 * bar.instances, 100 * bar.met) for bar in bars]

        assert group_small(large, 100) == (large, [])

    def test_group_small_takes_the_smallest_that_will_do_along(self) -> None:
        single, few, more, most = Bar("1", 1, 0), Bar("6", 6, 0), Bar("20", 20, 20), Bar("50", 50, 25)

        assert group_small([single, few, more, most], 5) == ([more, most], [single, few])


class TestBars:
    def test_dates_are_by_month_over_up_to_three_years(self) -> None:
        told = distribution_of(counts(DA, (["20220131"], 7, 7), (["20211201"], 9, 0), (["2022.01.01"], 7, 7)), DA, 5)

        assert told.bars == (Bar("2021-12", 9, 0), Bar("2022-01", 7, 7))

    def test_dates_are_by_year_then_by_decade_over_more(self) -> None:
        by_year = counts(DA, *(([f"{2000 + month // 12}{month % 12 + 1:02}01"], 1, 1) for month in range(72)))
        by_decade = counts(DA, *(([f"{1900 + year}0101"], 1, 1) for year in range(120)))

        assert distribution_of(by_year, DA, 5).bars == tuple(Bar(str(2000 + year), 12, 12) for year in range(6))
        told = distribution_of(by_decade, DA, 5).bars
        assert told == tuple(Bar(f"{1900 + 10 * number} to {1909 + 10 * number}", 10, 10) for number in range(12))

    def test_an_instance_with_two_dates_of_a_year_is_counted_once_in_it(self) -> None:
        many = [([f"{2000 + year}0101", f"{2000 + year}0601"], 6, 0) for year in range(20)]

        assert distribution_of(counts(DA, *many), DA, 5).bars[0] == Bar("2000", 6, 0)

    def test_ages_are_by_decade_in_the_order_of_time(self) -> None:
        told = distribution_of(counts(AS, (["101Y"], 8, 0), (["018M"], 5, 5), (["010Y"], 6, 6)), AS, 5)

        assert told.bars == (Bar("0 to 9 years", 5, 5), Bar("10 to 19 years", 6, 6), Bar("100 to 109 years", 8, 0))

    def test_codes_are_by_value_the_most_frequent_first_and_the_rest_together(self) -> None:
        codes = [([f"CODE {number}"], 100 - number, 0) for number in range(MOST_BARS + 3)]

        told = distribution_of(counts(CS, *codes), CS, 5)

        assert [bar.label for bar in told.bars] == [f"CODE {number}" for number in range(MOST_BARS)]
        assert told.other == Bar("other", 64 + 63 + 62, 0)

    def test_a_long_code_is_shortened(self) -> None:
        [bar] = distribution_of(counts(CS, (["X" * 1000], 9, 0)), CS, 5).bars

        assert bar.label == "X" * 63 + "…"

    @pytest.mark.parametrize("text", ["", "  ", "2022", "20220230", "64", "N-A"])
    def test_what_is_no_value_has_no_bar(self, text: str) -> None:
        assert bins(DA, text) == bins(AS, text) == ()
