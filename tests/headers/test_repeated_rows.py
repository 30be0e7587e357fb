"""Repeated rows: rows of elements that are passed over at once give what going through them one by one gives."""

import random
import struct
from collections.abc import Sequence
from itertools import cycle, islice

import pytest

from dicom_sieve.headers import Instance, NeedMore, Window, encoding
from dicom_sieve.headers import quick as fast
from dicom_sieve.headers.encoding import CREDIT, LEARNING_COSTS, ROW_EARNS, Learning
from dicom_sieve.headers.repeated_rows import (
    LONGEST_ROW,
    MOST_ROWS,
    MOST_WAYS,
    SHORTEST_ROW,
    Head,
    RepeatedRow,
    RepeatedRows,
    SeenElement,
    find,
    rows,
)
from tests.headers.made import ATTRIBUTES, VALUES
from tests.headers.raw import (
    EXPLICIT,
    IMPLICIT,
    SERIES,
    element,
    meta,
    read_carefully,
    read_quickly,
    sequence,
    series,
)

PRIVATE = [0x00090000 | number for number in range(0x1001, 0x1041)]
SCANNERS = 3
OBJECTS = 1_500


def seen(number: int, length: int = 4, *, is_wanted: bool = False) -> SeenElement:
    head = struct.pack("<HH2sH", 0x0009, number, b"CS", length)
    return SeenElement((head,), f"8s{length}x", 8 + length, length, number if is_wanted else 0)


def written(elements: Sequence[SeenElement]) -> bytes:
    return b"".join(
        element.heads[0] + bytes(str(number % 10) * element.behind, "ascii") for number, element in enumerate(elements)
    )


def rows_over(*learnt: Sequence[SeenElement]) -> RepeatedRows:
    repeated_rows = RepeatedRows()
    for row in learnt:
        repeated_rows.learn(row)
    return repeated_rows


def all_of(repeated_rows: RepeatedRows) -> list[RepeatedRow]:
    return [repeated for ways in repeated_rows.values() for repeated in ways]


def elements_of(repeated_rows: RepeatedRows) -> set[tuple[SeenElement, ...]]:
    return {repeated.elements for repeated in all_of(repeated_rows)}


class TestARow:
    def test_a_row_is_found_and_its_wanted_values_are_taken(self) -> None:
        row = [seen(1), seen(2, is_wanted=True), seen(3), seen(4, 6, is_wanted=True)]
        [ways] = rows_over(row).values()
        repeated = find(ways, b"??" + written(row), 2)

        assert repeated is not None
        assert repeated.size == len(written(row))
        assert repeated.marks == (2, 4)
        assert repeated.values(b"??" + written(row), 2) == (b"1111", b"333333")

    @pytest.mark.parametrize("place", range(1, 20))
    def test_a_row_is_not_found_where_an_element_is_another(self, place: int) -> None:
        row = [seen(number) for number in range(1, 21)]
        [ways] = rows_over(row).values()
        longer, another = list(row), list(row)
        longer[place], another[place] = seen(place + 1, 6), seen(99)

        assert find(ways, written(longer) + bytes(8), 0) is None
        assert find(ways, written(another) + bytes(8), 0) is None

    def test_a_row_is_not_found_where_the_data_ends_within_it(self) -> None:
        row = [seen(number) for number in range(1, 21)]
        [ways] = rows_over(row).values()
        data = written(row)
        assert find(ways, data, 0) is not None
        assert all(find(ways, data[:end], 0) is None for end in range(len(data)))

    def test_a_row_of_few_elements_is_no_repeated_row(self) -> None:
        assert rows_over([seen(number) for number in range(SHORTEST_ROW - 1)]) == {}

    def test_a_row_of_many_elements_is_several_repeated_rows(self) -> None:
        repeated_rows = rows_over([seen(number) for number in range(2 * LONGEST_ROW + SHORTEST_ROW)])
        assert [len(repeated.elements) for repeated in all_of(repeated_rows)] == [
            LONGEST_ROW,
            LONGEST_ROW,
            SHORTEST_ROW,
        ]

    def test_a_row_that_is_known_is_not_learnt_again(self) -> None:
        row = [seen(number) for number in range(20)]
        before = [seen(number) for number in range(30, 40)]
        repeated_rows = rows_over(row, row, [*before, *row], [*before, *row])
        assert elements_of(repeated_rows) == {tuple(row), tuple(before)}
        assert len(all_of(repeated_rows)) == 2

    def test_a_row_that_begins_as_no_other_does_not_make_them_ever_more(self) -> None:
        repeated_rows = RepeatedRows()
        for first in range(3 * MOST_ROWS):
            repeated_rows.learn([seen(number) for number in range(first, first + SHORTEST_ROW)])
            assert 0 < len(all_of(repeated_rows)) <= MOST_ROWS

    def test_a_row_that_begins_as_others_does_not_make_them_ever_more(self) -> None:
        repeated_rows = RepeatedRows()
        for kind in range(1, 3 * MOST_WAYS):
            row = [seen(0), *(seen(100 * kind + number) for number in range(SHORTEST_ROW))]
            repeated_rows.learn(row)
            [ways] = repeated_rows.values()
            assert len(ways) == min(kind, MOST_WAYS)
            assert ways[0].elements == tuple(row)


class TestKinds:
    def test_kinds_that_begin_alike_have_a_row_each_and_the_last_that_was_found_is_first(self) -> None:
        index = [seen(number) for number in range(1, 21)]
        other = [seen(1), *(seen(number, 6) for number in range(2, 21))]
        repeated_rows = rows_over(index, other)
        [ways] = repeated_rows.values()

        for row in (index, other, index, index, other):
            repeated = find(ways, written(row), 0)
            assert repeated is not None
            assert repeated.elements == tuple(row)
            assert ways[0] is repeated
        assert len(ways) == 2

    def test_kinds_that_are_one_but_for_some_lengths_are_cut_there(self) -> None:
        row = [seen(number) for number in range(1, 21)]
        changed = [*row[:8], seen(9, 6), *row[9:]]
        assert elements_of(rows_over(row, changed)) == {tuple(row[:8]), tuple(row[9:])}

    def test_an_element_more_makes_another_kind(self) -> None:
        row = [seen(number) for number in range(1, 21)]
        more = [*row[:8], seen(99), *row[8:]]
        assert elements_of(rows_over(row, more)) == {tuple(row), tuple(more)}


class TestRowsOfWhatWasComeUpon:
    def test_rows_of_what_was_come_upon_hold_sequences_with_all_that_is_in_them(self) -> None:
        heads = [b"first___", b"sequence____", b"item____", b"inner___", b"enditem_", b"endseq__", b"last____"]
        levels = [0, 0, 1, 2, 2, 1, 0]
        steps = [10, 12, 8, 14, 8, 8, 12]
        places = [sum(steps[:number]) for number in range(len(steps))]
        trace = [
            Head(place, head, level, closes=head.startswith(b"end"))
            for place, head, level in zip(places, heads, levels, strict=True)
        ]

        [(level, row)] = rows(trace, sum(steps))

        assert level == 0
        assert [part.heads for part in row] == [(heads[0],), tuple(heads[1:6]), (heads[6],)]
        assert [part.step for part in row] == [10, 50, 12]
        assert [part.behind for part in row] == [2, 0, 4]
        assert [struct.calcsize("<" + part.layout) for part in row] == [10, 50, 12]

    def test_of_a_long_sequence_are_those_of_its_items_and_of_what_is_in_them(self) -> None:
        trace = [Head(0, b"sequence____")]
        for number in range(3):
            start = 12 + number * 1000
            inner = [Head(start + 8 + 10 * place, b"inner%03d" % place, 2) for place in range(LONGEST_ROW)]
            trace += [Head(start, b"item____", 1), *inner, Head(start + 900, b"enditem_", 2, closes=True)]
        trace += [
            Head(3012, b"item____", 1),
            Head(3020, b"short___", 2),
            Head(3030, b"enditem_", 2, closes=True),
            Head(3038, b"endseq__", 1, closes=True),
        ]

        found = [(level, [part.heads[0] for part in row]) for level, row in rows(trace, 3046) if row]

        in_item = (2, [b"inner%03d" % place for place in range(LONGEST_ROW)])
        assert sorted(found) == sorted([(1, [b"item____"]), in_item, in_item, in_item])


class TestLearning:
    def test_learning_is_from_the_second_header_of_a_shape_and_again_from_the_second_one_after_that(self) -> None:
        learning = Learning()
        due = []
        for shape in [(1, 9), (2, 9), (1, 9), (1, 9), (1, 9), (2, 9)]:
            due.append(learning.is_due(shape, 0))
            if due[-1]:
                learning.spend(shape, 9, is_new=True)
        assert due == [False, False, True, False, True, True]

    def test_learning_ends_where_there_is_nothing_more(self) -> None:
        learning = Learning()
        learning.is_due((1, 9), 0)
        learning.spend((1, 9), 9, is_new=False)
        assert not any(learning.is_due((1, 9), 1) for _ in range(100))

    def test_learning_waits_until_rows_have_saved_what_it_costs(self) -> None:
        learning = Learning()
        learning.spend((2, 9), CREDIT // LEARNING_COSTS, is_new=True)
        learning.spend((2, 9), 10, is_new=True)
        learning.is_due((1, 0), 0)
        assert not learning.is_due((1, 0), 0)
        assert not learning.is_due((1, 0), 10 * LEARNING_COSTS // ROW_EARNS)
        assert learning.is_due((1, 0), 1)

    def test_learning_says_whether_there_was_anything_new(self) -> None:
        row = [seen(number) for number in range(20)]
        repeated_rows = RepeatedRows()
        assert [repeated_rows.learn(heads) for heads in (row[:3], row, row, row[:3], row[5:])] == [
            False,
            True,
            False,
            False,
            True,
        ]


class Scanner:
    """Makes headers that are nearly alike: of the same elements, their values of nearly always the same lengths."""

    def __init__(self, chance: random.Random, *, implicit: bool) -> None:
        self.chance, self.implicit = chance, implicit
        tags = [tag for tag in PRIVATE if chance.random() < 0.8]
        self.elements = {tag: ("UN" if tag % 7 == 0 else "LO", chance.randrange(0, 40, 2)) for tag in tags}
        self.items = chance.choice((1, 2, 5, 40))

    def make(self) -> bytes:
        chance, values = self.chance, dict[int, bytes]()
        for tag, (vr, usual) in self.elements.items():
            length = usual if chance.random() < 0.98 else chance.randrange(0, 40, 2)
            if chance.random() < 0.995:
                values[tag] = self._element(tag, vr, chance.randbytes(length))
        for tag, vr in ATTRIBUTES.items():
            if chance.random() < 0.95:
                values[tag] = self._element(tag, vr, chance.choice(VALUES))
        values[SERIES] = self._element(SERIES, "UI", b"1.2.%d" % chance.randrange(100, 104))
        if chance.random() < 0.5:
            values[0x00091020] = self._sequence(0x00091020, 0)
        in_order = [values[tag] for tag in sorted(values)]
        if chance.random() < 0.03:
            place = chance.randrange(len(in_order))
            in_order.insert(place, in_order[place])
        data = meta(IMPLICIT if self.implicit else EXPLICIT) + b"".join(in_order)
        return data[: chance.randrange(300, len(data) + 1)] if chance.random() < 0.05 else data

    def _sequence(self, tag: int, depth: int) -> bytes:
        items = self.items if self.chance.random() < 0.95 else self.chance.randrange(8)
        return sequence(tag, *(self._item(depth) for _ in range(items)), vr=None if self.implicit else "SQ")

    def _item(self, depth: int) -> bytes:
        chance = self.chance
        inner = [self._element(0x00080060, "CS", b"XX")]
        inner += [self._element(tag, "LO", b"x" * self.elements[tag][1]) for tag in list(self.elements)[:6]]
        if chance.random() < 0.02:
            inner.insert(2, self._element(0x00080070, "LO", chance.randbytes(6)))
        if depth < 2 and self.items <= 2:
            inner.append(self._sequence(0x00400555, depth + 1))
        return b"".join(inner)

    def _element(self, tag: int, vr: str, value: bytes) -> bytes:
        return element(tag, None if self.implicit else vr, value)


def window_of(data: bytes, held: int) -> Window:
    window = Window(len(data))
    window.add(0, data[:held])
    return window


@pytest.fixture
def nothing_is_known() -> None:
    fast.forget()


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would take most of the time
@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("nothing_is_known")
def test_headers_that_are_nearly_alike_are_read_as_the_careful_reader_reads_them(seed: int, implicit: bool) -> None:
    chance = random.Random(seed)
    scanners = [Scanner(chance, implicit=implicit) for _ in range(SCANNERS)]
    encoded = encoding.IMPLICIT if implicit else encoding.EXPLICIT
    quick = most = most_in_items = 0
    for scanner in islice(cycle(scanners), OBJECTS):
        data = scanner.make()
        whole = read_carefully(window_of(data, len(data)))
        answer = read_quickly(window_of(data, len(data)))
        assert answer is None or answer == whole
        quick += isinstance(answer, Instance)
        held = chance.randrange(len(data) + 1)
        window = window_of(data, held)
        part = read_quickly(window)
        if isinstance(part, NeedMore):
            assert held <= part.offset < len(data)
            window.add(part.offset, data[part.offset :])
            part = read_quickly(window)
        assert part is None or part == whole
        most = max(most, sum(len(repeated.elements) for repeated in all_of(encoded.repeated_rows)))
        most_in_items = max(most_in_items, len(all_of(encoded.repeated_rows_in_items)))
    assert quick > OBJECTS * 0.8
    assert most > 50
    assert most_in_items > 0 or all(scanner.items < 5 for scanner in scanners)


@pytest.mark.usefixtures("nothing_is_known")
def test_a_value_that_looks_like_an_element_is_none() -> None:
    rows_written = [element(tag, "LO", b"abcd") for tag in PRIVATE[:20]]
    for number in range(200):
        # What follows the first element begins with the header of another, and is a value.
        inner = b"".join(rows_written[number % 10 :])[:200]
        data = meta() + b"".join(rows_written[:4]) + element(PRIVATE[30], "UN", inner) + series()
        data += b"".join(element(0x00290010 + place, "LO", b"x" * (number % 3 * 2)) for place in range(8))
        read = read_quickly(window_of(data, len(data)))
        assert isinstance(read, Instance)
        assert read == read_carefully(window_of(data, len(data)))
