"""The guides for those who extend say what is there: files, tests, words."""

import re
from enum import StrEnum

import pytest

from dicom_sieve.computations.registry import GROUP
from dicom_sieve.criteria import Finding
from dicom_sieve.criteria.decide import Verdict
from dicom_sieve.headers import Defect
from dicom_sieve.headers.defects import Damage
from dicom_sieve.ledger.database.states import InputState, InputUse, RunState
from dicom_sieve.ledger.reading.ledger import SELECTIONS
from dicom_sieve.objects import Selection
from tests.support.documents import ROOT, code_blocks, read, table

CODES: tuple[type[StrEnum], ...] = (Finding, Defect, Damage, Verdict, RunState, InputState, InputUse, Selection)
WORDS = [row[0] for row in table(read("docs/glossary.md"))]
SOURCES = ROOT / "src" / "dicom_sieve"


class TestGlossary:
    @pytest.mark.parametrize("codes", CODES, ids=lambda codes: codes.__name__)
    def test_glossary_has_every_code(self, codes: type[StrEnum]) -> None:
        assert set(codes) <= set(WORDS)

    def test_glossary_has_what_is_said_of_a_series(self) -> None:
        assert set(SELECTIONS) <= set(WORDS)

    def test_glossary_has_no_code_that_is_not_there(self) -> None:
        known = {code for codes in CODES for code in codes} | {*SELECTIONS, "VR"}
        assert {word for word in WORDS if word.isupper()} == known

    def test_glossary_is_in_the_order_of_the_alphabet(self) -> None:
        assert sorted(WORDS, key=lambda word: word.lower().replace("_", " ")) == WORDS
        assert len(set(WORDS)) == len(WORDS)

    def test_glossary_says_which_codes_are_findings_and_defects(self) -> None:
        rows = {row[0]: row[1] for row in table(read("docs/glossary.md"))}
        assert all(rows[finding].startswith("finding: ") for finding in Finding)
        assert all(rows[defect].startswith("defect: ") for defect in Defect)


class TestExtending:
    def test_extending_names_files_that_are_there(self) -> None:
        named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.(?:py|html|json))`", read("docs/extending.md")))
        assert len(named) > 20
        assert [name for name in named if not any((home / name).exists() for home in (ROOT, SOURCES))] == []

    def test_links_to_every_example(self) -> None:
        examples = {path.name for path in (ROOT / "examples").glob("*.py")} - {"__init__.py"}
        assert set(re.findall(r"\]\(\.\./examples/(\w+\.py)\)", read("docs/extending.md"))) == examples

    def test_extending_names_the_group_of_entry_points(self) -> None:
        assert f'"{GROUP}"' in code_blocks(read("docs/extending.md"), "toml")[0]

    def test_extending_is_short(self) -> None:
        lines = read("docs/extending.md").splitlines()
        assert len(lines) <= 150
        assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
