"""What was worked out is kept up to a bound, made once, and not waited for longer than a page may take."""

import threading

import pytest

from dicom_sieve.web.kept import Deadline, Kept

LONG = 10.0


class TestKept:
    def test_an_answer_is_made_once(self) -> None:
        made: list[int] = []
        kept = Kept[int](10)

        def make() -> int:
            made.append(1)
            return 7

        assert [kept.get("a", make, Deadline(LONG)) for _ in range(3)] == [7, 7, 7]
        assert made == [1]

    def test_what_was_used_longest_ago_goes_first(self) -> None:
        made: list[str] = []
        kept = Kept[str](6, len)

        def ask(text: str) -> None:
            def make() -> str:
                made.append(text)
                return text

            kept.get(text, make, Deadline(LONG))

        for text in ("aaa", "bbb", "aaa", "ccc", "aaa", "bbb"):
            ask(text)

        assert made == ["aaa", "bbb", "ccc", "bbb"]

    def test_one_answer_that_is_larger_than_the_bound_is_given(self) -> None:
        assert Kept[str](2, len).get("a", lambda: "aaaa", Deadline(LONG)) == "aaaa"

    def test_what_takes_long_is_there_later(self) -> None:
        kept, may_end = Kept[str](10), threading.Event()

        def make() -> str:
            may_end.wait(LONG)
            return "made"

        assert kept.get("a", make, Deadline(0.01)) is None
        may_end.set()
        assert kept.get("a", make, Deadline(LONG)) == "made"

    def test_what_failed_is_tried_again(self) -> None:
        kept, tries = Kept[int](10), iter([0, 5])

        def make() -> int:
            return 10 // next(tries)

        with pytest.raises(ZeroDivisionError):
            kept.get("a", make, Deadline(LONG))
        assert kept.get("a", make, Deadline(LONG)) == 2
