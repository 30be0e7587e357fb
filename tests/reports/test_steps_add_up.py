"""The report of a run with measures, groups and steps adds up at each of them, and is what SQL over the views says.

Criteria that ask for what varies within a series are among them: such a run decides on objects one by one.
"""

import random
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Damaged
from dicom_sieve.reports import make_report
from dicom_sieve.screening import screen
from tests.screening.made_series import some_criteria, some_world
from tests.screening.screened_series import screening, store_of
from tests.screening.screenings import sql

SEED = 20_261_132
BEHIND: tuple[list[dict[str, Any]], ...] = (
    [{"unit": "SERIES"}],
    [{"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"highest": "INSTANCES"}]}}],
    [{"unit": "SERIES"}, {"choose": {"one": "STUDY", "per": "PATIENT", "prefer": []}}],
)
FINDING = {
    "sqlite": "json_extract(findings, '$[{}]')",
    "postgresql": "(findings ->> {})",
}
MEASURE = {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "2"}
NUMBER = {"dicom_tag": ["0020", "0013"], "operation": "AT_LEAST", "reference": "2"}


class Views:
    """What the views say of one run."""

    def __init__(self, ledger: Ledger, criteria_count: int) -> None:
        self._ledger, self._count = ledger, criteria_count
        self._finding = FINDING[ledger.engine.dialect.name]

    def met(self, first: int) -> str:
        return "".join(f" AND {self._finding.format(place)} = 'MET'" for place in range(first))

    def ask(self, what: str, condition: str) -> int:
        judged = f"run_id = 'run' AND {self._finding.format(0)} IS NOT NULL"
        return int(sql(self._ledger, f"SELECT {what} FROM instance_decision WHERE {judged} {condition}")[0][0])

    def left(self, step: int) -> tuple[int, int]:
        """Instances and series that the first steps leave."""
        met = self.met(step)
        return self.ask("COUNT(*)", met), self.ask("COUNT(DISTINCT series_instance_uid)", met)

    def findings(self, place: int) -> dict[str, int]:
        finding = self._finding.format(place)
        of_run = f"FROM instance_decision WHERE run_id = 'run' AND {finding} IS NOT NULL"
        query = f"SELECT {finding}, COUNT(*) {of_run} GROUP BY 1"
        return {str(name): int(count) for name, count in sql(self._ledger, query)}


@pytest.mark.parametrize("number", range(6))
def test_every_step_is_what_the_views_say(ledger: Ledger, number: int) -> None:
    chance = random.Random(SEED + number)
    criteria = [MEASURE, *some_criteria(chance, 4), {"any": [NUMBER, *some_criteria(chance, 1)]}]
    asked = [*criteria, *BEHIND[number % len(BEHIND)]]
    damaged = list(Damaged)[number % 2]
    store = store_of(some_world(chance, str(number + 1), 30))
    outcome = screen(screening("run", store, asked, damaged), ledger)

    figures = make_report(ledger.run("run"), min_cell=1).figures

    count = len(figures.steps)
    views = Views(ledger, count)
    assert count >= len(criteria) + 1
    assert (figures.judged.instances, figures.judged.series) == views.left(0)
    before = figures.judged.instances
    for place, step in enumerate(figures.steps):
        assert (step.instances, step.series) == views.left(place + 1), place
        assert before - step.instances == sum(excluded.instances for excluded in step.fell), place
        assert dict(figures.criteria[place].findings) == views.findings(place), place
        before = step.instances
    assert before == figures.passed.instances == outcome.counts["passed"]
