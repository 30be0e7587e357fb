"""The house is in order: no circles, one place a kind of thing."""

import grimp
import pytest

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
    def test_run_in_no_circle(self, package: str) -> None:
        assert circle_in(imports_among(package)) == []

    def test_a_circle_would_be_found(self) -> None:
        assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
