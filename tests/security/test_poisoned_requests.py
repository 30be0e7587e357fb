"""One request that Prefect can store but never send makes each poll fail, and no run starts any more."""

import asyncio
import json
import os
import random
import sqlite3
import string
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI
from starlette.testclient import TestClient

from dicom_sieve.contract.parameters import SegmentParameters
from dicom_sieve.flows import polling
from dicom_sieve.flows.deployments import contract_schema
from dicom_sieve.flows.server.bodies import DEEPEST, SoundBodies, UnacceptableBodyError, check
from tests.support.prefect_server import SERVE, prefect_server, wait_for
from tests.support.up import ASKS_ABSENT_STORE, IN_2099, IS_CT, Up, request

HALF = "\ud800"
SECRET = "planted-secret"
JSON = {"content-type": "application/json"}
BODIES = int(os.environ.get("BODIES", "200"))
"""How many generated requests are posted; 10,000 take some minutes."""

UNSTORABLE = [
    "half \ud800",
    "\udfff",
    "line\nfeed",
    "at the end\n",
    "tab\t",
    "nul\x00",
    "escape\x1b[2J",
    "del\x7f",
    "c1\x9b",
]
TEXTS = ["bucket", "prefix", "region", "endpoint", "inventory"]
LONGEST = {"bucket": 255, "prefix": 1024, "region": 128, "endpoint": 2048, "inventory": 2048}


def nested(levels: int) -> Any:
    inner: Any = "deep"
    for _ in range(levels):
        inner = [inner]
    return inner


class TestTheSchema:
    """What is put on a server that is not ours, too."""

    @pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
    @pytest.mark.parametrize("name", TEXTS)
    def test_the_schema_refuses_what_cannot_be_stored_or_sent(self, name: str, text: str) -> None:
        assert is_refused(request(**{name: text}))

    @pytest.mark.parametrize("name", TEXTS)
    def test_bounds_each_text(self, name: str) -> None:
        assert not is_refused(request(**{name: "a" * LONGEST[name]}))
        assert is_refused(request(**{name: "a" * (LONGEST[name] + 1)}))

    @pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
    def test_the_schema_refuses_such_a_reference_of_a_criterion(self, text: str) -> None:
        for operation, reference in (("EQUALS", text), ("IN", ["CT", text])):
            criterion = {**IS_CT[0], "operation": operation, "reference": reference}
            assert is_refused({**request(), "criteria": [criterion]})

    def test_the_schema_accepts_other_scripts(self) -> None:
        assert not is_refused(request(prefix="研究/Zürich/Ω 😀"))

    def test_the_schema_refuses_a_run_s_id_with_anything_behind_it(self) -> None:
        location = request()["input_s3_parameters"]
        asked = {"run_id": "c0ffee", "input_s3_parameters": location, "output_s3_parameters": location}

        assert not is_refused(asked, SegmentParameters)
        assert is_refused({**asked, "run_id": "c0ffee\n"}, SegmentParameters)


class TestTheDoor:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"a": "\\ud800"}',
            b'{"\\udfff": 1}',
            b'["\xed\xa0\x80"]',
            '{"a": "\\ud800"}'.encode("utf-16"),
            json.dumps(nested(DEEPEST + 1)).encode(),
            b"[" * 100_000,
            b'{"a": 18446744073709551616}',
            b'{"a": -9223372036854775809}',
        ],
        ids=["half a pair", "in a name", "in bytes", "in UTF-16", "too deep", "far too deep", "too large", "too small"],
    )
    def test_the_door_refuses(self, body: bytes) -> None:
        with pytest.raises(UnacceptableBodyError):
            check(body, "/api/flow_runs/")

    @pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": 1}', "no JSON"])
    @pytest.mark.parametrize(
        "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
    )
    def test_the_door_refuses_every_encoding_but_utf_8_which_the_server_would_detect(
        self, text: str, encoding: str
    ) -> None:
        with pytest.raises(UnacceptableBodyError, match="accepted: JSON in UTF-8, without a byte order mark") as caught:
            check(text.encode(encoding), "/api/deployments/")

        assert caught.value.status == 422

    def test_the_door_reads_as_the_server_does_what_it_hands_on(self) -> None:
        """Starlette parses the bytes, which tells encodings apart by their marks and zeros."""
        application = FastAPI()

        @application.post("/deployments/")
        async def store(parameters: Annotated[dict[str, Any], Body(embed=True)]) -> None:
            stored.append(parameters)

        application.add_middleware(SoundBodies)
        stored: list[Any] = []
        client = TestClient(application)
        text = json.dumps({"parameters": {"a": HALF}})
        for encoding in ("utf-8", "utf-8-sig", "utf-16-le", "utf-32-be"):
            answer = client.post("/deployments/", content=text.encode(encoding), headers=JSON)
            assert answer.status_code == 422, encoding

        assert client.post("/deployments/", json={"parameters": {"a": "Ω 😀"}}).status_code == 200
        assert stored == [{"a": "Ω 😀"}]

    @pytest.mark.parametrize(
        "body",
        [b"", b"no JSON", b'{"a": "\\ud83d\\ude00"}', b"[18446744073709551615, true]", json.dumps(nested(50)).encode()],
    )
    def test_the_door_lets_through(self, body: bytes) -> None:
        check(body, "/api/flow_runs/")


class TestTheQueue:
    @pytest.mark.parametrize("where", ["credentials", "comment", "name", "tags", "labels", "job_variables", "deep"])
    def test_the_queue_is_not_reached_by_what_the_schema_does_not_see(self, up: Up, where: str) -> None:
        parameters = request()
        more: dict[str, Any] = {}
        match where:
            case "credentials":
                parameters = request(credentials=f"key:{HALF}{SECRET}")
            case "comment":
                parameters, more = {**parameters, "comment": HALF}, {"enforce_parameter_schema": False}
            case "deep":
                parameters, more = {**parameters, "comment": nested(300)}, {"enforce_parameter_schema": False}
            case "tags":
                more = {"tags": [HALF]}
            case _:
                more = {where: HALF if where == "name" else {"a": HALF}}

        answer = post_raw(up, {"parameters": parameters, "state": IN_2099, **more})

        assert answer.status_code == 422
        assert SECRET not in answer.text
        assert up.poll().status_code == 200

    @pytest.mark.parametrize(
        "hidden",
        [
            {"__prefect_kind": "json", "value": '"\\ud800"'},
            {"__prefect_kind": "jinja", "template": "{{ '\\ud800' }}"},
            {"__prefect_kind": "json", "value": json.dumps(nested(300))},
        ],
        ids=["in JSON", "in a template", "deep in JSON"],
    )
    def test_lives_when_the_server_itself_makes_of_a_body_what_it_cannot_send(self, up: Up, hidden: Any) -> None:
        parameters = {**request(), "comment": hidden}
        answer = post_raw(up, {"parameters": parameters, "enforce_parameter_schema": False, "state": IN_2099})

        assert answer.status_code == 422
        assert up.poll().status_code == 200

    def test_the_queue_is_shown_when_a_number_in_it_is_larger_than_what_lists_can_hold(self, up: Up) -> None:
        parameters = {**request(), "comment": {"__prefect_kind": "json", "value": "1" + "0" * 30}}
        post_raw(up, {"parameters": parameters, "enforce_parameter_schema": False, "state": IN_2099})

        assert up.api.post("/flow_runs/filter", json={}).status_code == 200

    def test_the_queue_goes_on_without_a_row_that_is_there_already(self, up: Up) -> None:
        run = up.post(request(), state=IN_2099).json()["id"]
        with sqlite3.connect(up.prefect_home / "prefect.db", timeout=60) as database:
            changed = database.execute(
                "UPDATE flow_run SET parameters = ? WHERE id = ?", ('{"comment": "\\ud800"}', run)
            )
        database.close()
        assert changed.rowcount == 1

        assert up.poll().status_code == 200

        assert up.flow_run(run)["state"]["name"] == "Cancelled"
        assert up.flow_run(run)["state"]["message"].startswith("set aside: what it was started with could not be sent")
        assert up.flow_run(run)["parameters"] == {}
        assert f"flow run {run} cannot be sent" in up.log
        assert up.post(request()).status_code == 201

    @pytest.mark.timeout(3600)
    def test_lives_after_generated_bodies(self, up: Up) -> None:
        """As schemathesis makes them: from the contract, with parts of it made worse. ``BODIES=10000`` posts more."""
        made, deployment = Bodies(random.Random(BODIES)), up.deployment()
        answers: Counter[int] = Counter()
        for number in range(BODIES):
            answers[post_raw(up, made.body(), deployment).status_code] += 1
            if number % 100 == 99:
                assert up.poll().status_code == 200
        assert set(answers) <= {201, 400, 409, 422}, answers
        assert answers[201], answers
        cancel_waiting(up)

        end = up.end_of(up.post(request()).json()["id"])

        assert end["message"].startswith("cannot list s3://bucket"), end
        wait_for(lambda: stored_secrets(up) == [], "secrets to be gone", 60)


class TestAServerThatIsNotOurs:
    """``prefect server start``, with ``serve`` beside it."""

    def test_a_server_that_is_not_ours_does_not_end_serving_which_goes_on_without_the_row(self, tmp_path: Path) -> None:
        with prefect_server(tmp_path) as server, server.serving(SERVE, "serve.log", **ASKS_ABSENT_STORE):
            run = server.post(request(), state=IN_2099).json()["id"]
            with sqlite3.connect(tmp_path / "prefect.db", timeout=60) as database:
                poisoned = ('{"comment": "\\ud800"}', "2020-01-01 00:00:00.000000", run)
                database.execute(
                    "UPDATE flow_run SET parameters = ?, next_scheduled_start_time = ? WHERE id = ?", poisoned
                )
            database.close()

            wait_for(lambda: server.flow_run_or_none(run), "the row to be set aside", 60)
            state, message = server.state(server.start(request()))

            log = (tmp_path / "serve.log").read_text()
            assert server.flow_run(run)["state"]["message"].startswith("set aside: what it was started with")
            assert "waiting runs cannot be asked for: Prefect's server answers with an error (HTTP 500)" in log
            assert f"flow run {run} cannot be sent: set aside as Cancelled, parameters removed" in log
            assert (state, message[:10]) == ("Failed", "cannot lis")

    def test_a_server_that_is_not_ours_that_is_away_for_a_while_does_not_end_polling(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        polled: list[float] = []

        async def poll() -> None:
            polled.append(time.monotonic())
            if len(polled) < 7:
                raise httpx.ConnectError("refused")
            raise KeyboardInterrupt

        with caplog.at_level("WARNING"), pytest.raises(KeyboardInterrupt):
            asyncio.run(polling.keep_polling(poll, 0.001))

        assert len(polled) == 7


def is_refused(parameters: dict[str, Any], model: Any = None) -> bool:
    """Tell whether Prefect refuses parameters, in the way that its server finds out."""
    from prefect.utilities.schema_tools.validation import ValidationError, validate

    schema = contract_schema() if model is None else contract_schema(model)
    try:
        validate(parameters, schema.model_dump(), raise_on_error=True)
    except ValidationError:
        return True
    return False


def post_raw(up: Up, body: Any, deployment: str | None = None) -> Any:
    """Post what httpx would refuse to encode."""
    path = f"/deployments/{deployment or up.deployment()}/create_flow_run"
    return up.api.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


def cancel_waiting(up: Up) -> None:
    """Cancel all runs that wait, as an operator does."""
    waiting = {"state": {"type": {"any_": ["SCHEDULED", "PENDING"]}}}
    asked = {"flow_runs": waiting, "state": {"type": "CANCELLED"}, "force": True}
    while up.api.post("/flow_runs/bulk_set_state", json=asked).raise_for_status().json()["results"]:
        pass


def stored_secrets(up: Up) -> list[str]:
    """Give the tables in which the secret stands."""
    with sqlite3.connect(f"file:{up.prefect_home / 'prefect.db'}?mode=ro", uri=True, timeout=60) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [
            name for name in tables if any(SECRET in repr(row) for row in database.execute(f'SELECT * FROM "{name}"'))
        ]
    database.close()
    return found


class Bodies:
    """Makes requests: good ones of which parts are replaced, removed, or doubled."""

    def __init__(self, source: random.Random) -> None:
        self._random = source

    def body(self) -> dict[str, Any]:
        location = request(credentials=f"key:{SECRET}")["input_s3_parameters"]
        criterion: dict[str, Any] = dict(IS_CT[0])
        parameters: dict[str, Any] = {"input_s3_parameters": location, "criteria": [criterion]}
        if self._random.random() < 0.3:
            parameters["output_s3_parameters"] = dict(location)
        body: dict[str, Any] = {"parameters": parameters, "state": IN_2099}
        body["enforce_parameter_schema"] = self._random.random() < 0.5
        for _ in range(self._random.randrange(4)):
            self._worsen(self._random.choice([location, criterion, parameters]))
        return body

    def _worsen(self, part: dict[str, Any]) -> None:
        name = self._random.choice([*part, "comment", self._text()])
        if self._random.random() < 0.2:
            part.pop(name, None)
        else:
            part[name] = self._value(0)

    def _value(self, depth: int) -> Any:
        leaves: list[Callable[[], Any]] = [
            lambda: None,
            lambda: self._random.choice([True, False, 0, -1, 10**30, 1e308, float("nan"), float("inf")]),
            self._text,
            self._text,
            lambda: f"https://key:{SECRET}@host/?sig={SECRET}",
            lambda: nested(self._random.choice([10, 60, 70, 300])),
        ]
        branches: list[Callable[[], Any]] = [
            lambda: {
                "__prefect_kind": self._random.choice(["json", "jinja", "none", "workspace_variable"]),
                "value": self._text(),
                "template": self._text(),
            },
            lambda: {"$ref": self._value(depth + 1)},
            lambda: [self._value(depth + 1) for _ in range(self._random.randrange(4))],
            lambda: {self._text(): self._value(depth + 1) for _ in range(self._random.randrange(4))},
        ]
        made: Any = self._random.choice(leaves if depth > 3 else leaves + branches)()
        return made

    def _text(self) -> str:
        alphabet = self._random.choice(
            [string.ascii_letters, string.printable, "\x00\x1f\x7f\x9b\u2028\ufffe\ud800\udc00", "äΩ研𝛼😀", '{}"\\u$%']
        )
        length = self._random.choice([0, 1, 3, 20, 70, 1100])
        return "".join(self._random.choices(alphabet, k=length))
