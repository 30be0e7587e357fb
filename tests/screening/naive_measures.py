"""Criteria with measures, applied to whole objects with pydicom and plain Python: no code of ours, and no columns.

Each measure is counted again over all members of the group, for each object that is judged. A measure is added by one
function in `_COUNTS`.
"""

import datetime
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword

from tests.screening.naive_values import DAYS, NEGATED, compared, read_value, whole_units

Item = Mapping[str, Any]
Finding = str
MET, NOT_MET, ABSENT, EMPTY, MALFORMED = "MET", "NOT_MET", "ABSENT", "EMPTY", "MALFORMED"
UNDECIDED, UNREACHED = "UNDECIDED", "UNREACHED"
_SPACE = " \0\t\n\r\f\v"
_IN_FRAMES = {"SliceThickness"}
"""Of what is asked here, what may lie in functional groups, (5200,9229): behind all that ends too early."""


@dataclass(frozen=True)
class Made:
    """An object as it was meant to be.

    Attributes:
        data: Its bytes, as a store holds them.
        ends_at: Tag of the first element that no reader comes to; None: all are read.
        whole: All its bytes, where it is damaged: it ends there. Else a bound ends reading, if anything does.
    """

    data: bytes
    ends_at: int | None = None
    whole: bytes | None = None


class Found(NamedTuple):
    """What an item found, and whether more of the header could change that."""

    finding: Finding
    is_open: bool = False


class Counted(NamedTuple):
    """The value of a measure: between two numbers; or, with another `lack`, none."""

    low: int = 0
    high: int = 0
    lack: Finding = ""


@dataclass(eq=False)
class Header:
    """What a reader can know of one object."""

    made: Made
    dataset: pydicom.Dataset
    _texts: dict[str, Any] = field(default_factory=dict)

    def texts(self, keyword: str) -> tuple[str, ...] | str | None:
        """Give the values of an attribute: None: absent; `UNREACHED`: it may be there."""
        if keyword not in self._texts:
            self._texts[keyword] = self._read(keyword)
        found: tuple[str, ...] | str | None = self._texts[keyword]
        return found

    def _read(self, keyword: str) -> tuple[str, ...] | str | None:
        tag = tag_for_keyword(keyword)
        assert tag is not None
        if self.made.ends_at is not None and tag >= self.made.ends_at:
            return UNREACHED
        if tag not in self.dataset:
            return UNREACHED if keyword in _IN_FRAMES and self.made.ends_at is not None else None
        raw = self.dataset.get_item(tag).value or b""
        return tuple(text.strip(_SPACE) for text in raw.decode().split("\\"))

    def text(self, keyword: str) -> str:
        """Give the first value of an attribute; empty where there is none."""
        texts = self.texts(keyword)
        return texts[0] if isinstance(texts, tuple) else ""


def findings_of(
    objects: Mapping[str, Made], criteria: Sequence[Item], *, judges_damaged: bool = False
) -> dict[str, list[Finding]]:
    """Give the findings of each object, by key; none of one that is not judged."""
    found: dict[str, list[Finding]] = {key: [] for key in objects}
    world = _World()
    judged: dict[str, Header] = {}
    for key, made in objects.items():
        header = _read(made)
        if header is None or not header.text("SeriesInstanceUID"):
            continue
        if made.whole is not None and not judges_damaged:
            world.broken_series.add(header.text("SeriesInstanceUID"))
        else:
            judged[key] = header
            world.headers.append(header)
    for key, header in judged.items():
        found[key] = [world.find(item, header).finding for item in criteria]
    return found


def _read(made: Made) -> Header | None:
    try:
        return Header(made, pydicom.dcmread(io.BytesIO(made.whole or made.data)))
    except pydicom.errors.InvalidDicomError:
        return None


class _World:
    """All that a snapshot holds."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.broken_series: set[str] = set()
        self._groups: dict[str, dict[Any, list[Header]]] = {}
        self._counted: dict[Any, Counted] = {}

    def find(self, item: Item, header: Header, own: Header | None = None) -> Found:
        """Apply an item to an object; `own` is the one that is judged, where members are compared with it."""
        for kind in ("any", "all", "none"):
            if kind in item:
                return _combined(kind, [self.find(child, header, own) for child in item[kind]])
        if item.get("measure") == "AGE":
            return Found(_finished(item, find_age(item, header)))
        if "measure" in item:
            return Found(_finished(item, self._find_measured(item, header)))
        return _finish_found(item, _find_value(item, header, own))

    def _find_measured(self, item: Item, header: Header) -> Finding:
        """Give what is found as if the operation were not negated."""
        group = _group_of(item.get("scope") or _default_scope(item), header)
        if group is None:
            return ABSENT
        counted = self._count(item, group, header)
        if counted.lack:
            return counted.lack
        found = {compared(item, Fraction(number)) for number in range(counted.low, counted.high + 1)}
        return found.pop() if len(found) == 1 else UNDECIDED

    def _count(self, item: Item, group: tuple[str, Any], header: Header) -> Counted:
        own = tuple(sorted((keyword, header.texts(keyword) or "") for keyword in _own_keywords(item.get("where", ()))))
        key = id(item), group, repr(own), tuple(header.texts(keyword) is None for keyword, _ in own)
        if key not in self._counted:
            self._counted[key] = _COUNTS[item["measure"]](self, item, group, list(self._members(item, group, header)))
        return self._counted[key]

    def _members(self, item: Item, group: tuple[str, Any], own: Header) -> Iterator[tuple[Header, bool]]:
        """Give the members that are counted, and whether that is certain."""
        scope, name = group
        if scope not in self._groups:
            by_name = self._groups.setdefault(scope, {})
            for header in self.headers:
                if (its := _group_of(scope, header)) is not None:
                    by_name.setdefault(its[1], []).append(header)
        for member in self._groups[scope][name]:
            found = [self._find_in_where(asked, member, own) for asked in item.get("where", ())]
            if all(finding == MET for finding, _ in found):
                yield member, True
            elif all(finding == MET or is_open for finding, is_open in found):
                yield member, False

    def _find_in_where(self, item: Item, member: Header, own: Header) -> Found:
        if any(own.texts(keyword) == UNREACHED for keyword in _own_keywords([item])):
            return Found(UNDECIDED, is_open=True)
        found = self.find(item, member, own)
        return Found(found.finding, found.is_open and found.finding != NOT_MET)


Members = list[tuple[Header, bool]]


def _count_members(of: Callable[[Header], Any]) -> Callable[[_World, Item, tuple[str, Any], Members], Counted]:
    """Count what members have, each once; what has no name is none, and what may have one is unknown."""

    def count(world: _World, item: Item, group: tuple[str, Any], members: Members) -> Counted:
        del world, item, group
        names = [(of(member), is_certain) for member, is_certain in members]
        if any(name == UNREACHED for name, _ in names):
            return Counted(lack=UNDECIDED)
        certain = {name for name, is_certain in names if is_certain and name}
        return Counted(len(certain), len({name for name, _ in names if name}))

    return count


def _count_frames(world: _World, item: Item, group: tuple[str, Any], members: Members) -> Counted:
    del world, item, group
    low = high = 0
    for member, is_certain in members:
        texts = member.texts("NumberOfFrames")
        given = [text for text in texts if text] if isinstance(texts, tuple) else []
        if texts == UNREACHED or len(given) > 1 or (given and not re.fullmatch(r"\+?0*[1-9][0-9]*", given[0])):
            return Counted(lack=UNDECIDED)
        frames = int(given[0]) if given else 1
        low, high = low + frames * is_certain, high + frames
    return Counted(low, high)


def _count_distinct(world: _World, item: Item, group: tuple[str, Any], members: Members) -> Counted:
    del world, group
    keyword = item["dicom_tag"]
    values = [(_one_value(keyword, member.texts(keyword)), is_certain) for member, is_certain in members]
    if any(value == UNREACHED for value, _ in values):
        return Counted(lack=UNDECIDED)
    low, high = (len({value for value, is_certain in values if value and (is_certain or may)}) for may in (False, True))
    if high and not low:
        return Counted(lack=UNDECIDED)
    return Counted(low, high, "" if high else ABSENT)


def _count_missing(world: _World, item: Item, group: tuple[str, Any], members: Members) -> Counted:
    del item
    if group[1] in world.broken_series or not all(is_certain for _, is_certain in members):
        return Counted(lack=UNDECIDED)
    numbers: set[int] = set()
    lacking = 0
    for member, _ in members:
        texts = member.texts("InstanceNumber")
        given = [text for text in texts if text] if isinstance(texts, tuple) else []
        if texts == UNREACHED or len(given) > 1 or (given and not re.fullmatch(r"[+-]?[0-9]+", given[0])):
            return Counted(lack=UNDECIDED)
        lacking += not given
        numbers.update(map(int, given))
    if not numbers:
        return Counted(lack=ABSENT)
    missing = max(numbers) - min(numbers) + 1 - len(numbers)
    return Counted(lack=UNDECIDED) if lacking else Counted(missing, missing)


def _study_of(header: Header) -> str:
    texts = header.texts("StudyInstanceUID")
    return UNREACHED if texts == UNREACHED else header.text("StudyInstanceUID")


_COUNTS: Mapping[str, Callable[[_World, Item, tuple[str, Any], Members], Counted]] = {
    "INSTANCES": lambda _, _item, _group, members: Counted(sum(certain for _, certain in members), len(members)),
    "SERIES": _count_members(lambda header: header.text("SeriesInstanceUID")),
    "STUDIES": _count_members(_study_of),
    "FRAMES": _count_frames,
    "DISTINCT": _count_distinct,
    "MISSING": _count_missing,
}


def _default_scope(item: Item) -> str:
    return {"SERIES": "STUDY", "STUDIES": "PATIENT"}.get(item["measure"], "SERIES")


def _group_of(scope: str, header: Header) -> tuple[str, Any] | None:
    if scope == "PATIENT":
        name, issuer = (_identity(header.texts(keyword)) for keyword in ("PatientID", "IssuerOfPatientID"))
        return (scope, (name, issuer)) if name else None
    uid = header.text("StudyInstanceUID" if scope == "STUDY" else "SeriesInstanceUID")
    return (scope, uid) if uid else None


def _identity(texts: tuple[str, ...] | str | None) -> tuple[str, ...]:
    folded = tuple(unicodedata.normalize("NFC", text).casefold() for text in texts or ())
    return folded if any(folded) else ()


def _own_keywords(items: Sequence[Item]) -> set[str]:
    """Give the attributes that members are compared by; a measure in `where` compares with its own."""
    found: set[str] = set()
    for item in items:
        for kind in ("any", "all", "none"):
            found |= _own_keywords(item.get(kind, ()))
        if item.get("minus") == "OWN":
            found.add(item["dicom_tag"])
    return found


def _combined(kind: str, found: Sequence[Found]) -> Found:
    """Count together by Kleene's logic."""
    findings = [finding if finding in (MET, NOT_MET) else UNDECIDED for finding, _ in found]
    decisive, other = (NOT_MET, MET) if kind == "all" else (MET, NOT_MET)
    together = decisive if decisive in findings else UNDECIDED if UNDECIDED in findings else other
    if kind == "none":
        together = {MET: NOT_MET, NOT_MET: MET}.get(together, together)
    return Found(together, together == UNDECIDED and any(is_open for _, is_open in found))


def _finish_found(item: Item, found: Finding) -> Found:
    return Found(_finished(item, found), is_open=found == UNREACHED)


def _finished(item: Item, found: Finding) -> Finding:
    """Say what an absent value is, and negate."""
    if found in (ABSENT, EMPTY):
        if item.get("if_absent"):
            return str(item["if_absent"])
        if item["operation"] in ("PRESENT", "ABSENT"):
            found = NOT_MET
    if item["operation"] in NEGATED:
        return {MET: NOT_MET, NOT_MET: MET}.get(found, found)
    return found


def _find_value(item: Item, header: Header, own: Header | None) -> Finding:
    """Look at the values of one attribute, as if the operation were not negated."""
    keyword, sides = item["dicom_tag"], [header.texts(item["dicom_tag"])]
    if item.get("minus") == "OWN":
        assert own is not None
        sides.append(own.texts(keyword))
    for texts in sides:
        if texts is None or texts == UNREACHED:
            return ABSENT if texts is None else UNREACHED
        if not any(texts):
            return EMPTY
    if item["operation"] in ("PRESENT", "ABSENT"):
        return MET
    read = [[read_value(keyword, text) for text in texts or () if text] for texts in sides]
    values, others = read[0], read[-1]
    if len(sides) == 2:
        values = [_difference(a, b) for a in values for b in others if a is not None and b is not None]
    known = [value for value in values if value is not None]
    if MET in (found := {compared(item, value) for value in known}):
        return MET
    conforming = [value for value in known if dictionary_VR(keyword) != "CS" or re.fullmatch("[A-Z0-9_ ]{,16}", value)]
    return NOT_MET if found and conforming else MALFORMED


def _one_value(keyword: str, texts: tuple[str, ...] | str | None) -> Any:
    """Give what the values of one object are together; None where it has none."""
    if isinstance(texts, str) or texts is None or not any(texts):
        return texts if isinstance(texts, str) else None
    read = ((read_value(keyword, text) if text else "", text) for text in texts)
    return tuple(text if value is None else value for value, text in read)


def _difference(value: Any, other: Any) -> Any:
    return Fraction((value - other).days) if isinstance(value, datetime.date) else value - other


def find_age(item: Item, header: Header) -> Finding:
    """Compare the age of a patient, as if the operation were not negated."""
    texts = header.texts("PatientAge")
    if isinstance(texts, tuple) and any(texts):
        found = [re.fullmatch(r"(\d{1,4})([DWMY])", text.upper(), re.ASCII) for text in texts if text]
        ages = [int(age[1]) * DAYS[age[2]] for age in found if age]
        if item["operation"] in ("PRESENT", "ABSENT"):
            return MET
        return MALFORMED if not ages else MET if MET in {compared(item, age) for age in ages} else NOT_MET
    birth = header.texts("PatientBirthDate")
    days = [header.texts(keyword) for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate")]
    day = next((texts for texts in days if isinstance(texts, tuple) and any(texts)), None)
    if not (isinstance(birth, tuple) and any(birth) and day):
        return ABSENT if texts is None else EMPTY
    born, then = read_value("PatientBirthDate", birth[0]), read_value("StudyDate", day[0])
    if born is None or then is None or then < born:
        return MALFORMED
    if item["operation"] in ("PRESENT", "ABSENT"):
        return MET
    given = item["reference"] if isinstance(item["reference"], list) else [item["reference"]]
    operation, sides = str(item["operation"]), []
    for text in given:
        age, number = whole_units(born, then, text[-1]), int(text[:-1])
        sides.append((age > number) - (age < number))
    is_met = {
        "EQUALS": 0 in sides,
        "IN": 0 in sides,
        "GREATER": sides[0] > 0,
        "LESS": sides[0] < 0,
        "AT_LEAST": sides[0] >= 0,
        "AT_MOST": sides[0] <= 0,
        "BETWEEN": sides[0] >= 0 >= sides[-1],
    }[NEGATED.get(operation, operation)]
    return MET if is_met else NOT_MET
