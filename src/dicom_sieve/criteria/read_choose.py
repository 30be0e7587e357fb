"""From JSON as it came to what is to be chosen: every problem of structure and of sense, at once."""

from collections.abc import Mapping, Sequence

from dicom_sieve.criteria.choose import Choose, Order, Preference
from dicom_sieve.criteria.criterion import MOST_ITEMS
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.read_items import read_items
from dicom_sieve.dicom.dictionary import find_keyword

MOST_PREFERENCES = 20
_MEMBERS = ("one", "per", "prefer")
_PER = {Scope.SERIES: (Scope.STUDY, Scope.PATIENT), Scope.STUDY: (Scope.PATIENT,)}


def read_choose(given: object, problems: list[str]) -> Choose | None:
    """Read what is to be chosen from parsed JSON; its problems are added, and it is None where there are any."""
    before = len(problems)
    if not isinstance(given, Mapping):
        problems.append(f"choose: a value of type {type(given).__name__}; accepted: {', '.join(_MEMBERS)}")
        return None
    unknown = [name for name in given if name not in _MEMBERS]
    problems.extend(f"choose: has a member that is not known; accepted: {', '.join(_MEMBERS)}" for _ in unknown[:1])
    one, per = (_read_scope(given.get(name), f"choose.{name}", problems) for name in ("one", "per"))
    if one is not None and per is not None and per not in _PER.get(one, ()):
        accepted = "SERIES per STUDY, SERIES per PATIENT, STUDY per PATIENT"
        problems.append(f"choose: one {one} per {per}; accepted: {accepted}")
    prefer = _read_preferences(given.get("prefer", []), problems)
    if len(problems) > before or one is None or per is None:
        return None
    return Choose(one, per, tuple(prefer))


def _read_scope(given: object, place: str, problems: list[str]) -> Scope | None:
    try:
        return Scope(str(given))
    except ValueError:
        problems.append(f"{place}: {'missing' if given is None else 'not known'}; accepted: {', '.join(Scope)}")
        return None


def _read_preferences(given: object, problems: list[str]) -> list[Preference]:
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or len(given) > MOST_PREFERENCES:
        problems.append(f"choose.prefer: not accepted; accepted: a list of {MOST_PREFERENCES} preferences at most")
        return []
    read = [_read_preference(each, f"choose.prefer[{index}]", problems) for index, each in enumerate(given)]
    return [preference for preference in read if preference is not None]


def _read_preference(given: object, place: str, problems: list[str]) -> Preference | None:
    orders = [order for order in Order if isinstance(given, Mapping) and order.value in given]
    if not isinstance(given, Mapping) or len(orders) != 1 or len(given) != 1:
        problems.append(f"{place}: not accepted; accepted: one of {', '.join(Order)}")
        return None
    order, value = orders[0], given[orders[0].value]
    if order is not Order.MEETS:
        return _read_ordered(order, value, f"{place}.{order}", problems)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not 0 < len(value) <= MOST_ITEMS:
        problems.append(f"{place}.{order}: not accepted; accepted: a list of one criterion or more")
        return None
    before = len(problems)
    items = read_items(value, f"{place}.{order}", problems)
    return None if len(problems) > before else Preference(order, tuple(items))


def _read_ordered(order: Order, value: object, place: str, problems: list[str]) -> Preference | None:
    if isinstance(value, str) and value in Measure.__members__:
        return Preference(order, of=Measure(value))
    tag = find_keyword(value.strip()) if isinstance(value, str) else _tag_of(value)
    if tag is None:
        problems.append(f'{place}: not accepted; accepted: a keyword, a tag as ["0008", "0020"], or a measure')
        return None
    return Preference(order, of=(f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}"))


def _tag_of(value: object) -> int | None:
    if not isinstance(value, Sequence) or len(value) != 2:
        return None
    try:
        return int("".join(part if len(part) == 4 else "-" for part in value), 16)
    except (TypeError, ValueError):
        return None
