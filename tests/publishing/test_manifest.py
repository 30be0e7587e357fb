"""The manifest, read with nothing of ours: DuckDB, JSON, SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import AlreadyPublishedError, IncompleteRunError, StoreError
from dicom_sieve.ledger.reading import rows
from dicom_sieve.objects import Location
from dicom_sieve.publishing import manifest, parts
from dicom_sieve.publishing.check_manifest import compare_manifest, read_manifest
from dicom_sieve.publishing.manifest import publish
from dicom_sieve.reports import make_report, render
from dicom_sieve.screening import Outcome
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, mr, screen_ct, sql, state_of
from tests.support.simulated_store import SimulatedStore

INSTANCES = {
    "bucket": "VARCHAR",
    "object_key": "VARCHAR",
    "etag": "VARCHAR",
    "size": "BIGINT",
    "study_instance_uid": "VARCHAR",
    "series_instance_uid": "VARCHAR",
    "sop_class_uid": "VARCHAR",
    "sop_instance_uid": "VARCHAR",
    "findings": "VARCHAR[]",
    "defect": "VARCHAR",
    "verdict": "VARCHAR",
}
SERIES = {
    "series_instance_uid": "VARCHAR",
    "study_instance_uid": "VARCHAR",
    "instances": "BIGINT",
    "passed": "BIGINT",
    "discarded": "BIGINT",
    "duplicates": "BIGINT",
    "selection": "VARCHAR",
    "conflicts": "VARCHAR[]",
    "study_instance_uids": "VARCHAR[]",
    **dict.fromkeys(["frames", "slices", "volumes", "missing", "duplicate_images"], "BIGINT"),
    **dict.fromkeys(["spacing", "spacing_variation", "tilt"], "DOUBLE"),
    "plane": "VARCHAR",
    "thickness": "DOUBLE",
    "undecided": "VARCHAR[]",
}
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def mixed_store() -> SimulatedStore:
    return SimulatedStore(
        {
            "ct/1": ct("1.5.1", "1.6.1"),
            "ct/2": ct("1.5.1", "1.6.2"),
            "mixed/1": ct("1.5.2", "1.6.3"),
            "mixed//2": mr("1.5.2", "1.6.4"),
            "text é": b"no DICOM",
        }
    )


@pytest.fixture
def output(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "published", prefix="results/")


def folder(output: DirectoryStore, run_id: str) -> Path:
    return output.root / "results" / run_id


def manifest_of(output: DirectoryStore, run_id: str) -> dict[str, Any]:
    return dict(json.loads((folder(output, run_id) / "manifest.json").read_text(encoding="utf-8")))


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def instances(output: DirectoryStore, run_id: str) -> str:
    return f"read_parquet('{folder(output, run_id)}/instances/*/*.parquet', hive_partitioning = true)"


def everything_under(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class TestReadByOthers:
    def test_instances_have_the_documented_columns_and_every_object_once(
        self, ledger: Ledger, output: DirectoryStore
    ) -> None:
        store = mixed_store()
        screen_ct(store, ledger, "a", output=output)

        columns = {row[0]: row[1] for row in ask(f"DESCRIBE SELECT * FROM {instances(output, 'a')}")}
        rows = ask(f"SELECT * FROM {instances(output, 'a')} ORDER BY object_key")

        assert columns == INSTANCES
        infos = store.objects()
        assert rows == [
            ("challenge-tech", key, infos[key].etag, infos[key].size, *rest)
            for key, *rest in [
                ("ct/1", "1.2.3", "1.5.1", CT_IMAGE, "1.6.1", ["MET"], None, "PASSED"),
                ("ct/2", "1.2.3", "1.5.1", CT_IMAGE, "1.6.2", ["MET"], None, "PASSED"),
                ("mixed//2", "1.2.3", "1.5.2", CT_IMAGE, "1.6.4", ["NOT_MET"], None, "DISCARDED"),
                ("mixed/1", "1.2.3", "1.5.2", CT_IMAGE, "1.6.3", ["MET"], None, "PASSED"),
                ("text é", None, None, None, None, [], "NOT_DICOM", "DISCARDED"),
            ]
        ]

    def test_series_have_the_documented_columns(self, ledger: Ledger, output: DirectoryStore) -> None:
        screen_ct(mixed_store(), ledger, "a", output=output)
        path = folder(output, "a") / "series.parquet"

        assert {row[0]: row[1] for row in ask(f"DESCRIBE SELECT * FROM '{path}'")} == SERIES
        assert ask(f"SELECT * FROM '{path}' ORDER BY 1") == [
            ("1.5.1", "1.2.3", 2, 2, 0, 0, "WHOLE", [], [], 2, *[None] * 9, []),
            ("1.5.2", "1.2.3", 2, 1, 1, 0, "PARTIAL", [], [], 2, *[None] * 9, []),
        ]

    def test_series_have_their_facts(self, ledger: Ledger, output: DirectoryStore) -> None:
        axial: dict[str, Any] = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceThickness": "2"}
        places = {"1": [0, 0, 0], "2": [0, 0, 2.5], "3": [0, 0, 7.5]}
        stack = {
            key: ct("1.5.1", f"1.6.{key}", InstanceNumber=key, ImagePositionPatient=place, **axial)
            for key, place in places.items()
        }
        lacking = {"4": ct("1.5.2", "1.6.4", **axial), "5": ct("1.5.2", "1.6.5", InstanceNumber="1", **axial)}
        screen_ct(SimulatedStore({**stack, **lacking}), ledger, "a", output=output)
        path = folder(output, "a") / "series.parquet"
        columns = "slices, missing, spacing, spacing_variation, plane, thickness, undecided"

        assert ask(f"SELECT {columns} FROM '{path}' ORDER BY series_instance_uid") == [
            (3, 0, 3.75, 1.25, "AXIAL", 2.0, []),
            (None, None, None, None, None, 2.0, ["missing"]),
        ]

    def test_a_manifest_of_nothing_at_all_is_readable(self, ledger: Ledger, output: DirectoryStore) -> None:
        screen_ct(SimulatedStore(), ledger, "a", output=output)

        assert ask(f"SELECT count(*) FROM {instances(output, 'a')}") == [(0,)]
        assert ask(f"SELECT count(*) FROM '{folder(output, 'a')}/series.parquet'") == [(0,)]
        assert {row[0]: row[1] for row in ask(f"DESCRIBE SELECT * FROM {instances(output, 'a')}")} == INSTANCES

    def test_many_rows_go_into_several_parts(
        self, ledger: Ledger, output: DirectoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parts, "PART_ROWS", 4)
        monkeypatch.setattr(rows, "BATCH_ROWS", 2)
        store = SimulatedStore({f"{number:02}": ct("1.5.1", f"1.6.{number + 1}") for number in range(9)})
        store.put("text", b"no DICOM")

        screen_ct(store, ledger, "a", output=output)

        names = [(part["path"], part["rows"]) for part in manifest_of(output, "a")["parts"]]
        assert names == [
            ("instances/verdict=PASSED/part-00000.parquet", 4),
            ("instances/verdict=PASSED/part-00001.parquet", 4),
            ("instances/verdict=PASSED/part-00002.parquet", 1),
            ("instances/verdict=DISCARDED/part-00000.parquet", 1),
            ("series.parquet", 1),
            *((f"report.{ending}", None) for ending in ("html", "md", "json")),
        ]
        keys = [
            row[0]
            for row in ask(f"SELECT object_key FROM {instances(output, 'a')} WHERE verdict = 'PASSED' ORDER BY 1")
        ]
        assert keys == [f"{number:02}" for number in range(9)]


class TestManifestJson:
    def test_manifest_json_says_what_was_asked_and_what_came_of_it(
        self, ledger: Ledger, output: DirectoryStore
    ) -> None:
        outcome = screen_ct(mixed_store(), ledger, "a", output=output)

        manifest = manifest_of(output, "a")

        row = ledger.run("a").row
        assert row.listed_at is not None
        assert {name: manifest[name] for name in ("run_id", "location", "criteria", "snapshot_listed_at")} == {
            "run_id": "a",
            "location": {"endpoint": "https://simulated", "bucket": "challenge-tech", "prefix": ""},
            "criteria": [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}],
            "snapshot_listed_at": row.listed_at.isoformat(),
        }
        assert manifest["counts"] == outcome.counts == row.counts
        assert (row.manifest_uri, row.manifest_digest) == (
            str(folder(output, "a") / "manifest.json"),
            manifest["digest"],
        )
        assert outcome.manifest is not None
        assert outcome.manifest.uri == row.manifest_uri

    def test_the_hashes_are_those_of_the_parts_and_of_the_whole(self, ledger: Ledger, output: DirectoryStore) -> None:
        screen_ct(mixed_store(), ledger, "a", output=output)

        manifest = manifest_of(output, "a")

        for part in manifest["parts"]:
            content = (folder(output, "a") / part["path"]).read_bytes()
            assert (part["sha256"], part["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        found = {path for path in everything_under(folder(output, "a")) if path != "manifest.json"}
        assert found == {part["path"] for part in manifest["parts"]}
        digest = manifest.pop("digest")
        canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        assert digest == hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def test_the_report_beside_it_is_the_one_that_the_ledger_gives(
        self, ledger: Ledger, output: DirectoryStore
    ) -> None:
        screen_ct(mixed_store(), ledger, "a", output=output)

        published = json.loads((folder(output, "a") / "report.json").read_text())

        asked = json.loads(render(make_report(ledger.run("a")), "json"))
        digest = asked["run"].pop("manifest")["digest"]
        assert published["run"].pop("manifest") is None  # it is written later, and holds the report's SHA-256
        assert digest == manifest_of(output, "a")["digest"]
        assert published == asked

    def test_manifest_json_is_written_last(self, ledger: Ledger) -> None:
        output = SimulatedStore(location=Location("https://simulated", "results", "out"))

        screen_ct(mixed_store(), ledger, "a", output=output)

        assert output.written == [
            "out/a/instances/verdict=PASSED/part-00000.parquet",
            "out/a/instances/verdict=DISCARDED/part-00000.parquet",
            "out/a/series.parquet",
            "out/a/report.html",
            "out/a/report.md",
            "out/a/report.json",
            "out/a/manifest.json",
        ]

    @pytest.mark.parametrize(("prefix", "start"), [("", "a/"), ("out", "out/a/"), ("out/", "out/a/")])
    def test_manifest_json_lies_under_prefix_and_run(self, ledger: Ledger, prefix: str, start: str) -> None:
        output = SimulatedStore(location=Location("https://simulated", "results", prefix))

        outcome = screen_ct(mixed_store(), ledger, "a", output=output)

        assert output.written[-1] == f"{start}manifest.json"
        assert outcome.manifest is not None
        assert outcome.manifest.uri == f"s3://results/{start}manifest.json"


class TestOnce:
    def publish_again(self, ledger: Ledger, output: DirectoryStore, outcome: Outcome) -> None:
        [(snapshot_id, location_id)] = sql(ledger, "SELECT snapshot_id, location_id FROM run")
        publish(
            ledger,
            run_id=outcome.run_id,
            snapshot_id=snapshot_id,
            location_id=location_id,
            counts=outcome.counts,
            copies_of=None,
            former_runs=(),
            output=output,
            check_lease=lambda: None,
            advance=lambda _: None,
        )

    def test_a_second_publish_under_the_same_run_is_refused_and_changes_nothing(
        self, ledger: Ledger, output: DirectoryStore
    ) -> None:
        outcome = screen_ct(mixed_store(), ledger, "a", output=output)
        before = everything_under(output.root)

        with pytest.raises(AlreadyPublishedError) as caught:
            self.publish_again(ledger, output, outcome)

        assert str(caught.value) == (
            f"{folder(output, 'a')}/manifest.json exists already and is never overwritten; "
            "a new run publishes under its own id"
        )
        assert everything_under(output.root) == before

    def test_another_run_of_that_id_elsewhere_is_refused_and_fails(
        self, ledger: Ledger, output: DirectoryStore, tmp_path: Path
    ) -> None:
        (folder(output, "a") / "instances/verdict=PASSED").mkdir(parents=True)
        (folder(output, "a") / "instances/verdict=PASSED/part-00000.parquet").write_bytes(b"of another ledger")

        with pytest.raises(AlreadyPublishedError):
            screen_ct(mixed_store(), ledger, "a", output=output)

        assert state_of(ledger, "a")[0] == "FAILED"
        assert set(everything_under(output.root).values()) == {b"of another ledger"}

    def test_the_same_execution_again_publishes_beside_the_first(self, ledger: Ledger, output: DirectoryStore) -> None:
        for _ in range(2):
            screen_ct(mixed_store(), ledger, "a", output=output)

        assert manifest_of(output, "a")["run_id"] == "a"
        assert manifest_of(output, "a.2")["run_id"] == "a.2"


class TestFailures:
    @pytest.mark.parametrize("failing", [1, 2, 3, 4, 7])
    def test_an_output_that_fails_leaves_the_decisions_and_no_manifest(self, ledger: Ledger, failing: int) -> None:
        output = SimulatedStore(location=Location("https://simulated", "results"))
        tried = []

        def fail(key: str) -> None:
            tried.append(key)
            if len(tried) == failing:
                raise StoreError("write", f"s3://results/{key}", "SlowDown (HTTP 503)")

        output.on_write = fail

        with pytest.raises(StoreError):
            screen_ct(mixed_store(), ledger, "a", output=output)

        assert "a/manifest.json" not in output.objects()
        state, failure = state_of(ledger, "a")
        assert (state, failure) == ("FAILED", f"cannot write s3://results/{tried[-1]}: SlowDown (HTTP 503)")
        assert (ledger.run("a").row.manifest_uri, ledger.run("a").row.manifest_digest) == (None, None)
        assert len(list(ledger.run("a").passed())) == 3

    def test_an_incomplete_run_publishes_nothing(self, ledger: Ledger) -> None:
        store, output = mixed_store(), SimulatedStore(location=Location("https://simulated", "results"))
        store.faults = {"ct/1": -1}

        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a", output=output)

        assert output.objects() == {}

    def test_failures_without_an_output_nothing_is_written(self, ledger: Ledger) -> None:
        store = mixed_store()

        outcome = screen_ct(store, ledger, "a")

        assert (outcome.manifest, store.written) == (None, [])


def test_a_manifest_of_the_first_format_is_verified_too(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "FORMAT_VERSION", 1)
    outcome = screen_ct(mixed_store(), ledger, "a", output=DirectoryStore(tmp_path / "out"))

    assert outcome.manifest is not None
    content = read_manifest(Path(outcome.manifest.uri))
    assert content["format_version"] == 1
    assert compare_manifest(content, ledger) == []
