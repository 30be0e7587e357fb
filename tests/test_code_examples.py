"""Every block of code in a document that is no command is run, or held to the code, by a test that is named here."""

import contextlib
import json
import re
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dicom_sieve import open_ledger
from dicom_sieve.criteria.reading import load_criteria
from tests.cli.command import run_command
from tests.support.builders import make_instance
from tests.support.documents import ROOT, code_blocks, read

LANGUAGES = ("json", "nginx", "python", "sql", "toml")
RUN_BY = {
    "docs/computations.md": {
        "python": "tests/computations/radiomics/test_compute.py",
        "json": "tests/test_documents.py",
    },
    "docs/consumer.md": {"python": "tests/flows/test_result.py"},
    "docs/deploying.md": {"json": "tests/image/test_empty_machine.py"},
    "docs/examples.md": {"python": "tests/test_examples.py"},
    "docs/export.md": {"python": "tests/test_documents.py"},
    "docs/importing.md": {"json": "tests/importers/test_documents.py"},
    "docs/ledger.md": {"python": "tests/test_documents.py", "json": "tests/ledger/test_seals.py"},
    "docs/lineage.md": {"python": "tests/test_documents.py"},
    "docs/notifications.md": {"python": "tests/flows/test_notifications.py"},
    "docs/operations.md": {"json": "tests/test_logs.py"},
    "docs/overview.md": {"python": "tests/test_documents.py"},
    "docs/requests.md": {"json": "tests/test_documents.py"},
    "docs/tutorial.md": {"python": "tests/test_wheel.py", "json": "tests/test_wheel.py"},
    "docs/tutorials/auditor.md": {"python": "tests/test_tutorials.py", "json": "tests/test_tutorials.py"},
    "docs/tutorials/consumer.md": {"json": "tests/flows/test_result.py"},
    "docs/tutorials/engineer.md": {"json": "tests/test_tutorials.py"},
}
"""For each document and language; what is run by this file is left out."""
RUN_HERE = {"docs/criteria.md": {"json"}, "docs/extending.md": {"toml"}, "docs/ledger.md": {"sql"}}
NOT_RUN = {"docs/security.md": {"nginx"}}
"""nginx and oauth2-proxy are not among the programs of the tests."""
DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]


def blocks(language: str) -> list[Any]:
    found = [
        (name, number, code) for name in DOCUMENTS for number, code in enumerate(code_blocks(read(name), language))
    ]
    return [pytest.param(name, code, id=f"{name}-{number}") for name, number, code in found]


def test_every_document_with_code_is_run_by_a_test() -> None:
    shown = {
        name: languages - RUN_HERE.get(name, set()) - NOT_RUN.get(name, set())
        for name in DOCUMENTS
        if (languages := {language for language in LANGUAGES if code_blocks(read(name), language)})
    }
    assert {name: languages for name, languages in shown.items() if languages} == {
        name: set(tests) for name, tests in RUN_BY.items()
    }


@pytest.mark.parametrize("test", sorted({test for tests in RUN_BY.values() for test in tests.values()}))
def test_the_test_that_is_named_is_there(test: str) -> None:
    assert (ROOT / test).exists()


@pytest.mark.parametrize(("name", "code"), blocks("sql"))
def test_sql_runs(name: str, code: str, tmp_path: Path) -> None:
    if code.startswith("-- DuckDB"):
        assert ask_manifest(code, tmp_path) == [("1.2.3.4", 1)]
        return
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for statement in filter(str.strip, code.split(";")):
        names = dict.fromkeys(re.findall(r":(\w+)", statement), "x")
        connection.execute(statement, names).fetchall()
    connection.close()


def ask_manifest(statement: str, home: Path) -> list[Any]:
    """Publish one instance that passed, and ask its manifest where it lies."""
    (home / "images").mkdir()
    (home / "images" / "1.dcm").write_bytes(make_instance(series_instance_uid="1.2.3.4", Modality="CT"))
    (home / "criteria.json").write_text('[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]')
    given = ("--criteria", str(home / "criteria.json"), "--output", str(home / "results"))
    assert run_command("screen", str(home / "images"), *given, home=home).returncode == 0
    [published] = (home / "results").iterdir()
    with contextlib.chdir(published), duckdb.connect() as reader:
        return reader.execute(statement).fetchall()


@pytest.mark.parametrize(("name", "code"), blocks("json"))
def test_json_is_json_and_lists_of_criteria_are_criteria(name: str, code: str) -> None:
    given = json.loads(code)
    criteria = given.get("criteria") if isinstance(given, dict) else given
    if isinstance(criteria, list) and name == "docs/criteria.md":
        assert load_criteria(criteria)


@pytest.mark.parametrize(("name", "code"), blocks("toml"))
def test_toml_is_toml(name: str, code: str) -> None:
    assert tomllib.loads(code)
