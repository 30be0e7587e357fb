"""What follows a completed run: what may be asked for, and that it is set up once."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.events.schemas.automations import EventTrigger
from prefect.settings import PREFECT_API_URL, temporary_settings

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.automations import set_up
from dicom_sieve.flows.follow_up import Following, describe_automation, read_following
from dicom_sieve.flows.names import COMPUTATION_COMPLETED, COMPUTE, SEGMENT
from dicom_sieve.objects import Location
from tests.flows import planted
from tests.support.prefect_server import PrefectServer

PLACE = {"bucket": "images", "region": "eu-west", "endpoint": "http://127.0.0.1:9"}
OUTPUT = {**PLACE, "bucket": "results", "prefix": "segmented"}
THEN = {"input_s3_parameters": PLACE, "output_s3_parameters": OUTPUT}
MISSING = "output_s3_parameters: missing; accepted: bucket, region, and optionally endpoint, credentials, prefix"
AS_TEXT = 'a text would be stored; accepted: {"$ref": "<block id>"}, or none'


@pytest.fixture(autouse=True)
def _endpoint_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS", "127.0.0.1:9")


class TestReading:
    @pytest.mark.parametrize("credentials", [{}, {"credentials": None}])
    def test_reading_gives_the_location_whose_runs_are_waited_for(self, credentials: dict[str, Any]) -> None:
        then = {**THEN, "input_s3_parameters": {**PLACE, **credentials}}

        by_name, segmenting = read_following({"lung-segmentation": then}, then)

        place = Location("http://127.0.0.1:9", "images")
        assert by_name == Following(COMPUTE, "lung-segmentation", place, {"computation": "lung-segmentation", **then})
        assert segmenting == Following(SEGMENT, "lung-segmentation", place, then)

    def test_reading_takes_a_location_of_any_kind(self) -> None:
        then = {"input": {"uri": "az://account/scans/ct/"}, "output_s3_parameters": THEN["output_s3_parameters"]}

        [following] = read_following({"lung-segmentation": then})

        assert following.location == Location("az:", "account/scans", "ct/")
        assert following.parameters["input"] == then["input"]
        with pytest.raises(InvalidRequestError) as caught:
            read_following({"lung-segmentation": {**then, "input": {**then["input"], "credentials": "PLANTED"}}})
        assert list(caught.value.problems) == [
            'input.credentials: a text would be stored; accepted: {"$ref": "<block id>"}, or none'
        ]

    def test_a_computation_may_wait_for_another(self) -> None:
        asked = {**THEN, "after": "lung-segmentation", "parameters": {"preset": "IBSI_A"}}

        [features] = read_following({"radiomics": asked})

        place = Location("http://127.0.0.1:9", "images")
        parameters = {"computation": "radiomics", **THEN, "parameters": {"preset": "IBSI_A"}}
        assert features == Following(COMPUTE, "radiomics", place, parameters, "lung-segmentation")
        trigger = describe_automation(features, uuid.uuid4()).trigger
        assert isinstance(trigger, EventTrigger)
        assert trigger.expect == {COMPUTATION_COMPLETED}
        assert trigger.model_dump()["match"]["dicom-sieve.computation"] == "lung-segmentation"

    @pytest.mark.parametrize(
        ("then", "problem"),
        [
            ({"radiomics": {**THEN, "after": "radiomics"}}, "--then radiomics: after: radiomics waits for it"),
            (
                {
                    "radiomics": {**THEN, "after": "lung-segmentation"},
                    "lung-segmentation": {**THEN, "after": "radiomics"},
                },
                "--then radiomics: after: radiomics waits for it",
            ),
            (
                {"radiomics": {**THEN, "after": "nothing"}},
                "--then radiomics: after: not known; accepted: lung-segmentation, radiomics",
            ),
        ],
    )
    def test_what_waits_for_itself_is_refused(self, then: dict[str, Any], problem: str) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            read_following(then)

        assert list(caught.value.problems) == [problem]

    def test_reading_refuses_a_computation_that_is_not_known(self) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            read_following({"lung-segmentatoin": THEN})

        assert caught.value.problems == ("--then: not known; accepted: lung-segmentation, radiomics",)

    @pytest.mark.parametrize(
        ("given", "problems"),
        [
            ([], ["a value of type list; accepted: input_s3_parameters and output_s3_parameters"]),
            (
                {"input_s3_parameters": PLACE},
                [MISSING],
            ),
            (
                {**THEN, "run_id": "1"},
                ["run_id: not known; accepted: input_s3_parameters, output_s3_parameters, input, parameters, after"],
            ),
            (
                {name: {**PLACE, "credentials": planted.CREDENTIALS} for name in THEN},
                [f"{name}.credentials: {AS_TEXT}" for name in THEN],
            ),
            (
                {**THEN, "output_s3_parameters": {**OUTPUT, "credentials": ""}},
                [f"output_s3_parameters.credentials: {AS_TEXT}"],
            ),
        ],
    )
    def test_reading_refuses_all_that_is_wrong(self, given: Any, problems: list[str]) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            read_following({}, given)

        assert list(caught.value.problems) == problems


@pytest.fixture
def server(prefect: PrefectServer) -> Iterator[PrefectServer]:
    """The server, for Prefect's own clients in this process."""
    with temporary_settings({PREFECT_API_URL: prefect.url}):
        yield prefect


class TestSettingUp:
    def test_setting_up_is_done_once_and_again_only_for_what_is_new(self, server: PrefectServer) -> None:
        place, deployment = Location("http://127.0.0.1:9", f"images-{uuid.uuid4().hex[:8]}"), uuid.uuid4()

        def automation(then: dict[str, Any]) -> dict[str, Any]:
            set_up(describe_automation(Following(COMPUTE, "c", place, then), deployment))
            [found] = [
                automation for automation in server.all_of("/automations/filter") if place.bucket in automation["name"]
            ]
            return found

        first, second = automation(THEN), automation(THEN)
        third = automation({**THEN, "output_s3_parameters": {**OUTPUT, "prefix": "elsewhere"}})

        assert second == first
        assert third["id"] == first["id"]
        [action] = third["actions"]
        assert action["deployment_id"] == str(deployment)
        assert action["parameters"]["output_s3_parameters"]["prefix"] == "elsewhere"

    def test_setting_up_of_another_bucket_is_another_one(self, server: PrefectServer) -> None:
        tag = uuid.uuid4().hex[:8]
        for name in ("one", "two"):
            place = Location("http://127.0.0.1:9", f"{name}-{tag}")
            set_up(describe_automation(Following(COMPUTE, "c", place, THEN), uuid.uuid4()))

        found = [automation for automation in server.all_of("/automations/filter") if tag in automation["name"]]

        assert len(found) == 2
        assert all(automation["enabled"] for automation in found)
