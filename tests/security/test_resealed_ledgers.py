"""Someone rewrites a ledger and works out every seal again, cuts its end off, or puts an older copy back.

The ledger alone then looks intact. The anchor, which lies elsewhere, tells.
"""

import errno
import itertools
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import AlreadyPublishedError, IncompleteRunError, SettingsError, StoreError
from dicom_sieve.ledger.audit import sealed_pages, sealed_rows
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.seals import Part, digest_seal, insert_blocks, make_blocks, read_blocks
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.entries import digest_entry
from dicom_sieve.ledger.database.tables import outcome, run, seal_block, seal_entry
from dicom_sieve.publishing.anchor import compare_with_anchor, open_anchor, push_or_say, push_seals
from dicom_sieve.settings import Settings
from dicom_sieve.stores.append_only import LONGEST_RECORD, AppendOnly, AppendOnlyBucket, AppendOnlyFile
from dicom_sieve.stores.listing import EMPTY_IN_A_ROW
from tests.conftest import S3Server
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, screen_ct
from tests.security.audited import ELSEWHERE, NOW, compute_on
from tests.stores.scripted_server import Answer, ScriptedServer, serve
from tests.support.simulated_store import SimulatedStore


@pytest.fixture
def place(tmp_path: Path) -> AppendOnlyFile:
    return AppendOnlyFile(tmp_path / "anchor")


@pytest.fixture
def anchored(ledger: Ledger, place: AppendOnlyFile) -> Ledger:
    """Three runs, whose seals are at the anchor."""
    store = SimulatedStore({"1": ct(), "2": mr()})
    for name in "abc":
        screen_ct(store, ledger, name, anchor=place)
    return ledger


def differences(ledger: Ledger, place: AppendOnly) -> list[str]:
    return compare_with_anchor(ledger, place).differences


def seal_anew(ledger: Ledger, verdict: str = "PASSED") -> None:
    """Let all decisions be another, and work out all seals and entries again, as one can who has the code."""
    with vandal(ledger) as connection:
        connection.execute(sa.update(outcome).values(verdict=verdict))
        seals: dict[int | None, str | None] = {None: None}
        for number, after in connection.execute(sa.select(run.c.number, run.c.sealed_after).order_by(run.c.number)):
            its = sa.and_(seal_block.c.run_number == number, seal_block.c.part == Part.OUTCOME)
            connection.execute(sa.delete(seal_block).where(its))
            insert_blocks(
                connection, number, list(make_blocks(Part.OUTCOME, sealed_pages.outcome_lines(connection, number)))
            )
            seals[number] = digest_seal(seals[after], read_blocks(connection, number))
            connection.execute(sa.update(run).where(run.c.number == number).values(seal=seals[number]))
        previous = None
        for row in connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id)).all():
            content = json.loads(row.content)
            if row.kind == "RUN":
                content["seal"] = seals[row.subject]
            text = sealed_rows.canonical(content)
            previous = digest_entry(previous, row.id, row.kind, row.subject, text)
            its = seal_entry.c.id == row.id
            connection.execute(sa.update(seal_entry).where(its).values(content=text, seal=previous))


def cut_off(ledger: Ledger) -> None:
    """Remove the last run with everything that tells of it."""
    with vandal(ledger) as connection:
        connection.exec_driver_sql("DELETE FROM decision_page WHERE run_number = 3")
        connection.exec_driver_sql("DELETE FROM outcome WHERE run_number = 3")
        connection.exec_driver_sql("DELETE FROM seal_block WHERE run_number = 3")
        connection.exec_driver_sql("DELETE FROM run WHERE number = 3")
        connection.exec_driver_sql("DELETE FROM fact_page WHERE snapshot_id = 3")
        connection.exec_driver_sql("DELETE FROM fact_snapshot WHERE snapshot_id = 3")
        connection.exec_driver_sql("DELETE FROM snapshot WHERE id = 3")
        connection.exec_driver_sql("DELETE FROM seal_entry WHERE kind = 'RUN' AND subject = 3")


class TestARewrittenLedger:
    def test_a_rewritten_ledger_is_as_the_anchor_says_before(self, anchored: Ledger, place: AppendOnlyFile) -> None:
        held = compare_with_anchor(anchored, place)

        assert (held.differences, held.unanchored) == ([], 0)
        assert held.entries == verify(anchored.engine).entries == 6  # the ledger, the location, the edition, three runs

    def test_a_rewritten_ledger_looks_intact_by_itself_and_is_found_by_the_anchor(
        self, anchored: Ledger, place: AppendOnlyFile
    ) -> None:
        seal_anew(anchored)

        assert verify(anchored.engine).is_intact
        assert differences(anchored, place) == [
            f"entry {number} of the ledger has another seal than the one that was pushed: it was sealed again"
            for number in (4, 5, 6)
        ]

    def test_a_rewritten_ledger_of_which_the_end_was_cut_off_is_found_by_the_anchor(
        self, anchored: Ledger, place: AppendOnlyFile
    ) -> None:
        cut_off(anchored)

        assert verify(anchored.engine).is_intact
        assert differences(anchored, place) == [
            "the ledger ends at entry 5, the anchor knows 6: its end was cut off, or this is an older copy"
        ]

    def test_a_rewritten_ledger_cannot_go_on_at_the_anchor(self, anchored: Ledger, place: AppendOnlyFile) -> None:
        cut_off(anchored)
        notes = Notes()

        screen_ct(SimulatedStore({"1": ct()}), anchored, "d", anchor=place, observer=notes)

        [said] = [text for text in notes.texts if "anchor" in text]
        assert said.startswith("the anchor holds other seals of this ledger: ")
        assert said.endswith("was an older copy of the ledger put back?")
        assert anchored.run("d").row.state == "COMPLETED"
        with pytest.raises(AlreadyPublishedError):
            push_seals(anchored, place)
        assert differences(anchored, place) == [
            "entry 6 of the ledger has another seal than the one that was pushed: it was sealed again"
        ]

    def test_a_rewritten_ledger_from_which_all_seals_were_removed_is_found_without_an_anchor(
        self, anchored: Ledger
    ) -> None:
        with vandal(anchored) as connection:
            for statement in (
                "DELETE FROM seal_block",
                "DELETE FROM seal_entry",
                "UPDATE run SET seal = NULL, sealed_after = NULL",
            ):
                connection.exec_driver_sql(statement)

        result = verify(anchored.engine)

        assert not result.is_intact
        assert "entry 1 of the chain of seals is missing" in {damage.describe() for damage in result.damages}

    def test_a_rewritten_ledger_that_says_its_runs_are_older_than_seals_is_not_intact(self, anchored: Ledger) -> None:
        with vandal(anchored) as connection:
            connection.exec_driver_sql("DELETE FROM seal_block")
            connection.exec_driver_sql("UPDATE run SET seal = NULL, sealed_after = NULL")
            first, *others = connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id).limit(3)).all()
            connection.exec_driver_sql("DELETE FROM seal_entry")
            content = sealed_rows.canonical({**json.loads(first.content), "runs": 99})
            seal = digest_entry(None, 1, "LEDGER", None, content)
            rows = [{**first._mapping, "content": content, "seal": seal}]
            for entry in others:  # the location, the edition
                seal = digest_entry(seal, entry.id, entry.kind, entry.subject, entry.content)
                rows.append({**entry._mapping, "seal": seal})
            connection.execute(sa.insert(seal_entry), rows)

        result = verify(anchored.engine)

        assert (result.damages, result.is_unsealed, result.is_intact) == ([], True, False)

    def test_a_rewritten_ledger_that_was_made_anew_is_found(
        self, anchored: Ledger, place: AppendOnlyFile, tmp_path: Path
    ) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'again.db'}") as again:
            screen_ct(SimulatedStore({"1": ct()}), again, "a")
            before = differences(again, place)
            push_seals(again, place)
            after = differences(again, place)

        assert before[0].startswith(f"the anchor {place.address} holds nothing of this ledger (")
        for said in (before[1], *after):
            assert said.startswith(f"the anchor {place.address} holds seals of another ledger: ")
        assert len(differences(anchored, place)) == 1


def test_an_older_copy_that_was_put_back_is_found(tmp_path: Path, place: AppendOnlyFile) -> None:
    url, store = f"sqlite:///{tmp_path / 'ledger.db'}", SimulatedStore({"1": ct(), "2": mr()})
    with open_ledger(url) as ledger:
        screen_ct(store, ledger, "a", anchor=place)
        ledger.engine.dispose()
        shutil.copy(tmp_path / "ledger.db", tmp_path / "older.db")
        screen_ct(store, ledger, "b", anchor=place)
    with open_ledger(f"sqlite:///{tmp_path / 'older.db'}") as older:
        assert verify(older.engine).is_intact
        assert len(differences(older, place)) == 1
        screen_ct(store, older, "c")  # and goes on
        assert verify(older.engine).is_intact
        assert "sealed again" in differences(older, place)[0]


class Notes:
    """Watches a run and keeps what is said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def begin(self, phase: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.texts.append(text)


class TestTheFile:
    def test_the_file_is_its_owner_s_and_only_grows(self, anchored: Ledger, place: AppendOnlyFile) -> None:
        before = place.path.read_bytes()
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o600

        screen_ct(SimulatedStore({"1": ct()}), anchored, "d", anchor=place)

        assert place.path.read_bytes().startswith(before)
        assert place.path.read_bytes().count(b"\n") == 7

    def test_the_file_holds_no_name_of_a_place_and_no_value(self, anchored: Ledger, place: AppendOnlyFile) -> None:
        content = json.loads(place.path.read_text().splitlines()[-1].partition(" ")[2])

        assert set(content) == {"format", "ledger", "entry", "kind", "subject", "seal", "pushed_at"}
        assert (content["kind"], content["subject"], content["entry"]) == ("RUN", 3, 6)

    def test_the_file_has_runs_of_every_end_computations_and_forgotten_locations(
        self, ledger: Ledger, place: AppendOnlyFile, tmp_path: Path
    ) -> None:
        store = SimulatedStore({"1": ct(), "2": mr()})
        store.faults["2"] = -1
        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "incomplete", anchor=place)
        store.faults.clear()
        screen_ct(store, ledger, "last", anchor=place)
        compute_on(ledger, tmp_path)
        screen_ct(SimulatedStore({"1": ct()}, location=ELSEWHERE), ledger, "other", anchor=place)
        forget(ledger.engine, ELSEWHERE, "why", clock=lambda: NOW)

        assert compare_with_anchor(ledger, place).unanchored == 2
        assert push_seals(ledger, place) == 2
        assert push_seals(ledger, place) == 0
        kinds = [json.loads(line.partition(" ")[2])["kind"] for line in place.path.read_text().splitlines()]
        assert kinds == [
            *("LEDGER", "LOCATION", "EDITION", "RUN", "RUN"),
            *("COMPUTATION", "LOCATION", "RUN"),
            *("FORGETTING", "FORGOTTEN"),
        ]

    def test_the_file_that_cannot_be_written_fails_no_run_and_is_made_good_by_the_next(
        self, ledger: Ledger, tmp_path: Path
    ) -> None:
        place, notes = AppendOnlyFile(tmp_path / "not there" / "anchor"), Notes()

        screen_ct(SimulatedStore({"1": ct()}), ledger, "a", anchor=place, observer=notes)
        place.path.parent.mkdir()
        screen_ct(SimulatedStore({"1": ct()}), ledger, "b", anchor=place, observer=notes)

        [said] = [text for text in notes.texts if "anchor" in text]
        assert said == (
            f"the last seals are not at the anchor: cannot write file:{place.path}: No such file or directory; "
            "'dicom-sieve anchor', or the end of the next run, pushes it again"
        )
        assert compare_with_anchor(ledger, place).entries == 5

    def test_the_file_of_which_a_line_was_removed_or_edited_is_told(
        self, anchored: Ledger, place: AppendOnlyFile
    ) -> None:
        whole = place.path.read_bytes().splitlines(keepends=True)
        place.path.write_bytes(b"".join(whole[:2] + whole[3:]))
        assert differences(anchored, AppendOnlyFile(place.path)) == ["the anchor has lost 1 of the first 6 entries"]

        place.path.write_bytes(b"".join([*whole[:-1], whole[-1].replace(b'"entry": 6', b'"entry": 7')]))
        assert differences(anchored, AppendOnlyFile(place.path)) == ["entry 6 of the anchor is not as it was pushed"]

    def test_the_file_goes_on_behind_what_a_full_disk_left(self, anchored: Ledger, place: AppendOnlyFile) -> None:
        with place.path.open("ab") as file:
            file.write(b"0123")

        screen_ct(SimulatedStore({"1": ct()}), anchored, "d", anchor=place)

        assert differences(anchored, place) == []

    @pytest.mark.parametrize("left", [1, 20, 120])
    def test_pushes_again_what_a_full_disk_tore(self, anchored: Ledger, place: AppendOnlyFile, left: int) -> None:
        place.path.write_bytes(place.path.read_bytes()[:-left])
        assert compare_with_anchor(anchored, place).unanchored == 1

        assert push_seals(anchored, place) == 1

        assert push_seals(anchored, AppendOnlyFile(place.path)) == 0
        assert differences(anchored, AppendOnlyFile(place.path)) == []

    def test_the_file_says_that_the_disk_is_full_and_not_that_seals_differ(
        self, anchored: Ledger, place: AppendOnlyFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        notes = Notes()
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda handle, line: write(handle, line[:70]))
            screen_ct(SimulatedStore({"1": ct()}), anchored, "d", anchor=place, observer=notes)
        screen_ct(SimulatedStore({"1": ct()}), anchored, "e", anchor=AppendOnlyFile(place.path), observer=notes)

        [said] = [text for text in notes.texts if "anchor" in text]
        assert "No space left on device" in said
        assert differences(anchored, place) == []
        assert compare_with_anchor(anchored, place).unanchored == 0


class TestALedgerThatIsAwayAtTheEnd:
    def test_a_ledger_that_is_away_at_the_end_is_said_and_does_not_replace_the_error_of_the_run(
        self, place: AppendOnlyFile, tmp_path: Path
    ) -> None:
        notes = Notes()
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE seal_entry")

            push_or_say(ledger, place, notes.note)

        [said] = notes.texts
        assert said.startswith("the last seals are not at the anchor: the ledger's seals cannot be read: ")

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError(errno.ENOSPC, "planted words"), "the disk is full: make room where the ledger, the output and "),
            (LookupError("planted words"), "unexpected LookupError; 'dicom-sieve anchor', or the end of the next run"),
        ],
    )
    def test_neither_does_an_error_that_is_not_of_this_package(
        self, anchored: Ledger, place: AppendOnlyFile, error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_place: object) -> set[str]:
            raise error

        monkeypatch.setattr(AppendOnlyFile, "names", fail)
        notes = Notes()

        outcome = screen_ct(SimulatedStore({"1": ct()}), anchored, "d", anchor=place, observer=notes)

        assert anchored.run(outcome.run_id).row.state == "COMPLETED"
        [said] = [text for text in notes.texts if "anchor" in text]
        assert said.startswith(f"the last seals are not at the anchor: {words}")
        assert "planted words" not in said

    def test_an_interruption_goes_on(
        self, anchored: Ledger, place: AppendOnlyFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(_place: object) -> set[str]:
            raise KeyboardInterrupt

        monkeypatch.setattr(AppendOnlyFile, "names", interrupt)

        with pytest.raises(KeyboardInterrupt):
            push_or_say(anchored, place, Notes().note)

    def test_a_ledger_that_is_away_at_the_end_is_said_by_a_record_that_is_nested_too_deeply(
        self, anchored: Ledger, place: AppendOnlyFile
    ) -> None:
        last = place.path.read_bytes().splitlines(keepends=True)[-1].partition(b" ")[0]
        place.path.write_bytes(last + b" " + b"[" * 60_000 + b"\n")

        assert "entry 6 of the anchor is not as it was pushed" in differences(anchored, AppendOnlyFile(place.path))


class TestABucketWithoutEnd:
    def place(self, server: ScriptedServer) -> AppendOnlyBucket:
        return AppendOnlyBucket(server.store().access, "seals")

    def test_a_bucket_without_end_of_empty_pages_is_given_up(self) -> None:
        with serve() as server:
            numbers = itertools.count()

            class Endless(ScriptedServer):
                def take(self, request: object) -> Answer:
                    self.requests.append(request)  # type: ignore[arg-type]
                    more = f"<NextKeyMarker>{next(numbers)}</NextKeyMarker>"
                    if len(self.requests) > 2 * EMPTY_IN_A_ROW:
                        return Answer(200, b"<ListVersionsResult/>")
                    page = f"<ListVersionsResult><IsTruncated>true</IsTruncated>{more}</ListVersionsResult>"
                    return Answer(200, page.encode())

            server.__class__ = Endless
            with pytest.raises(StoreError, match=f"{EMPTY_IN_A_ROW} pages in a row are empty"):
                self.place(server).names()

            assert len(server.requests) == EMPTY_IN_A_ROW

    def test_a_bucket_without_end_of_one_object_is_read_up_to_a_bound(self) -> None:
        name = f"{'0' * 32}/{1:012}"
        listed = f"<Version><Key>seals/{name}.json</Key><VersionId>v</VersionId></Version>"
        with serve() as server:
            page = Answer(200, f"<ListVersionsResult>{listed}</ListVersionsResult>".encode())
            server.will_answer(page, Answer(200, b"0" * (2 * LONGEST_RECORD)))

            [body] = self.place(server).read(name)

        assert len(body) == LONGEST_RECORD == 65_536


class TestTheBucket:
    @pytest.fixture
    def bucket(self, s3_server: S3Server) -> str:
        return s3_server.make_bucket()

    def locked(self, server: S3Server, name: str) -> str:
        """Make a bucket with Object Lock."""
        more: dict[str, Any] = (
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west"}} if server.is_moto else {}
        )
        server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **more)
        return name

    def place(self, server: S3Server, bucket: str, days: int = 0) -> AppendOnlyBucket:
        return AppendOnlyBucket(server.store(bucket).access, "seals", days)

    @pytest.mark.parametrize("change", [seal_anew, cut_off])
    def test_the_bucket_finds_what_a_file_finds(
        self, ledger_of_three: Ledger, s3_server: S3Server, bucket: str, change: Callable[[Ledger], None]
    ) -> None:
        place = self.place(s3_server, bucket)
        assert push_seals(ledger_of_three, place) == 6
        assert push_seals(ledger_of_three, place) == 0
        assert differences(ledger_of_three, place) == []

        change(ledger_of_three)

        assert differences(ledger_of_three, place) != []

    def test_the_bucket_keeps_what_is_written_over_and_deleted(
        self, ledger_of_three: Ledger, s3_server: S3Server
    ) -> None:
        name = self.locked(s3_server, f"locked-{s3_server.name}-{NOW:%H%M}-over")
        place = self.place(s3_server, name, days=1)
        push_seals(ledger_of_three, place)
        client = s3_server.client()
        [last] = [key for key in keys(client, name) if key.endswith("6.json")]
        body = client.get_object(Bucket=name, Key=last)["Body"].read()
        [version] = client.list_object_versions(Bucket=name, Prefix=last)["Versions"]

        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            client.delete_object(Bucket=name, Key=last, VersionId=version["VersionId"])
        client.delete_object(Bucket=name, Key=last)
        assert differences(ledger_of_three, place) == []  # a mark of deletion hides nothing
        seal_anew(ledger_of_three)
        new = {entry.id: entry.seal for entry in entries_of(ledger_of_three)}[6]
        client.put_object(Bucket=name, Key=last, Body=json.dumps({**json.loads(body), "seal": new}).encode())

        assert "entry 6 was pushed with several seals: two copies of this ledger went on apart" in differences(
            ledger_of_three, place
        )

    def test_the_bucket_without_object_lock_says_so_where_days_are_asked(
        self, ledger_of_three: Ledger, s3_server: S3Server, bucket: str
    ) -> None:
        with pytest.raises(StoreError, match=r"^cannot write s3://.*InvalidRequest"):
            push_seals(ledger_of_three, self.place(s3_server, bucket, days=1))

    @pytest.fixture
    def ledger_of_three(self, tmp_path: Path) -> Any:
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            for name in "abc":
                screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, name)
            yield ledger


def keys(client: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in client.list_objects_v2(Bucket=bucket)["Contents"]]


def entries_of(ledger: Ledger) -> list[Any]:
    with ledger.engine.connect() as connection:
        return list(connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id)))


class TestTheSettings:
    @pytest.mark.parametrize("uri", ["ftp://x", "file:relative", "s3://", "/path"])
    def test_the_settings_refuse_what_is_no_place(self, uri: str) -> None:
        with pytest.raises(SettingsError, match="accepted: file:/path or s3://bucket/prefix"):
            open_anchor(Settings(), uri)

    def test_the_settings_have_credentials_of_their_own(self) -> None:
        settings = Settings(anchor="s3://b/p/", anchor_credentials=SecretStr("key:secret"), anchor_retain_days=7)

        place = open_anchor(settings)

        assert isinstance(place, AppendOnlyBucket)
        assert (place.address, place.retain_days) == ("s3://b/p", 7)
        assert "secret" not in repr(place)
        with pytest.raises(SettingsError, match="ANCHOR_CREDENTIALS: not of the form key_id:access_key"):
            open_anchor(Settings(anchor="s3://b", anchor_credentials=SecretStr("secret")))

    def test_the_settings_name_no_place_by_themselves(self) -> None:
        assert open_anchor(Settings()) is None
