"""What a project has beside its code: its workflow runs what CI runs, and its forms are forms."""

import re
import tomllib
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


def test_the_page_on_installing_names_the_wheel_that_is_built() -> None:
    assert f"dist/dicom_sieve-{__version__}-py3-none-any.whl" in (ROOT / "docs/installing.md").read_text(
        encoding="utf-8"
    )


class TestReleaseWorkflow:
    WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text(encoding="utf-8"))
    JOBS = WORKFLOW["jobs"]

    def test_builds_what_make_builds_for_the_version_of_the_tag(self) -> None:
        [build] = [step["run"] for step in self.JOBS["build"]["steps"] if step.get("name") == "Build"]

        assert self.WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads "on" as true
        assert "make dist" in build
        assert 'test "$GITHUB_REF_NAME" = "v$(.venv/bin/dicom-sieve --version)"' in build

    def test_publishes_only_what_two_builds_agree_on_and_a_person_let_through(self) -> None:
        assert self.JOBS["build"]["strategy"]["matrix"] == {"copy": ["first", "second"]}
        assert (self.JOBS["compare"]["needs"], self.JOBS["publish"]["needs"]) == ("build", "compare")
        assert self.JOBS["publish"]["environment"] == "release"

    def test_only_the_job_that_publishes_may_write_and_no_secret_is_used(self) -> None:
        assert self.WORKFLOW["permissions"] == {"contents": "read"}
        assert [name for name, job in self.JOBS.items() if "permissions" in job] == ["publish"]
        assert "secrets." not in (ROOT / ".github/workflows/release.yaml").read_text(encoding="utf-8")

    def test_every_action_is_of_a_named_version(self) -> None:
        used = [step["uses"] for job in self.JOBS.values() for step in job["steps"] if "uses" in step]

        assert used
        assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", action)] == []


def test_the_interpreters_that_are_named_are_those_that_are_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]

    assert project["requires-python"] == f">={named[0]}"
    assert f"Python {named[0]} to {named[-1]}" in (ROOT / "docs/installing.md").read_text(encoding="utf-8")
    assert f"Python {named[0]} to {named[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
