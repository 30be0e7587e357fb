"""Provenance as W3C PROV: read back by the package prov, and compared with the ledger in plain SQL."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from prov.identifier import QualifiedName
from prov.model import (
    PROV_ATTR_ACTIVITY,
    PROV_ATTR_COLLECTION,
    PROV_ATTR_ENTITY,
    PROV_ATTR_GENERATED_ENTITY,
    PROV_ATTR_INFORMANT,
    PROV_ATTR_INFORMED,
    PROV_ATTR_PLAN,
    PROV_ATTR_USED_ENTITY,
    ProvActivity,
    ProvAssociation,
    ProvCommunication,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvMembership,
    ProvRecord,
    ProvUsage,
)

from tests.cli.command import run_command
from tests.lineage.computed import ENDED_BADLY, PLANTED, Computed, rows
from tests.support.documents import read as read_document
from tests.support.documents import section, table

SIEVE = "pkg:generic/dicom-sieve#"


@pytest.fixture(scope="module")
def plain(made: Computed) -> ProvDocument:
    """What the command prints of the run."""
    return read(made, made.run)


@pytest.fixture(scope="module")
def detailed(made: Computed) -> ProvDocument:
    """What it prints with series."""
    return read(made, made.run, "--series")


def printed(made: Computed, *arguments: str) -> str:
    done = run_command("lineage", *arguments, home=made.home)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def read(made: Computed, *arguments: str) -> ProvDocument:
    document = ProvDocument.deserialize(content=printed(made, *arguments), format="json")
    assert isinstance(document, ProvDocument)
    return document


def of_type(document: ProvDocument, name: str) -> list[ProvRecord]:
    """Give entities and activities by the type that we call them."""
    wanted = f"{SIEVE}{name}"
    records = [*document.get_records(ProvEntity), *document.get_records(ProvActivity)]
    return [
        record for record in records if any(getattr(kind, "uri", "") == wanted for kind in record.get_asserted_types())
    ]


def said(record: ProvRecord, name: str) -> set[str]:
    """Give what is said of a record under a name, as text."""
    return {str(value) for key, value in record.attributes if key.localpart == name}


def pairs(document: ProvDocument, kind: type[ProvRecord], first: QualifiedName, other: QualifiedName) -> list[Any]:
    """Give the two ends of every relation of a kind."""
    return [
        tuple(next(iter(record.get_attribute(name)), None) for name in (first, other))
        for record in document.get_records(kind)
    ]


@pytest.mark.parametrize("arguments", [(), ("--series",)])
def test_a_prov_document_is_valid_by_the_schema_of_the_w3c_submission(
    made: Computed, arguments: tuple[str, ...]
) -> None:
    schema = json.loads((files("prov") / "tests/schemas/prov-json.schema.json").read_text(encoding="utf-8"))

    for run in (made.run, made.failed_run):
        jsonschema.validate(json.loads(printed(made, run, *arguments)), schema)


def test_a_prov_document_leads_back_to_snapshot_software_and_criteria(
    plain: ProvDocument, sql: sa.Connection, made: Computed
) -> None:
    [run], [manifest] = of_type(plain, "Screening"), of_type(plain, "Manifest")
    [subset], [snapshot] = of_type(plain, "Subset"), of_type(plain, "Snapshot")
    derived = pairs(plain, ProvDerivation, PROV_ATTR_GENERATED_ENTITY, PROV_ATTR_USED_ENTITY)
    generated = pairs(plain, ProvGeneration, PROV_ATTR_ENTITY, PROV_ATTR_ACTIVITY)

    assert {(manifest.identifier, subset.identifier), (subset.identifier, snapshot.identifier)} <= set(derived)
    assert {(manifest.identifier, run.identifier), (subset.identifier, run.identifier)} <= set(generated)
    assert (run.identifier, snapshot.identifier) in pairs(plain, ProvUsage, PROV_ATTR_ACTIVITY, PROV_ATTR_ENTITY)
    [(uri, digest, criteria, criteria_digest, state, version)] = rows(
        sql,
        "SELECT manifest_uri, manifest_digest, criteria, criteria_digest, state, software_version FROM run "
        "WHERE id = :id",
        id=made.run,
    )
    assert (said(manifest, "location"), said(manifest, "sha256")) == ({Path(uri).as_uri()}, {digest})
    assert said(run, "state") == {state}
    [(_, plan)] = [
        pair for pair in pairs(plain, ProvAssociation, PROV_ATTR_ACTIVITY, PROV_ATTR_PLAN) if pair[0] == run.identifier
    ]
    [asked] = plain.get_record(plan)
    assert [json.loads(value) for value in said(asked, "value")] == [json.loads(criteria)]
    assert said(asked, "sha256") == {criteria_digest}
    [associated] = [
        record
        for record in plain.get_records(ProvAssociation)
        if run.identifier in record.get_attribute(PROV_ATTR_ACTIVITY)
    ]
    assert f"dicom-sieve {version}" in {str(agent.label) for agent in plain.get_record(associated.args[1])}


def test_a_prov_document_counts_what_sql_counts(plain: ProvDocument, sql: sa.Connection, made: Computed) -> None:
    [run], [subset] = of_type(plain, "Screening"), of_type(plain, "Subset")
    counted = dict(
        rows(
            sql,
            "SELECT verdict, COUNT(*) FROM instance_decision WHERE run_id = :id GROUP BY verdict",
            id=made.run,
        )
    )

    assert said(run, "passed") == said(subset, "instances") == {str(counted["PASSED"])}
    assert said(run, "discarded") == {str(counted["DISCARDED"])}
    assert said(run, "listed") == {str(sum(counted.values()))}


def test_a_prov_document_leads_to_each_computation_and_its_results(
    plain: ProvDocument, sql: sa.Connection, made: Computed
) -> None:
    [run], [subset] = of_type(plain, "Screening"), of_type(plain, "Subset")
    computations, results = of_type(plain, "Computation"), of_type(plain, "Results")

    informed = pairs(plain, ProvCommunication, PROV_ATTR_INFORMED, PROV_ATTR_INFORMANT)
    assert sorted(informed, key=str) == sorted(
        ((computation.identifier, run.identifier) for computation in computations), key=str
    )
    used = pairs(plain, ProvUsage, PROV_ATTR_ACTIVITY, PROV_ATTR_ENTITY)
    assert {(computation.identifier, subset.identifier) for computation in computations} <= set(used)
    query = """
        SELECT computation.id, computation.state, COUNT(output_uri) FROM computation
        LEFT JOIN series_computation ON series_computation.computation_id = computation.id
        GROUP BY computation.id, computation.state ORDER BY computation.id
    """
    recorded = rows(sql, query)
    assert sorted(
        (int(str(computation.identifier).rpartition("/")[2]), *said(computation, "state"))
        for computation in computations
    ) == [(number, state) for number, state, _ in recorded]
    assert sorted(
        (int(str(result.identifier).rpartition("/")[2]), *map(int, said(result, "results"))) for result in results
    ) == [(number, outputs) for number, _, outputs in recorded if outputs]


def test_a_prov_document_names_series_only_where_they_are_asked_for(
    plain: ProvDocument, detailed: ProvDocument, sql: sa.Connection, made: Computed
) -> None:
    assert of_type(plain, "Series") == of_type(plain, "Result") == []

    members = pairs(detailed, ProvMembership, PROV_ATTR_COLLECTION, PROV_ATTR_ENTITY)
    [subset] = of_type(detailed, "Subset")
    in_subset = {entity for collection, entity in members if collection == subset.identifier}
    uids = {
        str(record.identifier): next(iter(said(record, "seriesInstanceUid"))) for record in of_type(detailed, "Series")
    }
    passed = "SELECT series_instance_uid FROM series_decision WHERE run_id = :id AND passed > 0"
    assert (
        {uids[str(identifier)] for identifier in in_subset} == set(uids.values()) == set(rows(sql, passed, id=made.run))
    )
    derived = {
        (said(record, "location").pop(), said(record, "sha256").pop(), uids[str(of)])
        for record in of_type(detailed, "Result")
        for made_, of in pairs(detailed, ProvDerivation, PROV_ATTR_GENERATED_ENTITY, PROV_ATTR_USED_ENTITY)
        if made_ == record.identifier
    }
    recorded = rows(
        sql,
        "SELECT output_uri, output_digest, series_instance_uid FROM series_computation WHERE output_uri IS NOT NULL",
    )
    assert len(recorded) == 3
    assert derived == set(recorded)
    activities = {activity.identifier: activity for activity in of_type(detailed, "Computation")}
    used = {
        (int(str(activity).rpartition("/")[2]), uids[str(entity)])
        for activity, entity in pairs(detailed, ProvUsage, PROV_ATTR_ACTIVITY, PROV_ATTR_ENTITY)
        if activity in activities and str(entity) in uids
    }
    worked_on = "SELECT computation_id, series_instance_uid FROM series_computation WHERE state <> 'SKIPPED'"
    assert used == set(rows(sql, worked_on))


def test_a_run_that_failed_at_once_has_criteria_and_a_failure_and_no_more(made: Computed) -> None:
    document = read(made, made.failed_run)

    [run] = of_type(document, "Screening")
    assert said(run, "state") == {"FAILED"}
    assert said(run, "failure") == {ENDED_BADLY}
    assert not of_type(document, "Snapshot")
    assert not of_type(document, "Subset")
    assert len(list(document.get_records(ProvAssociation))) == 1


def test_no_key_and_no_value_is_told_and_uids_only_with_series(made: Computed) -> None:
    plain, detailed = printed(made, made.run), printed(made, made.run, "--series")

    assert [secret for secret in PLANTED if secret in plain + detailed] == []
    assert "1.99.5" in detailed
    assert "1.99." not in plain
    assert "results.example.org" in plain
    assert "private/mean.json" in detailed
    assert "private" not in plain


def test_the_document_s_table_names_all_records_that_are_printed(made: Computed) -> None:
    content = json.loads(printed(made, made.run, "--series"))
    listed = [row[0] for row in table(section(read_document("docs/lineage.md"), "PROV"))]

    printed_kinds = {name.partition("/")[0] for kind in ("entity", "activity") for name in content[kind]}
    assert {row.partition("/")[0] for row in listed} == printed_kinds
    only_with_series = {row.partition("/")[0] for row in listed if row.endswith("with --series")}
    without = json.loads(printed(made, made.run))
    assert printed_kinds - only_with_series == {
        name.partition("/")[0] for kind in ("entity", "activity") for name in without[kind]
    }
