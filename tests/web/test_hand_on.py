"""What is handed on: lists of what is shown, criteria, report, citation."""

import csv
import io
import json
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.reports import make_report, render
from dicom_sieve.reports.markdown import citation
from tests.reports.reported import screen_made
from tests.web.served import pages, see, uids


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('hand-on') / 'ledger.db'}") as opened:
        screen_made(opened)
        yield opened


@pytest.fixture(scope="module")
def client(ledger: Ledger) -> Iterator[TestClient]:
    with pages(ledger) as served:
        yield served


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


class TestLists:
    @pytest.mark.parametrize("asked", ["show=all", "show=near&by=1", "show=all&modality=CT&sort=-StudyDate"])
    def test_series_are_those_that_are_shown(self, client: TestClient, asked: str) -> None:
        shown = uids(see(client, f"/runs/made?{asked}"))

        as_csv = rows_of(client.get(f"/runs/made/hand-on/series.csv?{asked}&columns=slices").text)
        as_json = client.get(f"/runs/made/hand-on/series.json?{asked}").json()
        as_parquet = pq.read_table(io.BytesIO(client.get(f"/runs/made/hand-on/series.parquet?{asked}").content))

        assert [row["series_instance_uid"] for row in as_csv] == shown
        assert as_parquet["series_instance_uid"].to_pylist() == shown
        assert as_json == as_parquet.to_pylist()
        assert "slices" in as_csv[0]

    def test_counts_are_those_of_the_ledger(self, client: TestClient, ledger: Ledger) -> None:
        rows = rows_of(client.get("/runs/made/hand-on/series.csv?show=all").text)

        found = {row["series_instance_uid"]: (int(row["instances"]), int(row["passed"])) for row in rows}
        assert found == {row.series_instance_uid: (row.instances, row.passed) for row in ledger.run("made").series()}

    def test_instances_are_those_of_the_series_shown(self, client: TestClient, ledger: Ledger) -> None:
        rows = rows_of(client.get("/runs/made/hand-on/instances.csv?show=near&by=3").text)

        expected = [row for row in ledger.run("made").instances() if row.series_instance_uid == "1.11"]
        assert [row["object_key"] for row in rows] == [row.object_key for row in expected]
        assert rows[0]["findings"] == ", ".join(expected[0].findings)


class TestTheRest:
    def test_criteria_are_those_of_the_run(self, client: TestClient, ledger: Ledger) -> None:
        assert json.loads(client.get("/runs/made/hand-on/criteria.json").text) == list(ledger.run("made").row.criteria)

    def test_the_report_is_that_of_the_command(self, client: TestClient, ledger: Ledger) -> None:
        answer = client.get("/runs/made/hand-on/report.html")

        assert answer.text == render(make_report(ledger.run("made")), "html")
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''made-report.html"

    def test_the_citation_stands_on_the_page(self, client: TestClient, ledger: Ledger) -> None:
        assert citation(make_report(ledger.run("made"))) in see(client, "/runs/made")

    def test_there_is_no_other_file(self, client: TestClient) -> None:
        assert client.get("/runs/made/hand-on/ledger.db").status_code == 404
