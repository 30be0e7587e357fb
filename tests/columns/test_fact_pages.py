"""Pages of facts say of each header what was written of it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.columns.chunk import Entry, as_entry, column_of
from dicom_sieve.columns.fact_pages import UNDECIDED, FactPage, read_pages, write_pages
from dicom_sieve.columns.measured import UNKNOWN_ENTRY
from dicom_sieve.columns.pages import PAGE_IDS

texts = st.sampled_from(["0", "1", "24", "2.5", "0.000001", "AXIAL", "OBLIQUE", "-1", "12345678901", "0." + "0" * 300])
entries = st.one_of(st.none(), st.just(UNKNOWN_ENTRY), texts.map(lambda text: as_entry([text])))
some_facts = st.dictionaries(st.integers(1, 5 * PAGE_IDS), entries, max_size=30)


def write(facts: dict[int, Entry], before: dict[int, FactPage]) -> dict[int, FactPage]:
    ids = np.array(sorted(facts), np.int64)
    return {page.number: page for page in write_pages(ids, column_of([facts[row] for row in sorted(facts)]), before)}


def read(pages: dict[int, FactPage], ids: list[int]) -> dict[int, Entry]:
    column = read_pages([pages[number] for number in sorted(pages)]).of(np.array(ids, np.int64))
    return dict(zip(ids, column.rows(), strict=True))


@settings(max_examples=200)
@given(st.lists(some_facts, max_size=4))
def test_the_last_that_was_written_of_a_header_is_read(written: list[dict[int, Entry]]) -> None:
    pages: dict[int, FactPage] = {}
    expected: dict[int, Entry] = {}
    for facts in written:
        changed = write(facts, pages)
        assert all(pages.get(number) != page for number, page in changed.items())
        pages |= changed
        expected |= facts
    ids = list(range(1, 6 * PAGE_IDS))

    assert read(pages, ids) == {row: expected.get(row) for row in ids}


def test_a_page_of_equal_cells_is_one_cell() -> None:
    [page] = write(dict.fromkeys(range(PAGE_IDS), as_entry(["2.5"])), {}).values()

    assert page == FactPage(0, 3, "2.5")


def test_cells_have_the_width_of_the_longest() -> None:
    [page] = write({2: as_entry(["12"]), 3: UNKNOWN_ENTRY}, {}).values()

    assert page.width == 2
    assert page.cells[:10] == f"    12{UNDECIDED}   "
    assert len(page.cells) == 2 * PAGE_IDS


def test_nothing_is_written_where_nothing_changes() -> None:
    before = write({1: as_entry(["1"])}, {})

    assert write({1: as_entry(["1"]), 2: None, 2 * PAGE_IDS: None}, before) == {}
