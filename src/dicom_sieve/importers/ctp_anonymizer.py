"""Scripts of CTP's DicomAnonymizer: of what an element's command quarantines or skips, criteria are made.

All else in such a script says how values are changed, and selects nothing.

Source: johnperry/CTP@361e90f: source/java/org/rsna/ctp/stdstages/anonymizer/dicom/DICOMAnonymizer.java
(processElements, testCondition), FnCall.java.
"""

import html
import re
from collections.abc import Iterator
from functools import partial

from dicom_sieve.importers.ctp_elements import Element, find_element
from dicom_sieve.importers.expressions import Mode, Reduced, reduce_expression
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Test, any_of, negate
from dicom_sieve.importers.rules import Rule
from dicom_sieve.importers.texts import absent, exactly, has_in_it, joined

_ELEMENT = re.compile(r"<e\b([^<>]{0,400})>([^<>]{0,4000})</e>")
_ATTRIBUTE = re.compile(r'\b(en|t)\s*=\s*"([^"]{0,64})"')
_STOPS = re.compile(r"@(?:quarantine|skip)\(\)")
_IF = re.compile(
    r"(?:@always\(\))?@if\(\s*([^,()\"]{1,100}?)\s*,\s*(\w{1,20})\s*(?:,\s*\"([^\"]{0,200})\"\s*)?\)"
    r"\s*\{([^{}]*)\}\s*\{([^{}]*)\}\s*"
)


def import_anonymizer(text: str) -> Imported:
    """Import a script: what is neither quarantined nor skipped.

    Args:
        text: The script, XML.
    """
    rule = Rule()
    for tag, command in _commands(text):
        if _STOPS.search(command) or "@lookup(" in command:
            rule.add(f"{tag} {command}", partial(_passes, tag, command))
    if not (rule.tests or rule.left_out):
        rule.leave_out("the script", "no element of it is quarantined or skipped for its value")
    return rule.imported("anonymizer")


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Give the elements that are enabled, and what is done to each."""
    for found in _ELEMENT.finditer(text):
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        if attributes.get("en") == "T":
            yield f"[{attributes.get('t', '')}]", html.unescape(found[2]).strip()


def _passes(tag: str, command: str) -> Test:
    """Give the test of an object that a command lets pass. Commands are carried out where their element is present."""
    if (found := _IF.fullmatch(command)) is None:
        raise CannotSayError("it quarantines or skips by more than one condition on a text")
    name, condition, argument, if_true, if_false = found.groups()
    stops = [_STOPS.search(clause) is not None for clause in (if_true, if_false)]
    if all(stops) or condition not in _CONDITIONS or argument is None:
        raise CannotSayError(f"it quarantines or skips by {condition!r}, for which there is no criterion")
    own = find_element(tag)
    looked_at = own if name == "this" else find_element(name)
    test = joined(looked_at.attribute, _CONDITIONS[condition](argument), **looked_at.more)
    return any_of([_is_absent(own), negate(test) if stops[0] else test])


def _is_absent(element: Element) -> Test:
    return absent(element.attribute, **element.more)


def _contains(text: str) -> Reduced:
    return has_in_it([text], is_exact=False)


def _equals(text: str) -> Reduced:
    return exactly(text, is_exact=False)


def _matches(text: str) -> Reduced:
    return reduce_expression(text.strip(), Mode.FULL)


_CONDITIONS = {"contains": _contains, "equals": _equals, "matches": _matches}
"""Those that an absent element does not meet."""
