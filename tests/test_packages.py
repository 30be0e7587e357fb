"""What an installation is made of: licences, sizes, the list that a release has, and binary wheels."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts import packages, sbom

from dicom_sieve.version import __version__
from tests.support.documents import ROOT, read, section, table

LIMIT = 426
"""MiB that the base had when it was first to become smaller."""
IS_MEASURED_HERE = sys.platform == "linux" and sys.version_info[:2] == (3, 11)


def pins(lock: str) -> dict[str, str]:
    """Give the versions that a lock file names for this platform."""
    lines = re.findall(r"^[a-z0-9.-]+==[^\\\n]+", read(f"requirements/{lock}"), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    here = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in here}


class TestLicences:
    @pytest.mark.parametrize("extra", packages.extras())
    def test_every_package_has_a_licence_that_is_allowed_or_named(self, extra: str) -> None:
        assert [problem for name in sorted(packages.packages_of(extra)) if (problem := packages.problem_of(name))] == []

    def test_what_is_named_is_installed_by_somebody(self) -> None:
        installed = {name for extra in packages.extras() for name in packages.packages_of(extra)}

        assert set(packages.NAMED) <= installed
        assert not [name for name in packages.NAMED if packages.licences_of(name) <= packages.ALLOWED]

    def test_a_licence_that_nobody_allowed_is_refused(self) -> None:
        assert packages.licences_of("psycopg") == {"LGPL-3.0-only"}
        assert packages.problem_of("hypothesis") == "hypothesis has a licence that is not allowed: MPL-2.0"
        assert packages.problem_of("no-such-package") == "no-such-package does not say its licence"

    @pytest.mark.skipif(not IS_MEASURED_HERE, reason="the document tells of Linux and Python 3.11")
    def test_the_document_lists_each_package(self) -> None:
        listed = {
            name: (licence, extra) for name, licence, extra in table(section(read("docs/licences.md"), "All packages"))
        }
        named = [row for row in table(read("docs/licences.md")) if row[0] in packages.NAMED][: len(packages.NAMED)]

        assert listed == packages.licences()
        assert {name: tuple(row) for name, *row in named} == dict(packages.NAMED)


class TestSizes:
    @pytest.mark.skipif(not IS_MEASURED_HERE, reason="the document tells of Linux and Python 3.11")
    def test_the_document_has_the_sizes(self) -> None:
        shown = [[cell.replace("`", "") for cell in row] for row in packages.sizes()]
        assert table(section(read("docs/installing.md"), "What it takes")) == shown

    def test_the_base_is_smaller_than_it_was(self) -> None:
        assert sum(map(packages.size_of, packages.packages_of("base"))) < 0.92 * LIMIT * packages.MIB

    def test_the_document_tells_of_every_extra(self) -> None:
        rows = table(section(read("docs/installing.md"), "Extras"))

        assert {row[0] for row in rows} == set(packages.extras()) - {"base"}


class TestLock:
    def test_the_base_is_what_its_lock_file_names(self) -> None:
        named = pins("base.txt")

        assert packages.packages_of("base") <= set(named)
        for name in packages.packages_of("base"):
            found = packages.installed(name)
            assert found is not None
            assert found.version == named[name], name

    def test_both_lock_files_name_the_same_versions(self) -> None:
        developers = pins("dev.txt")

        assert {name: version for name, version in pins("base.txt").items() if developers[name] != version} == {}

    @pytest.mark.parametrize("lock", ["base.txt", "dev.txt", "image.txt"])
    def test_nothing_makes_each_process_read_a_grammar_of_uris(self, lock: str) -> None:
        """Where this is installed, jsonschema imports it, and so Prefect: 1.4 s of CPU beside the 1.2 of all else."""
        assert "rfc3987-syntax" not in pins(lock)


@pytest.mark.timeout(300)
def test_the_list_of_a_release_names_what_is_installed_and_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "base.cdx.json"
    subprocess.run([sys.executable, "-m", "scripts.sbom", str(file)], cwd=ROOT, check=True)

    content = json.loads(file.read_text())
    root = content["metadata"]["component"]
    assert (root["name"], root["version"]) == ("dicom-sieve", __version__)
    found = {component["name"]: component for component in content["components"]}
    names = {canonicalize_name(name): component["version"] for name, component in found.items()}
    assert names == {name: pins("base.txt")[name] for name in packages.packages_of("base")}
    assert [name for name, component in found.items() if not component.get("licenses")] == []
    content["bomFormat"] = "no format"
    with sbom.tools() as tools, pytest.raises(ValueError, match="no format"):
        sbom.check(tools, json.dumps(content))
