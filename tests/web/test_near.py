"""The series of criteria that are not saved: as many as Build counts, and those that a run has."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import list_places
from dicom_sieve.ledger.reading.series_columns import series_columns
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.listed_series import KEYWORDS, Filter, ListedSeries, Tab
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web.address import pack
from tests.reports.reported import made_store
from tests.web.served import pages, see, words

OWN: dict[str, Any] = {"dicom_tag": ["0020", "0013"], "operation": "AT_MOST", "reference": "3", "if_absent": "MET"}
CRITERIA: list[dict[str, Any]] = [
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2022-01-01"},
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR", "PT"]},
    {"measure": "INSTANCES", "scope": "SERIES", "operation": "AT_LEAST", "reference": "4"},
]
CHOSEN: list[dict[str, Any]] = [
    *CRITERIA,
    {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"highest": "SLICES"}]}},
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('near') / 'ledger.db'}") as opened:
        yield opened


@pytest.mark.parametrize("criteria", [CRITERIA, CHOSEN, [*CRITERIA, OWN]], ids=["plain", "chosen", "of objects"])
class TestSeriesOf:
    def test_are_those_that_a_run_has(self, ledger: Ledger, criteria: list[dict[str, Any]]) -> None:
        asked = load_criteria(criteria)
        run_id = f"run-{len(criteria)}-{'choose' in criteria[-1]}"
        screen(Screening(run_id, made_store(), asked), ledger)
        run = ledger.run(run_id)
        counts = CountsAtOnce(ledger, last_snapshot(ledger.engine, run.location))

        at_once = ListedSeries(counts.series_of(asked, KEYWORDS))
        decided = ListedSeries(series_columns(ledger.engine, run.row, KEYWORDS))

        def of(listed: ListedSeries, tab: Tab) -> dict[str, object]:
            return {line.uid: replace(line, texts={}) for line in listed.lines(listed.select(Filter(tab)))}

        for tab in Tab:
            assert of(at_once, tab) == of(decided, tab)
        would_be = counts.count(asked)
        assert at_once.counts[Tab.PASSED] == would_be.passed.series
        only = [(each.only.instances, each.only.series, each.only.undecided) for each in would_be.items if each.only]
        assert at_once.near_misses == only


class TestPage:
    @pytest.fixture
    def client(self, ledger: Ledger) -> Iterator[TestClient]:
        screen(Screening("page", made_store(), load_criteria(CRITERIA)), ledger)
        with pages(ledger) as served:
            yield served

    def test_shows_what_one_criterion_alone_discards(self, client: TestClient, ledger: Ledger) -> None:
        [place] = list_places(ledger.engine)
        asked = {"place": place.id, "criteria": pack(CRITERIA), "criterion": 1}

        text = words(see(client, f"/near?{urlencode(asked)}"))

        wanted = CountsAtOnce(ledger, last_snapshot(ledger.engine, place.location)).count(load_criteria(CRITERIA))
        assert wanted.items[0].only is not None
        assert "Near misses: only criterion 1 discards" in text
        assert f"of {wanted.items[0].only.series} series" in text

    def test_shows_what_would_pass(self, client: TestClient, ledger: Ledger) -> None:
        [place] = list_places(ledger.engine)
        asked = {"place": place.id, "criteria": pack(CRITERIA)}

        text = words(see(client, f"/near?{urlencode(asked)}"))

        assert "Series that would pass" in text
        assert "12 of 12" in text

    def test_criteria_that_make_no_sense_are_refused(self, client: TestClient) -> None:
        assert client.get("/near?place=1&criteria=").status_code == 400
        assert client.get("/near?place=x&criteria=eJw").status_code == 404
