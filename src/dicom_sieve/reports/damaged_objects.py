"""How many objects of a run are damaged, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledItem, Finding
from dicom_sieve.headers import Defect, Extent


@dataclass(frozen=True, slots=True)
class DamagedFigures:
    """Damaged objects.

    Attributes:
        objects: All that are CORRUPT.
        all_before: Of these, all that was asked lies before the damage.
        passed: Of these, were judged and passed.
    """

    objects: int
    all_before: int
    passed: int


@dataclass(slots=True)
class DamagedTally:
    """Counts damaged objects.

    Attributes:
        criteria: The run's.
    """

    criteria: Sequence[CompiledItem]
    _objects: int = 0
    _all_before: int = 0
    _passed: int = 0
    _is_known: bool = False

    def add(
        self, extent: Extent, attributes: Mapping[str, tuple[str, ...]], findings: Sequence[Finding], instances: int
    ) -> None:
        """Take in instances whose header has these attributes, was read as far, and came to these findings."""
        if extent.defect is not Defect.CORRUPT:
            return
        self._objects += instances
        if extent.damage is not None:
            self._is_known = True
            self._all_before += 0 if extent.behind(self.criteria, attributes) else instances
        self._passed += instances if set(findings) == {Finding.MET} else 0

    def figures(self) -> DamagedFigures | None:
        """Give what was counted; None where of no object is known where it is damaged, as in ledgers of old."""
        return DamagedFigures(self._objects, self._all_before, self._passed) if self._is_known else None
