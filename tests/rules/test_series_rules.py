"""Rules on whole series, studies and patients: the ledger says of each image what plain Python with pydicom says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from tests.rules.collection import SAID
from tests.rules.series_cases import CASES
from tests.rules.series_corpus import Corpus
from tests.screening.screenings import verdicts
from tests.support.simulated_store import SimulatedStore


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    path: Path = tmp_path_factory.mktemp("rules") / "ledger.sqlite"
    with open_ledger(f"sqlite:///{path}") as opened:
        yield opened


@pytest.mark.parametrize("rule", CASES)
def test_ledger_says_of_each_image_what_the_rule_says(rule: str, ledger: Ledger) -> None:
    files = CASES[rule].files()
    expected = CASES[rule].passed(Corpus(files))

    store = SimulatedStore(files, location=Location("https://simulated", rule.lower()))
    outcome = screen(Screening(rule, store, load_criteria(SAID[rule])), ledger)

    found = verdicts(ledger, outcome.run_id)
    assert found.keys() == files.keys()
    passed = {key for key, (verdict, _) in found.items() if verdict == "PASSED"}
    assert (sorted(passed - expected), sorted(expected - passed)) == ([], [])
    assert 0 < len(expected) < len(files)
