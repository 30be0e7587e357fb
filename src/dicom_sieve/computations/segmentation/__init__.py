"""An example of a computation on series that passed: lungs and body in CT. Not for clinical use.

It needs the extra ``dicom-sieve[segmentation]``.
"""

from importlib.util import find_spec

NEEDED = ("highdicom", "imagecodecs", "scipy")


def missing_packages() -> list[str]:
    """Name what of the extra is not installed."""
    return [name for name in NEEDED if find_spec(name) is None]
