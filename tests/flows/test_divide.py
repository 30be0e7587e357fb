"""A divided run over REST: a flow run for each part, where even one place for runs is enough; and the sum of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.contract.read import read_request
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.divided import part_of_request, prefix_in
from dicom_sieve.flows.names import RUN_COMPLETED
from dicom_sieve.stores import Retries
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import ledger_url
from tests.flows.results import result_of
from tests.flows.s3_proxy import S3Proxy, hold_reads
from tests.screening.screenings import state_of
from tests.stores.buckets import fill
from tests.support.divided import MARKS, PARTS, objects, verdicts_of
from tests.support.prefect_server import SECONDS_TO_END, SECONDS_TO_START, PrefectServer, wait_for
from tests.support.processes import command_of, descendants, kill

NAME = "one-place"
SERVE = f"from dicom_sieve.flows.deployments import serve_deployments; serve_deployments(1, {NAME!r})"
PLACES = 3
"""For runs, where the default deployment is served. The divided run has one, and uses it for a part, too."""
SAID = "21 of 35 instances passed: 1 in 1 whole series, 20 in 4 partial"


@pytest.fixture(scope="module")
def one_place(prefect: PrefectServer) -> Iterator[None]:
    """A deployment that is served a run at a time: the divided run itself takes the place."""
    settings = {"DICOM_SIEVE_DATABASE_URL": ledger_url(prefect.home)}
    with prefect.serving(SERVE, "one-place.log", NAME, **settings):
        yield


@pytest.fixture(scope="module")
def secret(prefect: PrefectServer) -> str:
    return prefect.secret(planted.CREDENTIALS)


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    name = moto_server.make_bucket()
    fill(moto_server, name, objects())
    return name


def request(endpoint: str, bucket: str, secret: str, **more: Any) -> dict[str, Any]:
    place = {"uri": f"s3://{bucket}/in/", "endpoint": endpoint, "credentials": {"$ref": secret}}
    return {"input": place, "criteria": planted.IS_CT, **more}


def parts_of(prefect: PrefectServer, run: str) -> list[dict[str, Any]]:
    """Give the flow runs of the parts."""
    return prefect.all_of("/flow_runs/filter", flow_runs={"tags": {"all_": [f"part-of-{run}"]}})


@pytest.mark.timeout(900)
def test_a_part_that_is_killed_fails_the_run_and_the_run_goes_on_where_it_ended(
    prefect: PrefectServer,
    served_ledger: Ledger,
    one_place: None,
    proxy: S3Proxy,
    bucket: str,
    secret: str,
) -> None:
    doomed = "in/site/2"
    reached, let_go = hold_reads(proxy, f"/{doomed}0", 120)
    run = prefect.start(request(proxy.endpoint, bucket, secret, divide=len(PARTS)), NAME)
    wait_for(reached.is_set, "the part to read", SECONDS_TO_END)
    [part] = [part for part in parts_of(prefect, run) if part["state"]["type"] == "RUNNING"]
    kill(*engine_of(part["id"]))
    let_go.set()

    name, message = prefect.state(run)

    assert name == "Failed"
    assert message.splitlines() == [
        f"1 of {len(PARTS)} parts did not complete, the others stand; start it again:",
        f"s3://{bucket}/{doomed}: its process ended with -9",
    ]
    states = {part["prefix"]: part["state"] for part in result_of(prefect, run)["divided"]["parts"]}
    assert states == {prefix: "FAILED" if prefix == doomed else "COMPLETED" for prefix in PARTS}

    before = {part["id"] for part in parts_of(prefect, run)}
    answer = prefect.api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "SCHEDULED"}, "force": True})
    assert answer.json()["status"] == "ACCEPT"
    wait_for(lambda: prefect.flow_run(run)["run_count"] == 2, "the run to start again", SECONDS_TO_START)

    assert prefect.state(run) == (
        "Completed",
        (
            f"{SAID}; parts: 4; series that lie in several parts, and count in each: 1; "
            "empty objects that only mark folders, and lie in no part: 2"
        ),
    )
    [again] = [part for part in parts_of(prefect, run) if part["id"] not in before]
    assert prefix_in(again["parameters"]) == doomed
    result = result_of(prefect, run)
    assert (result["divided"]["split_series"], result["divided"]["folder_marks"]) == (1, len(MARKS))
    assert result["counts"]["listed"] == sum(part["counts"]["listed"] for part in result["divided"]["parts"]) == 35

    whole = prefect.start(request(proxy.endpoint, bucket, secret))
    assert prefect.state(whole)[0] == "Completed"
    expected = verdicts_of(served_ledger, whole)
    assert {expected.pop(mark)[0] for mark in MARKS} == {"DISCARDED"}
    assert verdicts_of(served_ledger, *(part["run_id"] for part in result["divided"]["parts"])) == expected
    assert completed_events(prefect, bucket) == [whole]  # the split series keeps the parts' runs from being followed
    rows = [row for table, row in prefect.rows() if table != "block_document"]
    assert not [row for row in rows if planted.KEYS.access_key in repr(row)]


@pytest.mark.timeout(600)
def test_parts_run_at_the_same_time_and_are_stopped_with_their_whole(
    prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy, bucket: str, secret: str
) -> None:
    _, let_go = hold_reads(proxy, bucket, SECONDS_TO_END)
    run = prefect.start(request(proxy.endpoint, bucket, secret, divide=len(PARTS)))
    begun = wait_for(lambda: begun_of(prefect, served_ledger, run), "a run for each place", SECONDS_TO_END)

    prefect.api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLED"}, "force": True})

    wait_for(lambda: all_cancelled(prefect, run), "all parts to be cancelled", SECONDS_TO_START)
    wait_for(lambda: states_of(served_ledger, begun) == {"CANCELLED"}, "their runs to end", SECONDS_TO_START)
    let_go.set()


def states_of(ledger: Ledger, runs: list[str]) -> set[str]:
    return {state_of(ledger, run)[0] for run in runs}


def begun_of(prefect: PrefectServer, ledger: Ledger, run: str) -> list[str]:
    """Give the parts whose runs have begun, when as many have as there are places: the divided run has one of three."""
    parts = {part["id"] for part in parts_of(prefect, run)}
    found = [row.id for row in ledger.runs() if row.id in parts and row.state == "RUNNING"]
    return found if len(found) == PLACES else []


def all_cancelled(prefect: PrefectServer, run: str) -> bool:
    return {part["state"]["type"] for part in parts_of(prefect, run)} == {"CANCELLED"}


def completed_events(prefect: PrefectServer, bucket: str) -> list[str]:
    """Give the runs on a bucket that were announced as completed."""
    wanted = {"event": {"name": [RUN_COMPLETED]}, "resource": {"labels": {"dicom-sieve.bucket": [bucket]}}}
    found = wait_for(
        lambda: prefect.api.post("/events/filter", json={"filter": wanted}).raise_for_status().json()["events"],
        "the event of the run",
        SECONDS_TO_START,
    )
    return [event["payload"]["run_id"] for event in found]


def engine_of(run: str) -> list[int]:
    """Give the processes that execute a flow run."""
    return [
        number for number in descendants(1) if "prefect.engine" in command_of(number) and run in environment_of(number)
    ]


def environment_of(number: int) -> str:
    """Give the environment of a process; empty where it has ended."""
    try:
        return Path(f"/proc/{number}/environ").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.timeout(300)
def test_credentials_in_clear_are_refused_and_do_not_stay(
    prefect: PrefectServer, moto_server: S3Server, bucket: str
) -> None:
    run = prefect.start(planted.request(moto_server.endpoint, bucket, divide=4))

    name, message = prefect.state(run)

    assert (name, message) == (
        "Failed",
        (
            "divide: credentials came as a text, which would be stored with each part; "
            'accepted: {"$ref": "<id of a block>"}, or none'
        ),
    )
    assert parts_of(prefect, run) == []
    assert planted.CREDENTIALS not in str(prefect.flow_run(run))


def test_a_number_of_parts_that_makes_no_sense_is_no_run(prefect: PrefectServer) -> None:
    for number in (1, 65, "4", True, 2.5):
        answer = prefect.post(planted.request("http://127.0.0.1:1", "any", divide=number))
        assert (answer.status_code, "divide" in answer.text or "is not valid" in answer.text) == (409, True)


class TestRequests:
    PLACE: Mapping[str, Any] = {"bucket": "scans", "prefix": "in/", "region": "eu-west", "credentials": {"$ref": "1"}}

    def test_a_part_is_asked_as_its_whole_but_for_the_prefix(self) -> None:
        whole = {"input_s3_parameters": dict(self.PLACE), "criteria": planted.IS_CT, "divide": 4, "damaged": "JUDGE"}

        part = part_of_request(whole, "in/é", None)

        assert part == {
            "input_s3_parameters": {**self.PLACE, "prefix": "in/é"},
            "criteria": planted.IS_CT,
            "damaged": "JUDGE",
        }
        assert prefix_in(part) == "in/é"

    @pytest.mark.parametrize("prefix", ["in/a?b#c", "in//", "in/%2F", "in/é😀"])
    def test_any_prefix_is_part_of_an_address(self, prefix: str) -> None:
        whole = {"input": {"uri": "gs://scans/in/"}, "criteria": {"name": "ct"}, "divide": 4}

        part = part_of_request(whole, prefix, NamedCriteria("ct", 3))

        assert prefix_in(part) == prefix
        assert part["criteria"] == {"name": "ct", "version": 3}

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"divide": 1}, "divide: not accepted; accepted: a whole number from 2 to 64, or none"),
            ({"divide": True}, "divide: not accepted; accepted: a whole number from 2 to 64, or none"),
            ({"preview": True}, "divide: a preview is not divided; accepted: one of the two"),
            ({"inventory": "s3://other/manifest.json"}, "divide: an inventory lists the whole location; accepted: one"),
            ({"archives": True}, "divide: what lies in archives is not divided; accepted: one of the two"),
        ],
    )
    def test_what_cannot_be_divided_is_said(self, more: dict[str, Any], said: str) -> None:
        of_place = {name: value for name, value in more.items() if name in {"inventory", "archives"}}
        place = {"bucket": "scans", "region": "eu-west", "endpoint": "http://127.0.0.1:9", "credentials": "a:b"}
        parameters = {"input_s3_parameters": place | of_place, "criteria": planted.IS_CT, "divide": 4}

        with pytest.raises(InvalidRequestError) as raised:
            read_request({**parameters, **{k: v for k, v in more.items() if k not in of_place}}, Retries())

        assert str(raised.value).startswith(said)
