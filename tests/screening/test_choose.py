"""One of several is chosen, and a series fails as a whole: alike on both databases, in any order, by any runner."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import compile_recorded, read_criteria
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.reports import make_report
from dicom_sieve.reports.compare_runs import Compared, Summary, compare
from dicom_sieve.screening import Screening, in_processes, in_threads, one_by_one, preview_known, screen
from dicom_sieve.stores import Store
from dicom_sieve.stores.directory import DirectoryStore
from tests.screening.screenings import ct, sql
from tests.support.simulated_store import PLACE, SimulatedStore

CT = {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}
THIN = {"dicom_tag": "SliceThickness", "operation": "AT_MOST", "reference": "3 mm"}
LUNG = {"dicom_tag": "SeriesDescription", "operation": "CONTAINS", "reference": "lung"}
PREFER = [{"meets": [LUNG]}, {"highest": "INSTANCES"}, {"lowest": "SliceThickness"}]
FIELDS = ("PatientID", "StudyInstanceUID", "SeriesDescription", "SliceThickness", "Modality")
RUNNERS = {"alone": one_by_one, "threads": in_threads(3), "processes": in_processes(2)}
Made = dict[str, dict[str, Any]]


def make(chance: random.Random, patients: int = 12) -> Made:
    """Make the attributes of objects, by key: a few patients, studies and series, with ties of all kinds."""
    made: Made = {}
    for patient in range(patients):
        for study in range(chance.randrange(1, 4)):
            study_uid = f"1.7.{patient}.{study}"
            for series in range(chance.randrange(1, 5)):
                series_uid = f"1.8.{chance.randrange(10**6)}.{patient}.{study}.{series}"
                described = chance.choice(["lung", "LUNG thin", "soft", None])
                for number in range(chance.randrange(1, 4)):
                    made[f"{chance.randrange(10**9)}/{series_uid}/{number}"] = {
                        "PatientID": chance.choice([f"P{patient}"] * 20 + [None]),
                        "StudyInstanceUID": study_uid,
                        "series": series_uid,
                        "uid": f"{series_uid}.{number}",
                        "SeriesDescription": described,
                        "SliceThickness": chance.choice(["1", "2", "2.0", "3", "5", None, ""]),
                        "Modality": chance.choice(["CT"] * 9 + ["MR"]),
                        "StudyDate": chance.choice(["20200101", "20210315", "20210316", ""]),
                    }
    return made


def as_bytes(of: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in of.items() if name not in ("series", "uid") and value is not None}
    modality = given.pop("Modality")
    data = ct(of["series"], of["uid"], **given)
    return data if modality == "CT" else data.replace(b"CS\x02\x00CT", b"CS\x02\x00MR")


def store_of(made: Made, keys: Iterable[str] | None = None) -> SimulatedStore:
    return SimulatedStore({key: as_bytes(made[key]) for key in (made if keys is None else keys)})


def run(ledger: Ledger, store: Store, run_id: str, asked: Any, **how: Any) -> dict[str, tuple[str, list[str]]]:
    """Screen, and give verdict and findings by key."""
    items, problems = read_criteria(asked)
    assert not problems
    screen(Screening(run_id, store, items, **how), ledger)
    return {row.object_key: (str(row.verdict), list(row.findings)) for row in ledger.run(run_id).objects()}


def number(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def chosen_by_hand(made: Made, one: str, per: str, passes: set[str]) -> dict[str, int]:
    """Give the preference, from 1, by which each series (or study) falls that has an instance that passes; 0: chosen.

    Written without the engine: groups in dictionaries, preferences one after the other.
    """
    candidates: dict[str, list[dict[str, Any]]] = defaultdict(list)
    of_all: dict[str, int] = defaultdict(int)
    for key, of in made.items():
        of_all[of[one]] += 1
        if key in passes:
            candidates[of[one]].append(of)
    groups: dict[str, list[str]] = defaultdict(list)
    for name, members in candidates.items():
        for group in {member[per] for member in members if member[per]}:
            groups[group].append(name)
    fallen: dict[str, int] = {}
    for names in groups.values():
        left = sorted(names)
        scores = {name: scores_of(candidates[name], of_all[name]) for name in left}
        for place in range(3):
            best = max(scores[name][place] for name in left)
            fallen.update({name: place + 1 for name in left if scores[name][place] < best})
            left = [name for name in left if scores[name][place] == best]
        fallen.update(dict.fromkeys(left[1:], 4))
        fallen[left[0]] = 0
    return fallen


def scores_of(members: Sequence[Mapping[str, Any]], instances: int) -> tuple[Decimal, Decimal, Decimal]:
    """Give what each preference compares; higher is better."""
    is_lung = any("lung" in (of["SeriesDescription"] or "").lower() for of in members)
    thinnest = min((value for of in members if (value := number(of["SliceThickness"])) is not None), default=10**9)
    return Decimal(is_lung), Decimal(instances), Decimal(-thinnest)


def passing(made: Made) -> set[str]:
    return {
        key
        for key, of in made.items()
        if of["Modality"] == "CT" and (thickness := number(of["SliceThickness"])) is not None and thickness <= 3
    }


@pytest.mark.parametrize(
    ("one", "per", "names"),
    [
        ("series", "StudyInstanceUID", ("SERIES", "STUDY")),
        ("StudyInstanceUID", "PatientID", ("STUDY", "PATIENT")),
    ],
)
def test_one_is_chosen_as_plain_python_chooses(ledger: Ledger, one: str, per: str, names: tuple[str, str]) -> None:
    made = make(random.Random(one), patients=60)
    if per == "PatientID":  # a study is of one patient here: which of several it would be counted for is another test
        for of in made.values():
            of["PatientID"] = f"P{of['StudyInstanceUID'].split('.')[2]}"
    asked = {"criteria": [CT, THIN], "choose": {"one": names[0], "per": names[1], "prefer": PREFER}}

    found = run(ledger, store_of(made), "run", asked)

    passes = passing(made)
    by_hand = chosen_by_hand(made, one, per, passes)
    assert len(set(by_hand.values())) == 5
    for key, (verdict, findings) in found.items():
        place = by_hand.get(made[key][one], 0) if key in passes else 0
        steps = ["NOT_CHOSEN" if place == number else "MET" for number in range(1, 5)]
        assert findings[2:] == steps, key
        assert (verdict == "PASSED") == (key in passes and not place), key


def test_the_choice_is_the_same_in_ten_orders_and_by_three_runners(ledger: Ledger, tmp_path: Path) -> None:
    made = make(random.Random(7), patients=6)
    asked = {"criteria": [CT], "unit": "SERIES", "choose": {"one": "SERIES", "per": "PATIENT", "prefer": PREFER}}
    results = []
    for order in range(10):
        chance = random.Random(order)
        keys = {f"{chance.randrange(10**9)}-{order}": key for key in sorted(made)}
        folder = tmp_path / str(order)
        folder.mkdir()
        for new, key in keys.items():
            (folder / new).write_bytes(as_bytes(made[key]))
        runner = list(RUNNERS.values())[order % 3]
        found = run(
            ledger,
            DirectoryStore(folder),
            f"run-{order}",
            asked,
            run_shards=runner,
            shard_objects=chance.randrange(3, 50),
            objects_together=chance.randrange(1, 80),
        )
        results.append({keys[new]: said for new, said in found.items()})

    assert all(result == results[0] for result in results)
    assert {verdict for verdict, _ in results[0].values()} == {"PASSED", "DISCARDED"}


def test_an_instance_that_fails_discards_its_series(ledger: Ledger) -> None:
    made = make(random.Random(3))
    objects = {key: as_bytes(of) for key, of in made.items()}
    broken = next(key for key, of in made.items() if of["Modality"] == "CT")
    objects[broken] = objects[broken][:-3]  # damaged: it has its series, and cannot be judged

    found = run(ledger, SimulatedStore(objects), "run", {"criteria": [CT], "unit": "SERIES"})

    fails = {key for key, of in made.items() if of["Modality"] != "CT" or key == broken}
    in_failing = {of["series"] for key, of in made.items() if key in fails}
    for key, (verdict, findings) in found.items():
        whole = made[key]["series"] not in in_failing
        assert (verdict == "PASSED") == whole
        if key != broken:
            assert findings == ["MET" if key not in fails else "NOT_MET", "MET" if whole or key in fails else "SERIES"]
    assert sql(ledger, "SELECT DISTINCT selection FROM series_decision ORDER BY 1") == [("NONE",), ("WHOLE",)]


class TestWhatIsToldOfARun:
    ASKED: ClassVar[Any] = {
        "criteria": [CT, THIN],
        "unit": "SERIES",
        "choose": {"one": "SERIES", "per": "STUDY", "prefer": PREFER},
    }

    def test_a_preview_and_a_comparison_say_what_the_run_says(self, ledger: Ledger) -> None:
        store = store_of(make(random.Random(5)))
        found = run(ledger, store, "chosen", self.ASKED)
        run(ledger, store, "all", self.ASKED["criteria"])
        items, _ = read_criteria(self.ASKED)

        previewed = preview_known(PLACE, items, ledger).counts
        row = ledger.run("all").row
        snapshot = snapshot_of_run(ledger.engine, row)
        every = Compared("all", snapshot, compile_recorded(row.criteria), run_number=row.number)
        tried = Compared("tried", snapshot, compile_recorded([item.as_given() for item in items]))
        by_run, by_criteria = Summary(), Summary()
        chosen = ledger.run("chosen").row
        of_run = Compared("chosen", snapshot, compile_recorded(chosen.criteria), run_number=chosen.number)
        changed_by_run = list(compare(ledger, every, of_run, by_run))
        changed_by_criteria = list(compare(ledger, every, tried, by_criteria))

        counts = ledger.run("chosen").row.counts or {}
        assert previewed["findings"] == counts["findings"]
        assert (previewed["passed"], previewed["series"]) == (counts["passed"], counts["series"])
        assert counts["passed"] == sum(verdict == "PASSED" for verdict, _ in found.values()) > 0
        assert changed_by_run == changed_by_criteria
        assert by_run == by_criteria

    def test_the_steps_of_a_report_add_up_and_equal_the_views(self, ledger: Ledger) -> None:
        run(ledger, store_of(make(random.Random(6))), "run", self.ASKED)

        figures = make_report(ledger.run("run")).figures
        left, series = figures.judged.instances, figures.judged.series
        for step in figures.steps:
            fell = sum(excluded.instances for excluded in step.fell)
            whole = sum(excluded.series for excluded in step.fell) + step.fell_mixed
            assert (step.instances, step.series) == (left - fell, series - whole)
            left, series = step.instances, step.series
        rows = sql(ledger, "SELECT verdict, COUNT(*) FROM instance_decision WHERE run_id = 'run' GROUP BY verdict")
        assert dict(rows)["PASSED"] == left == figures.passed.instances
        whole_series = sql(ledger, "SELECT COUNT(*) FROM series_decision WHERE run_id = 'run' AND passed > 0")
        assert whole_series == [(series,)]

    def test_a_run_that_chooses_is_verified(self, ledger: Ledger) -> None:
        run(ledger, store_of(make(random.Random(8))), "run", self.ASKED)

        assert verify(ledger.engine).damages == []
        assert ledger.run("run").row.criteria[-2:] == [
            {"unit": "SERIES"},
            {
                "choose": self.ASKED["choose"]
                | {
                    "prefer": [
                        {"meets": [{**LUNG, "dicom_tag": ["0008", "103E"]}]},
                        {"highest": "INSTANCES"},
                        {"lowest": ["0018", "0050"]},
                    ]
                }
            },
        ]


def test_without_a_patient_nothing_is_chosen(ledger: Ledger) -> None:
    made: Sequence[bytes] = [ct(f"1.9.{number}", f"1.9.{number}.1") for number in range(3)]
    store = SimulatedStore({str(number): data for number, data in enumerate(made)})

    found = run(ledger, store, "run", {"criteria": [CT], "choose": {"one": "SERIES", "per": "PATIENT"}})

    assert {tuple(findings) for _, findings in found.values()} == {("MET", "UNDECIDED")}
