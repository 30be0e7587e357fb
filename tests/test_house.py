"""The house is in order: no circles, one place a kind of thing."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
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
