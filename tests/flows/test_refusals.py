"""A bad request is refused as early as can be: by the REST call, or by the flow before anything is asked of S3."""

import uuid
from typing import Any

import pytest

from dicom_sieve.criteria import Criterion, Operation
from tests.flows import planted
from tests.flows.s3_proxy import S3Proxy
from tests.support.prefect_server import SEGMENT, PrefectServer

MODALITY = ["0008", "0060"]
IS_CT = planted.IS_CT[0]


def criterion(**changes: Any) -> dict[str, Any]:
    return {"criteria": [{**IS_CT, **changes}]}


def without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


NO_COLON = "planted-without-a-colon"
INPUT = planted.location("http://127.0.0.1:9", "challenge-tech")

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({"input_s3_parameters": None}, "input_s3_parameters"),
    "no bucket": ({"input_s3_parameters": without(INPUT, "bucket")}, "bucket"),
    "an empty bucket": ({"input_s3_parameters": {**INPUT, "bucket": ""}}, "bucket"),
    "no region": ({"input_s3_parameters": without(INPUT, "region")}, "region"),
    "a bucket of another type": ({"input_s3_parameters": {**INPUT, "bucket": 7}}, "bucket"),
    "credentials without a colon": ({"input_s3_parameters": {**INPUT, "credentials": NO_COLON}}, "with a colon"),
    "credentials without a secret": ({"input_s3_parameters": {**INPUT, "credentials": f"{NO_COLON}:"}}, "with a colon"),
    "credentials in a list": ({"input_s3_parameters": {**INPUT, "credentials": [NO_COLON]}}, "with a colon"),
    "credentials of the output without a colon": (
        {"output_s3_parameters": {**INPUT, "credentials": NO_COLON}},
        "output_s3_parameters.credentials",
    ),
    "credentials in place of a location": ({"input_s3_parameters": planted.CREDENTIALS}, "as a location"),
    "credentials in place of the output": ({"output_s3_parameters": planted.CREDENTIALS}, "as a location"),
    "an output without a bucket": ({"output_s3_parameters": without(INPUT, "bucket")}, "output_s3_parameters.bucket"),
    "an output without a region": ({"output_s3_parameters": without(INPUT, "region")}, "output_s3_parameters.region"),
    "an output of credentials alone": ({"output_s3_parameters": {"credentials": planted.CREDENTIALS}}, "bucket"),
    "an extra member of the output": ({"output_s3_parameters": {**INPUT, "bukket": "x"}}, "bukket"),
    "an output's bucket that is wrong twice": ({"output_s3_parameters": {**INPUT, "bucket": "\n" * 300}}, "bucket"),
    "keys in a mapping": ({"input_s3_parameters": {**INPUT, "credentials": {"key_id": "x"}}}, "credentials"),
    "an extra member of a location": ({"input_s3_parameters": {**INPUT, "bukket": "x"}}, "bukket"),
    "an extra member of a criterion": (criterion(comment="x"), "comment"),
    "an extra parameter": ({"comment": "x"}, "comment"),
    "a preview of another type": ({"preview": "yes"}, "preview"),
    "a listing that is neither": ({"listing": "OLD"}, "listing"),
    "a listing as a tick": ({"listing": True}, "listing"),
    "damaged objects kept": ({"damaged": "KEEP"}, "damaged"),
    "damaged objects in lower case": ({"damaged": "judge"}, "damaged"),
    "damaged objects as a tick": ({"damaged": True}, "damaged"),
    "criteria of another type": ({"criteria": IS_CT}, "criteria"),
    "no criteria": ({"criteria": None}, "criteria"),
    "an empty list of criteria": ({"criteria": []}, "criteria"),
    "no tag": ({"criteria": [without(IS_CT, "dicom_tag")]}, "dicom_tag"),
    "a tag in one text": (criterion(dicom_tag="00080060"), "dicom_tag"),
    "a tag of one part": (criterion(dicom_tag=["0008"]), "dicom_tag"),
    "a tag of three parts": (criterion(dicom_tag=[*MODALITY, "0000"]), "dicom_tag"),
    "a part of three digits": (criterion(dicom_tag=["008", "0060"]), "dicom_tag"),
    "a part that is no hex": (criterion(dicom_tag=["0008", "00G0"]), "dicom_tag"),
    "a part with a line's end": (criterion(dicom_tag=["0008", "0060\n"]), "dicom_tag"),
    "no operation": ({"criteria": [without(IS_CT, "operation")]}, "operation"),
    "an unknown operation": (criterion(operation="NOT"), "operation"),
    "an unknown operation with a list": (criterion(operation="OTHER", reference=["CT"]), "'OTHER' is not one of"),
    "an operation in lower case": (criterion(operation="equals"), "operation"),
    "no reference": ({"criteria": [without(IS_CT, "reference")]}, "reference"),
    "an empty reference": (criterion(reference=""), "reference"),
    "a reference of another type": (criterion(reference=7), "reference"),
    "IN without a list": (criterion(operation="IN"), "reference"),
    "IN with an empty list": (criterion(operation="IN", reference=[]), "reference"),
    "a list without IN": (criterion(reference=["CT"]), "reference"),
    "a reference with PRESENT": (criterion(operation="PRESENT"), "reference"),
    "an unknown operation in a group": ({"criteria": [{"any": [{**IS_CT, "operation": "NOT"}]}]}, "operation"),
    "a group four levels deep": (
        {"criteria": [{"any": [{"all": [{"none": [{"any": [IS_CT]}]}]}]}]},
        "any",
    ),
}


OUTPUT_HOLDS_CREDENTIALS = (
    "output_s3_parameters.endpoint: holds credentials; "
    "accepted: https://host:port, credentials have a field of their own"
)
GREATER_THAN_A_CODE = (
    "criteria[2]: Modality (0008,0060) is a Code String (CS): operation GREATER is not defined for it; "
    "accepted: EQUALS, IN, NOT_EQUALS, NOT_IN, CONTAINS, NOT_CONTAINS, MATCHES, NOT_MATCHES, PRESENT, ABSENT"
)


class TestTheRestCall:
    @pytest.mark.parametrize("name", REFUSED)
    def test_the_rest_call_refuses_what_a_schema_can_refuse(self, prefect: PrefectServer, name: str) -> None:
        changes, field = REFUSED[name]
        request = {"input_s3_parameters": INPUT, "criteria": planted.IS_CT, **changes}

        answer = prefect.post({key: value for key, value in request.items() if value is not None})

        assert answer.status_code == 409
        assert field in answer.json()["detail"]
        written = answer.text + (prefect.home / "server.log").read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in (*planted.SECRETS, NO_COLON) if secret in written]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"run_id": None}, "run_id"),
            ({"run_id": "another run"}, "run_id"),
            ({"run_id": 7}, "run_id"),
            ({"input_s3_parameters": None}, "input_s3_parameters"),
            ({"output_s3_parameters": None}, "output_s3_parameters"),
            ({"output_s3_parameters": without(INPUT, "bucket")}, "bucket"),
            ({"output_s3_parameters": {**INPUT, "publish": "COPY"}}, "publish"),
            ({"criteria": planted.IS_CT}, "criteria"),
        ],
    )
    def test_the_rest_call_refuses_the_same_of_a_segmentation(
        self, prefect: PrefectServer, changes: dict[str, Any], field: str
    ) -> None:
        request = {"run_id": "c0ffee", "input_s3_parameters": INPUT, "output_s3_parameters": INPUT, **changes}

        answer = prefect.post({key: value for key, value in request.items() if value is not None}, flow=SEGMENT)

        assert answer.status_code == 409
        assert field in answer.json()["detail"]

    @pytest.mark.parametrize("tag", [["300a", "00b2"], ["300A", "00B2"]])
    def test_the_rest_call_takes_tags_in_either_case(self, prefect: PrefectServer, tag: list[str]) -> None:
        later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
        request = {"input_s3_parameters": without(INPUT, "credentials"), **criterion(dicom_tag=tag)}

        answer = prefect.post(request, state=later)

        assert answer.status_code == 201


@pytest.fixture(scope="module")
def failed(prefect: PrefectServer, proxy: S3Proxy) -> dict[str, tuple[str, list[str]]]:
    """How runs end that no schema refuses: state and lines of its message, by name. They run at the same time."""
    place = planted.location(proxy.endpoint, "challenge-tech")
    ids = {
        "senseless": prefect.start(
            {
                "input_s3_parameters": {**place, "credentials": NO_COLON},
                "criteria": [
                    {"dicom_tag": ["0008", "7777"], "operation": "EQUALS", "reference": "DOE"},
                    {"dicom_tag": ["0009", "0010"], "operation": "EQUALS", "reference": "X"},
                    {"dicom_tag": ["0008", "0060"], "operation": "GREATER", "reference": "CT"},
                    {"dicom_tag": ["0008", "0020"], "operation": "LESS", "reference": "01/01/2022"},
                    {"dicom_tag": ["0010", "1010"], "operation": "IN", "reference": ["018M", "18"]},
                ],
                "output_s3_parameters": {**place, "endpoint": f"http://{planted.CREDENTIALS}@127.0.0.1:9"},
            },
            enforce_parameter_schema=False,
        ),
        "unknown block": prefect.start(
            {"input_s3_parameters": {**place, "credentials": {"$ref": str(uuid.uuid4())}}, "criteria": planted.IS_CT}
        ),
        "misshapen": prefect.start(
            {
                "input_s3_parameters": {
                    **without(place, "bucket"),
                    "access_key": planted.KEYS.access_key,
                    "inventory": planted.CREDENTIALS,
                },
                "criteria": [
                    {**IS_CT, "dicom_tag": ["0008", "00G0"]},
                    {**IS_CT, "operation": "NOT"},
                    {**IS_CT, "operation": "IN"},
                    {**IS_CT, "reference": ["CT"]},
                    {**IS_CT, "comment": "x"},
                    without(IS_CT, "reference"),
                    "MODALITY",
                ],
                "output_s3_parameters": planted.CREDENTIALS,
                "preview": planted.CREDENTIALS,
                "damaged": planted.CREDENTIALS,
            },
            enforce_parameter_schema=False,
        ),
        "nothing": prefect.start({}, enforce_parameter_schema=False),
        "output in the input": prefect.start(
            {
                "input_s3_parameters": place,
                "criteria": planted.IS_CT,
                "output_s3_parameters": {**place, "prefix": "results/", "publish": "COPY"},
            }
        ),
    }
    return {name: (prefect.state(run)[0], prefect.state(run)[1].splitlines()) for name, run in ids.items()}


class TestTheFlow:
    def test_the_flow_lists_all_that_makes_no_sense(self, failed: dict[str, tuple[str, list[str]]]) -> None:
        assert failed["senseless"] == (
            "Failed",
            [
                "input_s3_parameters.credentials: no colon between two parts; accepted: key_id:access_key",
                OUTPUT_HOLDS_CREDENTIALS,
                "criteria[0].dicom_tag: (0008,7777) is not in the DICOM dictionary",
                (
                    "criteria[1].dicom_tag: (0009,0010) is a private tag: it has no VR in the DICOM dictionary; "
                    "accepted: with private_creator and vr"
                ),
                GREATER_THAN_A_CODE,
                "criteria[3].reference: '01/01/2022' is not a date; accepted: ISO 8601, as 2022-01-01",
                "criteria[4].reference[1]: '18' is not an age; accepted: one to four digits and D, W, M or Y, as 018M",
            ],
        )

    def test_the_flow_refuses_an_output_inside_the_input(self, failed: dict[str, tuple[str, list[str]]]) -> None:
        state, lines = failed["output in the input"]

        assert (state, len(lines)) == ("Failed", 1)
        assert lines[0].startswith(
            "output: the output s3://challenge-tech/results lies inside the input s3://challenge-tech: "
        )

    def test_the_flow_names_a_block_that_is_not_there(self, failed: dict[str, tuple[str, list[str]]]) -> None:
        state, lines = failed["unknown block"]
        assert state == "Failed"
        assert len(lines) == 1
        assert lines[0].startswith("input_s3_parameters.credentials: the block cannot be loaded")

    def test_the_flow_refuses_by_itself_what_was_let_through(self, failed: dict[str, tuple[str, list[str]]]) -> None:
        state, lines = failed["misshapen"]
        assert state == "Failed"
        assert [line.partition(": ")[0] for line in lines] == [
            "input_s3_parameters.bucket",
            "input_s3_parameters",
            "input_s3_parameters.inventory",
            "output_s3_parameters",
            "criteria[0].dicom_tag[1]",
            "criteria[1].operation",
            "criteria[2].reference",
            "criteria[3].reference",
            "criteria[4]",
            "criteria[5].reference",
            "criteria[6]",
            "preview",
            "damaged",
        ]
        known = "bucket, prefix, region, endpoint, credentials, anonymous, requester_pays, inventory, archives"
        assert lines[1] == f"input_s3_parameters: has a member 'access_key' that is not known; accepted: {known}"
        operations = [repr(operation.value) for operation in Operation]
        accepted = f"{', '.join(operations[:-1])} or {operations[-1]}"
        assert lines[5] == f"criteria[1].operation: 'NOT' is not known; accepted: {accepted}"
        assert lines[8] == (
            f"criteria[4]: has a member 'comment' that is not known; accepted: {', '.join(Criterion.model_fields)}"
        )
        assert lines[-1] == "damaged: not accepted; accepted: DISCARD, JUDGE"
        assert all("; accepted: " in line or "should" in line for line in lines)
        assert not any(secret in line for secret in planted.SECRETS for line in lines)

    def test_the_flow_says_that_nothing_was_asked(self, failed: dict[str, tuple[str, list[str]]]) -> None:
        assert failed["nothing"] == (
            "Failed",
            [
                "input_s3_parameters: missing; accepted: bucket, region, and optionally endpoint, credentials, prefix",
                "criteria: nothing; accepted: a list of criteria",
            ],
        )

    def test_the_flow_asks_nothing_of_the_store(self, failed: dict[str, tuple[str, list[str]]], proxy: S3Proxy) -> None:
        assert len(failed) == 5
        assert proxy.requests == []
