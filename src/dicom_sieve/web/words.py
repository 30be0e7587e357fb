"""Words of which pages choose one by a number or a name: counts of things, states of runs, findings, defects."""

from collections.abc import Mapping

from dicom_sieve.criteria import Finding
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.headers import Defect
from dicom_sieve.web.texts import gettext, later, later_by_number, ngettext

STATES: Mapping[str, str] = {
    "waiting": later("waiting"),
    "scheduled": later("scheduled"),
    "pending": later("pending"),
    "running": later("running"),
    "paused": later("paused"),
    "cancelling": later("cancelling"),
    "cancelled": later("cancelled"),
    "completed": later("completed"),
    "incomplete": later("incomplete"),
    "failed": later("failed"),
    "crashed": later("crashed"),
}
"""Of runs and flow runs."""
FINDINGS: Mapping[Finding, str] = {
    Finding.MET: later("met"),
    Finding.NOT_MET: later("not met"),
    Finding.ABSENT: later("absent"),
    Finding.EMPTY: later("empty"),
    Finding.MALFORMED: later("malformed"),
    Finding.UNREACHED: later("unreached"),
    Finding.UNDECIDED: later("undecided"),
    Finding.SERIES: later("series"),
    Finding.NOT_CHOSEN: later("not chosen"),
}
DEFECTS: Mapping[Defect, str] = {
    Defect.NOT_DICOM: later("not DICOM"),
    Defect.EMPTY_OBJECT: later("empty object"),
    Defect.CORRUPT: later("corrupt"),
    Defect.TOO_LARGE: later("too large"),
    Defect.UNREADABLE: later("unreadable"),
    Defect.GONE: later("gone"),
    Defect.NO_SERIES: later("no series"),
}
NOUNS: Mapping[str, tuple[str, str]] = {
    "image": later_by_number("%(count)s image", "%(count)s images"),
    "instance": later_by_number("%(count)s instance", "%(count)s instances"),
    "object": later_by_number("%(count)s object", "%(count)s objects"),
    "second": later_by_number("%(count)s second", "%(count)s seconds"),
    "series": later_by_number("%(count)s series", "%(count)s series"),
    "value": later_by_number("%(count)s value", "%(count)s values"),
}


def counted(number: int, noun: str) -> str:
    """Give ``1 instance``, ``12,340 instances``, ``2 series``: to stand by itself, not within a sentence."""
    return ngettext(*NOUNS[noun], number, count=f"{number:,}")


def named_in_words(named: NamedCriteria) -> str:
    """Give the name of saved criteria, and their version."""
    if named.version is None:
        return named.name
    return gettext("%(name)s, version %(version)s", name=named.name, version=named.version)


def state_in_words(state: str) -> str:
    """Give the state of a run in small letters; one that is not known as it is."""
    known = STATES.get(state.lower())
    return state.lower() if known is None else gettext(known)


def finding_in_words(finding: Finding) -> str:
    """Give a finding in small letters."""
    return gettext(FINDINGS[finding])
