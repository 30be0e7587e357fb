"""The computations that requests can name.

Ours; programs that the setting ``DICOM_SIEVE_COMMANDS`` names; and those of installed packages: an entry point of the
group ``dicom_sieve.computations`` names a `dicom_sieve.computations.kind.Kind`.
"""

from functools import cache
from importlib.metadata import entry_points

from dicom_sieve.computations.command import read_commands
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.radiomics import RADIOMICS
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.settings import load_settings

GROUP = "dicom_sieve.computations"
OURS = (LUNG_SEGMENTATION, RADIOMICS)


@cache
def kinds() -> dict[str, Kind]:
    """Give all of them by name."""
    found = [*OURS, *read_commands(load_settings().commands), *(point.load() for point in entry_points(group=GROUP))]
    for kind in found:
        if not isinstance(kind, Kind):
            raise TypeError(f"an entry point of {GROUP} names a {type(kind).__name__}; accepted: a Kind")
    return {kind.name: kind for kind in found}


def installed() -> list[Kind]:
    """Give those whose packages are there."""
    return [kind for kind in kinds().values() if not kind.missing_packages()]


def find_kind(name: object, field: str = "computation") -> Kind:
    """Give one by its name.

    Raises:
        InvalidRequestError: There is none of this name, or its packages are not installed.
    """
    kind = kinds().get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidRequestError((f"{field}: not known; accepted: {', '.join(kinds())}",))
    if missing := kind.describe_missing():
        raise InvalidRequestError((f"{field}: {kind.name} cannot be computed here: {missing}",))
    return kind
