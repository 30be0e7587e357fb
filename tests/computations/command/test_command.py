"""A program as a computation: a folder in, a folder out, and what is left of it when it does not end well."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.computations.command import Command, kind_of, read_commands
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.registry import kinds
from dicom_sieve.contract.read import read_computation
from dicom_sieve.errors import InvalidRequestError, SettingsError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.stores import DirectoryStore, Retries
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

COPY = """
import pathlib, shutil, sys
source, target = map(pathlib.Path, sys.argv[1:])
(target / "deep").mkdir()
for file in sorted(source.iterdir()):
    shutil.copy(file, target / "deep" / file.name)
(target / "count.txt").write_text(str(len(list(source.iterdir()))))
print("PATIENT^NAME of", source)
"""


@pytest.fixture
def store(ledger: Ledger) -> SimulatedStore:
    """A series of two instances, screened as ``run``."""
    store = SimulatedStore({str(number): ct("1.2.1", f"1.2.1.{number}") for number in (1, 2)})
    screen_ct(store, ledger, "run")
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where results go."""
    return tmp_path / "results"


def compute(ledger: Ledger, store: SimulatedStore, folder: Path, code: str, **more: Any) -> tuple[str, str | None]:
    """Run a program of Python on the series; gives what became of it."""
    words = (sys.executable, "-c", code, "{input}", "{output}")
    kind = kind_of("mine", Command(**{"command": words, "version": "1", **more}))
    [(state, reason, number)] = compute_one_by_one(ledger, kind, "run", inputs=store, outputs=DirectoryStore(folder))
    assert number == 1
    return state.value, reason


def log_of(ledger: Ledger, reason: str | None) -> str:
    assert reason is not None
    return Path(reason.rpartition(": ")[2]).read_text()


class TestResults:
    def test_every_file_is_on_record_and_what_is_dicom_by_its_uid(
        self, ledger: Ledger, store: SimulatedStore, folder: Path
    ) -> None:
        assert compute(ledger, store, folder, COPY) == ("COMPLETED", None)

        files = {path.name: path for path in folder.rglob("*") if path.is_file()}
        assert sorted(files) == ["000000.dcm", "000001.dcm", "count.txt"]
        assert files["count.txt"].read_text() == "2"
        uids = sql(ledger, "SELECT sop_instance_uid FROM computation_output ORDER BY uri")
        assert sorted(uids, key=str) == sorted([(None,), ("1.2.1.1",), ("1.2.1.2",)], key=str)
        [(recorded,)] = sql(ledger, "SELECT CAST(parameters AS TEXT) FROM computation")
        assert json.loads(recorded)["command"] == [sys.executable, "-c", COPY, "{input}", "{output}"]
        assert verify(ledger.engine).is_intact
        assert compute(ledger, store, folder, COPY)[0] == "SKIPPED"
        assert compute(ledger, store, folder, COPY, version="2")[0] == "COMPLETED"

    def test_links_are_no_results(self, ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
        code = "import os, sys; os.symlink('/etc/hostname', sys.argv[2] + '/link'); open(sys.argv[2] + '/a', 'w')"

        assert compute(ledger, store, folder, code) == ("COMPLETED", None)
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a"]

    def test_nothing_written_is_a_failure(self, ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
        state, reason = compute(ledger, store, folder, "print('nothing to do')")

        assert state == "FAILED"
        assert reason is not None
        assert reason.startswith("ComputationError: it wrote nothing to {output}; what it printed: ")
        assert "nothing to do" in log_of(ledger, reason)


class TestFailures:
    def test_an_exit_code_is_said_and_what_was_printed_is_in_the_log_alone(
        self, ledger: Ledger, store: SimulatedStore, folder: Path
    ) -> None:
        state, reason = compute(ledger, store, folder, "import sys; print('SECRET^NAME'); sys.exit(3)")

        assert state == "FAILED"
        assert reason is not None
        assert reason.startswith("ComputationError: exit code 3; what it printed: ")
        assert "SECRET" not in reason
        assert "SECRET^NAME" in log_of(ledger, reason)
        assert Path(reason.rpartition(": ")[2]).stat().st_mode & 0o777 == 0o600

    def test_an_exit_code_may_refuse(self, ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
        became = compute(ledger, store, folder, "raise SystemExit(65)", refuses=(65,))

        assert became == ("REFUSED", "the program refuses it: exit code 65")

    def test_what_takes_too_long_is_killed_with_all_that_it_started(
        self, ledger: Ledger, store: SimulatedStore, folder: Path, tmp_path: Path
    ) -> None:
        child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"

        state, reason = compute(ledger, store, folder, code, timeout_seconds=3)

        assert state == "FAILED"
        assert reason is not None
        assert reason.startswith("ComputationError: it took longer than 3 s and was killed")
        assert _ends(int((tmp_path / "pid").read_text()))

    def test_memory_is_bounded(self, ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
        state, reason = compute(ledger, store, folder, "bytearray(2 ** 31)", memory_gib=0.5)

        assert state == "FAILED"
        assert "MemoryError" in log_of(ledger, reason)

    def test_a_program_that_is_not_there_is_said(self, ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
        state, reason = compute(ledger, store, folder, "", command=("no-such-program", "{input}"))

        assert state == "FAILED"
        assert "exit code 127" in str(reason)
        assert "no-such-program: No such file or directory" in log_of(ledger, reason)

    def test_it_is_given_no_credentials(
        self, ledger: Ledger, store: SimulatedStore, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = ("AWS_SECRET_ACCESS_KEY", "DICOM_SIEVE_DATABASE_URL", "PREFECT_API_AUTH_STRING", "MY_TOKEN")
        for name in (*names, "MY_MODEL"):
            monkeypatch.setenv(name, "planted")
        planted = "' '.join(name for name, value in os.environ.items() if value == 'planted')"
        code = f"import os, sys; open(sys.argv[2] + '/names', 'w').write({planted})"

        compute(ledger, store, folder, code)

        assert next(folder.rglob("names")).read_text() == "MY_MODEL"


def _ends(pid: int) -> bool:
    """Tell whether a process ends soon: it was killed, and somebody has yet to collect it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


class TestCommandsOfADeployment:
    def test_are_kinds_of_the_registry(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "commands.json"
        file.write_text('{"my-model": {"command": ["model", "{input}", "{output}"], "version": "2.4"}}')
        monkeypatch.setenv("DICOM_SIEVE_COMMANDS", str(file))
        kinds.cache_clear()
        try:
            kind = kinds()["my-model"]
        finally:
            kinds.cache_clear()

        assert (kind.version, kind.missing_packages()) == ("2.4", [])
        recorded = kind.read_parameters({})
        assert recorded == {"command": ["model", "{input}", "{output}"]}
        assert kind.read_parameters(recorded) == recorded
        with pytest.raises(InvalidRequestError, match="parameters: 1 given; accepted: none"):
            kind.read_parameters({"command": ["rm"]})

    def test_no_request_names_a_program_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "commands.json"
        file.write_text('{"my-model": {"command": ["model", "{input}", "{output}"], "version": "2.4"}}')
        monkeypatch.setenv("DICOM_SIEVE_COMMANDS", str(file))
        place = {"bucket": "b", "region": "r", "credentials": "a:b"}
        asked = {"run_id": "1f3a", "input_s3_parameters": place, "output_s3_parameters": {**place, "bucket": "out"}}
        kinds.cache_clear()
        try:
            for computation in ("command", "rm {input}", {"command": ["rm"], "version": "1"}):
                with pytest.raises(InvalidRequestError, match=r"computation: not known; accepted: .*my-model"):
                    read_computation({**asked, "computation": computation}, Retries())
            for given in ({"command": ["rm"]}, {"command": "rm"}, {"then_command": "rm"}):
                with pytest.raises(InvalidRequestError, match="parameters: 1 given; accepted: none"):
                    read_computation({**asked, "computation": "my-model", "parameters": given}, Retries())
            read = read_computation({**asked, "computation": "my-model"}, Retries())
        finally:
            kinds.cache_clear()

        assert read.parameters == {"command": ["model", "{input}", "{output}"]}

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("{", "Invalid JSON"),
            ('{"A B": {"command": ["x"], "version": "1"}}', "should match pattern"),
            ('{"a": {"command": [], "version": "1"}}', "at least 1 item"),
            ('{"a": {"command": ["x"]}}', "a.version: Field required"),
            ('{"a": {"command": ["x"], "version": "1", "shell": true}}', "Extra inputs"),
        ],
    )
    def test_a_file_that_is_not_as_it_should_be_is_refused(self, tmp_path: Path, text: str, problem: str) -> None:
        file = tmp_path / "commands.json"
        file.write_text(text)

        with pytest.raises(SettingsError, match=f"DICOM_SIEVE_COMMANDS: .*{problem}"):
            read_commands(str(file))

    def test_a_file_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="cannot be read: No such file"):
            read_commands(str(tmp_path / "none"))


def test_no_shell_reads_what_series_are_called(ledger: Ledger, store: SimulatedStore, folder: Path) -> None:
    words: Sequence[str] = (sys.executable, "-c", "import sys; open(sys.argv[1] + '/said', 'w').write(sys.argv[2])")
    kind = kind_of("mine", Command(command=(*words, "{output}", "$(id); `id` {input}"), version="1"))

    compute_one_by_one(ledger, kind, "run", inputs=store, outputs=DirectoryStore(folder))

    said = next(folder.rglob("said")).read_text()
    assert said.startswith(f"$(id); `id` {os.sep}")
