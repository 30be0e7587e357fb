"""What a flow run that is started again says of the run that it was, where it cannot be repeated."""

import datetime
import re
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from dicom_sieve import Ledger
from dicom_sieve.flows.again import stands_in_ledger
from dicom_sieve.flows.redaction import REDACTED
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS, Lease
from dicom_sieve.ledger.writing.runs import begin_run
from dicom_sieve.objects import Location

SPENT = {"input_s3_parameters": {"credentials": REDACTED}}
PLACE = Location("https://simulated", "again")
REMOVED = "input_s3_parameters.credentials were removed from this run when it first started"


@pytest.fixture
def ledger(ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger that flows open, on either database."""
    monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", ledger_url)
    return ledger


def begin(ledger: Ledger, run_id: UUID) -> None:
    """Begin a run as a process does that is killed then: it holds the lease, and nothing renews it."""
    with ledger.lease(PLACE, on_wait=lambda: None) as lease:
        place_id = lease.location_id
    killed = Lease(ledger.engine, PLACE, place_id, LEASE_SECONDS)
    assert killed.take()
    with killed.writing() as connection:
        begin_run(
            connection,
            lease=killed,
            execution_id=str(run_id),
            criteria=[],
            criteria_digest="",
            started_at=datetime.datetime.now(datetime.UTC),
            software_version="",
        )


def said_of(run_id: UUID) -> str:
    state = stands_in_ledger(SPENT, FlowRun(id=run_id, flow_id=uuid4()))
    assert state is not None
    assert state.is_failed()
    return state.message or ""


def test_a_run_whose_process_was_just_killed_is_said_to_have_been_heard_of_last(ledger: Ledger) -> None:
    run_id = uuid4()
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    begin(ledger, run_id)

    said = said_of(run_id)

    heard = re.match(
        rf"run {run_id} is RUNNING, last heard of at (\S+ \S+) UTC: "
        rf"if nothing more is heard of it, it is FAILED 60 s after that\n{REMOVED}",
        said,
    )
    assert heard is not None, said
    moment = datetime.datetime.fromisoformat(f"{heard[1]}+00:00")
    assert before <= moment <= datetime.datetime.now(datetime.UTC)
    assert "stays as it is" not in said


def test_a_run_whose_lease_has_ended_is_failed(ledger: Ledger) -> None:
    run_id = uuid4()
    begin(ledger, run_id)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lease SET expires_at = '2020-01-01 00:00:00'")

    assert said_of(run_id).startswith(
        f"run {run_id} is FAILED, and stays as it is: its process ended before the run did\n"
    )
