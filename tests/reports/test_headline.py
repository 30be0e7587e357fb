"""The headline says how much passed in whole series and how much in partial ones, wherever it is said."""

import json

import pytest

from dicom_sieve import Ledger
from dicom_sieve.flows.artifacts import describe_verdicts
from dicom_sieve.reports import make_report, render
from dicom_sieve.reports.words import Reason, describe_outcome, describe_sum, headline
from dicom_sieve.screening import Outcome, Preview, Screening, preview, screen
from tests.reports.reported import CRITERIA, SERIES, made_store
from tests.screening.screenings import ct, mr, one_of, sql
from tests.support.simulated_store import SimulatedStore

MIXED = "5 of 8 instances passed: 3 in 2 whole series, 2 in 1 partial"
PASSED_IN = """
SELECT series_decision.selection, SUM(series_decision.passed) FROM series_decision
WHERE run_id = :run AND passed > 0 GROUP BY selection
"""


@pytest.fixture
def store() -> SimulatedStore:
    """Two whole series, one of which two of three instances pass, one of which none does, and no DICOM."""
    bodies = [
        *(ct("1.1", f"1.1.{number}") for number in range(2)),
        ct("1.2", "1.2.0"),
        *(ct("1.3", f"1.3.{number}") for number in range(2)),
        mr("1.3", "1.3.9"),
        mr("1.4", "1.4.0"),
        b"no DICOM",
    ]
    return SimulatedStore({f"{number}.dcm": body for number, body in enumerate(bodies)})


@pytest.fixture
def outcome(ledger: Ledger, store: SimulatedStore) -> Outcome:
    return screen(Screening("mixed", store, one_of("CT")), ledger)


@pytest.mark.parametrize(
    ("series", "passed_in", "said"),
    [
        ({"WHOLE": 3, "PARTIAL": 1}, {"WHOLE": 84, "PARTIAL": 27}, ": 84 in 3 whole series, 27 in 1 partial"),
        ({"WHOLE": 3, "NONE": 2}, {"WHOLE": 111}, " in 3 whole series"),
        ({"PARTIAL": 2, "NONE": 1}, {"PARTIAL": 111}, " in 2 partial series"),
    ],
)
def test_the_headline_has_a_form_for_each_case(series: dict[str, int], passed_in: dict[str, int], said: str) -> None:
    assert headline(111, 427, series, passed_in) == f"111 of 427 instances passed{said}"


def test_a_headline_of_nothing_that_passed_names_no_series() -> None:
    assert headline(0, 12_427, {"NONE": 9}, {}) == "0 of 12,427 instances passed"
    assert headline(0, 0, {}, {}, "would pass") == "0 of 0 instances would pass"


def test_a_headline_of_an_earlier_version_s_run_says_what_was_recorded() -> None:
    counts = {"passed": 111, "listed": 427, "series": {"WHOLE": 3, "PARTIAL": 1}}
    assert describe_outcome(counts) == "111 of 427 instances passed in 3 whole series and 1 partial"


def test_the_headline_is_the_same_wherever_it_is_shown(ledger: Ledger, outcome: Outcome) -> None:
    report = make_report(ledger.run("mixed"))

    assert outcome.describe() == report.title == MIXED
    assert json.loads(render(report, "json"))["title"] == MIXED
    assert render(report, "markdown").startswith(f"# {MIXED}\n")
    assert render(report, "html").count(MIXED) == 4  # title, heading, two drawings
    assert describe_verdicts(outcome.describe(), outcome.counts).startswith(f"**{MIXED}**\n")


def test_a_preview_says_the_same_of_what_would_pass(ledger: Ledger, store: SimulatedStore) -> None:
    assert (
        preview(Preview(store, one_of("CT")), ledger).describe() == f"Preview: {MIXED.replace('passed', 'would pass')}"
    )


def test_its_figures_are_those_of_the_views(ledger: Ledger) -> None:
    outcome = screen(Screening("made", made_store(), CRITERIA), ledger)

    asked = dict(sql(ledger, PASSED_IN, run="made"))
    assert outcome.counts["passed_in"] == {name: int(count) for name, count in asked.items()}
    assert make_report(ledger.run("made")).figures.passed_in == outcome.counts["passed_in"]
    assert set(asked) == {"WHOLE", "PARTIAL"}
    assert sum(asked.values()) < sum(map(len, SERIES.values()))


def test_a_report_of_a_run_of_a_former_version_says_it_too(ledger: Ledger, outcome: Outcome) -> None:
    """Such a run does not count what passed in partial series; the report counts it."""
    former = {name: count for name, count in outcome.counts.items() if name != "passed_in"}

    assert make_report(ledger.run("mixed"), counts=former).title == MIXED


class TestReasons:
    TWICE = (Reason("criterion 1: …", "NOT_MET", 3), Reason("criterion 2: …", "ABSENT", 4))

    def test_reasons_that_add_up_to_more_than_was_discarded_say_why(self) -> None:
        why = "an instance that does not meet several criteria counts for each."
        assert describe_sum(self.TWICE, 5) == f"Reasons add up to 7, and 5 were discarded: {why}"

    def test_reasons_that_add_up_say_nothing(self) -> None:
        assert describe_sum(self.TWICE, 7) is None
        assert describe_sum([], 0) is None

    def test_reasons_say_so_in_each_report(self, ledger: Ledger) -> None:
        bodies = [ct("1.1", "1.1.1"), mr("1.2", "1.2.1", PatientAge="080Y", StudyDate="20100101")]
        store = SimulatedStore({f"{number}": body for number, body in enumerate(bodies)})
        screen(Screening("a", store, CRITERIA), ledger)
        report = make_report(ledger.run("a"))

        assert report.sum_of_reasons is not None
        assert report.sum_of_reasons.startswith("Reasons add up to 4, and 2 were discarded")
        for how in ("html", "markdown"):
            assert report.sum_of_reasons in render(report, how)
