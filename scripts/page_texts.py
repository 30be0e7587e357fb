"""Collect the texts of the pages for translation, and bring catalogs up to date: ``make texts``.

Templates are read by Jinja2 itself, modules by their syntax. Catalogs want ``msgmerge`` and ``msgfmt`` of GNU gettext;
where there is no catalog, neither is needed.
"""

import ast
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dicom_sieve.reports import charts
from dicom_sieve.web import texts

SOURCE = Path(charts.__file__).parents[1]
MODULES, TEMPLATES = SOURCE / "web", (SOURCE / "web" / "templates", SOURCE / "reports" / "templates")
TARGET = texts.FOLDER / f"{texts.DOMAIN}.pot"
MARKS = {"gettext": 1, "later": 1, "ngettext": 2, "later_by_number": 2}
"""Functions of modules that mark texts, and how many each of them takes."""
HEADER = """\
# The texts of the pages of dicom-sieve. Written by `make texts`.
msgid ""
msgstr ""
"Project-Id-Version: dicom-sieve\\n"
"Language: \\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
Message = tuple[str, ...]
"""A text; with its plural, where it depends on a number."""


def messages() -> dict[str, tuple[Message, list[str]]]:
    """Give every text by its English, with the files that it stands in, in their order."""
    found: dict[str, tuple[Message, list[str]]] = {}
    paths = [*sorted(MODULES.glob("*.py")), *(path for folder in TEMPLATES for path in sorted(folder.glob("*.html")))]
    for path in paths:
        name = path.relative_to(SOURCE).as_posix()
        for message in of_module(path) if path.suffix == ".py" else of_template(path):
            known, places = found.get(message[0], (message, []))
            found[message[0]] = max(known, message, key=len), [*places, *([] if name in places else [name])]
    return found


def of_module(path: Path) -> Iterator[Message]:
    """Give the texts that a module marks."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if not isinstance(node.func, ast.Name) or node.func.id not in MARKS:
            continue
        given = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if len(given) == MARKS[node.func.id]:  # else a constant that is marked where it stands
            yield tuple(given)


def of_template(path: Path) -> Iterator[Message]:
    """Give the texts that a template marks."""
    environment = charts.make_environment()
    for _, _, message in environment.extract_translations(path.read_text(encoding="utf-8")):  # type: ignore[attr-defined]
        yield (message,) if isinstance(message, str) else tuple(each for each in message if each is not None)


def catalog_template() -> str:
    """Write all texts as a template of catalogs (GNU gettext's PO format)."""
    entries = [HEADER]
    for message, places in messages().values():
        lines = [f"#: {' '.join(places)}", *(["#, python-format"] if "%" in message[0] else [])]
        lines.append(f"msgid {_quoted(message[0])}")
        if len(message) == 1:
            lines.append('msgstr ""')
        else:
            lines += [f"msgid_plural {_quoted(message[1])}", 'msgstr[0] ""', 'msgstr[1] ""']
        entries.append("\n".join(lines) + "\n")
    return "\n".join(entries)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def main() -> None:
    """Write the template; then merge it into each catalog, and compile that."""
    TARGET.write_text(catalog_template(), encoding="utf-8")
    for catalog in sorted(texts.FOLDER.glob(f"*/LC_MESSAGES/{texts.DOMAIN}.po")):
        subprocess.run(["msgmerge", "--quiet", "--update", "--backup=none", catalog, TARGET], check=True)
        compiled = f"--output-file={catalog.with_suffix('.mo')}"
        subprocess.run(["msgfmt", "--check", compiled, catalog], check=True)


if __name__ == "__main__":
    main()
