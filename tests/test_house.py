"""The house is in order: no circles, one place a kind of thing."""

import ast
import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "docs", "tests", "benchmarks", "scripts", "examples")
LONGEST_LINE = 120
GRAPH = grimp.build_graph("dicom_sieve")


def packages() -> list[str]:
    return sorted(name for name in GRAPH.modules if GRAPH.find_children(name))


def imports_among(package: str) -> dict[str, set[str]]:
    """Which children of a package import from which others, however deep within them."""
    children = sorted(GRAPH.find_children(package))
    owner = {module: child for child in children for module in (child, *GRAPH.find_descendants(child))}
    return {
        child: {
            owner[imported]
            for module in (child, *GRAPH.find_descendants(child))
            for imported in GRAPH.find_modules_directly_imported_by(module)
            if imported in owner
        }
        - {child}
        for child in children
    }


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """Give the children that import each other in a circle, or lead to one; nothing where there is no circle."""
    left = dict(imports)
    while free := [child for child, imported in left.items() if not imported & left.keys()]:
        for child in free:
            del left[child]
    return list(left)


class TestImports:
    @pytest.mark.parametrize("package", packages())
    def test_imports_run_in_no_circle(self, package: str) -> None:
        assert circle_in(imports_among(package)) == []

    def test_a_circle_would_be_found(self) -> None:
        assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def imported_test_files(path: Path) -> list[str]:
    """Name the test files that a module imports, or imports from."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return [name for name in names if is_of_a_test_file(name)]


def is_of_a_test_file(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "tests" and any(
        part.startswith("test_") and (ROOT / Path(*parts[:number], f"{part}.py")).exists()
        for number, part in enumerate(parts)
    )


class TestTestFiles:
    def test_no_module_imports_a_test_file(self) -> None:
        found = {
            str(path.relative_to(ROOT)): imported
            for path in sorted((ROOT / "tests").rglob("*.py"))
            if (imported := imported_test_files(path))
        }

        assert found == {}


class TestModules:
    @pytest.mark.parametrize("folder", ["src", "scripts", "benchmarks", "examples", "tests/support"])
    def test_modules_have_four_hundred_lines_at_most(self, folder: str) -> None:
        lengths = {
            str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")
        }

        assert {name: length for name, length in lengths.items() if length > 400} == {}


class TestWords:
    LITERARY = ("for_ever", "in_vain", "sees?_to_it", "whoever_", "an_ew", "in_our_words", "so_many")
    """Words that are not plain, with something between their letters, so that this file does not hold them."""

    def test_no_text_of_the_project_is_literary(self) -> None:
        pattern = re.compile("|".join(rf"\b{self._spelt(word)}" for word in self.LITERARY), re.IGNORECASE)
        files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md"})

        found = [
            f"{path.relative_to(ROOT)}: {match[0]}"
            for path in files
            for match in pattern.finditer(path.read_text(encoding="utf-8"))
        ]

        assert sorted(found) == []

    @staticmethod
    def _spelt(word: str) -> str:
        return word.replace("an_ew", "an" + "ew").replace("_", r"[\s#]+") + r"\b"

    def test_lines_of_prose_have_120_characters_at_most(self) -> None:
        long = [
            f"{path.relative_to(ROOT)}: {line[:60]}"
            for path in sorted((ROOT / "docs").rglob("*.md"))
            for line in prose_of(path)
            if len(line) > LONGEST_LINE
        ]

        assert long == []


def prose_of(document: Path) -> list[str]:
    """Give the lines of a document that are no code, no table and no figures that a program wrote."""
    lines, is_code, is_written = [], False, False
    for line in document.read_text(encoding="utf-8").splitlines():
        is_code ^= line.lstrip().startswith("```")
        is_written = (is_written or "<!-- figures" in line) and "<!-- end" not in line
        if not (is_code or is_written or line.lstrip().startswith(("|", "`"))):
            lines.append(line)
    return lines
