"""Every command in a document, and in the help, is run as it stands, or is named here with what runs it instead."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripts.docs_site import commands

from tests.cli.command import environment_of, run_command
from tests.computations.segmentation.phantom import Phantom
from tests.conftest import S3Server
from tests.support.builders import make_instance
from tests.support.documents import ROOT, code_blocks, read
from tests.support.transcript import PROMPT

PROGRAM = "dicom-sieve"
HELP = "--help"
"""What the examples in the help of commands are called by."""
TRANSCRIPTS = {
    "docs/tutorial.md": "tests/test_wheel.py",
    "docs/tutorials/auditor.md": "tests/test_tutorials.py",
    "docs/tutorials/consumer.md": "tests/flows/test_result.py",
    "docs/tutorials/engineer.md": "tests/test_tutorials.py",
}
"""Pages that show what is printed, too, each with the test that types it."""
WHOLE_PAGES = {
    "docs/deploying.md": "tests/image/test_empty_machine.py",
    "docs/keeping.md": "tests/keeping/test_backup.py",
}
"""Pages whose commands need a machine or a database of their own, each with the test that takes them from there."""
RUN_ELSEWHERE = {
    "dicom-sieve demo --keep": "tests/test_demo.py",
    "dicom-sieve up": "tests/cli/test_up.py",
    "dicom-sieve up --port 4200": "tests/cli/test_up.py",
    "dicom-sieve up --allow-host prefect.example.org": "tests/security/test_open_server.py",
    "dicom-sieve web --allow-host sieve.example.org": "tests/web/test_app.py",
    "dicom-sieve serve --then lung-segmentation=then.json": "tests/flows/test_follow_up.py",
    "PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve serve": "tests/cli/test_serve.py",
    "PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve deploy --pool dicom": (
        "tests/flows/test_workers.py"
    ),
    "PREFECT_API_URL=http://prefect.example.org:4200/api PREFECT_API_AUTH_STRING=user:password dicom-sieve web "
    "--port 4201": "tests/web/test_app.py",
    "prefect worker start --pool dicom --limit 2": "tests/flows/test_workers.py",
    "pipx install dist/dicom_sieve-*.whl": "tests/test_wheel.py",
    "pip install dist/dicom_sieve-*.whl": "tests/test_wheel.py",
    "pip install 'dicom-sieve[lineage]'": "tests/test_wheel.py",
    "uvx --from dist/dicom_sieve-*.whl dicom-sieve demo": "tests/test_wheel.py",
    "make install": ".ci/run",
    "make check": ".ci/run",
    "make test": ".ci/run",
    "make demo": ".ci/run",
    "make docs": ".ci/run",
    "make coverage": "Makefile",
    "make bench": "tests/test_benchmarks.py",
    "pip install ./own_computation": "tests/test_own_computation.py",
    "dicom-sieve compute RUN percentiles --output results": "tests/test_own_computation.py",
    "dicom-sieve compute RUN mine --output results --version 1.0 --command 'own-computation {input} {output}'": (
        "tests/test_own_computation.py"
    ),
    "dicom-sieve compute RUN radiomics --output results --workers 4": (
        "tests/computations/radiomics/test_in_processes.py"
    ),
    "dicom-sieve compute RUN radiomics --output results": "tests/computations/radiomics/test_in_processes.py",
    "dicom-sieve compute 1f3a radiomics --output ./results --parameters features.json": (
        "tests/computations/radiomics/test_in_processes.py"
    ),
    "dicom-sieve screen s3://idc-open-data/some-series/ --region us-east-1 --anonymous --criteria criteria.json": (
        "tests/stores/test_anonymous.py"
    ),
    "dicom-sieve screen dicomweb+https://pacs.example.org/dicom-web --criteria criteria.json": (
        "tests/real/test_pacs.py"
    ),
    "dicom-sieve screen ./images --criteria ct.json --output results --then-command 'TotalSegmentator -i {input} -o "
    "{output} --output_type dicom' --then-name totalsegmentator --then-version 2.4.0 --then-timeout 3600 "
    "--then-memory 64": "tests/cli/test_then.py",
    'dicom-sieve ledger backup "/backups/ledger-$(date +%F).db"': "tests/keeping/test_backup.py",
    "dicom-sieve ledger restore /backups/ledger-2026-11-30.db": "tests/keeping/test_backup.py",
    'dicom-sieve forget --older-than 3650 --reason "retention of ten years is over"': "tests/keeping/test_retention.py",
    "PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve notify slack-webhook/team --when failed --when "
    "late": "tests/flows/test_notifications.py",
    "PREFECT_API_AUTH_STRING=user:password dicom-sieve prefect-server --host 0.0.0.0 --allow-host prefect": (
        "tests/cli/test_prefect_server.py"
    ),
    "pip install 'dist/dicom_sieve-1.0.0-py3-none-any.whl[postgresql,fast]'": "tests/test_wheel.py",
    "make test-fast": "Makefile",
    "dicom-sieve preview az://devstoreaccount1/scans --endpoint http://127.0.0.1:10000 --criteria criteria.json": (
        "tests/cli/test_clouds.py"
    ),
}
"""Commands that need what is not here, or that do not end: each with what runs them, or the same."""
CALLS = "docs/requests.md"
"""Its block asks a server that runs; the tutorial for engineers does the same."""
CRITERIA = [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]
STRICTER = [*CRITERIA, {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "2022-12-31"}]
RULES = {
    "descriptions": [
        {"id": "anat_PD", "criteria": {"Modality": "CT"}},
        {"id": "anat_T1w", "criteria": {"Modality": "MR"}},
    ]
}
PROJECT = """project: {name: chest, modalities: [CT]}
allowed_manufacturers: [{regex: ".*"}]
min_instances_per_series: 1
"""
SCRIPT = '#!/bin/sh\nls "$1" > "$2/list.txt"\n'
FOR_RUNS = re.compile(r"\b(RUN|1d0a2dfe|1f3a)\b")
FOR_OTHERS = {
    "NAME": "ct/0.dcm",
    "1.2.276.0.7230010.3.1.4.2323910823.3528.1597261298.712.dcm": "ct/0.dcm",
    "s3://bucket/prefix": "s3://challenge-tech",
    " DIR ": " folder ",
}


def blocks(document: str) -> list[str]:
    text = commands.page() if document == HELP else read(document)
    return code_blocks(text, "console")


def lines_of(document: str) -> Iterator[str]:
    """Give the commands of a document, without what is said of them."""
    for block in blocks(document):
        for line in block.splitlines():
            if command := re.sub(r"\s+# .*", "", line).strip():
                yield command


DOCUMENTS = [
    HELP,
    *(
        name
        for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
        if blocks(name := path.relative_to(ROOT).as_posix())
    ),
]


@dataclass(frozen=True)
class World:
    """A home in which a bucket was screened.

    Attributes:
        folder: The home.
        run: Id of a run over it.
        other: Id of another run.
        environment: Of its shell.
    """

    folder: Path
    run: str
    other: str
    environment: dict[str, str]

    def typed(self, command: str) -> str:
        """Give a command as it is typed here."""
        command = FOR_RUNS.sub(self.run, command).replace("77c0", self.other)
        places = {
            "http://localhost:9000": self.environment["AWS_ENDPOINT_URL"],
            "/mnt/worm": f"{self.folder}/worm",
            "/var/lib/node_exporter": str(self.folder),
        }
        for name, here in (FOR_OTHERS | places).items():
            command = command.replace(name, here)
        return command

    def run_line(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a command: in this process where no shell is needed for it, which takes less time."""
        words = shlex.split(line)
        if words[0] != PROGRAM or {"|", ";"} & set(words) or "$" in line:
            return self.shell(line)
        to = words[words.index(">") + 1] if ">" in words else None
        with contextlib.chdir(self.folder):
            done = run_command(*(words[1:-2] if to else words[1:]), home=self.folder, **self.environment)
        if to:
            (self.folder / to).write_text(done.stdout)
        return done

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run lines in one shell, in which the first failure ends it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def in_copy(self, folder: Path) -> "World":
        """Give the same in another folder, to do with as one likes; the images lie where they were screened."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("images"))
        (folder / "images").symlink_to(self.folder / "images")
        return World(folder, self.run, self.other, {**self.environment, **_names(folder)})


def _names(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "DICOM_SIEVE_ANCHOR": f"file:{home}/worm/seals"}


@pytest.fixture(scope="module")
def world(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A home as the documents take it for granted: two places that were screened, and files of all kinds."""
    home = tmp_path_factory.mktemp("world") / "home"
    _write(home, moto_server)
    programs = f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    keys = {
        "AWS_ENDPOINT_URL": moto_server.endpoint,
        "AWS_ACCESS_KEY_ID": moto_server.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": moto_server.credentials.access_key,
        "AWS_DEFAULT_REGION": "eu-west",
    }
    made = World(home, "", "", environment_of(home, PATH=programs, BROWSER="true", **keys, **_names(home)))
    done = made.shell(
        """
        dicom-sieve screen s3://challenge-tech --criteria criteria.json --output published --json | jq -r .run_id > run
        dicom-sieve screen s3://challenge-tech --criteria stricter.json --json | jq -r .run_id > other
        dicom-sieve screen ./images --criteria criteria.json
        dicom-sieve anchor
        cp published/*/manifest.json .
        for each in stricter.json criteria.json stricter.json; do
            dicom-sieve criteria save thin-axial-ct --criteria $each
        done
        """
    )
    assert done.returncode == 0, done.stderr
    run, other = ((home / name).read_text().strip() for name in ("run", "other"))
    return World(home, run, other, made.environment)


def _write(home: Path, server: S3Server) -> None:
    """Write what lies in the home, and in buckets."""
    for name in ("bin", "images/ct", "worm"):
        (home / name).mkdir(parents=True)
    for number, instance in enumerate(Phantom(shape=(5, 16, 24)).instances()):
        instance.save_as(home / "images" / "ct" / f"{number}.dcm")
    (home / "images" / "mr.dcm").write_bytes(make_instance(Modality="MR", StudyDate="20230101", PatientAge="040Y"))
    for name, content in {
        "criteria.json": CRITERIA,
        "stricter.json": STRICTER,
        "a.json": CRITERIA,
        "b.json": STRICTER,
        "config.json": RULES,
    }.items():
        (home / name).write_text(json.dumps(content))
    (home / "project.yaml").write_text(PROJECT)
    (home / "bin" / "my-program").write_text(SCRIPT)
    (home / "bin" / "my-program").chmod(0o755)
    client = server.client()
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west"}}
    for bucket in ("challenge-tech", "exports", "results"):
        client.create_bucket(Bucket=bucket, **place)
    for file in (home / "images").rglob("*.dcm"):
        client.upload_file(str(file), "challenge-tech", file.relative_to(home / "images").as_posix())
    with zipfile.ZipFile(home / "study.zip", "w") as archive:
        archive.write(home / "images" / "mr.dcm", "mr.dcm")
    client.upload_file(str(home / "study.zip"), "exports", "2024/study.zip")


class TestCommands:
    @pytest.mark.timeout(900)
    @pytest.mark.parametrize(
        "document", [name for name in DOCUMENTS if name not in {*TRANSCRIPTS, *WHOLE_PAGES, CALLS}]
    )
    def test_run_as_they_stand(self, document: str, world: World, tmp_path: Path) -> None:
        here = world.in_copy(tmp_path / "home")
        failed = []
        for number, command in enumerate(lines_of(document)):
            if command in RUN_ELSEWHERE or is_setting(command):
                continue
            forgets = " forget " in command
            alone = document == HELP or forgets  # what others need is not to be changed by it
            at = world.in_copy(tmp_path / str(number)) if alone else here
            done = at.shell(f"{at.typed(command)} <<< y") if forgets else at.run_line(at.typed(command))
            if done.returncode != 0:
                failed.append(f"{command}\n{done.stdout[-300:]}{done.stderr[-700:]}")
        assert not failed, "\n".join(failed)

    def test_the_list_of_those_that_do_not_names_no_other(self) -> None:
        shown = {command for document in DOCUMENTS for command in lines_of(document)}
        assert set(RUN_ELSEWHERE) - shown == set()

    def test_what_runs_them_instead_is_there(self) -> None:
        for name in {*RUN_ELSEWHERE.values(), *TRANSCRIPTS.values(), *WHOLE_PAGES.values()}:
            assert (ROOT / name).exists(), name

    def test_pages_that_show_what_is_printed_are_those_of_the_list(self) -> None:
        shown = {name for name in DOCUMENTS if any(block.startswith(PROMPT) for block in blocks(name))}
        shown -= set(WHOLE_PAGES)
        assert shown == set(TRANSCRIPTS)
        assert all(block.startswith(PROMPT) for name in shown for block in blocks(name))


def is_setting(command: str) -> bool:
    """Tell whether a line only sets what is not true here: a server, a certificate, a password."""
    return re.fullmatch(r"(export )?[A-Z_]+=('[^']*'|\S+)", command) is not None
