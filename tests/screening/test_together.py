"""What comes in pieces is written together, by whom it may be, and nothing of it is lost or written twice."""

import threading
import time
from collections.abc import Sequence

import pytest

from dicom_sieve.screening.together import written_together

AN_HOUR = 3600.0


def test_it_is_written_when_there_is_enough() -> None:
    written: list[list[int]] = []

    def write(things: Sequence[int]) -> None:
        written.append([*things])

    with written_together(write, most=3, seconds=AN_HOUR, in_thread=True) as add:
        for number in range(7):
            add([number])
        add([])

    assert written == [[0, 1, 2], [3, 4, 5], [6]]


def test_it_is_written_after_some_time_though_nothing_follows() -> None:
    written: list[int] = []
    is_written = threading.Event()

    def write(things: Sequence[int]) -> None:
        written.extend(things)
        is_written.set()

    with written_together(write, most=100, seconds=0.05, in_thread=True) as add:
        add([1])
        assert is_written.wait(30)
        is_written.clear()
        add([2])
        assert is_written.wait(30)

    assert written == [1, 2]


def test_without_a_thread_the_next_piece_looks_after_the_time() -> None:
    written: list[list[int]] = []

    def write(things: Sequence[int]) -> None:
        written.append([*things])

    with written_together(write, most=9, seconds=0.05, in_thread=False) as add:
        add([1])
        time.sleep(0.1)
        assert written == []
        add([2])
        assert written == [[1, 2]]


def test_an_error_of_who_gives_pieces_writes_what_waits() -> None:
    written: list[int] = []

    def give() -> None:
        with written_together(written.extend, most=9, seconds=AN_HOUR, in_thread=True) as add:
            add([1, 2])
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        give()
    assert written == [1, 2]


@pytest.mark.parametrize("at_end", [True, False])
def test_an_error_of_writing_is_raised_where_pieces_come_from(at_end: bool) -> None:
    tried = threading.Event()

    def fail(_things: Sequence[int]) -> None:
        tried.set()
        raise ValueError("no room")

    def give() -> None:
        with written_together(fail, most=9, seconds=0.01, in_thread=True) as add:
            add([1])
            assert tried.wait(30)
            if not at_end:
                for _ in range(1000):
                    add([2])
                    time.sleep(0.01)
                pytest.fail("nobody was told")

    with pytest.raises(ValueError, match="no room"):
        give()


def test_many_pieces_are_each_written_once() -> None:
    written: list[int] = []

    def write(things: Sequence[int]) -> None:
        time.sleep(0.001)
        written.extend(things)

    with written_together(write, most=50, seconds=0.001, in_thread=True) as add:
        for number in range(500):
            add([number])
            if number % 7 == 0:
                time.sleep(0.002)

    assert written == list(range(500))


class Slow:
    """Writes when it is let, and notes what."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.begun, self.may_go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, things: Sequence[int]) -> None:
        self.begun.release()
        assert self.may_go_on.acquire(timeout=AN_HOUR)
        self.written.append(list(things))


def test_pieces_are_taken_while_a_thread_writes() -> None:
    write = Slow()
    with written_together(write, most=2, seconds=AN_HOUR, in_thread=True) as add:
        add([1, 2])
        assert write.begun.acquire(timeout=AN_HOUR)
        add([3])  # the first two are not written yet
        assert write.written == []
        write.may_go_on.release(2)

    assert write.written == [[1, 2], [3]]


def test_a_piece_waits_until_the_thread_has_taken_what_came_before() -> None:
    write = Slow()
    went_on = threading.Event()

    def give() -> None:
        with written_together(write, most=2, seconds=AN_HOUR, in_thread=True) as add:
            for number in range(0, 6, 2):
                add([number, number + 1])
            went_on.set()

    giving = threading.Thread(target=give)
    giving.start()
    assert write.begun.acquire(timeout=AN_HOUR)
    assert not went_on.wait(0.3)  # one is written, one is ready, and the third would be more
    write.may_go_on.release(3)
    giving.join(AN_HOUR)

    assert went_on.is_set()
    assert write.written == [[0, 1], [2, 3], [4, 5]]


def test_nothing_is_written_after_an_error_of_writing() -> None:
    tried: list[list[int]] = []

    def write(things: Sequence[int]) -> None:
        tried.append(list(things))
        raise ValueError("no room")

    def give() -> None:
        with written_together(write, most=1, seconds=AN_HOUR, in_thread=True) as add:
            for number in range(9):
                add([number])

    with pytest.raises(ValueError, match="no room"):
        give()
    assert tried == [[0]]
