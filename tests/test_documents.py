"""The documents say what the code does: commands, settings, operations, findings, defects, views, manifest, links."""

import json
import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import sqlalchemy as sa
from pydicom.datadict import keyword_for_tag
from typer.main import get_command

from dicom_sieve import open_ledger
from dicom_sieve.cli.app import app
from dicom_sieve.computations.command import Command
from dicom_sieve.computations.export import EXPORTS, ExportOptions
from dicom_sieve.computations.export.dcm2niix import SITES_AND_DEVICES
from dicom_sieve.computations.export.options import MR_SUFFIXES
from dicom_sieve.computations.segmentation.volume import MOST_VOXELS
from dicom_sieve.contract.parameters import ANY_INPUT, ComputeParameters, SegmentParameters
from dicom_sieve.contract.read import LOCATIONS
from dicom_sieve.criteria import Criterion, Finding, Operation, compile_criteria
from dicom_sieve.criteria.criterion import LIST_OPERATIONS
from dicom_sieve.dicom.kept import sequence_tags
from dicom_sieve.dicom.vr import VRS
from dicom_sieve.dicom.vr.value_type import PRESENCE
from dicom_sieve.flows import heartbeats, names
from dicom_sieve.headers import Defect
from dicom_sieve.ledger.database import engine, views
from dicom_sieve.ledger.database.states import InputState, RunState
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS, RENEWALS
from dicom_sieve.lineage import sending
from dicom_sieve.lineage.follow import SECONDS
from dicom_sieve.publishing.parts import INSTANCES, SERIES_AND_FACTS
from dicom_sieve.reports.compare_runs import Change
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.stores import DirectoryStore
from tests.computations.segmentation.phantom import Phantom
from tests.lineage.conftest import to_file
from tests.support.builders import make_instance
from tests.support.documents import ROOT, code_blocks, read, section, table

IS_CT = [Criterion(dicom_tag=("0008", "0060"), operation=Operation.EQUALS, reference="CT")]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


class TestCommands:
    def test_every_command_in_the_documents_exists_with_its_options(self) -> None:
        group = get_command(app)
        lines = [
            line.split("#")[0]
            for document in DOCUMENTS
            for block in code_blocks(document.read_text(), "console")
            for line in block.splitlines()
            if "dicom-sieve " in line
        ]
        assert len(lines) >= 6
        for line in lines:
            words = shlex.split(line[line.index("dicom-sieve ") :])[1:]
            command = group.commands[words[0]]  # type: ignore[attr-defined]
            command = command.commands[words[1]] if hasattr(command, "commands") else command
            options = {name for parameter in command.params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options, line

    def test_every_make_target_in_the_documents_exists(self) -> None:
        targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
        named = {
            name
            for document in DOCUMENTS
            for name in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", document.read_text())
        }
        assert {"demo", "test"} <= named & targets
        assert {name for name in named if f"`make {name}`" in read("README.md")} <= targets
        for block in code_blocks(read("README.md") + read("CONTRIBUTING.md"), "console"):
            assert set(re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)) <= targets

    def test_the_readme_is_half_a_page(self) -> None:
        words = re.sub(r"\]\([^)]*\)", "]", read("README.md")).split()
        assert len(words) < 300

    def test_the_overview_names_every_document_once(self) -> None:
        named = re.findall(r"\]\(([a-z/.-]+\.md)[)#]", section(read("docs/overview.md"), "All documents"))
        there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")} - {"overview.md"}
        assert {name for name in named if named.count(name) > 1} <= {"architecture.md"}
        assert there - set(named) == set()

    def test_ci_runs_the_commands_of_the_readme(self) -> None:
        ci = read(".ci/run")
        assert "make test" in ci
        assert "make demo" in ci


class TestSettings:
    def test_the_table_of_settings_is_the_code_s(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/somebody")
        rows = table(section(read("docs/settings.md"), "Settings"))
        settings = Settings()
        expected = {}
        for name in Settings.model_fields:
            value = getattr(settings, name)
            text = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
            expected[f"DICOM_SIEVE_{name.upper()}"] = text.replace("/home/somebody", "~")
        assert {row[0]: row[1] for row in rows} == expected

    def test_no_other_setting_is_named_anywhere(self) -> None:
        known = {f"DICOM_SIEVE_{name.upper()}" for name in Settings.model_fields}
        for document in DOCUMENTS:
            assert set(re.findall(r"DICOM_SIEVE_[A-Z_]+", document.read_text())) <= known, document


class TestDeadRuns:
    def test_the_times_are_the_code_s(self) -> None:
        document = read("docs/operations.md")
        at_the_same_time, dead = section(document, "Runs at the same time"), section(document, "When a process dies")
        away = LEASE_SECONDS * (RENEWALS - 2) / RENEWALS
        assert set(re.findall(r"(\d+) s\b", at_the_same_time)) == {f"{LEASE_SECONDS:g}", f"{away:g}"}
        assert f"without its ledger on PostgreSQL for up to {away:g} s" in at_the_same_time
        assert engine.BUSY_SECONDS == LEASE_SECONDS
        assert f"every {heartbeats.HEARTBEAT_SECONDS} s" in dead
        assert f"for {heartbeats.SECONDS_WITHOUT} s" in dead
        assert f'"{heartbeats.AUTOMATION}"' in dead


class TestCriteria:
    def test_the_table_of_operations_is_the_code_s(self) -> None:
        rows = table(section(read("docs/criteria.md"), "Which attributes"))
        assert {row[0]: tuple(row[1].split(", ")) for row in rows} == {
            f"{vr} ({vr.long_name})": tuple(map(str, vr.relations or PRESENCE)) for vr in VRS.values()
        }

    @pytest.mark.parametrize(("heading", "words"), [("Findings", Finding), ("Defects", Defect)])
    def test_findings_and_defects_have_the_code_s_sentences(
        self, heading: str, words: type[Finding] | type[Defect]
    ) -> None:
        rows = table(section(read("docs/criteria.md"), heading))
        assert [tuple(row) for row in rows] == [(member.value, member.describe()) for member in words]

    def test_every_operation_reads_as_the_document_says(self) -> None:
        rows = table(section(read("docs/criteria.md"), "In words"))
        assert [(vr, operation) for vr, operation, _ in rows] == [
            (vr, operation.value) for vr in ("DA", "AS", "CS") for operation in VRS[vr].relations
        ]
        for _, operation, reads_as in rows:
            read_back = re.fullmatch(
                r"\w+ \((....),(....)\) (?:is|does|contains|matches) .*?([-\w]+)(?: (?:or|and) ([-\w]+))?", reads_as
            )
            assert read_back is not None
            group, element, *references = (part for part in read_back.groups() if part)
            is_list = operation in LIST_OPERATIONS
            criterion = Criterion(
                dicom_tag=(group, element),
                operation=Operation(operation),
                reference=references if is_list else references[0],
            )
            assert compile_criteria([criterion])[0].describe() == reads_as

    def test_the_names_of_findings_and_defects_in_the_ledger_are_the_code_s(self) -> None:
        document = " ".join(section(read("docs/ledger.md"), "instance_decision").split())
        findings, defects = document.split("[Findings in words]")[1].split("[Defects in words]")
        assert re.findall(r"`(\w+)`", findings) == list(Finding)
        assert re.findall(r"`(\w+)`", defects) == list(Defect)

    def test_the_changes_of_a_comparison_are_the_code_s(self) -> None:
        assert [row[0] for row in table(section(read("docs/criteria.md"), "Trying criteria"))] == list(Change)

    def test_the_example_reads_back_as_the_document_says(self) -> None:
        document = read("docs/criteria.md")
        criteria = [Criterion.model_validate(criterion) for criterion in json.loads(code_blocks(document, "json")[0])]
        said = code_blocks(document, "text")[0]
        assert [criterion.describe() for criterion in compile_criteria(criteria)] == [
            line.removeprefix("An instance passes when ").removeprefix("and ").rstrip(",.")
            for line in said.splitlines()
        ]

    def test_every_example_of_a_request_is_the_contract_s(self) -> None:
        request = json.loads(code_blocks(read("docs/requests.md"), "json")[0])["parameters"]
        assert list(request) == ["input_s3_parameters", "criteria", "output_s3_parameters"]
        assert compile_criteria([Criterion.model_validate(criterion) for criterion in request["criteria"]])


class TestLedger:
    @pytest.mark.parametrize(
        "view",
        [
            views.instance_decision,
            views.series_decision,
            views.series_fact,
            views.series_computation,
            views.series_feature,
        ],
        ids=lambda view: view.name,
    )
    def test_the_columns_of_a_view_are_the_database_s(self, view: sa.TableClause, tmp_path: Path) -> None:
        documented = [row[0] for row in table(section(read("docs/ledger.md"), view.name))]
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            columns = [column["name"] for column in sa.inspect(ledger.engine).get_columns(view.name)]
        assert documented == columns == list(view.c.keys())

    def test_ledger_run_states_are_the_code_s(self) -> None:
        assert [row[0] for row in table(section(read("docs/ledger.md"), "Run states"))] == list(RunState)

    def test_the_manifest_s_columns_are_the_code_s(self) -> None:
        rows = table(section(read("docs/ledger.md"), "The manifest"))
        assert rows[0][1].split(", ") == INSTANCES.names
        assert rows[2][1].split(", ") == SERIES_AND_FACTS.names

    def test_the_sql_examples_run(self, tmp_path: Path) -> None:
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
        [examples] = [block for block in code_blocks(read("docs/ledger.md"), "sql") if "instance_decision" in block]
        connection = sqlite3.connect(tmp_path / "ledger.db")
        for statement in examples.split(";"):
            assert connection.execute(statement, {"run": "x"} if ":run" in statement else {}).fetchall() == []
        connection.close()


class TestComputations:
    def test_the_states_of_a_series_are_the_code_s(self) -> None:
        rows = table(section(read("docs/computations.md"), "What becomes of a series"))
        assert [row[0] for row in rows] == list(InputState)

    def test_the_example_of_a_request_is_accepted(self) -> None:
        commands, request, then = map(json.loads, code_blocks(read("docs/computations.md"), "json"))
        assert [Command.model_validate(each).refuses for each in commands.values()] == [(65,)]
        assert set(ComputeParameters.model_fields) - {ANY_INPUT} == set(request["parameters"])
        jsonschema.validate(request["parameters"], ComputeParameters.model_json_schema())
        jsonschema.validate({"run_id": request["parameters"]["run_id"], **then}, SegmentParameters.model_json_schema())
        assert list(then) == list(LOCATIONS)

    def test_the_event_is_the_code_s(self) -> None:
        assert f"`{names.RUN_COMPLETED}`" in section(read("docs/computations.md"), "After each cleaning run")

    def test_the_bound_is_the_code_s(self) -> None:
        assert f"more than {MOST_VOXELS // 1_000_000} million voxels" in read("docs/computations.md")


class TestExport:
    def test_the_table_of_formats_is_the_code_s(self) -> None:
        rows = table(read("docs/export.md"))
        assert [tuple(row) for row in rows[: len(EXPORTS)]] == [(how.value, said) for how, said in EXPORTS.items()]

    def test_the_fields_that_are_left_out_are_the_code_s(self) -> None:
        [listed] = code_blocks(section(read("docs/export.md"), "NIfTI"), "text")
        assert listed.split() == sorted(SITES_AND_DEVICES, key=str.lower)

    def test_suffixes_and_bounds_are_the_code_s(self) -> None:
        document, usual = read("docs/export.md"), ExportOptions()
        assert f"({' '.join(MR_SUFFIXES)})" in document
        assert f"`--timeout` seconds ({usual.timeout_seconds:,.0f})" in document
        assert f"`--memory` GiB\n({usual.memory_gib:.0f})" in document

    def test_the_example_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        screen_one(tmp_path, monkeypatch)
        [code] = code_blocks(read("docs/export.md"), "python")

        exec(code.replace("/tmp/results", str(tmp_path / "results")), {})

        assert Path(capsys.readouterr().out.strip()).name == "series.parquet"


class TestLineage:
    def test_the_seconds_are_the_code_s(self) -> None:
        told = " ".join(section(read("docs/lineage.md"), "When nobody receives").split())
        assert set(re.findall(r"(\d+) s\b", told)) == {f"{SECONDS:g}"}

    def test_the_namespace_is_the_code_s(self) -> None:
        rows = table(section(read("docs/lineage.md"), "OpenLineage"))
        assert [row[1] for row in rows if row[0] == sending.NAMESPACE] == [f"of jobs; {sending.DEFAULT_NAMESPACE}"]

    def test_a_computation_of_one_s_own_is_told_of(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        screen_one(tmp_path, monkeypatch)
        monkeypatch.chdir(tmp_path)
        for name, value in to_file(tmp_path / "events.jsonl").items():
            monkeypatch.setenv(name, value)

        exec(code_blocks(read("docs/lineage.md"), "python")[0], {})

        told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        assert [(event["job"]["name"], event["eventType"]) for event in told] == [
            ("count", "START"),
            ("count", "COMPLETE"),
        ]


def screen_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Screen one instance as the run that the examples name."""
    images = home / "images"
    images.mkdir()
    (images / "1.dcm").write_bytes(make_instance(Modality="CT"))
    url = f"sqlite:///{home / 'ledger.db'}"
    with open_ledger(url) as ledger:
        screen(Screening("1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b", DirectoryStore(images), IS_CT), ledger)
    monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", url)


class TestPython:
    def test_the_computation_of_one_s_own_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "images").mkdir()
        slices = list(Phantom(shape=(3, 16, 16)).instances())
        for number, dataset in enumerate(slices):
            dataset.save_as(tmp_path / "images" / f"{number}.dcm")
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        with open_ledger(url) as ledger:
            asked = Screening("1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b", DirectoryStore(tmp_path / "images"), IS_CT)
            screen(asked, ledger)
        monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", url)
        monkeypatch.chdir(tmp_path)

        exec(code_blocks(read("docs/computations.md"), "python")[0], {})

        assert capsys.readouterr().out == "{'COMPLETED': 1}\n"
        [file] = (tmp_path / "results").rglob("mean.json")
        stored = [np.frombuffer(image.PixelData, dtype=np.int16) for image in slices]
        assert json.loads(file.read_text())["mean"] == pytest.approx(float(np.mean(stored)), abs=0.01)

    @pytest.mark.parametrize("name", ["docs/overview.md", "docs/ledger.md"])
    def test_the_example_runs(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        screen_one(tmp_path, monkeypatch)
        names: dict[str, Any] = {}

        exec(code_blocks(read(name), "python")[0], names)

        assert names["run"].row.id if "run" in names else names["series"].instances == 1


class TestLinks:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_link_within_the_project_leads_somewhere(self, document: Path) -> None:
        for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target.split("#")[0]).exists(), target

    def test_every_decision_is_listed(self) -> None:
        listed = set(re.findall(r"adr/(\d{4}-[a-z0-9-]+\.md)", read("docs/architecture.md")))
        assert listed == {path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}

    def test_the_layout_in_the_architecture_is_the_tree_s(self) -> None:
        block = next(code for code in code_blocks(read("docs/architecture.md"), "text") if "src/dicom_sieve/" in code)
        folders = set(re.findall(r"^  ([a-z]+)/", block, re.MULTILINE))
        source = ROOT / "src" / "dicom_sieve"
        assert folders == {path.parent.name for path in source.glob("*/__init__.py")}


def test_criteria_name_every_sequence_that_is_kept_besides_code_sequences() -> None:
    [listed] = re.findall(
        r"```text\n(AcquisitionContextSequence.*?)```", (ROOT / "docs" / "criteria.md").read_text(), re.DOTALL
    )
    kept = {keyword_for_tag(tag) for tag in sequence_tags()}
    codes = {keyword for keyword in kept if keyword.endswith("CodeSequence")} - {
        "PatientGantryRelationshipCodeSequence"
    }

    assert set(listed.split()) == kept - codes
