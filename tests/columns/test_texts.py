"""Many texts in one piece of memory are what they were, and are found by a part of them."""

from collections.abc import Sequence

import numpy as np

from dicom_sieve.columns.texts import Texts, texts_of

WRITTEN = ["1.2.3", None, "1.2.30", "ü\ud800", "1.2.3"]


def texts_in(texts: Sequence[str | None], places: Sequence[int] | None = None) -> Texts:
    """Give texts, each in its place."""
    [made] = texts_of([(text,) for text in texts], 1, np.array(places or range(len(texts)), np.intp))
    return made


class TestTexts:
    def test_are_what_they_were(self) -> None:
        texts = texts_in(WRITTEN)

        assert [texts[place] for place in range(len(texts))] == WRITTEN

    def test_stand_in_their_places(self) -> None:
        texts = texts_in(["b", "c", "a"], [1, 2, 0])

        assert [texts[place] for place in range(3)] == ["a", "b", "c"]
        assert texts.containing("b").tolist() == [False, True, False]

    def test_are_found_by_a_part_that_does_not_go_on_in_the_next_one(self) -> None:
        texts = texts_in(WRITTEN)

        assert texts.containing("2.3").tolist() == [True, False, True, False, True]
        assert texts.containing("31.2").tolist() == [False] * 5
        assert texts.containing("ü").tolist() == [False, False, False, True, False]

    def test_none_at_all_are_fine(self) -> None:
        assert texts_in([]).containing("1").tolist() == []
