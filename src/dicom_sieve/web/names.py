"""Plain names: how pages speak of attributes, measures and their values. Keyword and tag stand beside, small."""

from dataclasses import dataclass

from pydicom.datadict import dictionary_description

from dicom_sieve.criteria import CompiledCriterion, CompiledGroup, CompiledItem, CompiledMeasure, GroupKind, Operation
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.dicom.dictionary import Attribute, format_tag
from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.web.references import in_words
from dicom_sieve.web.texts import later

CHOOSE_A_VALUE = later("choose a value")
_MEASURES = {
    Measure.AGE: "Age of the patient",
    Measure.PLANE: "Plane of the series",
    Measure.SLICES: "Slices in the series",
    Measure.SPACING: "Spacing of slices",
    Measure.SPACING_VARIATION: "Variation of the spacing of slices",
    Measure.TILT: "Tilt of the series",
    Measure.VOLUMES: "Volumes in the series",
    Measure.DUPLICATES: "Duplicate images in the series",
    Measure.MISSING: "Missing instance numbers in the series",
    Measure.INSTANCES: "Instances",
    Measure.FRAMES: "Frames",
    Measure.SERIES: "Series",
    Measure.STUDIES: "Studies",
    Measure.DISTINCT: "Different values",
}
OFFERED_MEASURES = (
    Measure.AGE,
    Measure.PLANE,
    Measure.SLICES,
    Measure.SPACING,
    Measure.SPACING_VARIATION,
    Measure.TILT,
    Measure.VOLUMES,
    Measure.DUPLICATES,
    Measure.MISSING,
    Measure.INSTANCES,
)
"""Those that are added by a click; the others need what they count, which JSON says."""
_SINGULAR = {
    Operation.IN: "is",
    Operation.NOT_IN: "is not",
    Operation.CONTAINS: "contains",
    Operation.NOT_CONTAINS: "does not contain",
    Operation.MATCHES: "matches",
    Operation.NOT_MATCHES: "does not match",
}
HEADINGS = {
    GroupKind.ANY: later("Any of these is true"),
    GroupKind.ALL: later("All of these are true"),
    GroupKind.NONE: later("None of these is true"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """A criterion as a sentence, of which parts can be changed.

    Attributes:
        subject: What is looked at, by its plain name.
        keyword: The standard's name, or ``measured: PLANE``.
        tag: As ``(0018,0050)``; empty of a measure.
        relation: How it is compared.
        value: With what; empty where there is nothing to compare with.
        tail: What follows the value.
    """

    subject: str
    keyword: str = ""
    tag: str = ""
    relation: str = ""
    value: str = ""
    tail: str = ""

    @property
    def sentence(self) -> str:
        """All of it."""
        return " ".join(part for part in (self.subject, self.relation, self.value) if part) + self.tail


def plain_name(attribute: Attribute) -> str:
    """Give the standard's name in small letters but the first, as ``Slice thickness``.

    Source: DICOM PS3.6, column Name. Words that are not written small, as ``UID``, stay.
    """
    try:
        words = dictionary_description(attribute.tag).split(" ")
    except KeyError:
        return format_tag(attribute.tag)
    lower = [words[0], *(word if _is_kept(word) else word.lower() for word in words[1:])]
    return " ".join(lower)


def _is_kept(word: str) -> bool:
    return not (word[:1].isupper() and word[1:].islower())


def measure_name(measure: Measure, scope: Scope | None = None) -> str:
    """Give the plain name of a measure."""
    name = _MEASURES[measure]
    if scope is None or "series" in name.lower():
        return name
    return f"{name} in the {scope.lower()}"


def parts_of(item: CompiledItem) -> Parts:
    """Take a compiled criterion, measure or group apart."""
    if isinstance(item, CompiledStep):
        return Parts(item.describe())
    if isinstance(item, CompiledGroup):
        inner = [parts_of(child).sentence for child in item.items]
        joint = ", and " if item.kind is GroupKind.ALL else ", or "
        opening = "None of: " if item.kind is GroupKind.NONE else ""
        return Parts(item.given_name or opening + joint.join(inner))
    if isinstance(item, CompiledMeasure):
        where = "; and ".join(parts_of(each).sentence for each in item.where)
        subject = measure_name(item.measure, item.scope)
        if item.counted is not None:
            subject = f"Different values of {plain_name(item.counted).lower()} in the {str(item.scope).lower()}"
        subject = f"{subject} where ({where})" if where else subject
        return _compared(item.compared, subject, f"measured: {item.measure}", "")
    return _compared(item, _subject(item), item.attribute.keyword or item.creator, format_tag(item.attribute.tag))


def _subject(criterion: CompiledCriterion) -> str:
    is_plain = not (criterion.within or criterion.creator or criterion.minus)
    name = plain_name(criterion.attribute) if is_plain else criterion.name
    return {None: name, 0: f"Every value of {name}"}.get(criterion.value, f"Value {criterion.value} of {name}")


def _compared(criterion: CompiledCriterion, subject: str, keyword: str, tag: str) -> Parts:
    relation, value = criterion.relation_and_value
    for text in criterion.texts if criterion.vr == AS else ():
        value = value.replace(text, in_words(AS, text))
    if len(criterion.texts) == 1 and criterion.table is None:
        relation = _SINGULAR.get(criterion.operation, relation)
    exact = " (capital and small letters differ)" if criterion.is_exact else ""
    return Parts(subject, keyword, tag, relation, value, exact + criterion.words_if_absent)
