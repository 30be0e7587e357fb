"""What the documents say of importing is what the importers do."""

import json
import re
from pathlib import Path

from dicom_sieve.importers import IMPORTERS, import_rules
from dicom_sieve.importers.documents import LONGEST
from dicom_sieve.importers.globs import MOST_ALTERNATIVES
from tests.cli.command import run_command
from tests.support.documents import ROOT, code_blocks, read, section, table

PAGE = read("docs/importing.md")
TOOLS = table(PAGE.partition("## An example")[0])


def test_the_tools_are_the_code_s() -> None:
    assert [row[0] for row in TOOLS] == list(IMPORTERS)
    for tool in IMPORTERS:
        assert re.search(rf"\b{tool}\b", read("src/dicom_sieve/cli/commands/criteria.py"))


def test_sources_are_those_of_the_modules() -> None:
    sources = {source for row in TOOLS for source in re.findall(r"[\w.-]+/[\w.-]+@\w+", row[3])}
    modules = (path.read_text(encoding="utf-8") for path in (ROOT / "src/dicom_sieve/importers").glob("*.py"))

    assert sources == {source for module in modules for source in re.findall(r"[\w.-]+/[\w.-]+@\w{7,}", module)}


def test_the_example_becomes_what_the_document_says(tmp_path: Path) -> None:
    example = section(PAGE, "An example")
    config, criteria = code_blocks(example, "json")
    (file := tmp_path / "config.json").write_text(config)

    done = run_command("check", "--from", "dcm2bids", str(file), home=tmp_path)

    assert json.loads(done.stdout) == json.loads(criteria)
    assert done.stderr == code_blocks(example, "text")[0]


def test_the_bounds_are_the_code_s() -> None:
    assert f"at most {MOST_ALTERNATIVES} alternatives" in PAGE
    assert LONGEST == 4 * 2**20
    assert "more than four million characters" in PAGE


def test_the_names_of_rules_are_the_example_s() -> None:
    config = code_blocks(section(PAGE, "An example"), "json")[0]

    assert [rule.name for rule in import_rules("dcm2bids", config)] == ["anat_PD", "anat_T2w"]
    assert "--rule anat_PD" in PAGE
