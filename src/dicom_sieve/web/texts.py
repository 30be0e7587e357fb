"""The texts of pages, in the language of who looks: English as it stands in the code, translated by gettext.

Templates say ``{{ _("…") }}`` and ``{% trans %}``; modules call `gettext` and `ngettext` as something is shown.
Constants are marked by `later` and `later_by_number`, and translated where they are used. ``make texts`` collects all.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from pathlib import Path

ENGLISH, DOMAIN = "en", "pages"
FOLDER = Path(str(files("dicom_sieve.web") / "locale"))
"""Of catalogs: ``de/LC_MESSAGES/pages.mo``; a country follows behind a line below, as ``pt_BR``."""
LONGEST_HEADER = 1_000
_spoken: ContextVar[NullTranslations] = ContextVar("spoken")
_UNTRANSLATED = NullTranslations()


def later(message: str) -> str:
    """Mark a constant, which `gettext` translates where it is used."""
    return message


def later_by_number(one: str, many: str) -> tuple[str, str]:
    """Mark a constant that depends on a number, for `ngettext`."""
    return one, many


def gettext(message: str, **values: object) -> str:
    """Translate a text, and put values in the place of ``%(name)s``; a sign of per cent is written twice."""
    return translated(message) % values


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """Translate a text that depends on a number, which ``%(num)s`` stands for; see `gettext`."""
    return translated_by_number(one, many, number) % {"num": number, **values}


def translated(message: str) -> str:
    """Translate a text, with its placeholders."""
    return _spoken.get(_UNTRANSLATED).gettext(message)


def translated_by_number(one: str, many: str, number: int) -> str:
    """Translate a text that depends on a number, with its placeholders."""
    return _spoken.get(_UNTRANSLATED).ngettext(one, many, number)


@cache
def installed(folder: Path = FOLDER) -> Mapping[str, NullTranslations]:
    """Give the catalogs that are installed by their language, as HTML writes it (BCP 47); English needs none."""
    found = {path.parts[-3]: path for path in sorted(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))}
    made: dict[str, NullTranslations] = {ENGLISH: _UNTRANSLATED}
    for name, path in found.items():
        with path.open("rb") as file:
            made[name.replace("_", "-")] = GNUTranslations(file)
    return made


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages in which pages are there.

    Attributes:
        catalogs: By language; English is among them.
    """

    catalogs: Mapping[str, NullTranslations] = field(default_factory=installed)

    @property
    def names(self) -> dict[str, str]:
        """What each is called by those who speak it; by its code, where its catalog does not say."""
        names = {language: catalog.gettext(_NAME) for language, catalog in self.catalogs.items()}
        return {each: each if name == _NAME and each != ENGLISH else name for each, name in names.items()}

    def choose(self, chosen: str | None, accepted: str = "") -> str:
        """Choose a language: the one that somebody chose, else the first one that their browser accepts, else English.

        Args:
            chosen: By them; None: they did not.
            accepted: What the browser says: ``de-AT, de;q=0.9, en;q=0.5`` (RFC 9110 12.5.4). A language that is not
                there stands for the one that it belongs to: ``de`` for ``de-AT`` (RFC 4647 3.4).
        """
        if chosen is not None and chosen in self.catalogs:
            return chosen
        by_name = {language.lower(): language for language in self.catalogs}
        for wanted in _in_order(accepted[:LONGEST_HEADER].lower()):
            parts = wanted.split("-")
            for length in range(len(parts), 0, -1):
                if found := by_name.get("-".join(parts[:length])):
                    return found
        return ENGLISH

    @contextmanager
    def speaking(self, language: str) -> Iterator[None]:
        """Translate into a language, in this task and the threads that it starts with its context."""
        token = _spoken.set(self.catalogs[language])
        try:
            yield
        finally:
            _spoken.reset(token)


_NAME = later("English")
"""In a catalog: what its own language is called."""


def _in_order(accepted: str) -> list[str]:
    """Give the languages of a header, those that are wanted most first; none that is refused."""
    weighed = []
    for part in accepted.split(","):
        language, _, weight = (each.strip() for each in part.partition(";"))
        try:
            quality = float(weight.removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if quality > 0:
            weighed.append((quality, language))
    return [language for _, language in sorted(weighed, key=lambda each: -each[0])]
