"""What is measured of made series, held to an evaluator of whole objects that shares no code with it."""

import json
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Damaged, compile_criteria
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.headers import Damage
from dicom_sieve.ledger.database.decisions import BY_OBJECT
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.writing.decisions import Decided
from dicom_sieve.reports.compare_runs import Compared, SeriesChange, Summary, compare
from dicom_sieve.screening import Preview, Screening, preview, preview_known, screen
from tests.screening.made_series import MOST_SEED, made, some_criteria, some_world
from tests.screening.naive_measures import Made, findings_of
from tests.screening.partly_read import made_header, reading
from tests.screening.screened_series import LIMITS, screening, store_of
from tests.screening.screenings import decisions_of, sql
from tests.support.simulated_store import SimulatedStore

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))
"""Made series; 100,000 in the slow mode."""
SERIES = 60
"""Of one bucket."""
SEED = 20_261_129
Objects = Mapping[str, Made]
Findings = dict[str, list[str]]


def ours(ledger: Ledger, run_id: str) -> Findings:
    return {row.object_key: list(row.findings) for row in ledger.run(run_id).objects()}


def expected_of(objects: Objects, criteria: Any, damaged: Damaged) -> Findings:
    return findings_of(objects, criteria, judges_damaged=damaged is Damaged.JUDGE)


def differences(found: Findings, expected: Findings, criteria: Any) -> list[Any]:
    """Name the first few places where both differ: key, item, and what each says."""
    assert found.keys() == expected.keys()
    differing = [key for key in found if found[key] != expected[key]]
    return [
        (key, item, *both)
        for key in differing[:3]
        for item, *both in zip(criteria, found[key], expected[key], strict=True)
        if both[0] != both[1]
    ]


class TestMadeSeries:
    @pytest.mark.timeout(1200)  # more than a minute of a core, on machines that do other things
    def test_findings_are_those_of_plain_python(self) -> None:
        chance, seen = random.Random(SEED), Counter[str]()
        for number in range(max(1, CASES // SERIES)):
            objects, criteria = some_world(chance, str(number + 1), SERIES), some_criteria(chance, 14)
            damaged = chance.choice(list(Damaged))
            with open_ledger("sqlite:///:memory:") as ledger:
                screen(screening("run", store_of(objects), criteria, damaged), ledger)
                found = ours(ledger, "run")
            assert differences(found, expected_of(objects, criteria, damaged), criteria) == [], (number, damaged)
            seen.update(finding for findings in found.values() for finding in findings)

        assert {"MET", "NOT_MET", "ABSENT", "EMPTY", "MALFORMED", "UNDECIDED"} <= set(seen)

    @pytest.mark.slow
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, MOST_SEED), st.sampled_from(list(Damaged)))
    def test_few_series_are_found_alike(self, seed: int, damaged: Damaged) -> None:
        chance = random.Random(seed)
        objects, criteria = some_world(chance, "1", 3), some_criteria(chance, 4)
        with open_ledger("sqlite:///:memory:") as ledger:
            screen(screening("run", store_of(objects), criteria, damaged), ledger)

            found = ours(ledger, "run")

        assert differences(found, expected_of(objects, criteria, damaged), criteria) == []

    @pytest.mark.parametrize("damaged", list(Damaged))
    def test_a_series_is_measured_again_where_it_changes(self, ledger: Ledger, damaged: Damaged) -> None:
        chance = random.Random(SEED + 1)
        objects, criteria = some_world(chance, "1", 40), some_criteria(chance, 14)
        store = store_of(objects)
        screen(screening("before", store, criteria, damaged), ledger)
        assert differences(ours(ledger, "before"), expected_of(objects, criteria, damaged), criteria) == []

        changed = changed_objects(chance, objects)
        for key in objects.keys() - changed.keys():
            store.delete(key)
        for key, each in changed.items():
            if objects.get(key) is not each:
                store.put(key, each.data)
        foreseen: dict[tuple[PageKind, int], Any] = {}
        asked = screening("after", store, criteria, damaged)
        shown = preview(
            Preview(store, asked.criteria, damaged=damaged, limits=LIMITS),
            ledger,
            keep=lambda page: foreseen.update(decisions(page)),
        )
        known = preview_known(store.location, asked.criteria, ledger, damaged=damaged)
        outcome = screen(asked, ledger)

        assert differences(ours(ledger, "after"), expected_of(changed, criteria, damaged), criteria) == []
        assert differences(ours(ledger, "before"), expected_of(objects, criteria, damaged), criteria) == []
        assert foreseen == recorded(ledger, "after")
        for counts in (shown.counts, known.counts):
            assert {name: outcome.counts[name] for name in known.counts} == {
                name: counts[name] for name in known.counts
            }

    def test_a_comparison_says_what_two_runs_say(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 2)
        objects = some_world(chance, "1", 40)
        store = store_of(objects)
        first, second = (
            [{"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "3"}],
            [
                {"measure": "SERIES", "operation": "AT_LEAST", "reference": "2", "where": [
                    {"dicom_tag": "StudyDate", "operation": "AT_MOST", "reference": "030D", "minus": "OWN"}]},
                {"measure": "DISTINCT", "dicom_tag": "PatientID", "scope": "STUDY", "operation": "AT_LEAST",
                 "reference": "2"},
            ],
        )  # fmt: skip
        screen(screening("a", store, first), ledger)
        screen(screening("b", store, second), ledger)

        of_runs = compared(ledger, run_side(ledger, "a"), run_side(ledger, "b"))
        tried = Compared("b", run_side(ledger, "b").snapshot, compile_criteria(screening("b", store, second).criteria))

        assert compared(ledger, run_side(ledger, "a"), tried) == of_runs
        assert of_runs[0]


class TestManySeries:
    def test_ten_thousand_series_are_measured_as_plain_python_measures_them(self) -> None:
        chance = random.Random(SEED + 3)
        objects: dict[str, Made] = {}
        for number in range(10_000):
            common = {
                "StudyInstanceUID": f"1.2.{number // 3}",
                "SeriesInstanceUID": f"1.3.{number}",
                "PatientID": f"P{number // 7}",
                "IssuerOfPatientID": chance.choice([None, None, "A"]),
                "Modality": chance.choice(["CT", "MR"]),
                "StudyDate": f"2022{chance.randrange(1, 13):02}15",
            }
            for place in range(chance.choice([1, 2, 3])):
                own = {
                    "InstanceNumber": str(place + chance.choice([1, 1, 2])),
                    "SOPInstanceUID": f"1.4.{number}.{place}",
                }
                objects[f"{number}/{place}"] = made(common | own)
        is_ct = {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}
        later = {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "030D", "minus": "OWN"}
        several = {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "2"}
        criteria = [
            several,
            {"measure": "INSTANCES", "scope": "PATIENT", "operation": "GREATER", "reference": "9", "where": [is_ct]},
            {"measure": "SERIES", "operation": "EQUALS", "reference": "2", "where": [is_ct, several]},
            {"measure": "STUDIES", "operation": "AT_LEAST", "reference": "1", "where": [later]},
            {"measure": "MISSING", "operation": "EQUALS", "reference": "0"},
            {
                "measure": "DISTINCT",
                "dicom_tag": "StudyDate",
                "scope": "STUDY",
                "operation": "GREATER",
                "reference": "1",
            },
        ]
        with open_ledger("sqlite:///:memory:") as ledger:
            asked = screening("run", store_of(objects), criteria)
            screen(Screening("run", asked.store, asked.criteria, shard_objects=500, objects_together=1), ledger)
            found = ours(ledger, "run")

        assert differences(found, expected_of(objects, criteria, Damaged.DISCARD), criteria) == []
        assert all(len({findings[place] for findings in found.values()}) > 1 for place in range(len(criteria)))


def changed_objects(chance: random.Random, objects: Objects) -> dict[str, Made]:
    """Take objects away, overwrite some with others of the same series, and add some."""
    changed, another = dict(objects), some_world(chance, "1", 40)
    for key in chance.sample(sorted(objects), 20):
        del changed[key]
    for key in chance.sample(sorted(objects.keys() & another.keys()), 20):
        changed[key] = another[key]
    return changed | {f"more/{key}": another[key] for key in chance.sample(sorted(another), 20)}


def decisions(page: Decided) -> dict[tuple[PageKind, int], Any]:
    """Give what was decided on a page, by row."""
    outcomes = [page.outcomes.things[code] for code in page.outcomes.codes.tolist()]
    both = zip(page.ids.tolist(), outcomes, strict=True)
    return {(page.kind, row): (outcome.verdict, json.loads(outcome.findings)) for row, outcome in both}


def recorded(ledger: Ledger, run_id: str) -> dict[tuple[PageKind, int], Any]:
    """Give the same of what a run recorded."""
    [(number,)] = sql(ledger, "SELECT number FROM run WHERE id = :id", id=run_id)
    headers = {(PageKind.HEADER, row): (verdict, found) for _, row, verdict, found in decisions_of(ledger, number)}
    by_object = {row for (_, row), (verdict, _) in headers.items() if verdict == BY_OBJECT}
    held = "SELECT id, header_id, key FROM object WHERE removed_in IS NULL"
    rows = {row.object_key: row for row in ledger.run(run_id).objects()}
    return headers | {
        (PageKind.OBJECT, number): (str(rows[key].verdict), list(rows[key].findings))
        for number, header, key in sql(ledger, held)
        if header in by_object
    }


def run_side(ledger: Ledger, run_id: str) -> Compared:
    row = ledger.run(run_id).row
    return Compared(row.id, snapshot_of_run(ledger.engine, row), compile_recorded(row.criteria), row.number)


def compared(ledger: Ledger, a: Compared, b: Compared) -> tuple[list[SeriesChange], Summary]:
    summary = Summary()
    return list(compare(ledger, a, b, summary)), summary


class TestHeadersThatWereReadInPart:
    def test_whose_study_or_patient_may_be_another_is_undecided_and_counts_in_none(self, ledger: Ledger) -> None:
        study, patient = (
            {"measure": "INSTANCES", "scope": scope, "operation": "EQUALS"} for scope in ("STUDY", "PATIENT")
        )
        criteria = [
            study | {"reference": "4", "if_absent": "MET"},
            patient | {"reference": "3", "if_absent": "MET"},
            {"measure": "FRAMES", "operation": "EQUALS", "reference": "2"},
        ]
        known = {"00100020": ("P",), "0020000D": ("1.5.1.0",)}
        headers = {
            "whole": made_header("1.5.1", known),
            "whole too": made_header("1.5.1", known),
            "without a patient": made_header("1.5.2", {"0020000D": ("1.5.2.0",)}, "00100020", Damage.CUT),
            "without an issuer": made_header("1.5.3", known, "00100021", Damage.CUT),
            "without a study": made_header("1.5.4", {"00100020": ("P",), "00100021": ()}, "00180000", Damage.CUT),
            "with two patients": made_header("1.5.5", known, "00100020", Damage.REPEATED),
        }
        store = SimulatedStore(dict.fromkeys(headers, b"x"))
        asked = screening("run", store, criteria, Damaged.JUDGE)

        screen(replace(asked, run_shards=reading(headers)), ledger)

        assert ours(ledger, "run") == {
            "whole": ["MET", "MET", "MET"],
            "whole too": ["MET", "MET", "MET"],
            "without a patient": ["NOT_MET", "UNDECIDED", "UNDECIDED"],
            "without an issuer": ["MET", "UNDECIDED", "UNDECIDED"],
            "without a study": ["UNDECIDED", "MET", "UNDECIDED"],
            "with two patients": ["MET", "UNDECIDED", "UNDECIDED"],
        }
