"""Write what an installation is made of: sizes to docs/installing.md, licences to docs/licences.md (``make packages``).

It reads what is installed here, which is what the lock files name.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
INSTALLING, LICENCES = ROOT / "docs" / "installing.md", ROOT / "docs" / "licences.md"
DEVELOPERS = frozenset({"dev", "docs", "fuzz"})
"""Extras of which nothing is given to users, nor used by what is."""
MIB = 1024**2
LARGE = 5 * MIB
"""Bytes from which a package has a row of its own."""
BASE = "base"

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "HPND", "ISC"),
        *("MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
    }
)
"""Licences that ask for their text to go along, and for nothing else; *BSD* where metadata do not say which."""
NAMED: Mapping[str, tuple[str, str]] = {
    "certifi": ("MPL-2.0", "a list of certificates, unchanged"),
    "mirp": ("EUPL-1.2", "of an extra; imported, not changed, not given out with this package"),
    "orjson": ("MPL-2.0", "of its own files alone, which are unchanged"),
    "pathspec": ("MPL-2.0", "of its own files alone, which are unchanged; Prefect needs it"),
    "psycopg": ("LGPL-3.0-only", "of an extra; imported, not changed, can be replaced by another version"),
    "psycopg-binary": ("LGPL-3.0-only", "of an extra; as psycopg, with libpq (PostgreSQL's licence) in it"),
    "text-unidecode": ("Artistic-1.0-Perl OR GPL-2.0-or-later", "the first of both is chosen; Prefect needs it"),
}
"""Packages under other licences, which of them, and why they may be used."""
_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Artistic License": "Artistic-1.0-Perl",
    "GNU General Public License (GPL)": "GPL-2.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What metadata without an SPDX expression call them."""


def extras() -> dict[str, list[str]]:
    """Give what the package and each extra for users require, by its name; the package itself is *base*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_users = {name: asked for name, asked in project["optional-dependencies"].items() if name not in DEVELOPERS}
    return {BASE: project["dependencies"], **of_users}


@cache
def packages_of(extra: str) -> frozenset[str]:
    """Name what is installed for an extra, of others too, without what the base needs."""
    found = frozenset(_required(extras()[extra]))
    return found if extra == BASE else found - packages_of(BASE)


def _required(asked: Iterable[str]) -> Iterator[str]:
    """Walk from requirements to what they require, here."""
    waiting = [(Requirement(line), frozenset({""})) for line in asked]
    seen = set()
    while waiting:
        requirement, of = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = (name, frozenset(requirement.extras))
        if wanted in seen or not _applies(requirement, of):
            continue
        seen.add(wanted)
        if name == "dicom-sieve":
            lines = [line for extra in requirement.extras for line in extras()[extra]]
        elif (found := installed(name)) is not None:
            yield name
            lines = list(found.requires or ())
        else:
            raise SystemExit(f"{name} is not installed; make install")
        waiting += [(Requirement(line), frozenset({"", *requirement.extras})) for line in lines]


def _applies(requirement: Requirement, of: frozenset[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in of)


@cache
def installed(name: str) -> Distribution | None:
    """Find a package that is installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def size_of(name: str) -> int:
    """Add up the bytes of what a package installs, as it says itself."""
    found = installed(name)
    return 0 if found is None else sum(file.size or 0 for file in found.files or ())


def licences_of(name: str) -> frozenset[str]:
    """Name the licences in a package's metadata: SPDX where it says so, else what its words mean; empty if unknown."""
    found = installed(name)
    if found is None:
        return frozenset()
    if expression := _first(found, "License-Expression"):
        return names_in(expression)
    of_class = [line.split(" :: ")[-1] for line in found.metadata.get_all("Classifier") or () if "License ::" in line]
    words = [word for word in of_class if word not in {"DFSG approved", "OSI Approved"}] or [_first(found, "License")]
    return frozenset(_WORDS.get(word, word) for word in words if word)


def _first(found: Distribution, name: str) -> str:
    return str((found.metadata.get_all(name) or [""])[0]).strip()


def names_in(expression: str) -> frozenset[str]:
    """Name the licences in an SPDX expression."""
    return frozenset(re.findall(r"[A-Za-z0-9.-]+", expression)) - {"AND", "OR", "WITH"}


def problem_of(name: str) -> str | None:
    """Say what is wrong with a package's licence."""
    licences = licences_of(name)
    if not licences:
        return f"{name} does not say its licence"
    named = names_in(NAMED[name][0]) if name in NAMED else frozenset()
    others = sorted(licences - ALLOWED - named)
    return f"{name} has a licence that is not allowed: {', '.join(others)}" if others else None


def sizes() -> list[tuple[str, str]]:
    """Give the rows of the table of sizes: what is large, the rest, all; then what each extra adds."""
    by_size = sorted(packages_of(BASE), key=lambda name: (-size_of(name), name))
    large = [name for name in by_size if size_of(name) >= LARGE]
    rest = [name for name in by_size if size_of(name) < LARGE]
    rows = [(name, _mib(size_of(name))) for name in large]
    rows.append((f"{len(rest)} others", _mib(sum(map(size_of, rest)))))
    rows.append(("**base, all**", f"**{_mib(sum(map(size_of, by_size)))}**"))
    added = {extra: sum(map(size_of, packages_of(extra))) for extra in sorted(extras()) if extra != BASE}
    return [*rows, *((f"`[{extra}]`", f"+ {_mib(size)}") for extra, size in added.items())]


def _mib(size: int) -> str:
    return f"{size / MIB:.1f}" if size < 100 * MIB else f"{size / MIB:.0f}"


def licences() -> dict[str, tuple[str, str]]:
    """Give the licences of each package, and the extras that bring it, by its name."""
    brought: dict[str, list[str]] = {}
    for extra in (BASE, *sorted(set(extras()) - {BASE})):
        for name in packages_of(extra):
            brought.setdefault(name, []).append(extra)
    return {name: (" · ".join(sorted(licences_of(name))), ", ".join(brought[name])) for name in sorted(brought)}


def written(document: str, rows: Iterable[Iterable[str]], mark: str) -> str:
    """Give a document with the rows of one of its tables replaced."""
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    head, between, tail = re.split(rf"(?<=<!-- figures {mark} -->\n)(.*?)(?=\n<!-- end -->)", document, flags=re.DOTALL)
    titles = between.lstrip("\n").splitlines()[:2]
    return "\n".join([f"{head.rstrip()}\n", *titles, f"{table}\n"]) + tail


def main() -> None:
    """Write the tables of both documents."""
    INSTALLING.write_text(written(INSTALLING.read_text(), sizes(), "sizes"))
    text = written(LICENCES.read_text(), ((name, *row) for name, row in NAMED.items()), "named")
    LICENCES.write_text(written(text, ((name, *row) for name, row in licences().items()), "all"))


if __name__ == "__main__":
    main()
