"""Leaps: rows of elements that are passed over at once give what going through them one by one gives."""

import random
import struct
from itertools import cycle, islice

import pytest

from dicom_sieve.headers import Instance, NeedMore, Window, fast
from dicom_sieve.headers.fast import read_quickly
from dicom_sieve.headers.leaps import LONGEST_LEAP, MOST_LEAPS, SHORTEST_LEAP, Leaps, Seen
from dicom_sieve.headers.reference import read_header
from tests.headers.made import ATTRIBUTES, VALUES
from tests.headers.raw import EXPLICIT, IMPLICIT, LIMIT, SERIES, element, meta, sequence, series

PRIVATE = [0x00090000 | number for number in range(0x1001, 0x1041)]
SCANNERS = 3
OBJECTS = 1_500


def seen(number: int, length: int = 4, *, is_wanted: bool = False) -> Seen:
    head = struct.pack("<HH2sH", 0x0009, number, b"CS", length)
    return Seen(head, len(head) + length, number if is_wanted else 0)


def written(elements: list[Seen]) -> bytes:
    return b"".join(one.head + b"%04d" % number for number, one in enumerate(elements))


class TestARow:
    def test_is_leapt_over_and_its_wanted_values_are_taken(self) -> None:
        row = [seen(1), seen(2, is_wanted=True), seen(3), seen(4, is_wanted=True)]
        leaps, values = Leaps(), dict[int, bytes]()
        leaps.learn(row)
        data = b"??" + written(row) + b"??"

        (leap,) = leaps.values()
        assert leaps.take(leap, data, 2, values) == len(data) - 2
        assert values == {2: b"0001", 4: b"0003"}

    def test_is_cut_where_an_element_is_another(self) -> None:
        row = [seen(number) for number in range(1, 21)]
        leaps, values = Leaps(), dict[int, bytes]()
        leaps.learn(row)
        (leap,) = leaps.values()
        changed = [*row[:8], seen(9, 6), *row[9:]]

        assert leaps.take(leap, written(changed) + b"xx", 0, values) == 0
        rows = {head: one.elements for head, one in leaps.items()}
        assert rows == {row[0].head: tuple(row[:8]), row[9].head: tuple(row[9:])}
        assert values == {}

    def test_of_few_elements_is_no_leap(self) -> None:
        leaps = Leaps()
        leaps.learn([seen(number) for number in range(SHORTEST_LEAP - 1)])
        assert leaps == {}

    def test_of_many_elements_is_several_leaps(self) -> None:
        leaps, row = Leaps(), [seen(number) for number in range(2 * LONGEST_LEAP + SHORTEST_LEAP)]
        leaps.learn(row)
        assert [len(one.elements) for one in leaps.values()] == [LONGEST_LEAP, LONGEST_LEAP, SHORTEST_LEAP]

    def test_that_begins_as_no_other_does_not_make_them_ever_more(self) -> None:
        leaps = Leaps()
        for first in range(3 * MOST_LEAPS):
            leaps.learn([seen(number) for number in range(first, first + SHORTEST_LEAP)])
            assert 0 < len(leaps) <= MOST_LEAPS


class Scanner:
    """Makes headers that are nearly alike: of the same elements, their values of nearly always the same lengths."""

    def __init__(self, chance: random.Random, *, implicit: bool) -> None:
        self.chance, self.implicit = chance, implicit
        tags = [tag for tag in PRIVATE if chance.random() < 0.8]
        self.elements = {tag: ("UN" if tag % 7 == 0 else "LO", chance.randrange(0, 40, 2)) for tag in tags}

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
            inner = self._element(0x00080060, "CS", b"XX")
            values[0x00091020] = sequence(0x00091020, inner, inner, vr=None if self.implicit else "SQ")
        in_order = [values[tag] for tag in sorted(values)]
        if chance.random() < 0.03:
            place = chance.randrange(len(in_order))
            in_order.insert(place, in_order[place])
        data = meta(IMPLICIT if self.implicit else EXPLICIT) + b"".join(in_order)
        return data[: chance.randrange(300, len(data) + 1)] if chance.random() < 0.05 else data

    def _element(self, tag: int, vr: str, value: bytes) -> bytes:
        return element(tag, None if self.implicit else vr, value)


def window_of(data: bytes, held: int) -> Window:
    window = Window(len(data))
    window.add(0, data[:held])
    return window


@pytest.fixture
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in (fast._EXPLICIT, fast._IMPLICIT):
        for known in (encoding.steps, encoding.wanted, encoding.leaps):
            known.clear()


@pytest.mark.no_cover  # tracing would take most of the time
@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("nothing_is_known")
def test_headers_that_are_nearly_alike_are_read_as_the_careful_reader_reads_them(seed: int, implicit: bool) -> None:
    chance = random.Random(seed)
    scanners = [Scanner(chance, implicit=implicit) for _ in range(SCANNERS)]
    leaps = (fast._IMPLICIT if implicit else fast._EXPLICIT).leaps
    quick, most = 0, 0
    for scanner in islice(cycle(scanners), OBJECTS):
        data = scanner.make()
        whole = read_header(window_of(data, len(data)), inflated_limit=LIMIT, elements_limit=LIMIT)
        answer = read_quickly(window_of(data, len(data)))
        assert answer is None or answer == whole
        quick += isinstance(answer, Instance)
        held = chance.randrange(len(data) + 1)
        part = read_quickly(window_of(data, held))
        assert part is None or part == whole or (isinstance(part, NeedMore) and held <= part.offset < len(data))
        most = max(most, sum(len(one.elements) for one in leaps.values()))
    assert quick > OBJECTS * 0.8
    assert most > 50


@pytest.mark.usefixtures("nothing_is_known")
def test_a_value_that_looks_like_an_element_is_none() -> None:
    rows = [element(tag, "LO", b"abcd") for tag in PRIVATE[:20]]
    for number in range(200):
        # What follows the first element begins with the header of another, and is a value.
        inner = b"".join(rows[number % 10 :])[:200]
        data = meta() + b"".join(rows[:4]) + element(PRIVATE[30], "UN", inner) + series()
        data += b"".join(element(0x00290010 + place, "LO", b"x" * (number % 3 * 2)) for place in range(8))
        read = read_quickly(window_of(data, len(data)))
        assert isinstance(read, Instance)
        assert read == read_header(window_of(data, len(data)), inflated_limit=LIMIT, elements_limit=LIMIT)
