"""A client that reaches Prefect's port, such as a page in a browser, reads secrets and runs code."""

import asyncio
import datetime
import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from shutil import which

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dicom_sieve.cli import processes
from dicom_sieve.cli.password import FILE, OF_CLIENTS, OF_SERVER, PasswordError, find_or_make, of_environment
from dicom_sieve.flows.server.callers import OwnNamesOnly
from tests.cli.command import environment_of, run_command
from tests.support.browser import chromium
from tests.support.documents import code_blocks, read
from tests.support.prefect_server import wait_for
from tests.support.up import Up, request

FOREIGN = "http://evil.example.org"
SECRETS = "/block_documents/filter"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "prefect",
}


class TestWithoutThePassword:
    @pytest.mark.parametrize("path", [SECRETS, "/deployments/filter", "/flow_runs/filter", "/automations/filter"])
    def test_nothing_is_answered(self, up: Up, path: str) -> None:
        with up.stranger() as stranger:
            assert stranger.post(path, json={}).status_code == 401
            assert stranger.post(path, json={}, auth=("dicom-sieve", "wrong")).status_code == 401

    def test_secrets_of_blocks_are_not_given(self, up: Up) -> None:
        with up.stranger() as stranger:
            assert stranger.post(SECRETS, json={"include_secrets": True}).status_code == 401

    def test_no_run_is_made(self, up: Up) -> None:
        with up.stranger() as stranger:
            path = f"/deployments/{up.deployment()}/create_flow_run"
            assert stranger.post(path, json={"parameters": {}}).status_code == 401

    def test_serving_says_what_is_missing(self, up: Up, tmp_path: Path) -> None:
        for command in (("serve",), ("deploy", "--pool", "dicom")):
            done = _run(*command, home=tmp_path, PREFECT_API_URL=str(up.api.base_url))

            assert done.returncode == 1, done.stderr
            assert "Prefect's server wants a password (HTTP 401); accepted: PREFECT_API_AUTH_STRING=user" in done.stderr
            assert "please report" not in done.stderr

    def test_serving_says_that_it_is_the_wrong_one(self, up: Up, tmp_path: Path) -> None:
        done = _run("serve", home=tmp_path, PREFECT_API_URL=str(up.api.base_url), PREFECT_API_AUTH_STRING="a:wrong")

        assert done.returncode == 1
        assert "Prefect's server does not accept the password of PREFECT_API_AUTH_STRING (HTTP 401)" in done.stderr
        assert "wrong" not in done.stderr


class TestAPageOfAnotherServer:
    @pytest.mark.parametrize(
        "host", ["evil.example.org", "evil.example.org:4200", "localhost.evil.org", "", "a@localhost"]
    )
    def test_a_page_of_another_server_is_refused_under_a_name_that_is_not_ours(self, up: Up, host: str) -> None:
        answer = up.api.get("/health", headers={"Host": host})

        assert answer.status_code == 403
        assert "the Host header names another server" in answer.json()["exception_message"]

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:4200"])
    def test_a_page_of_another_server_does_not_keep_our_own_names_out(self, up: Up, host: str) -> None:
        assert up.api.get("/health", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:1", "https://localhost"])
    def test_a_page_of_another_server_is_refused_even_with_the_password(self, up: Up, origin: str) -> None:
        assert up.api.post(SECRETS, json={}, headers={"Origin": origin}).status_code == 403

    def test_a_page_of_another_server_may_not_ask_whether_it_may_call(self, up: Up) -> None:
        asks = {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}
        answer = up.api.options(SECRETS, headers={**asks, "Access-Control-Request-Headers": "authorization"})

        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers

    def test_a_page_of_another_server_reads_no_answer(self, up: Up) -> None:
        answer = up.api.get("/health", headers={"Origin": FOREIGN})

        assert "access-control-allow-origin" not in answer.headers

    def test_a_page_of_another_server_does_not_keep_our_own_pages_out(self, up: Up) -> None:
        for host in ("127.0.0.1", "localhost"):
            own = f"http://{host}:{up.port}"
            assert up.api.post(SECRETS, json={}, headers={"Origin": own}).status_code == 200

    def test_a_page_of_another_server_opens_no_websocket(self, up: Up) -> None:
        path = "/events/out"
        refused = up.api.get(path, headers={**UPGRADE, "Origin": FOREIGN})

        assert refused.status_code == 403

    def test_posts_nothing_where_there_is_no_password_either(self) -> None:
        """A page may post a body without a content type to anywhere, and CORS lets it; Prefect reads it as JSON."""
        called: list[str] = []

        async def answer(request: Request) -> JSONResponse:
            called.append(request.url.path)
            return JSONResponse({})

        app = OwnNamesOnly(Starlette(routes=[Route("/run", answer, methods=["POST"])]), (), ())

        async def post(origin: str) -> int:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as page:
                return (await page.post("/run", content=b"{}", headers={"Origin": origin})).status_code

        answers = [asyncio.run(post(origin)) for origin in (FOREIGN, "null", "http://127.0.0.1:4200")]

        assert answers == [403, 403, 200]
        assert called == ["/run"]


class TestThePassword:
    def test_the_password_is_in_a_file_of_its_owner_alone(self, up: Up) -> None:
        file = up.prefect_home / FILE

        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().startswith("dicom-sieve:")

    def test_the_password_is_in_no_log_and_on_no_command_line(self, up: Up) -> None:
        password = (up.prefect_home / FILE).read_text().strip().partition(":")[2]

        lines = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]

        assert len(password) >= 32
        assert password not in up.log
        assert str(up.prefect_home / FILE) in up.log
        assert not any(password.encode() in line for line in lines)

    def test_the_password_is_made_once(self, tmp_path: Path) -> None:
        first, second = find_or_make(tmp_path), find_or_make(tmp_path)

        assert first.is_new
        assert not second.is_new
        assert first.text == second.text
        assert first.text not in repr(first)
        assert [file.name for file in tmp_path.iterdir()] == [FILE]

    def test_the_password_is_shown_once_and_on_a_terminal_only(self, tmp_path: Path) -> None:
        made, found = find_or_make(tmp_path), find_or_make(tmp_path)

        assert processes.describe_password(made, on_terminal=True) == [
            f"password   {made.text}",
            f"kept in    {tmp_path / FILE}",
        ]
        for password, on_terminal in ((made, False), (found, True), (found, False)):
            assert processes.describe_password(password, on_terminal=on_terminal) == [f"password   {tmp_path / FILE}"]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
    def test_the_password_is_refused_where_others_could_read_it(self, tmp_path: Path, mode: int) -> None:
        find_or_make(tmp_path)
        (tmp_path / FILE).chmod(mode)

        with pytest.raises(PasswordError, match=rf"can be read by others \(mode {mode:04o}\); delete it: a new"):
            find_or_make(tmp_path)

    def test_the_password_is_refused_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_text("a:b")
        (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")

        with pytest.raises(PasswordError, match="cannot be read"):
            find_or_make(tmp_path)

    @pytest.mark.parametrize("text", ["", "no colon", ":b", "a:", "a:b\nc:d", "a:\x00"])
    def test_the_password_is_refused_when_it_is_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / FILE).write_text(text)
        (tmp_path / FILE).chmod(0o600)

        with pytest.raises(PasswordError, match="does not hold user:password on one line"):
            find_or_make(tmp_path)


class TestAPasswordOfTheUsersOwn:
    @pytest.mark.parametrize("name", [OF_SERVER, OF_CLIENTS])
    def test_a_password_of_the_users_own_is_used_by_server_and_clients(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "me:mine")
        password = of_environment(os.environ)
        assert password is not None

        environment = processes.server_environment("http://127.0.0.1:4200", tmp_path, password)

        assert environment[OF_SERVER] == environment[OF_CLIENTS] == "me:mine"
        assert processes.describe_password(password, on_terminal=True) == [f"password   that of {OF_SERVER}"]

    def test_a_password_of_the_users_own_is_refused_when_there_are_two(self) -> None:
        with pytest.raises(PasswordError, match=f"^{OF_SERVER} and {OF_CLIENTS} differ"):
            of_environment({OF_SERVER: "a:b", OF_CLIENTS: "a:c"})

    def test_a_password_of_the_users_own_is_refused_when_it_is_none(self) -> None:
        with pytest.raises(PasswordError, match="no user and password; accepted: user:password"):
            of_environment({OF_SERVER: "mine"})


class TestWithoutAPassword:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
    def test_it_does_not_start_where_other_machines_reach_it(self, tmp_path: Path, host: str) -> None:
        done = run_command("up", "--no-auth", "--host", host, home=tmp_path)

        assert done.returncode == 2
        assert "other machines can reach" in done.stderr

    def test_it_does_not_start_where_there_is_one(self, tmp_path: Path) -> None:
        done = run_command("up", "--no-auth", home=tmp_path, PREFECT_SERVER_API_AUTH_STRING="a:b")

        assert done.returncode == 2
        assert f"{OF_SERVER} gives a password; unset it" in done.stderr

    def test_it_is_said_aloud(self, capsys: pytest.CaptureFixture[str]) -> None:
        processes.warn("127.0.0.1", 4200, is_open=True)

        assert capsys.readouterr().err.startswith("dicom-sieve: WARNING: --no-auth: every user and every program")

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
    def test_without_a_password_that_other_machines_reach_it_is_said_aloud(
        self, host: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        processes.warn(host, 4200, is_open=False)

        assert f"WARNING: other machines can reach {host}:4200" in capsys.readouterr().err

    def test_nothing_is_said_of_the_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        processes.warn("127.0.0.1", 4200, is_open=False)

        assert capsys.readouterr().err == ""


class TestWithThePassword:
    @pytest.mark.needs_browser
    @pytest.mark.parametrize("path", ["/deployments", "/v2/deployments"])
    def test_prefects_ui_shows_the_deployments(self, up: Up, path: str) -> None:
        with chromium() as browser:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"http://localhost:{up.port}{path}")
            field = page.locator("input[type=password]")
            field.wait_for()
            assert "clean-dicom" not in page.inner_text("body")

            field.fill((up.prefect_home / FILE).read_text().strip())
            field.press("Enter")

            page.get_by_text("clean-dicom", exact=True).first.wait_for()

    @pytest.mark.skipif(which("jq") is None or which("curl") is None, reason="the documented call needs curl and jq")
    def test_the_documented_call_makes_a_run(self, up: Up, tmp_path: Path) -> None:
        document = (Path(__file__).parents[2] / "docs" / "requests.md").read_text()
        call, body = (
            found[1]
            for found in (
                re.search(r"```console\n(call\(\) .*?)```", document, re.DOTALL),
                re.search(r"```json\n(.*?)```", document, re.DOTALL),
            )
            if found
        )
        (tmp_path / "request.json").write_text(body)

        done = subprocess.run(
            ["bash", "-c", call.replace("127.0.0.1:4200", f"127.0.0.1:{up.port}")],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(up.home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

        made = json.loads(done.stdout)
        assert made["state"]["type"] == "SCHEDULED", done.stdout
        up.end_of(made["id"])

    def test_the_documented_consumer_sends_the_password(self, up: Up, tmp_path: Path) -> None:
        [code] = code_blocks(read("docs/consumer.md"), "python")
        (tmp_path / "run.json").write_text(json.dumps({"parameters": request()}))
        settings = {"PREFECT_API_URL": str(up.api.base_url).rstrip("/"), "AWS_REGION": "eu"}
        said = {}
        made = (up.prefect_home / "api-password").read_text().strip()
        for password in (made, "dicom-sieve:wrong"):
            environment = {**os.environ, **settings, "PREFECT_API_AUTH_STRING": password}
            command = [sys.executable, "-c", code]
            done = subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
            )
            said[password] = done.stderr

        assert "401" in said["dicom-sieve:wrong"]
        assert "401" not in said[made]


class TestPrefectsOwnServices:
    """They call Prefect's application within the process, under a name of their own."""

    @pytest.mark.timeout(200)
    def test_prefects_own_services_still_start_runs_by_automations(self, up: Up) -> None:
        event, action = f"test.{uuid.uuid4()}", {"type": "run-deployment", "source": "selected"}
        trigger = {"type": "event", "expect": [event], "posture": "Reactive", "threshold": 1}
        asked = {"deployment_id": up.deployment(), "parameters": request()}
        automation = {"name": event, "trigger": trigger, "actions": [{**action, **asked}]}
        made = up.api.post("/automations/", json=automation).raise_for_status().json()["id"]
        by_it = {
            "flow_runs": {"deployment_id": {"any_": [up.deployment()]}},
            "sort": "EXPECTED_START_TIME_DESC",
        }

        def started() -> bool:
            """Tell it again: Prefect loads an automation after it has answered, and what came before is lost."""
            told = {"event": event, "resource": {"prefect.resource.id": event}, "id": str(uuid.uuid4()), "payload": {}}
            told["occurred"] = datetime.datetime.now(datetime.UTC).isoformat()
            up.api.post("/events", json=[told]).raise_for_status()
            time.sleep(1)
            runs = up.api.post("/flow_runs/filter", json=by_it).raise_for_status().json()
            return any((run["created_by"] or {}).get("id") == made for run in runs)

        wait_for(started, "the automation's run", 100)


def _run(*command: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dicom_sieve", *command],
        env=environment_of(home, PREFECT_HOME=str(home), **environment),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
