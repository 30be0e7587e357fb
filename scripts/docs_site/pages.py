"""From the documents, as they are read in a checkout, to the pages of the site."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
HOMES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "report-a-vulnerability.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
}
"""Documents outside ``docs`` that are pages, each with its place on the site."""
FILES = "files"
"""Where files of the checkout lie that pages link to: to be downloaded."""
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def stage(folder: Path) -> None:
    """Write all pages that documents are, and what they show and link to, into a folder."""
    shutil.copytree(ROOT / "docs", folder, dirs_exist_ok=True)
    for document in documents():
        page = folder / place_of(document)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(page_of(document), encoding="utf-8")
        for file in _files_of(document):
            copy = folder / FILES / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, copy)


def documents() -> Iterator[str]:
    """Give the documents that are pages, by their paths in the checkout; what only links to a page among them."""
    yield from HOMES
    yield from (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md")))
    yield "examples/own_computation/README.md"


def place_of(path: str) -> str:
    """Give the place on the site of a file of the checkout."""
    if path in HOMES:
        return HOMES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{FILES}/{path}"


def page_of(document: str) -> str:
    """Give a document as a page: links lead to places on the site, diagrams are pictures."""
    text = (ROOT / document).read_text(encoding="utf-8")
    here = PurePosixPath(place_of(document)).parent
    parts: list[str] = []
    end = 0
    for block in _CODE.finditer(text):
        parts += (_relinked(text[end : block.start()], document, here), _drawn(block[0], here))
        end = block.end()
    return "".join([*parts, _relinked(text[end:], document, here)])


def title_of(document: str) -> str:
    """Give the first heading of a document."""
    heading = re.search(r"^# (.*)$", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
    return heading[1] if heading else document


def decisions() -> str:
    """Give the page that lists all decisions by their headings."""
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    links = (f"- [{title_of(f'docs/adr/{record.name}')}](adr/{record.name})" for record in records)
    return "\n".join(["# Decisions", "", "What was decided, why, and what it costs.", "", *links, ""])


def picture_of(diagram: str) -> str:
    """Name the picture of a diagram: it changes with what the diagram says."""
    return f"images/diagram-{hashlib.sha256(diagram.encode()).hexdigest()[:12]}.svg"


def diagrams() -> Iterator[str]:
    """Give the diagrams of all documents, in the language of Mermaid."""
    for document in documents():
        yield from _DIAGRAM.findall((ROOT / document).read_text(encoding="utf-8"))


def _drawn(block: str, here: PurePosixPath) -> str:
    diagram = _DIAGRAM.fullmatch(block)
    if diagram is None:
        return block
    title = re.search(r"^\s*title (.*)$", diagram[1], re.MULTILINE)
    return f"![{title[1] if title else 'A diagram of what the text says'}]({_from(here, picture_of(diagram[1]))})"


def _relinked(text: str, document: str, here: PurePosixPath) -> str:
    def link(found: re.Match[str]) -> str:
        target, hash_, anchor = found[2].partition("#")
        if not target or ":" in target:
            return found[0]
        path = _path(target, document)
        text = title_of(path) if found[1] == path and path.endswith(".md") else found[1]
        return f"[{text}]({_from(here, place_of(path))}{hash_}{anchor})"

    return _LINK.sub(link, text)


def _files_of(document: str) -> Iterator[str]:
    """Give the files of the checkout that a document links to and that are no pages."""
    pages = set(documents())
    for found in _LINK.finditer(_CODE.sub("", (ROOT / document).read_text(encoding="utf-8"))):
        target = found[2].partition("#")[0]
        path = _path(target, document) if target and ":" not in target else ""
        if path and path not in pages and place_of(path).startswith(f"{FILES}/"):
            yield path


def _path(target: str, document: str) -> str:
    """Give the path in the checkout that a link of a document leads to."""
    return (ROOT / document).parent.joinpath(target).resolve().relative_to(ROOT).as_posix()


def _from(here: PurePosixPath, place: str) -> str:
    """Give a place on the site as seen from a folder of it."""
    above = len(here.parts)
    shared = 0
    parts = PurePosixPath(place).parts
    while shared < min(above, len(parts) - 1) and here.parts[shared] == parts[shared]:
        shared += 1
    return "/".join([".."] * (above - shared) + list(parts[shared:]))
