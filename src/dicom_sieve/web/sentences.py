"""Criteria as sentences with plain names, and what one version of them changes in another."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import Asked
from dicom_sieve.criteria.compile_criteria import compile_asked
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.criteria.revision import compare_versions
from dicom_sieve.web.address import Given
from dicom_sieve.web.names import parts_of


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a version, and what became of it.

    Attributes:
        text: As it reads now; empty: it was removed.
        before: As it read before; empty: it is new, or the same.
        is_new: Whether the version before did not ask it.
    """

    text: str
    before: str = ""
    is_new: bool = False


def sentence_of(asked: Asked) -> str:
    """Say what one criterion asks, or what becomes of what passes.

    Raises:
        InvalidRequestError: It makes no sense.
    """
    return "; then ".join(parts_of(item).sentence for item in compile_asked(asked))


def sentences_of(given: Sequence[Given]) -> list[str]:
    """Say what criteria ask, as an address has them.

    Raises:
        InvalidRequestError: They make no sense.
    """
    return [sentence_of(item) for item in load_criteria(given)]


def lines_of(before: Sequence[Asked] | None, after: Sequence[Asked]) -> list[Line]:
    """Say what a version asks, and of each sentence whether it is new or was changed; behind them what was removed.

    Args:
        before: The version before; None: there is none, and nothing counts as new.
        after: The version itself.

    Raises:
        InvalidRequestError: One of them makes no sense.
    """
    if before is None:
        return [Line(sentence_of(item)) for item in after]
    revision = compare_versions(before, after)
    former = {id(now): was for was, now in revision.changed}
    added = {id(item) for item in revision.added}
    lines = []
    for item in after:
        was = former.get(id(item))
        lines.append(Line(sentence_of(item), "" if was is None else sentence_of(was), id(item) in added))
    return lines + [Line("", sentence_of(item)) for item in revision.removed]
