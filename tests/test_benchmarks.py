"""The benchmarks run, at the smallest size, and the document shows the figures that are kept."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks import far, index, workers
from benchmarks.__main__ import BENCHMARKS, DOCUMENT, RESULTS, fill
from benchmarks.made import Maker
from benchmarks.measure import Promise, Report, interleave, ratio, render, render_promises
from benchmarks.memory import EndlessStore
from benchmarks.wire import Server

from dicom_sieve.headers import Instance, Window, scan
from tests.conftest import S3Server

ROOT = Path(__file__).parent.parent


def run(name: str, *options: str) -> dict[str, Any]:
    """Run a benchmark as a command, and give the JSON that it prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, check=True, stdout=subprocess.PIPE, timeout=120)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def as_json(report: Report) -> dict[str, Any]:
    """Give a report as a program reads it."""
    read: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(report)))
    return read


def cells(report: Mapping[str, Any], place: int = 0) -> dict[str, list[Any]]:
    return {row[0]: row[1:] for row in report["tables"][place]["rows"]}


@pytest.fixture
def server(rgw_server: S3Server) -> Server:
    credentials = rgw_server.credentials
    return Server(rgw_server.endpoint, credentials.key_id, credentials.access_key)


class TestMeasuring:
    def test_measuring_works_take_turns(self) -> None:
        order: list[str] = []

        interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)

        assert "".join(order) == "ababab"

    def test_a_ratio_is_taken_pair_by_pair(self) -> None:
        assert ratio([1, 10, 100], [2, 20, 50]) == 0.5

    @pytest.mark.parametrize(("measured", "word"), [(7.9, "**missed**"), (8.0, "met")])
    def test_a_promise_is_met_or_missed(self, measured: float, word: str) -> None:
        report = {"promises": [dataclasses.asdict(Promise("quick", 8.0, measured))]}
        assert render_promises([report]).splitlines()[-1] == f"| quick | ≥ 8 times | {measured:.3g} times | {word} |"

    def test_a_machine_is_described_without_names(self) -> None:
        report = run("scan", "--headers=1", "--repetitions=1", "--without-gdcm")
        assert set(report["machine"]) == {"cores", "cpu", "memory_gib", "python"}
        assert os.uname().nodename not in json.dumps(report)
        assert str(ROOT) not in json.dumps(report)


class TestMadeObjects:
    def test_instances_of_a_series_have_one_header_and_uids_of_their_own(self) -> None:
        maker = Maker(instances_per_series=2)

        read = [self.read(maker.make(number)) for number in range(4)]

        assert len({instance.header.digest(b"") for instance in read}) == 2
        assert len({instance.sop_instance_uid for instance in read}) == 4
        assert read[0].header.attributes["00080060"] == ("CT",)

    def test_the_endless_store_lists_in_order_what_it_gives(self) -> None:
        listed = list(EndlessStore(250).list())
        assert [info.key for info in listed] == sorted(info.key for info in listed)
        assert {info.size for info in listed} == {len(Maker().make(0))}

    def read(self, data: bytes) -> Instance:
        window = Window(len(data))
        window.add(0, data)
        answer = scan(window, inflated_limit=1)
        assert isinstance(answer, Instance)
        return answer


class TestBenchmarks:
    def test_scan(self) -> None:
        report = run("scan", "--headers=5", "--repetitions=1", "--without-gdcm")
        assert [table["title"].split("*")[2] for table in report["tables"]] == [
            "CT_small.dcm",
            "made of it, each header another",
            "corpus",
        ]
        assert all(row[1] > 0 for table in report["tables"] for row in table["rows"])

    def test_memory(self) -> None:
        rows = cells(run("memory", "--objects", "300", "600"))
        assert [(name, row[2]) for name, row in rows.items()] == [
            ("300 objects, first run", 300),
            ("300 objects, second run", 0),
            ("600 objects, first run", 600),
            ("600 objects, second run", 0),
        ]

    def test_limits(self) -> None:
        rows = cells(run("limits", "--objects=300", "--repetitions=1"))
        assert 0 < rows["a tenth of S3's rate of a prefix"][0] < 550
        assert 0 < rows["no rate"][0] < 128 / 0.1

    @pytest.mark.needs_postgresql
    def test_ledger(self) -> None:
        report = run("ledger", "--headers=30", "--listed=200", "--repetitions=1")
        assert report["setting"] == {"headers": 30, "objects": 300, "keys_listed": 200, "turns": 1}
        assert [row[0].partition(":")[0] for row in report["tables"][0]["rows"]] == ["SQLite"] * 8 + ["PostgreSQL"] * 8
        assert all(min(row[1:]) > 0 for table in report["tables"][:2] for row in table["rows"])

    @pytest.mark.needs_postgresql
    def test_varying(self) -> None:
        report = run("varying", "--objects=20000", "--repetitions=1")
        assert report["setting"]["objects"] == 20_000
        assert all(min(row[1:]) > 0 for row in report["tables"][0]["rows"])
        assert len(report["promises"]) == 6

    @pytest.mark.needs_postgresql
    def test_facts(self) -> None:
        report = run("facts", "--series=30", "--repetitions=1")
        assert report["setting"] == {"series": 30, "images": 300, "turns": 1}
        assert all(min(row[1:]) > 0 for row in report["tables"][0]["rows"])

    @pytest.mark.needs_postgresql
    def test_pages(self) -> None:
        report = run("pages", "--headers=2000", "--people=3", "--thinking=0")

        assert len(report["samples"]["changes"]) == len(report["samples"]["opened"]) == 30
        assert {promise["at_least"] for promise in report["promises"]} == {False}

    def test_audit(self) -> None:
        report = run("audit", "--rows=50")
        assert report["setting"] == {"headers": 50, "objects": 50, "decisions": 50}
        assert all(min(row[1:]) > 0 for row in report["tables"][0]["rows"])

    @pytest.mark.needs_rgw
    def test_index(self, server: Server) -> None:
        alone = index.compare_alone(30, 1)
        report = as_json(index.measure_on(server, 30, 3, 1, alone=alone, buckets=("index-made", "index-demo")))
        assert cells(report, 1)["made"] == [30, 1.0, 8.0]
        assert len(cells(report)) == 7
        assert list(cells(report, 2)) == ["threads", "processes"]
        assert all(row[1] > 0 for place in (0, 2) for row in report["tables"][place]["rows"])

    @pytest.mark.needs_rgw
    def test_far(self, server: Server) -> None:
        report = as_json(far.measure_on(server, 30, 1, bucket="far-made"))
        assert [row[0] for row in report["tables"][0]["rows"]] == ["bare loop", "ours, index phase"] * 2

    @pytest.mark.needs_rgw
    @pytest.mark.timeout(400)
    def test_workers(self, server: Server) -> None:
        far_away = workers.scale(server, 30, 1, "workers-far", (1,))
        nearby = workers.compare(server, 30, 1, "workers-near")
        report = as_json(workers.report_of(far_away, nearby, 30, 30))
        assert [list(cells(report, place)) for place in (0, 1)] == [
            ["1"],
            [workers.PROCESSES, workers.RUNNING, workers.OWN],
        ]
        assert all(row[1] > 0 for table in report["tables"] for row in table["rows"])


class TestDocument:
    def test_it_shows_the_figures_that_are_kept(self) -> None:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
        document = DOCUMENT.read_text(encoding="utf-8")
        assert fill(document, results) == document
        assert set(results) == set(BENCHMARKS)
        assert all(render(results[name]) in document for name in BENCHMARKS)

    def test_document_without_figures_it_says_so(self) -> None:
        assert "Not measured yet." in fill(DOCUMENT.read_text(encoding="utf-8"), {})
