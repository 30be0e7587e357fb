"""OpenLineage events of runs and computations: valid by the rules, true by the ledger, without patients' values."""

import copy
import datetime
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from openlineage.client.serde import Serde

from dicom_sieve import open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.lineage.events import run_event
from dicom_sieve.lineage.prov import describe_provenance
from dicom_sieve.screening import Screening, screen
from dicom_sieve.version import __version__
from tests.lineage import openlineage_rules
from tests.lineage.computed import ENDED_BADLY, OWN_URI, PLANTED, Computed, rows
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore

Event = dict[str, Any]


@pytest.fixture(scope="module")
def events(made: Computed) -> list[Event]:
    """All events, in the order in which they were sent."""
    assert made.warnings == []
    return [json.loads(line) for line in (made.home / "events.jsonl").read_text().splitlines()]


def of_run(events: list[Event], run: str) -> list[Event]:
    return [event for event in events if event["run"]["runId"] == run]


def of_computations(events: list[Event]) -> Iterator[tuple[Event, Event]]:
    """Give begin and end of each computation."""
    told = [event for event in events if event["job"]["name"] == "sizes"]
    for number in sorted({event["run"]["facets"]["dicomSieve_computation"]["computationId"] for event in told}):
        begun, ended = (
            event for event in told if event["run"]["facets"]["dicomSieve_computation"]["computationId"] == number
        )
        yield begun, ended


def test_every_event_keeps_the_rules_of_the_specification(events: list[Event]) -> None:
    assert len(events) == 10
    for event in events:
        openlineage_rules.validate(event)


def test_the_rules_refuse_an_event_without_any_of_what_they_ask_for(events: list[Event]) -> None:
    end = next(
        event for event in events if "errorMessage" in event["run"]["facets"] and event["job"]["name"] == "sizes"
    )

    def without(event: Any, *path: Any) -> Event:
        changed = copy.deepcopy(event)
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]
        return dict(changed)

    for path in (
        ("eventTime",),
        ("producer",),
        ("job", "namespace"),
        ("run", "runId"),
        ("inputs", 0, "name"),
        ("inputs", 0, "facets", "version", "datasetVersion"),
        ("inputs", 0, "inputFacets", "inputStatistics", "_producer"),
        ("run", "facets", "errorMessage", "message"),
        ("run", "facets", "dicomSieve_computation", "_schemaURL"),
        ("run", "facets", "dicomSieve_computation", "series"),
        ("run", "facets", "jobDependencies", "upstream", 0, "job"),
        ("job", "facets", "jobType", "integration"),
    ):
        with pytest.raises(jsonschema.ValidationError):
            openlineage_rules.validate(without(end, *path))
    for name, wrong in (("eventTime", "2026-01-31"), ("producer", "dicom-sieve"), ("eventType", "ENDED")):
        with pytest.raises(jsonschema.ValidationError):
            openlineage_rules.validate({**end, name: wrong})
    with pytest.raises(jsonschema.ValidationError):
        openlineage_rules.validate({**end, "run": {**end["run"], "runId": "17"}})


def test_each_run_and_each_computation_begins_once_and_ends_once(events: list[Event], made: Computed) -> None:
    told = [(event["job"]["name"], event["eventType"]) for event in events]

    assert told == [
        ("clean-dicom", "START"),
        ("clean-dicom", "COMPLETE"),
        ("clean-dicom", "START"),
        ("clean-dicom", "FAIL"),
        ("sizes", "START"),
        ("sizes", "FAIL"),
        ("sizes", "START"),
        ("sizes", "COMPLETE"),
        ("sizes", "START"),
        ("sizes", "COMPLETE"),
    ]
    assert {event["job"]["namespace"] for event in events} == {"dicom-sieve"}
    assert [event["run"]["runId"] for event in events[:4]] == [made.run] * 2 + [made.failed_run] * 2
    computations = [event["run"]["runId"] for event in events[4:]]
    assert computations[::2] == computations[1::2]
    assert len({uuid.UUID(computation) for computation in computations}) == 3


def test_a_run_s_end_says_what_sql_says(events: list[Event], made: Computed, sql: sa.Connection) -> None:
    begin, end = of_run(events, made.run)
    verdicts = "SELECT verdict, COUNT(*) FROM instance_decision WHERE run_id = :id GROUP BY verdict"
    counted = dict(rows(sql, verdicts, id=made.run))
    size = sum(path.stat().st_size for path in (made.home / "images").iterdir())
    [(criteria, digest, manifest, manifest_digest, listed_at, finished_at)] = rows(
        sql,
        "SELECT criteria, criteria_digest, manifest_uri, manifest_digest, listed_at, run.finished_at "
        "FROM run JOIN snapshot ON snapshot.id = run.snapshot_id WHERE run.id = :id",
        id=made.run,
    )

    facet = end["run"]["facets"]["dicomSieve_screening"]
    assert facet["criteria"] == json.loads(criteria)
    assert facet["criteriaDigest"] == digest
    assert facet["counts"]["passed"] == counted["PASSED"]
    assert facet["counts"]["discarded"] == counted["DISCARDED"]
    assert facet["runId"] == made.run
    assert moment(end["eventTime"]) == finished_at
    [read] = end["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(made.home / "images"))
    assert moment(read["facets"]["version"]["datasetVersion"]) == listed_at
    statistics = read["inputFacets"]["inputStatistics"]
    assert (statistics["fileCount"], statistics["size"]) == (sum(counted.values()), size)
    [written] = end["outputs"]
    assert (written["namespace"], written["name"]) == ("file", manifest)
    assert written["facets"]["version"]["datasetVersion"] == manifest_digest
    assert json.loads(Path(written["name"]).read_text())["digest"] == manifest_digest
    assert "counts" not in begin["run"]["facets"]["dicomSieve_screening"]
    assert begin["outputs"] == []
    assert "version" not in begin["inputs"][0]["facets"]
    assert end["run"]["facets"]["processing_engine"]["version"] == __version__
    assert end["producer"] == f"pkg:generic/dicom-sieve@{__version__}"


def moment(text: str) -> str:
    """Write a moment as SQLite has it."""
    return text.removesuffix("+00:00").replace("T", " ")


def test_a_run_that_failed_says_why_without_the_words_of_the_error(events: list[Event], made: Computed) -> None:
    _, end = of_run(events, made.failed_run)

    assert end["run"]["facets"]["errorMessage"]["message"] == ENDED_BADLY
    assert end["inputs"][0]["namespace"] == "s3://challenge-tech"
    assert end["inputs"][0]["name"] == "/"
    assert end["inputs"][0]["facets"]["dataSource"]["uri"] == "https://simulated"


def test_a_computation_follows_from_its_run_and_reads_what_it_published(events: list[Event], made: Computed) -> None:
    run_end = of_run(events, made.run)[-1]
    for begin, end in of_computations(events):
        for event in (begin, end):
            [upstream] = event["run"]["facets"]["jobDependencies"]["upstream"]
            assert upstream["run"]["runId"] == made.run
            assert upstream["job"] == {"namespace": "dicom-sieve", "name": "clean-dicom"}
            location, manifest = event["inputs"]
            assert location == run_end["inputs"][0]
            assert manifest["name"] == run_end["outputs"][0]["name"]


def test_a_computation_s_end_counts_what_sql_counts(events: list[Event], sql: sa.Connection) -> None:
    ends = [end for _, end in of_computations(events)]
    told = {end["run"]["facets"]["dicomSieve_computation"]["computationId"]: end for end in ends}
    states = (
        "SELECT state, COUNT(DISTINCT series_instance_uid) FROM series_computation "
        "WHERE computation_id = :id GROUP BY state"
    )
    uris = "SELECT output_uri FROM series_computation WHERE computation_id = :id AND output_uri IS NOT NULL"

    assert set(told) == set(rows(sql, "SELECT id FROM computation"))
    for number, end in told.items():
        facet = end["run"]["facets"]["dicomSieve_computation"]
        assert facet["series"] == dict(rows(sql, states, id=number))
        assert facet["results"] == len(rows(sql, uris, id=number))
    assert [told[number]["run"]["facets"].get("errorMessage", {}).get("message") for number in sorted(told)] == [
        "1 of 2 series failed; the others are complete",
        None,
        None,
    ]


def test_results_are_told_by_folder_and_those_of_others_by_host(
    events: list[Event], made: Computed, sql: sa.Connection
) -> None:
    places = [
        {(output["namespace"], output["name"]) for output in end["outputs"]} for _, end in of_computations(events)
    ]

    [own] = {uri for uri in rows(sql, "SELECT uri FROM computation_output") if uri == OWN_URI}
    assert own.startswith("https://user:secret@")
    folders = {("file", str(path)) for path in (made.home / "results" / "computations" / "sizes").iterdir()}
    assert len(folders) == 1
    assert places == [{*folders, ("https://results.example.org", "/")}, folders, set()]


def test_no_patient_s_value_no_key_no_uid_and_no_credential_is_told(made: Computed) -> None:
    told = (made.home / "events.jsonl").read_text()

    assert [secret for secret in (*PLANTED, "1.99.", "secret", "private") if secret in told] == []


def test_what_criteria_were_saved_as_is_told_and_every_kind_of_them_keeps_the_rules(tmp_path: Path) -> None:
    series = {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "1"}
    kinds: list[Any] = [{"dicom_tag": "Modality", "operation": "PRESENT"}, series, {"none": [{"any": [series]}]}]
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        saved, _ = save_criteria(ledger.engine, "thin", load_criteria(kinds))
        screen(Screening("run", SimulatedStore({"1": ct()}), saved.items(), named=saved.named), ledger)
        row = ledger.run("run").row
        event = run_event(row, "namespace", datetime.datetime.now(datetime.UTC))
        activities = describe_provenance(row, [], [])["activity"]

    told = json.loads(Serde.to_json(event))
    openlineage_rules.validate(told)
    facet = told["run"]["facets"]["dicomSieve_screening"]
    assert (facet["criteriaName"], facet["criteriaVersion"]) == ("thin", 1)
    assert [next(iter(item)) for item in facet["criteria"]] == ["dicom_tag", "measure", "none"]
    [activity] = activities.values()
    assert (activity["sieve:criteriaName"], activity["sieve:criteriaVersion"]) == ("thin", 1)
    without = {key: value for key, value in facet.items() if key != "criteriaVersion"}
    facets = {**told["run"]["facets"], "dicomSieve_screening": without}
    with pytest.raises(jsonschema.ValidationError):
        openlineage_rules.validate({**told, "run": {**told["run"], "facets": facets}})


def test_a_run_that_could_not_read_all_fails_and_says_how_much_is_missing(tmp_path: Path) -> None:
    store = SimulatedStore({"1": ct(), "2": ct(uid="1.2.3.4.2"), "3": b"no DICOM"})
    store.faults["2"] = -1
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "run")
        event = run_event(ledger.run("run").row, "namespace", datetime.datetime.now(datetime.UTC))

    told = json.loads(Serde.to_json(event))
    openlineage_rules.validate(told)
    assert told["eventType"] == "FAIL"
    assert told["run"]["facets"]["errorMessage"]["message"] == (
        "1 of 3 objects could not be read after all attempts: 1 ConnectionClosedError; connections to the server "
        "break: look at what lies between"
    )
    assert told["run"]["facets"]["dicomSieve_screening"]["counts"]["unread"] == 1
