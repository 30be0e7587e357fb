"""Eight that read while runs write: nobody waits for another, and nobody is told that the database is locked."""

import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from dicom_sieve import Ledger
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import environment_of
from tests.ledger.readers import read_everything
from tests.screening.screenings import ct, mr, screen_ct

READERS = 4
OBJECTS = 300
TIMES = 2
COMMANDS = (["runs", "--json"], ["show", "run-0", "--json"], ["series", "run-0", "--json"], ["trace", "000", "--json"])


def test_four_programs_and_four_people_read_while_runs_write(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    root, stop = tmp_path / "images", tmp_path / "stop"
    root.mkdir()
    write(root, ct)
    screen_ct(DirectoryStore(root), ledger, "run-0", shard_objects=10)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.ledger.readers"])
    answers = [tmp_path / f"answer-{number}" for number in range(READERS)]
    programs = [context.Process(target=read_everything, args=(ledger_url, stop, answer)) for answer in answers]
    said: list[tuple[int, str, str]] = []
    people = [threading.Thread(target=ask, args=(command, ledger_url, tmp_path, said)) for command in COMMANDS]

    for program in programs:
        program.start()
    for person in people:
        person.start()
    runs = 1
    while any(person.is_alive() for person in people):
        write(root, mr if runs % 2 else ct)  # everything is read and recorded again
        screen_ct(DirectoryStore(root), ledger, f"run-{runs}", shard_objects=10)
        runs += 1
    stop.touch()
    for program in programs:
        program.join(60)

    assert [code for code, _, _ in said] == [0] * len(COMMANDS) * TIMES
    assert {errors for _, _, errors in said} == {""}
    assert all(json.loads(output) for _, output, _ in said)
    assert all(int(answer.read_text(encoding="utf-8")) > 0 for answer in answers)
    assert [row.state for row in ledger.runs()] == ["COMPLETED"] * runs
    assert runs > 2


def write(root: Path, make: Callable[[str, str], bytes]) -> None:
    for number in range(OBJECTS):
        (root / f"{number:03}").write_bytes(make(f"1.5.{number % 9 + 1}", f"1.6.{number + 1}"))


def ask(command: list[str], url: str, home: Path, said: list[tuple[int, str, str]]) -> None:
    """Run a command again and again, as from a shell."""
    for _ in range(TIMES):
        done = subprocess.run(
            [sys.executable, "-m", "dicom_sieve", *command],
            env=environment_of(home, DICOM_SIEVE_DATABASE_URL=url),
            capture_output=True,
            text=True,
            check=False,
        )
        said.append((done.returncode, done.stdout, done.stderr))
