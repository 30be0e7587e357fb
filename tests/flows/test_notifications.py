"""Whom a run that went wrong concerns is told by Prefect's server: a real one, and a webhook that really listens."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SendgridEmail, SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.settings import PREFECT_API_URL, temporary_settings

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.automations import set_up
from dicom_sieve.flows.notifications import (
    Situation,
    count_undecided,
    describe_automation,
    find_block,
    labels_of,
    notify,
    recipe_for,
)
from tests.cli.command import run_command
from tests.flows import planted
from tests.screening.screenings import ct
from tests.support.builders import make_instance
from tests.support.loopback import Silent, serving
from tests.support.prefect_server import SERVE, PrefectServer, prefect_server, wait_for

pytestmark = pytest.mark.timeout(1200)
BLOCK = "custom-webhook/ours"
SECONDS = 200


class Hook:
    """A webhook: what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self.url = ""

    def wait_for(self, words: str) -> dict[str, str]:
        """Wait until it is told something with these words, and give it."""
        return wait_for(
            lambda: next((each for each in list(self.told) if words in each["subject"]), None), words, SECONDS
        )


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()

    class Handler(Silent, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.told.append({**body, "token": self.headers["X-Token"]})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        hook.url = f"{url}/hook"
        yield hook


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an image, one whose modality nobody knows, and one that is no DICOM."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "1").write_bytes(ct("1.5.1", "1.6.1", **planted.PATIENT))
    (folder / "2").write_bytes(make_instance(series_instance_uid="1.5.2", SOPInstanceUID="1.6.2", Modality=""))
    (folder / "3").write_bytes(b"no DICOM")
    return folder


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with listening() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, images: Path, hook: Hook) -> Iterator[PrefectServer]:
    """A server that serves, and tells the webhook of everything."""
    home = tmp_path_factory.mktemp("notifying")
    environment = {
        "DICOM_SIEVE_DATABASE_URL": f"sqlite:///{home / 'ledger.db'}",
        "DICOM_SIEVE_INPUT_DIRECTORIES": str(images),
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": "127.0.0.1:9",
    }
    with prefect_server(home, is_ours=True) as started, started.serving(SERVE, "serve.log", **environment):
        with temporary_settings({PREFECT_API_URL: started.url}):
            CustomWebhookNotificationBlock(
                name="ours",
                url=hook.url,
                json_data={"subject": "{{subject}}", "body": "{{body}}"},
                headers={"X-Token": "{{token}}"},
                secrets={"token": "planted-token"},
            ).save("ours")
            done = run_command("notify", BLOCK, home=home)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"dicom-sieve: tell {BLOCK} of {situation}" for situation in Situation]
        yield started


def run_of(server: PrefectServer, parameters: dict[str, Any]) -> str:
    return str(server.post(parameters).raise_for_status().json()["id"])


class TestTold:
    def test_of_a_run_that_failed(self, server: PrefectServer, hook: Hook) -> None:
        run_id = run_of(server, planted.request("http://127.0.0.1:9", "nowhere"))

        told = hook.wait_for(f"run {run_id}: Failed")

        assert told["body"].startswith("cannot list s3://nowhere")
        assert told["token"] == "planted-token"
        for secret in planted.SECRETS:
            assert secret not in json.dumps(told)

    def test_of_a_run_with_undecided_objects(self, server: PrefectServer, hook: Hook, images: Path) -> None:
        run_id = run_of(server, {"input": {"uri": str(images)}, "criteria": planted.IS_CT})

        told = hook.wait_for(f"run {run_id}")

        assert told["subject"] == f"run {run_id}: 2 objects undecided"
        for value in planted.VALUES:
            assert value not in json.dumps(told)

    def test_of_a_run_that_nobody_takes(self, server: PrefectServer, hook: Hook) -> None:
        flow = server.api.post("/flows/", json={"name": "clean-dicom"}).raise_for_status().json()["id"]
        waiting = {
            "flow_id": flow,
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2020-01-01T00:00:00Z"}},
        }
        run_id = server.api.post("/flow_runs/", json=waiting).raise_for_status().json()["id"]

        assert hook.wait_for(f"run {run_id}: late")["body"].startswith("It waits")

    def test_of_a_work_pool_without_a_worker(self, server: PrefectServer, hook: Hook) -> None:
        server.api.post("/work_pools/", json={"name": "lonely", "type": "process"}).raise_for_status()
        beat = {"name": "worker", "heartbeat_interval_seconds": 1}
        server.api.post("/work_pools/lonely/workers/heartbeat", json=beat).raise_for_status()

        assert hook.wait_for("work pool lonely")["subject"] == "work pool lonely: not ready"

    def test_of_a_run_that_does_not_end(self, server: PrefectServer, hook: Hook) -> None:
        with temporary_settings({PREFECT_API_URL: server.url}):
            recipe = recipe_for(Situation.STUCK, stuck=datetime.timedelta(seconds=10))
            set_up(describe_automation(Situation.STUCK, BLOCK, find_block(BLOCK), recipe))
        flow = server.api.post("/flows/", json={"name": "clean-dicom"}).raise_for_status().json()["id"]
        run_ids = [
            server.api.post("/flow_runs/", json={"flow_id": flow, "state": {"type": "RUNNING"}}).json()["id"]
            for _ in range(2)
        ]
        ended = {"state": {"type": "COMPLETED", "name": "Completed"}, "force": True}
        server.api.post(f"/flow_runs/{run_ids[1]}/set_state", json=ended).raise_for_status()

        assert hook.wait_for(f"run {run_ids[0]}: has not ended")["body"].endswith("or stuck?")
        assert [told for told in hook.told if run_ids[1] in told["subject"]] == []
        with temporary_settings({PREFECT_API_URL: server.url}):
            notify(BLOCK, [Situation.STUCK])

    def test_of_nothing_else(self, server: PrefectServer, hook: Hook, tmp_path: Path) -> None:
        other = server.api.post("/flows/", json={"name": "another"}).raise_for_status().json()["id"]
        failed = {"flow_id": other, "state": {"type": "FAILED"}}
        run_id = server.api.post("/flow_runs/", json=failed).raise_for_status().json()["id"]
        flow = server.api.post("/flows/", json={"name": "clean-dicom"}).raise_for_status().json()["id"]
        ours = {"flow_id": flow, "state": {"type": "FAILED"}}
        of_ours = server.api.post("/flow_runs/", json=ours).raise_for_status().json()["id"]

        hook.wait_for(of_ours)

        assert [told for told in hook.told if run_id in told["subject"]] == []


class TestSettingUp:
    def test_twice_makes_one_automation_each(self, server: PrefectServer) -> None:
        with temporary_settings({PREFECT_API_URL: server.url}):
            notify(BLOCK, [Situation.UNDECIDED], above=100)

        found = [each for each in server.all_of("/automations/filter") if each["name"].startswith("dicom-sieve: tell")]
        assert len(found) == len(Situation)
        [undecided] = [each for each in found if each["name"].endswith("undecided")]
        assert undecided["trigger"]["match"]["dicom-sieve.undecided.above-100"] == "true"
        with temporary_settings({PREFECT_API_URL: server.url}):
            notify(BLOCK, [Situation.UNDECIDED])

    @pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by Prefect's library
    def test_by_slack_and_by_mail_it_is_set_up_as_well(self, server: PrefectServer) -> None:
        with temporary_settings({PREFECT_API_URL: server.url}):
            SlackWebhook(url="https://hooks.slack.com/services/T0/B0/planted").save("team")
            mail = SendgridEmail(api_key="planted", sender_email="a@example.org", to_emails=["b@example.org"])
            mail.save("mail")
            for block in ("slack-webhook/team", "sendgrid-email/mail"):
                assert notify(block, [Situation.POOL]) == [f"dicom-sieve: tell {block} of pool"]
        for automation in server.all_of("/automations/filter"):
            if automation["name"].endswith(("team of pool", "mail of pool")):
                server.api.delete(f"/automations/{automation['id']}").raise_for_status()

    def test_what_sends_nothing_is_refused(self, server: PrefectServer) -> None:
        with temporary_settings({PREFECT_API_URL: server.url}):
            Webhook(url="http://127.0.0.1:9").save("plain")
            with pytest.raises(InvalidRequestError, match="sends no notifications"):
                find_block("webhook/plain")
            with pytest.raises(InvalidRequestError, match="no such block"):
                find_block("slack-webhook/unknown")

    @pytest.mark.parametrize("wrong", [("--when", "never"), ("--above", "7")])
    def test_what_is_not_known_is_refused(self, wrong: tuple[str, str], tmp_path: Path) -> None:
        done = run_command("notify", BLOCK, *wrong, home=tmp_path)

        assert done.returncode == 2
        assert "accepted:" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("counts", "undecided"),
    [
        ({}, 0),
        ({"defects": {"CORRUPT": 2}, "findings": [{"MET": 5, "ABSENT": 1}, {"EMPTY": 2, "UNREACHED": 1}]}, 5),
        ({"defects": {}, "findings": [{"MET": 5, "NOT_MET": 7, "SERIES": 1}]}, 0),
    ],
)
def test_undecided_is_what_has_no_answer(counts: dict[str, Any], undecided: int) -> None:
    assert count_undecided(counts) == undecided


def test_labels_say_what_the_number_exceeds() -> None:
    assert set(labels_of(0)) == {"dicom-sieve.undecided"}
    assert "dicom-sieve.undecided.above-1" in labels_of(2)
    assert "dicom-sieve.undecided.above-100" not in labels_of(100)
    assert "dicom-sieve.undecided.above-100" in labels_of(101)
