"""What a viewer may not ask for: counts on a patient's ID would tell who knows that ID something of the patient."""

from collections.abc import Mapping
from typing import Any

from dicom_sieve.criteria.reading import read_attribute
from dicom_sieve.dicom.dictionary import attributes_of
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.people import Person, Role
from dicom_sieve.web.texts import gettext

_OF_ONE = attributes_of(["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
"""Name one study or less."""
_NO_ATTRIBUTES = frozenset({"reference", "name", "operation", "scope", "vr"})
"""Members of criteria that name no attribute."""


def refuse_identifying(person: Person, given: Any) -> None:
    """Refuse criteria of a viewer that ask for what identifies patients.

    Args:
        person: Who asks.
        given: The criteria, as JSON has them.

    Raises:
        InvalidRequestError: They ask for it.
    """
    if not person.may(Role.MANAGER) and (names := ", ".join(_identifying_in(given))):
        raise InvalidRequestError(
            (gettext("%(names)s: a viewer cannot ask for what identifies patients", names=names),)
        )


def _identifying_in(given: Any) -> list[str]:
    found: dict[str, None] = {}
    _look(given, found)
    return list(found)


def _look(given: Any, found: dict[str, None]) -> None:
    """Note each attribute that identifies, wherever it stands."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            if name not in _NO_ATTRIBUTES:
                _look(value, found)
    elif isinstance(given, list) and len(given) == 2 and all(isinstance(part, str) for part in given):
        _note(",".join(given), found)
        _note(given[0], found)
        _note(given[1], found)
    elif isinstance(given, list):
        for value in given:
            _look(value, found)
    elif isinstance(given, str):
        _note(given, found)


def _note(text: str, found: dict[str, None]) -> None:
    try:
        attribute = read_attribute(text, "")
    except InvalidRequestError:
        return
    if is_identifying(attribute) or attribute in _OF_ONE:
        found[attribute.keyword] = None
