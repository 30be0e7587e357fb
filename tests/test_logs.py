"""Logs as JSON: whatever a process of ours writes beside its output is an object a line, and holds no secret."""

import datetime
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import prefect.logging.configuration as of_prefect
import pytest
import yaml

from dicom_sieve import logs
from dicom_sieve.errors import LedgerError
from tests.cli.command import environment_of
from tests.flows import planted
from tests.screening.screenings import ct
from tests.support.up import ASKS_ABSENT_STORE, IS_CT, Up, request, running_up

AS_JSON = {"DICOM_SIEVE_LOG_FORMAT": "json"}
SECRET = "planted-access-key-of-the-request"


def read_lines(text: str) -> list[dict[str, Any]]:
    """Give the lines of a log, each of which is an object with what all have."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert set(line) <= {"time", "level", "logger", "message", "run_id", "exception"}, line
        assert line["time"].endswith("Z")
        assert datetime.datetime.fromisoformat(line["time"]).utcoffset() == datetime.timedelta(0)
        assert isinstance(logging.getLevelNamesMapping()[line["level"]], int)
        assert isinstance(line["message"], str)
    return lines


def run_as_json(home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dicom_sieve", *arguments],
        env=environment_of(home, **AS_JSON, **environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of two series whose patients have names."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(2):
        data = ct(f"1.5.{number + 1}", f"1.6.{number + 1}", **planted.PATIENT)
        (folder / f"{number}").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Iterator[tuple[Up, dict[str, str]]]:
    home = tmp_path_factory.mktemp("home")
    environment = {
        **AS_JSON,
        **ASKS_ABSENT_STORE,
        "DICOM_SIEVE_INPUT_DIRECTORIES": str(images),
        "DICOM_SIEVE_TASK_RUNNER": "processes",
        "DICOM_SIEVE_SHARD_OBJECTS": "1",
        "DICOM_SIEVE_TYPO": "1",
        "AWS_SECRET_ACCESS_KEY": planted.CHAIN.access_key,
    }
    with running_up(home, **environment) as running:
        asked = {
            "COMPLETED": {"input": {"uri": str(images)}, "criteria": IS_CT},
            "FAILED": request(credentials=f"{planted.CHAIN.key_id}:{SECRET}"),
        }
        ids = {state: str(running.post(body).raise_for_status().json()["id"]) for state, body in asked.items()}
        assert {state: running.end_of(run_id)["type"] for state, run_id in ids.items()} == {name: name for name in ids}
        httpx.get(f"http://127.0.0.1:{running.port + 1}/nothing-of-the-kind", timeout=30)
        yield running, ids


class TestAServiceThatIsUp:
    """All that `up` and what it starts print: two servers, who serves, and the processes of two runs."""

    @pytest.mark.timeout(600)
    def test_each_line_is_an_object_and_a_run_names_itself(self, up: tuple[Up, dict[str, str]]) -> None:
        running, ids = up

        lines = read_lines(running.log)

        loggers = {line["logger"] for line in lines}
        assert {"dicom_sieve.cli", "prefect.flow_runs", "prefect.task_runs"} <= loggers
        for state, run_id in ids.items():
            of_run = [line for line in lines if line.get("run_id") == run_id]
            assert any(state in line["message"] or "is no setting" in line["message"] for line in of_run)
        failed = next(line for line in lines if line["level"] == "ERROR" and line.get("run_id") == ids["FAILED"])
        assert "cannot list" in failed["message"]
        shards = [line for line in lines if line["logger"] == "prefect.task_runs" and "1 headers" in line["message"]]
        assert [line["run_id"] for line in shards] == [ids["COMPLETED"]] * 2

    def test_no_line_holds_a_secret_or_a_value(self, up: tuple[Up, dict[str, str]]) -> None:
        running, _ = up
        password = (running.prefect_home / "api-password").read_text().strip()

        for secret in (SECRET, password, password.partition(":")[2], planted.CHAIN.access_key, *planted.VALUES):
            assert secret not in running.log


class TestTheCommand:
    def test_a_run_prints_its_result_and_logs_what_else_there_is_to_say(self, images: Path, tmp_path: Path) -> None:
        criteria = tmp_path / "criteria.json"
        criteria.write_text(json.dumps(IS_CT))

        done = run_as_json(
            tmp_path, "screen", str(images), "--criteria", str(criteria), "--json", DICOM_SIEVE_SHARD_OBJECT="1"
        )

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["counts"]["passed"] == 2
        [line] = read_lines(done.stderr)
        assert line["message"].startswith("DICOM_SIEVE_SHARD_OBJECT is no setting")

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (("show", "nothing"), 1, "nothing"),
            (("screen",), 2, "Missing"),
            (("up", "--no-auth", "--host", "0.0.0.0"), 2, "--host 127.0.0.1"),
            (("nonsense",), 2, "nonsense"),
        ],
    )
    def test_an_error_is_a_line_and_its_exit_code_stays(
        self, arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
    ) -> None:
        done = run_as_json(tmp_path, *arguments)

        [line] = read_lines(done.stderr)
        assert (done.returncode, line["level"], line["logger"]) == (code, "ERROR", "dicom_sieve.cli")
        assert words in line["message"]

    def test_help_stays_help(self, tmp_path: Path) -> None:
        done = run_as_json(tmp_path, "--help")

        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage" in done.stdout


class TestALine:
    def record(self, error: BaseException | None = None, message: str = "said") -> dict[str, Any]:
        raised = None if error is None else (type(error), error, error.__traceback__)
        return logs.as_json(logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, (), raised))

    def test_an_error_that_is_not_ours_is_named_and_placed_without_its_text(self) -> None:
        with pytest.raises(ValueError, match="DOE") as caught:
            int("DOE^JOHN")
        line = self.record(caught.value)

        assert line["exception"]["type"] == "ValueError"
        assert line["exception"]["places"][-1].startswith("test_logs.py:")
        assert "DOE" not in json.dumps(line)

    def test_an_error_of_ours_says_what_it_says(self) -> None:
        line = self.record(LedgerError("no answer of postgresql://ann:secret@db"))

        assert line["exception"]["message"] == "no answer of postgresql://***@db"

    def test_a_text_of_several_lines_is_one_line(self) -> None:
        line = json.dumps(self.record(message="a\nb\u2028\x1b[0m"))

        assert line.isascii()
        assert "\n" not in line

    def test_the_run_is_named_inside(self) -> None:
        with logs.of_run("one"):
            assert self.record()["run_id"] == "one"
        assert "run_id" not in self.record()


def test_an_uncaught_error_of_a_process_is_a_line(tmp_path: Path) -> None:
    program = (
        "import threading, warnings; from dicom_sieve import logs; logs.set_up(); import prefect;"
        "warnings.warn('DeprecatedThing'); t = threading.Thread(target=lambda: 1 / 0, name='t'); t.start(); t.join();"
        "raise ValueError('DOE^JOHN')"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_of(tmp_path, **AS_JSON),
        capture_output=True,
        text=True,
        check=False,
    )

    lines = read_lines(done.stderr)
    assert [line["exception"]["type"] for line in lines if "exception" in line] == ["ZeroDivisionError", "ValueError"]
    assert any("DeprecatedThing" in line["message"] for line in lines)
    assert "DOE" not in done.stderr


def test_as_text_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICOM_SIEVE_LOG_FORMAT", raising=False)
    before = list(logging.getLogger().handlers), sys.excepthook

    logs.set_up()

    assert (list(logging.getLogger().handlers), sys.excepthook) == before


def test_prefects_loggers_are_those_of_its_own_file() -> None:
    """A newer Prefect may have more: they would log text."""
    ours, theirs = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (logs.PREFECT_FILE, of_prefect.DEFAULT_LOGGING_SETTINGS_PATH)
    )

    assert {**theirs["loggers"], "dicom_sieve": {"level": "INFO"}} == ours["loggers"]
    assert theirs["root"] == ours["root"]
    assert set(theirs["handlers"]) == set(ours["handlers"])
    assert {
        name for name, handler in ours["handlers"].items() if handler["class"] == "dicom_sieve.logs.JsonHandler"
    } == {
        "console",
        "debug",
    }
