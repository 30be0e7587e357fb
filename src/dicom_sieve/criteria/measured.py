"""What is measured, in the place of an attribute: how it is spoken of, and its unit."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_sieve.criteria.measures import KINDS, Measure, Scope
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF, Unit

MEASURED = "measured "
"""What the keys of measured values begin with; no attribute's does."""


@dataclass(frozen=True, slots=True)
class Measurand(Attribute):
    """What is measured, in the place of an attribute: its values are numbers, codes or ages as those of attributes.

    Attributes:
        words: How it is spoken of.
        unit: Of its values; None: it has none.
    """

    words: str = ""
    unit: Unit | None = None

    @property
    def is_single_valued(self) -> bool:
        """Whether it has one value: always."""
        return True

    def __str__(self) -> str:
        """As ``number of instances of its series``."""
        return self.words


def words_of(
    measure: Measure, scope: Scope | None, counted: Attribute | None, where: Sequence[str], value: int | None = None
) -> str:
    """Say what is measured, as ``number of series of its study where (Modality (0008,0060) is CT)``.

    Args:
        measure: What.
        scope: Of what.
        counted: The attribute of which values are counted.
        where: What is asked of the members, in sentences.
        value: Which of several values is counted; None: all together.
    """
    words = KINDS[measure].words
    if counted is not None:
        words = f"{words} of {'' if value is None else f'value {value} of '}{counted}"
    if scope is not None:
        words = f"{words} {'in' if counted is not None else 'of'} its {scope.lower()}"
    return f"{words} where ({'; and '.join(where)})" if where else words


def unit_of(attribute: Attribute) -> Unit | None:
    """Give the unit of an attribute, or of what is measured; None: none is known."""
    return attribute.unit if isinstance(attribute, Measurand) else UNIT_OF.get(attribute.keyword)
