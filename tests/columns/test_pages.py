"""Pages of outcomes: each id finds its own, whatever the number of outcomes and the gaps between ids."""

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.pages import PAGE_IDS, PALETTE_OUTCOMES, UNDECIDED, Palettes

NOTHING = -1


def coded(outcomes: list[int]) -> Coded[int]:
    things = tuple(dict.fromkeys(outcomes))
    places = {thing: place for place, thing in enumerate(things)}
    return Coded(things, np.array([places[outcome] for outcome in outcomes], np.uint32))


class Page(NamedTuple):
    """One page, as a row of the ledger has it."""

    number: int
    palette: int
    codes: bytes


def pages_of(palettes: Palettes[int], ids: NDArray[np.int64], outcomes: list[int]) -> list[Page]:
    """Make pages, each by itself."""
    made = palettes.pages(ids, coded(outcomes))
    return [Page(number, some.palette, codes) for some in made for number, codes in zip(*some[::2], strict=True)]


def look_up(pages: list[Page], palettes: Palettes[int], row_id: int) -> int:
    """Find an outcome as SQL does: the page by number, the outcome by palette and byte."""
    (page,) = [page for page in pages if page.number == row_id // PAGE_IDS]
    by_code = {code: outcome for outcome, code in palettes.palettes[page.palette].items()}
    return by_code.get(page.codes[row_id % PAGE_IDS if len(page.codes) > 1 else 0], NOTHING)


class TestPages:
    @given(st.dictionaries(st.integers(0, 2_000), st.integers(0, 5), min_size=1))
    def test_each_id_finds_its_outcome_and_other_ids_none(self, decided: dict[int, int]) -> None:
        ids = sorted(decided)
        palettes = Palettes[int]()
        pages = pages_of(palettes, np.array(ids), [decided[row_id] for row_id in ids])

        for page in pages:
            for row_id in range(page.number * PAGE_IDS, (page.number + 1) * PAGE_IDS):
                assert look_up(pages, palettes, row_id) == decided.get(row_id, NOTHING)

    @given(st.integers(200, 900), st.integers(1, 3), st.booleans())
    def test_more_outcomes_than_a_byte_can_say_get_further_palettes(self, kinds: int, step: int, gaps: bool) -> None:
        ids = list(range(3, 3 + 2_000 * step, step)) if gaps else list(range(2_000))
        decided = {row_id: (row_id * 7919) % kinds for row_id in ids}
        palettes = Palettes[int]()
        pages = pages_of(palettes, np.array(ids), [decided[row_id] for row_id in ids])

        assert all(len(palette) <= PALETTE_OUTCOMES for palette in palettes.palettes)
        assert all(look_up(pages, palettes, row_id) == decided[row_id] for row_id in ids[:: 1 + len(ids) // 200])

    def test_outcomes_of_several_calls_share_a_palette(self) -> None:
        palettes = Palettes[int]()
        first = pages_of(palettes, np.arange(250), [1, 2] * 125)
        second = pages_of(palettes, np.arange(250, 500), [2, 3] * 125)

        assert palettes.palettes == [{1: 0, 2: 1, 3: 2}]
        assert [page.palette for page in first + second] == [0, 0]

    def test_a_page_of_one_outcome_is_one_byte_long(self) -> None:
        (page,) = pages_of(Palettes[int](), np.arange(250), [7] * 250)

        assert page.codes == b"\0"

    def test_a_page_with_an_undecided_id_says_so_in_its_byte(self) -> None:
        (page,) = pages_of(Palettes[int](), np.arange(1, 250), [7] * 249)

        assert page.codes == bytes([UNDECIDED]) + b"\0" * 249

    def test_no_id_gives_no_page(self) -> None:
        assert pages_of(Palettes[int](), np.array([], np.int64), []) == []

    def test_each_outcome_is_given_once_to_be_recorded(self) -> None:
        palettes = Palettes[int]()
        pages_of(palettes, np.arange(250), [1, 2] * 125)
        first = list(palettes.take_new())
        pages_of(palettes, np.arange(250, 500), [2, 3] * 125)
        second = list(palettes.take_new())
        pages_of(palettes, np.arange(500, 1000), [4 + number % 254 for number in range(500)])
        third = {(palette, code): outcome for palette, code, outcome in palettes.take_new()}

        assert (first, second) == ([(0, 0, 1), (0, 1, 2)], [(0, 2, 3)])
        assert {palette for palette, _ in third} == {0, 1}
        assert {
            (number, code): thing for number, palette in enumerate(palettes.palettes) for thing, code in palette.items()
        } == {**third, (0, 0): 1, (0, 1): 2, (0, 2): 3}
        assert list(palettes.take_new()) == []
