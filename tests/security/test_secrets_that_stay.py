"""Credentials in a request stay in Prefect's database in clear, for anyone who may read it."""

import datetime
import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve.flows.deployments import contract_schema
from dicom_sieve.flows.follow_up import Following, describe_automation
from dicom_sieve.flows.names import COMPUTE
from dicom_sieve.flows.redaction import LOCATIONS
from dicom_sieve.flows.server.bodies import UnacceptableBodyError, check
from dicom_sieve.objects import Location
from tests.support.prefect_server import SERVE, prefect_server, wait_for
from tests.support.up import IN_2099, Up, request

SECRET = "planted-secret-that-stays"
CREDENTIALS = f"key:{SECRET}"
EVERY_DAY = {"schedule": {"interval": 86_400}, "active": True}
PATHS = ["/api/deployments/x", "/api/deployments/x/schedules", "/api/deployments/", "/api/automations/"]
BLOCK = {"$ref": "3f0c2f5e-0b5c-4f7e-9f53-3f6a1a0c9d11"}


class TestARunThatNeverStarts:
    def test_a_run_that_never_starts_loses_its_credentials_when_it_is_cancelled(self, up: Up) -> None:
        asked = request(credentials=CREDENTIALS, endpoint=f"https://key:{SECRET}@127.0.0.1:9/?sig={SECRET}")
        run = up.post(asked, state=IN_2099, enforce_parameter_schema=False).json()["id"]
        assert SECRET in str(up.flow_run(run))

        up.api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLED"}, "force": True})

        wait_for(lambda: SECRET not in str(up.flow_run(run)["parameters"]), "the credentials to be gone", 60)
        kept = up.flow_run(run)["parameters"]["input_s3_parameters"]
        assert kept == {
            "endpoint": "https://127.0.0.1:9/",
            "bucket": "bucket",
            "region": "eu-west",
            "credentials": "***",
        }


class TestARunThatStarts:
    def test_a_run_that_starts_says_first_that_credentials_lay_in_clear(self, up: Up) -> None:
        run = up.post(request(credentials=CREDENTIALS)).json()["id"]

        up.end_of(run)

        logs = wait_for(lambda: _logs(up, run), "its log", 60)
        assert logs[0].startswith("credentials came as a text: it lay in Prefect's database in clear until now")
        assert SECRET not in str(up.flow_run(run))

    def test_a_run_that_starts_says_nothing_of_it_where_there_are_none(self, up: Up) -> None:
        run = up.post(request()).json()["id"]

        up.end_of(run)

        logs = wait_for(lambda: _logs(up, run), "its log", 60)
        assert not any("came as a text" in line for line in logs)


class TestASchedule:
    def test_a_schedule_with_credentials_as_a_text_is_refused(self, up: Up) -> None:
        path = f"/deployments/{up.deployment()}/schedules"
        answer = up.api.post(path, json=[{**EVERY_DAY, "parameters": request(credentials=CREDENTIALS)}])

        assert answer.status_code == 422
        assert 'accepted: {"$ref": "<id of an AwsCredentials block>"}' in answer.json()["exception_message"]
        assert SECRET not in answer.text
        assert up.api.get(path).json() == []

    def test_a_schedule_with_a_block_is_accepted(self, up: Up) -> None:
        path = f"/deployments/{up.deployment()}/schedules"
        scheduled = {**EVERY_DAY, "active": False, "parameters": request(credentials=BLOCK)}
        answer = up.api.post(path, json=[scheduled])

        assert answer.status_code == 201, answer.text
        for schedule in answer.json():
            up.api.delete(f"{path}/{schedule['id']}").raise_for_status()

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("credentials", [CREDENTIALS, ["key", SECRET], 7])
    def test_a_schedule_is_refused_wherever_parameters_are_kept(self, path: str, credentials: Any) -> None:
        body = {"actions": [{"parameters": request(credentials=credentials)}]}

        with pytest.raises(UnacceptableBodyError) as caught:
            check(_encode(body), path)

        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("name", LOCATIONS)
    @pytest.mark.parametrize(
        "location",
        [
            {"endpoint": f"https://AK:{SECRET}@host"},
            {"endpoint": f"https://host/?sig={SECRET}"},
            {"inventory": f"s3://AK:{SECRET}/x@bucket/manifest.json"},
            {"credentials": {"aws_secret_access_key": SECRET}},
            {"credentials": {"$ref": CREDENTIALS}},
            {"secret": SECRET},
            CREDENTIALS,
            {"__prefect_kind": "json", "value": json.dumps({"bucket": "b", "credentials": CREDENTIALS})},
            {"__prefect_kind": "workspace_variable", "variable_name": "place"},
            {"bucket": "b", "credentials": {"__prefect_kind": "jinja", "template": CREDENTIALS}},
        ],
        ids=lambda location: "-".join(location) if isinstance(location, dict) else "a text",
    )
    def test_a_schedule_is_refused_wherever_a_location_may_hold_them(self, path: str, name: str, location: Any) -> None:
        with pytest.raises(UnacceptableBodyError, match="would be stored in clear for good") as caught:
            check(_encode({"actions": [{"parameters": {name: location}}]}), path)

        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("path", PATHS)
    def test_a_schedule_is_refused_where_the_server_makes_all_parameters_of_a_text(self, path: str) -> None:
        hidden = {"__prefect_kind": "json", "value": json.dumps(request(credentials=CREDENTIALS))}

        with pytest.raises(UnacceptableBodyError, match="would be stored in clear for good"):
            check(_encode({"actions": [{"parameters": hidden}]}), path)

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "credentials",
        [None, "", BLOCK, {"$ref": {"block_document_id": BLOCK["$ref"]}}],
        ids=["none", "empty", "a block", "a block, as Prefect stores it"],
    )
    def test_a_schedule_is_accepted_with_a_block_or_none(self, path: str, credentials: Any) -> None:
        check(_encode({"parameters": request(credentials=credentials, prefix="a@b")}), path)

    def test_a_schedule_is_no_automation_that_starts_segmenting(self) -> None:
        place = {"bucket": "b", "region": "r", "endpoint": "http://127.0.0.1:9", "credentials": BLOCK}
        where = Location("http://127.0.0.1:9", "b")
        name = "lung-segmentation"
        following = Following(COMPUTE, name, where, {"computation": name, **dict.fromkeys(LOCATIONS, place)})
        automation = describe_automation(following, uuid.uuid4())

        check(_encode(automation.model_dump(mode="json")), "/api/automations/")

    def test_a_schedule_is_no_deployment_with_the_contract_s_schema(self) -> None:
        schema = contract_schema().model_dump(mode="json")

        check(_encode({"parameter_openapi_schema": schema, "parameters": {}}), "/api/deployments/")

    def test_a_schedule_on_a_server_that_is_not_ours_loses_them_with_its_first_run(self, tmp_path: Path) -> None:
        with prefect_server(tmp_path) as server, server.serving(SERVE, "serve.log"):
            secret = request(credentials=CREDENTIALS)
            path = f"/deployments/{server.deployment()['id']}/schedules"
            schedule = {**EVERY_DAY, "active": False, "parameters": secret}
            server.api.post(path, json=[schedule]).raise_for_status()
            soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)).isoformat()
            in_time = {"type": "SCHEDULED", "state_details": {"scheduled_time": soon}}
            ahead = [server.start(secret, state=IN_2099) for _ in range(2)]
            first = server.start(secret, state=in_time)
            mark_as_made_by_a_schedule(tmp_path / "prefect.db", [first, *ahead])

            state, message = server.state(first)

            assert state == "Failed"
            assert message.startswith(
                "a schedule with credentials as a text is refused: it would keep them in Prefect's"
            )
            # Prefect deletes runs made ahead when their schedule is changed; those that it leaves hold no secret.
            assert SECRET not in str([server.flow_run_or_none(run) for run in (first, *ahead)])
            [kept] = server.api.get(path).json()
            assert kept["parameters"]["input_s3_parameters"]["credentials"] == "***"
            assert SECRET not in (tmp_path / "serve.log").read_text()

    def test_a_schedule_is_no_run(self) -> None:
        check(_encode({"parameters": request(credentials=CREDENTIALS)}), "/api/deployments/x/create_flow_run")


def mark_as_made_by_a_schedule(database: Path, runs: list[str]) -> None:
    """Do what the scheduler does; with SQLAlchemy 2.1 Prefect's own makes no run."""
    with sqlite3.connect(database, timeout=60) as connection:
        for run in runs:
            assert connection.execute("UPDATE flow_run SET auto_scheduled = 1 WHERE id = ?", (run,)).rowcount == 1
    connection.close()


def _encode(body: Any) -> bytes:
    return json.dumps(body).encode()


def _logs(up: Up, run: str) -> list[str]:
    asked = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
    lines = [line for line in up.api.post("/logs/filter", json=asked).json() if line["name"] == "prefect.flow_runs"]
    return [line["message"] for line in lines if "Beginning flow run" not in line["message"]]
