"""The templates of reports and pages: what is drawn in both has one template and one style, ``charts``."""

from collections.abc import Callable
from gettext import NullTranslations
from importlib.resources import files

from jinja2 import Environment

from dicom_sieve import markup
from dicom_sieve.reports.words import counted, headed, size_of

PACKAGE = "dicom_sieve.reports"
_ENGLISH = NullTranslations()


def make_environment(
    package: str = PACKAGE,
    gettext: Callable[[str], str] = _ENGLISH.gettext,
    ngettext: Callable[[str, str, int], str] = _ENGLISH.ngettext,
) -> Environment:
    """Give the templates of a package, and those of reports; everything in them is escaped.

    Args:
        package: Whose.
        gettext: Translates a text of a template, which may have tags; by default it stays English.
        ngettext: Translates one that depends on a number.
    """
    made = markup.make_environment(list(dict.fromkeys((package, PACKAGE))), extensions=["jinja2.ext.i18n"])
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(counted=counted, headed=headed, size=size_of)
    made.globals["share"] = share
    return made


def style_of(name: str) -> str:
    """Give a style sheet of reports."""
    return (files(PACKAGE) / "templates" / f"{name}.css").read_text(encoding="utf-8")


def share(part: int, whole: int) -> str:
    """Give a part of a hundred, for the length of a bar; whatever is there can be seen."""
    return f"{max(100 * part / whole, 0.4 if part else 0.0):.2f}" if whole else "0"
