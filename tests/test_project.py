"""What a project has beside its code: its workflow runs what CI runs, and its forms are forms."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dicom_sieve.version import __version__

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_the_workflow_runs_what_ci_runs() -> None:
    [job] = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text(encoding="utf-8"))["jobs"].values()

    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert job["timeout-minutes"] == 90
    assert (ROOT / ".ci/run").is_file()


@pytest.mark.parametrize("path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.name)
def test_a_form_asks_each_thing_once(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert form["name"]
    assert form["description"]
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in asked]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_who_finds_a_hole_is_told_where_to_say_it() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    assert "privately" in text
    assert "SECURITY.md" in (ROOT / "CODE_OF_CONDUCT.md").read_text(encoding="utf-8")


def test_the_readme_names_the_wheel_that_is_built() -> None:
    assert f"dist/dicom_sieve-{__version__}-py3-none-any.whl" in (ROOT / "README.md").read_text(encoding="utf-8")
