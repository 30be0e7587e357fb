"""Copies of what passed: byte for byte, under their own keys, none wrong and all accounted for."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import StoreError
from dicom_sieve.objects import ObjectInfo, Selection
from dicom_sieve.publishing.copies import COPIES, FAILURES_IN_A_ROW, Copied, CopyOutcome
from dicom_sieve.screening import Outcome
from dicom_sieve.stores import DirectoryStore, Retries, S3Access, S3Store
from dicom_sieve.stores.interface import Downloads
from tests.conftest import S3Server
from tests.publishing.copying import copy_listed
from tests.screening.screenings import ct, mr, screen_ct
from tests.stores.buckets import contents, fill
from tests.stores.keys import CONTROL, ODD, make_keys
from tests.support.fault_proxy import fault_proxy

QUICK = Retries(request_timeout_seconds=2.0, read_attempts=12, first_pause_seconds=0.01)


class TestOddKeys:
    @pytest.mark.parametrize("way", ["within the server", "through here"])
    def test_odd_keys_stay_as_they_are(self, s3_server: S3Server, way: str) -> None:
        pieces = ODD if s3_server.is_moto else (*ODD, *CONTROL)
        source, target = s3_server.make_bucket(), s3_server.make_bucket()
        objects = {key: f"content of {number}".encode() for number, key in enumerate(make_keys(500, pieces, seed=5))}
        fill(s3_server, source, objects)
        store, output = s3_server.store(source), s3_server.store(target)
        if way == "through here":
            output._not_copied_within.add(source)

        copied = list(copy_listed(store.list(), store, output, "run/objects"))

        assert {copy.outcome for copy in copied} == {CopyOutcome.COPIED}
        assert [copy.info.key for copy in copied] == [info.key for info in store.list()]
        assert contents(s3_server, target, "run/objects") == {key: objects[key] for key in objects}
        assert output._not_copied_within == ({source} if way == "through here" else set())

    def test_odd_keys_that_lead_out_of_a_directory_are_not_followed(
        self, moto_server: S3Server, tmp_path: Path
    ) -> None:
        source = moto_server.make_bucket()
        objects = {key: key.encode() for key in ("a/b", "../../outside", "a//b", "folder/", "/etc/x", "x" * 900)}
        fill(moto_server, source, objects)
        store = moto_server.store(source)

        copied = list(copy_listed(store.list(), store, DirectoryStore(tmp_path / "out"), "objects"))

        outcomes = {copy.info.key: copy.outcome for copy in copied}
        assert outcomes == {key: "COPIED" if key == "a/b" else "UNWRITABLE_KEY" for key in objects}
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "out/objects/a/b"]


def test_copies_within_one_server_are_made_by_the_server(s3_server: S3Server) -> None:
    source, target = s3_server.make_bucket(), s3_server.make_bucket()
    fill(s3_server, source, {"a": b"1", "b//c": b"2"})

    with fault_proxy(s3_server.endpoint) as proxy:
        store, output = (
            S3Store(S3Access(bucket, "eu-west", proxy.endpoint, s3_server.credentials)) for bucket in (source, target)
        )
        copied = list(copy_listed(store.list(), store, output, "o"))
        methods = Counter(method for method, path in proxy.requests if "list-type" not in path)

    assert Counter(copy.outcome for copy in copied) == {CopyOutcome.COPIED: 2}
    assert methods == {"PUT": 2}
    assert contents(s3_server, target, "o") == {"a": b"1", "b//c": b"2"}


class TestFaults:
    def test_faults_on_the_way_change_nothing(self, s3_server: S3Server) -> None:
        source, target = s3_server.make_bucket(), s3_server.make_bucket()
        objects = {f"{number:03}": bytes([number]) * (1000 + number) for number in range(200)}
        fill(s3_server, source, objects)

        with fault_proxy(s3_server.endpoint, probability=0.1, stall_seconds=3.0, seed=3) as proxy:
            access = S3Access(source, "eu-west", proxy.endpoint, s3_server.credentials, QUICK)
            store = S3Store(access)
            output = S3Store(S3Access(target, "eu-west", proxy.endpoint, s3_server.credentials, QUICK))
            copied = list(copy_listed(s3_server.store(source).list(), store, output, "o"))

        assert proxy.happened.total() >= 10
        assert Counter(copy.outcome for copy in copied) == {CopyOutcome.COPIED: 200}
        assert contents(s3_server, target, "o") == objects

    def test_faults_that_do_not_end_end_the_copying(self, moto_server: S3Server) -> None:
        source, target = moto_server.make_bucket(), moto_server.make_bucket()
        fill(moto_server, source, {f"{number}": b"x" for number in range(100)})
        impatient = Retries(read_attempts=1, first_pause_seconds=0.01)
        nowhere = S3Store(S3Access(source, "eu-west", "http://127.0.0.1:9", moto_server.credentials, impatient))
        copied: list[Copied] = []

        with pytest.raises(StoreError, match=f"{FAILURES_IN_A_ROW} copies in a row failed: 64 "):
            copied.extend(copy_listed(moto_server.store(source).list(), nowhere, moto_server.store(target), "o"))

    def test_faults_are_told_of_an_output_that_refuses(self, moto_server: S3Server) -> None:
        source = moto_server.make_bucket()
        fill(moto_server, source, {"a": b"x"})
        store = moto_server.store(source)

        with pytest.raises(StoreError, match="cannot write s3://nowhere/o/a"):
            list(copy_listed(store.list(), store, moto_server.store("nowhere"), "o"))


class TestObjectsThatChange:
    def test_objects_that_change_while_they_are_copied_are_never_copied_as_what_was_judged(
        self, s3_server: S3Server
    ) -> None:
        source, target = s3_server.make_bucket(), s3_server.make_bucket()
        objects = {f"{number:02}": b"as judged " * 20 for number in range(60)}
        fill(s3_server, source, objects)
        store = s3_server.store(source)
        listed = list(store.list())
        client = s3_server.client()

        class Racing:
            """Overwrites every third object, and deletes every seventh, just before it is read."""

            location = store.location

            def download(self, listed: ObjectInfo, target: Path) -> None:
                if int(listed.key) % 3 == 0:
                    client.put_object(Bucket=source, Key=listed.key, Body=b"as it is now")
                elif int(listed.key) % 7 == 0:
                    client.delete_object(Bucket=source, Key=listed.key)
                store.download(listed, target)

        racing: Downloads = Racing()
        copied = list(copy_listed(listed, racing, s3_server.store(target), "o"))

        expected = {
            key: "CHANGED" if int(key) % 3 == 0 else "GONE" if int(key) % 7 == 0 else "COPIED" for key in objects
        }
        assert {copy.info.key: copy.outcome for copy in copied} == expected
        assert contents(s3_server, target, "o") == {
            k: objects[k] for k, outcome in expected.items() if outcome == "COPIED"
        }

    def test_objects_that_change_before_they_are_copied_within_the_server_are_not(self, s3_server: S3Server) -> None:
        source, target = s3_server.make_bucket(), s3_server.make_bucket()
        fill(s3_server, source, {"kept": b"as judged", "overwritten": b"as judged", "deleted": b"as judged"})
        store = s3_server.store(source)
        listed = list(store.list())
        s3_server.client().put_object(Bucket=source, Key="overwritten", Body=b"as it is now")
        s3_server.client().delete_object(Bucket=source, Key="deleted")

        copied = {copy.info.key: copy.outcome for copy in copy_listed(listed, store, s3_server.store(target), "o")}

        assert copied == {"kept": "COPIED", "overwritten": "CHANGED", "deleted": "GONE"}
        assert contents(s3_server, target, "o")["kept"] == b"as judged"


OBJECTS = {"a//1": ct(uid="1.2.3.4.1"), "b/2": ct(uid="1.2.3.4.2"), "c/3": mr(), "d": b"no DICOM"}


class TestARunThatCopies:
    def run(self, server: S3Server, ledger: Ledger, **how: Any) -> tuple[Outcome, S3Store, str]:
        source, target = server.make_bucket(), server.make_bucket()
        fill(server, source, OBJECTS)
        store, output = server.store(source), server.store(target, "results/")
        return screen_ct(store, ledger, "run", output=output, copies_of=store, **how), store, target

    def test_a_run_that_copies_copies_what_passed_and_nothing_else(
        self, s3_server: S3Server, ledger: Ledger, tmp_path: Path
    ) -> None:
        outcome, _, target = self.run(s3_server, ledger)

        passed = {key: OBJECTS[key] for key in ("a//1", "b/2")}
        assert contents(s3_server, target, "results/run/objects") == passed
        assert outcome.counts["copies"] == {"COPIED": 2}
        part = tmp_path / "copies.parquet"
        part.write_bytes(contents(s3_server, target, "results/run")["copies.parquet"])
        with duckdb.connect() as reader:
            rows = reader.execute(f"SELECT object_key, size, copy_key, outcome, reason FROM '{part}'").fetchall()
        assert rows == [(key, len(data), f"results/run/objects/{key}", "COPIED", None) for key, data in passed.items()]

    def test_a_run_that_copies_says_what_could_not_be_copied(self, moto_server: S3Server, ledger: Ledger) -> None:
        source, target = moto_server.make_bucket(), moto_server.make_bucket()
        fill(moto_server, source, OBJECTS)
        store = moto_server.store(source)

        class Overwritten:
            location = store.location

            def download(self, listed: ObjectInfo, target: Path) -> None:
                moto_server.client().put_object(Bucket=source, Key="b/2", Body=b"new")
                store.download(listed, target)

        output = moto_server.store(target)
        outcome = screen_ct(store, ledger, "run", output=output, copies_of=Overwritten())

        assert outcome.counts["copies"]["CHANGED"] == 1
        assert outcome.describe().endswith("; 1 could not be copied: see copies.parquet")
        assert ledger.run("run").row.counts == outcome.counts
        assert list(contents(moto_server, target, "run/objects")) == ["a//1"]

    def test_a_run_that_copies_copies_whole_series_alone_and_accounts_for_the_others(
        self, s3_server: S3Server, ledger: Ledger, tmp_path: Path
    ) -> None:
        source, target = s3_server.make_bucket(), s3_server.make_bucket()
        objects = {**OBJECTS, "e/1": ct("1.5.9", "1.6.8"), "e/2": mr("1.5.9", "1.6.9")}
        fill(s3_server, source, objects)
        store = s3_server.store(source)

        outcome = screen_ct(
            store, ledger, "run", output=s3_server.store(target), copies_of=store, copied=Selection.WHOLE
        )

        assert outcome.counts["copies"] == {"COPIED": 2, "NOT_WHOLE": 1}
        assert "could not be copied" not in outcome.describe()
        published = contents(s3_server, target, "run")
        part = tmp_path / "copies.parquet"
        part.write_bytes(published["copies.parquet"])
        with duckdb.connect() as reader:
            rows = reader.execute(f"SELECT object_key, outcome FROM '{part}' ORDER BY 1").fetchall()
        assert rows == [("a//1", "COPIED"), ("b/2", "COPIED"), ("e/1", "NOT_WHOLE")]
        assert {key for key in published if key.startswith("objects/")} == {"objects/a//1", "objects/b/2"}
        assert json.loads(published["manifest.json"])["copied"] == "WHOLE"


def test_the_documents_name_every_outcome_and_column() -> None:
    document = (Path(__file__).parents[2] / "docs/ledger.md").read_text(encoding="utf-8")

    table = document.partition("| outcome | means |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", table, flags=re.MULTILINE) == [*CopyOutcome]
    assert f"| {', '.join(COPIES.names)} |" in document
