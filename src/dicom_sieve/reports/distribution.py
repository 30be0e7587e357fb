"""Which values of an attribute a run saw, in bars: dates by month, year or decade, ages by decade, codes by value.

What would tell of few instances is not told: see `group_small` (ADR 13).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.dicom.vr.value_type import Bin, Scale, ValueType

MOST_BARS = 36
OTHER = "other"

Counts = Mapping[tuple[Bin, ...], Sequence[int]]
"""By the bins of an instance, each once: how many instances have them, and how many of these meet the criterion."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Instances with one value, or with a value of one span.

    Attributes:
        label: Which.
        instances: How many have it.
        met: Of these, meet the criterion.
    """

    label: str
    instances: int
    met: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values that instances have of one attribute. An instance with several is counted in the bar of each.

    Attributes:
        bars: In the order of time; codes the most frequent first.
        other: All that is not shown apart, together; None where all is.
    """

    bars: tuple[Bar, ...]
    other: Bar | None


def distribution_of(counts: Counts, vr: ValueType, min_cell: int, rest: Bar | None = None) -> Distribution:
    """Make bars of counts, of the finest scale that needs no more than `MOST_BARS`; the coarsest needs none.

    Args:
        counts: What was counted.
        vr: Of the attribute.
        min_cell: Fewer instances than this are not told apart.
        rest: What was not counted apart.
    """
    bars: list[Bar] = []
    for scale in vr.scales:
        bars = _count(counts, scale)
        if len(bars) <= MOST_BARS:
            break
    if not vr.has_order:
        bars.sort(key=lambda bar: -bar.instances)
    shown, grouped = group_small(bars, min_cell, () if rest is None else (rest,))
    return Distribution(tuple(shown), _together(grouped) if grouped else None)


def group_small(bars: Sequence[Bar], min_cell: int, rest: Iterable[Bar] = ()) -> tuple[list[Bar], list[Bar]]:
    """Tell bars that may be shown from those that are only shown together.

    A bar is small where it, or the part of it that meets the criterion, or the part that does not, is of fewer than
    ``min_cell`` instances, and more than none. One small bar alone could be worked out from the total, so another one
    goes with it, the smallest that will do, and so on until all of them together are not small, or none is left.

    Args:
        bars: All of them; no more than the first `MOST_BARS` are shown.
        min_cell: 1 or less shows all.
        rest: Bars that cannot be shown.

    Returns:
        Those to show, in their order, and those to group.
    """
    shown = [bar for bar in bars[:MOST_BARS] if not _is_small(bar, min_cell)]
    grouped = [*(bar for bar in bars[:MOST_BARS] if _is_small(bar, min_cell)), *bars[MOST_BARS:], *rest]
    while min_cell > 1 and grouped and shown and (len(grouped) == 1 or _is_small(_together(grouped), min_cell)):
        smallest = min(shown, key=lambda bar: (_is_small(_together([*grouped, bar]), min_cell), bar.instances))
        shown.remove(smallest)
        grouped.append(smallest)
    return shown, grouped


def _is_small(bar: Bar, min_cell: int) -> bool:
    return any(0 < part < min_cell for part in (bar.met, bar.instances - bar.met))


def _together(bars: Sequence[Bar]) -> Bar:
    return Bar(OTHER, sum(bar.instances for bar in bars), sum(bar.met for bar in bars))


def _count(counts: Counts, scale: Scale) -> list[Bar]:
    """Count instances by bars, an instance once in each, in the order of their values."""
    wide: dict[Bin, list[int]] = {}
    for bins, (instances, met) in counts.items():
        for narrow in {scale.widen(narrow) for narrow in bins}:
            both = wide.setdefault(narrow, [0, 0])
            both[0] += instances
            both[1] += met
    in_order = sorted(wide.items(), key=lambda item: (item[0] if isinstance(item[0], int) else 0, str(item[0])))
    return [Bar(scale.label(place), instances, met) for place, (instances, met) in in_order]
