"""Lists in sentences."""

from collections.abc import Sequence


def any_of(texts: Sequence[str], most: int | None = None) -> str:
    """Give ``CT, MR or PT``; where there are more than `most`, the first of them and the number of the others."""
    if most is not None and len(texts) > most:
        return _joined([*texts[:most], f"{len(texts) - most:,} others"], " or ")
    return _joined(texts, " or ")


def all_of(texts: Sequence[str]) -> str:
    """Give ``CT, MR and PT``."""
    return _joined(texts, " and ")


def _joined(texts: Sequence[str], last: str) -> str:
    return last.join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)
