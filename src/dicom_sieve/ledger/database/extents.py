"""How far headers were read, as one text: of nearly all of them it is NULL, of others their defect, or four parts."""

from dicom_sieve.headers import Damage, Defect, Extent

_NOTHING = "-"
_WHOLE = Extent()


def write_extent(
    defect: str | None, damage: str | None, unreadable_from: str | None, *, has_series: bool
) -> str | None:
    """Write how far a header was read; None: whole.

    Args:
        defect: Name of its defect.
        damage: Name of its damage.
        unreadable_from: See `dicom_sieve.headers.Header`.
        has_series: Whether its Series Instance UID is known.
    """
    if damage is None and unreadable_from is None:
        return defect
    return " ".join(part or _NOTHING for part in (defect, damage, unreadable_from, "series" if has_series else None))


def read_extent(text: str | None) -> Extent:
    """Read what `write_extent` wrote."""
    if text is None:
        return _WHOLE
    defect, *others = text.split(" ")
    if not others:
        return Extent(Defect(defect))
    damage, unreadable_from, has_series = (None if part == _NOTHING else part for part in others)
    return Extent(
        None if defect == _NOTHING else Defect(defect),
        None if damage is None else Damage(damage),
        unreadable_from,
        has_series=has_series is not None,
    )
