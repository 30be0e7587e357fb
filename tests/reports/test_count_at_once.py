"""Counts at each change of criteria are those of the run that they would be: each figure, held to that run's report."""

import os
import random
from collections import Counter
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import CompiledGroup, Damaged, Finding
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.ledger.reading import held_columns
from dicom_sieve.ledger.reading.snapshots import Snapshot, last_snapshot
from dicom_sieve.ledger.reading.values import AttributesHeld, attributes_held, values_held
from dicom_sieve.reports import count_at_once, count_attributes, make_report
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.figures import Figures
from dicom_sieve.reports.would_be import ItemCounts, Three, WouldBe, three_of
from dicom_sieve.screening import screen
from tests.screening.made_series import some_criteria, some_world
from tests.screening.screened_series import screening, store_of
from tests.screening.screenings import sql

WORLDS = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000")) // 300
SEED = 20_261_130
STEPS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"unit": "SERIES"}],
    [{"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"highest": "INSTANCES"}]}}],
    [{"unit": "SERIES"}, {"choose": {"one": "SERIES", "per": "STUDY", "prefer": [{"lowest": ["0018", "0050"]}]}}],
)


def counts_of(ledger: Ledger, place: Any, damaged: Damaged = Damaged.DISCARD) -> CountsAtOnce:
    return CountsAtOnce(ledger, last_snapshot(ledger.engine, place), damaged)


def said_by(would: WouldBe) -> dict[str, Any]:
    """What counts say, as a report says it."""
    return {
        "findings": [
            {finding.value: count for finding, count in item.findings.items() if count} for item in would.items
        ],
        "only": [item.only.instances if item.only else None for item in would.items],
        "left": [(left.three.passes, left.by_series.passes) for left in would.left],
        "out": [left.three.fails + left.three.undecided for left in would.left],
        "series out": [(left.by_series.fails, left.by_series.undecided) for left in would.left],
        "judged": (would.judged.series, would.judged.instances, would.judged.bytes),
        "passed": (would.passed.patients, would.passed.studies, would.passed.series, would.passed.instances),
        "bytes": would.passed.bytes,
        "unjudged": would.unjudged,
    }


def said_by_report(figures: Figures) -> dict[str, Any]:
    return {
        "findings": [dict(criterion.findings) for criterion in figures.criteria],
        "only": [criterion.only for criterion in figures.criteria],
        "left": [(step.instances, step.series) for step in figures.steps],
        "out": [sum(excluded.instances for excluded in step.fell) for step in figures.steps],
        "series out": [
            (
                step.fell_mixed - step.mixed_undecided + sum(of.series for of in step.fell if of.finding.is_decided),
                step.mixed_undecided + sum(of.series for of in step.fell if not of.finding.is_decided),
            )
            for step in figures.steps
        ],
        "judged": (figures.judged.series, figures.judged.instances, figures.judged.bytes),
        "passed": (
            figures.passed.patients,
            figures.passed.studies,
            figures.passed.series,
            figures.passed.instances,
        ),
        "bytes": figures.passed.bytes,
        "unjudged": figures.looked_at.instances - figures.judged.instances,
    }


class TestEveryFigure:
    def test_is_that_of_the_run_and_its_report(self) -> None:
        chance, seen = random.Random(SEED), Counter[str]()
        for number in range(max(4, WORLDS)):
            objects, criteria = some_world(chance, str(number + 1), 30), some_criteria(chance, 6)
            criteria = [*criteria[:-2], {chance.choice(["any", "all", "none"]): criteria[-2:]}, *STEPS[number % 4]]
            damaged, store = list(Damaged)[number % 2], store_of(objects)
            with open_ledger("sqlite:///:memory:") as ledger:
                screen(screening("run", store, criteria, damaged), ledger)
                would = counts_of(ledger, store.location, damaged).count(load_criteria(criteria))
                figures = make_report(ledger.run("run"), min_cell=1).figures
            assert said_by(would) == said_by_report(figures), (number, criteria)
            seen.update(finding for item in would.items for finding in item.findings)

        assert {"MET", "NOT_MET", "ABSENT", "UNDECIDED"} <= set(seen)

    def test_stays_so_while_criteria_change_and_what_was_found_is_remembered(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 1)
        objects, pool = some_world(chance, "1", 40), some_criteria(chance, 12)
        store = store_of(objects)
        screen(screening("first", store, pool), ledger)
        counts = counts_of(ledger, store.location)
        for number in range(12):
            criteria = [*chance.sample(pool, 4), *STEPS[number % 4]]
            screen(screening(f"run {number}", store, criteria), ledger)

            would = counts.count(load_criteria(criteria))

            figures = make_report(ledger.run(f"run {number}"), min_cell=1).figures
            assert said_by(would) == said_by_report(figures), criteria

    def test_near_misses_name_their_series_and_those_for_want_of_an_answer(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 2)
        objects, criteria = some_world(chance, "1", 40), some_criteria(chance, 4)
        store = store_of(objects)
        screen(screening("run", store, criteria), ledger)

        would = counts_of(ledger, store.location).count(load_criteria(criteria))

        rows = sql(ledger, "SELECT findings, series_instance_uid FROM instance_decision WHERE run_id = 'run'")
        for place, item in enumerate(would.items):
            alone = [
                (findings[place], series)
                for findings, series in ((_read(text), series) for text, series in rows)
                if findings and findings[place] != "MET" and findings.count("MET") == len(findings) - 1
            ]
            assert item.only is not None
            assert item.only.instances == len(alone)
            assert item.only.series == len({series for _, series in alone})
            assert item.only.undecided == sum(finding != "NOT_MET" for finding, _ in alone)

    def test_series_pass_by_any_instance_and_are_undecided_by_all(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 4)
        objects, leaves = some_world(chance, "1", 40), some_criteria(chance, 4)
        store = store_of(objects)
        criteria = [leaves[0], {"any": leaves[1:3]}, leaves[3]]
        screen(screening("run", store, criteria), ledger)
        screen(screening("leaves", store, leaves), ledger)

        would = counts_of(ledger, store.location).count(load_criteria(criteria), by_series=True)

        wanted = [_series_by_answer(ledger, "run", place) for place in range(3)]
        assert [item.by_series for item in would.items] == wanted
        of_leaves = [_series_by_answer(ledger, "leaves", place) for place in range(4)]
        assert [leaf.by_series for item in would.items for leaf in _leaves(item)] == of_leaves
        assert any(three.undecided and three.passes for three in of_leaves)

    def test_leaves_of_a_group_are_counted_as_if_each_stood_alone(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 3)
        objects, criteria = some_world(chance, "1", 30), some_criteria(chance, 4)
        store = store_of(objects)
        screen(screening("run", store, criteria), ledger)
        counts = counts_of(ledger, store.location)
        grouped = [{"any": [criteria[0], {"none": criteria[1:]}]}]

        [group] = counts.count(load_criteria(grouped)).items

        alone = [leaf.findings for item in counts.count(load_criteria(criteria)).items for leaf in _leaves(item)]
        assert isinstance(group.item, CompiledGroup)
        assert [leaf.findings for leaf in _leaves(group)] == alone


def _read(text: Any) -> list[str]:
    import json

    return list(json.loads(text) if isinstance(text, str) else text or [])


def _leaves(item: ItemCounts) -> list[ItemCounts]:
    return [leaf for child in item.children for leaf in _leaves(child)] if item.children else [item]


class TestWhatGoesOnBehind:
    def test_ends_before_its_ledger_does(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        store = store_of(some_world(random.Random(SEED), "1", 10))
        screen(screening("run", store, some_criteria(random.Random(SEED), 2)), ledger)
        counts, held, go = counts_of(ledger, store.location), Event(), Event()

        def slow(engine: sa.Engine, snapshot: Snapshot) -> AttributesHeld:
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
                held.set()
                go.wait(60)
            return attributes_held(engine, snapshot)

        monkeypatch.setattr(count_attributes, "attributes_held", slow)
        assert counts.attributes(0) is None
        assert held.wait(60)
        assert counts.end()
        go.set()
        counts.close()

        assert ledger.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert not counts.end()
        assert counts.attributes(0) is not None


class TestValues:
    def test_those_of_each_attribute_are_the_reading_api_s(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 4)
        store = store_of(some_world(chance, "1", 30))
        screen(screening("run", store, some_criteria(chance, 3)), ledger)
        counts = counts_of(ledger, store.location)
        held = attributes_held(ledger.engine, counts.snapshot)

        assert counts.attributes() == held
        asked = [use.tag for use in held.attributes if len(use.tag) == 8 and "." not in use.tag][:40]
        for tag in asked:
            [leaf] = _compiled({"dicom_tag": [tag[:4], tag[4:]], "operation": "PRESENT"})
            assert counts.values(leaf) == values_held(ledger.engine, counts.snapshot, tag), tag

    def test_those_of_a_measure_are_counted_in_instances_and_series(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 5)
        store = store_of(some_world(chance, "1", 20))
        screen(screening("run", store, some_criteria(chance, 3)), ledger)
        counts = counts_of(ledger, store.location)
        [leaf] = _compiled({"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "1"})

        held = counts.values(leaf)

        query = (
            "SELECT n, COUNT(*) FROM (SELECT COUNT(*) AS n FROM instance_decision WHERE run_id = 'run' "
            "AND defect IS NULL AND series_instance_uid IS NOT NULL GROUP BY series_instance_uid) AS s GROUP BY n"
        )
        expected = {str(n): (n * series, series) for n, series in sql(ledger, query)}
        found = {each.value: (each.instances, each.series) for each in held.values}
        assert {value: found.get(value) for value in expected} == expected


def _compiled(given: dict[str, Any]) -> Any:
    from dicom_sieve.criteria import compile_criteria

    return compile_criteria(load_criteria([given]))


class TestBounds:
    def test_too_many_rows_are_refused_where_objects_are_asked_for_and_measured_all_the_same(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chance = random.Random(SEED + 6)
        store = store_of(some_world(chance, "1", 20))
        number = [{"dicom_tag": ["0020", "0013"], "operation": "AT_LEAST", "reference": "2"}]
        slices = [{"measure": "MISSING", "operation": "AT_MOST", "reference": "0"}]
        screen(screening("number", store, number), ledger)
        screen(screening("slices", store, slices), ledger)
        of_run = make_report(ledger.run("slices"), min_cell=1).figures
        headers = sql(ledger, "SELECT COUNT(*) FROM header")[0][0]
        objects = sql(ledger, "SELECT COUNT(*) FROM object")[0][0]
        assert headers < objects
        monkeypatch.setattr(held_columns, "MOST_ROWS", headers)
        counts = counts_of(ledger, store.location)

        with pytest.raises(held_columns.TooManyRowsError, match="'dicom-sieve preview' counts them"):
            counts.count(load_criteria(number))
        assert said_by(counts.count(load_criteria(slices))) == said_by_report(of_run)

    def test_columns_and_findings_that_are_kept_have_a_bound(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chance = random.Random(SEED + 7)
        objects, pool = some_world(chance, "1", 20), some_criteria(chance, 8)
        store = store_of(objects)
        screen(screening("run", store, pool), ledger)
        free = counts_of(ledger, store.location)
        monkeypatch.setattr(held_columns, "MOST_BYTES", 0)
        monkeypatch.setattr(count_at_once, "MOST_FOUND_BYTES", 0)
        bound = counts_of(ledger, store.location)

        for criteria in (pool[:4], pool[4:], pool[2:6]):
            assert bound.count(load_criteria(criteria)) == free.count(load_criteria(criteria))
        assert len(bound._found) == 1

    def test_what_was_never_listed_or_makes_no_sense_is_said(self, ledger: Ledger) -> None:
        chance = random.Random(SEED + 8)
        store = store_of(some_world(chance, "1", 3))
        with pytest.raises(LedgerError, match="no complete listing"):
            counts_of(ledger, store.location)
        screen(screening("run", store, some_criteria(chance, 2)), ledger)
        with pytest.raises(InvalidRequestError, match="empty"):
            counts_of(ledger, store.location).count([])


def test_the_three_answers_are_those_of_kleene() -> None:
    three = three_of({Finding.MET: 5, Finding.NOT_MET: 3, Finding.ABSENT: 2, Finding.UNDECIDED: 1, Finding.SERIES: 4})

    assert (three.passes, three.fails, three.undecided, three.all) == (5, 7, 3, 15)


def _series_by_answer(ledger: Ledger, run: str, place: int) -> Three:
    answers: dict[str, set[str]] = {}
    for text, series in sql(
        ledger, f"SELECT findings, series_instance_uid FROM instance_decision WHERE run_id = '{run}'"
    ):
        if findings := _read(text):
            answers.setdefault(series, set()).add(findings[place])
    passes = sum("MET" in each for each in answers.values())
    fails = sum("NOT_MET" in each and "MET" not in each for each in answers.values())
    return Three(passes, fails, len(answers) - passes - fails)
