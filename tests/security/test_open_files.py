"""Another user of the machine reads patients' data, because the umask was wide; or a deleted ledger is made again."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger, private
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import LedgerError
from dicom_sieve.screening.observer import Silent
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.conftest import S3Server
from tests.screening.screenings import ct, screen_ct, sql
from tests.stores.buckets import fill
from tests.support.simulated_store import SimulatedStore


@pytest.fixture(autouse=True, params=[0o000, 0o022], ids=["umask 000", "umask 022"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The usual umask, and the widest."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(*roots: Path) -> dict[str, str]:
    """Give all that others than the owner may do anything with, and how."""
    everything = [path for root in roots for path in (root, *root.rglob("*")) if not path.is_symlink()]
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in everything}
    return {path: oct(mode) for path, mode in modes.items() if mode & 0o077}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three images in a directory."""
    (tmp_path / "images").mkdir()
    for number in range(3):
        (tmp_path / "images" / f"{number}").write_bytes(ct(uid=f"1.2.3.4.{number}"))
    return tmp_path / "images"


class TestWhatIsMade:
    def test_a_ledger_is_for_its_owner_alone_and_so_are_the_folders_made_for_it(
        self, tmp_path: Path, images: Path
    ) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'a' / 'b' / 'ledger.db'}") as ledger:
            screen_ct(DirectoryStore(images), ledger, "run")

            assert len(list((tmp_path / "a" / "b").iterdir())) == 4
            assert open_to_others(tmp_path / "a") == {}

    def test_what_is_published_and_copied_to_a_directory(self, ledger: Ledger, tmp_path: Path, images: Path) -> None:
        store = DirectoryStore(images)

        screen_ct(store, ledger, "run", output=DirectoryStore(tmp_path / "a" / "out"), copies_of=store)

        assert len(list((tmp_path / "a" / "out" / "run" / "objects").iterdir())) == 3
        assert open_to_others(tmp_path / "a") == {}

    def test_what_is_made_copies_of_copies(self, tmp_path: Path, moto_server: S3Server) -> None:
        bucket = moto_server.make_bucket()
        fill(moto_server, bucket, {"1": b"object"})
        store = moto_server.store(bucket)
        (listed,) = store.list()
        (tmp_path / "out" / "former").mkdir(parents=True, mode=0o700)
        (tmp_path / "out" / "former" / "1").write_bytes(b"object")

        DirectoryStore(tmp_path / "out").copy_from(store, listed, "new/1", ["former/1"])

        assert open_to_others(tmp_path / "out" / "new") == {}

    def test_results_of_a_computation(self, ledger: Ledger, tmp_path: Path, images: Path) -> None:
        screen_ct(DirectoryStore(images), ledger, "run")

        with open_computation(
            ledger, "c", version="1", run="run", outputs=DirectoryStore(tmp_path / "results")
        ) as computation:
            for series in computation.series():
                with series:
                    series.record_output(b"result")

        assert list((tmp_path / "results").rglob("result.dcm"))
        assert open_to_others(tmp_path / "results") == {}

    @pytest.mark.parametrize("kind", ["directory", "bucket"])
    def test_downloads(self, kind: str, tmp_path: Path, images: Path, moto_server: S3Server) -> None:
        bucket = moto_server.make_bucket()
        fill(moto_server, bucket, {"1": b"object"})
        store = moto_server.store(bucket) if kind == "bucket" else DirectoryStore(images)

        store.download(next(iter(store.list())), tmp_path / "download")

        assert open_to_others(tmp_path / "download") == {}

    def test_temporary_folders_and_all_that_is_in_them(
        self, ledger: Ledger, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        seen: dict[str, str] = {}
        files: set[str] = set()

        def look(_key: str) -> None:
            for folder in (tmp_path / "temporary").iterdir():
                files.update(path.name for path in folder.iterdir())
                seen.update(open_to_others(folder))

        output = SimulatedStore()
        output.on_write = look
        screen_ct(DirectoryStore(images), ledger, "run", output=output)
        with open_computation(ledger, "c", version="1", run="run", inputs=DirectoryStore(images)) as computation:
            for series in computation.series():
                with series:
                    series.download()
                    look("")

        assert {"manifest.json", "series.parquet", "000000.dcm"} <= files
        assert seen == {}

    def test_reports_also_where_an_open_file_was(self, tmp_path: Path, images: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        with open_ledger(f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}") as ledger:
            screen_ct(DirectoryStore(images), ledger, "run")
        (tmp_path / "report.html").write_text("old and longer " * 100_000)
        (tmp_path / "report.html").chmod(0o666)

        assert run_command("report", "run", "--output", str(tmp_path / "report.html"), home=home).returncode == 0
        assert run_command("report", "run", "--open", home=home, BROWSER="true %s").returncode == 0

        assert open_to_others(home / ".dicom-sieve", tmp_path / "report.html") == {}
        assert (home / ".dicom-sieve" / "reports" / "run.html").exists()
        assert "old and longer" not in (tmp_path / "report.html").read_text()

    def test_tracebacks_also_where_an_open_folder_of_logs_was(self, tmp_path: Path, images: Path) -> None:
        logs = tmp_path / "ledger" / "logs"
        logs.mkdir(parents=True, mode=0o755)
        (logs / "ledger-computation-1.log").touch(0o644)
        with open_ledger(f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}") as ledger:
            store = DirectoryStore(images)
            screen_ct(store, ledger, "run")
            with open_computation(ledger, "c", version="1", run="run", inputs=store) as computation:
                for series in computation.series():
                    with series:
                        raise LookupError("PLANTED^PATIENT")

        assert "PLANTED^PATIENT" in (logs / "ledger-computation-1.log").read_text()
        assert open_to_others(logs) == {}

    def test_tracebacks_leave_the_folder_alone_that_a_link_leads_to(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.mkdir(mode=0o755)
        before = stat.S_IMODE(theirs.stat().st_mode)
        (tmp_path / "logs").symlink_to(theirs)

        private.take_folder(tmp_path / "logs")

        assert stat.S_IMODE(theirs.stat().st_mode) == before

    def test_what_prefect_left_there_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from dicom_sieve.cli.processes import make_private

        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        ours, theirs = tmp_path / "home" / ".dicom-sieve" / "prefect", tmp_path / "theirs"
        for folder in (ours, theirs):
            folder.mkdir(parents=True, mode=0o755)
            (folder / "prefect.db").touch()
            (folder / "prefect.db-wal").touch()
            make_private(folder)

        assert open_to_others(ours, *theirs.iterdir()) == {}
        assert open_to_others(theirs).keys() <= {str(theirs)}, "a folder of the user's own stays as it is"


class TestALedgerThatIsAwayInMidRun:
    def screen(self, tmp_path: Path, images: Path, replace: bool) -> tuple[LedgerError, Path]:
        path = tmp_path / "ledger.db"
        store = SimulatedStore({image.name: image.read_bytes() for image in images.iterdir()})

        def take_away(_key: str) -> None:
            path.unlink(missing_ok=True)
            if replace:
                path.touch()

        store.on_read = take_away
        with open_ledger(f"sqlite:///{path}") as ledger, pytest.raises(LedgerError) as caught:
            screen_ct(store, ledger, "run")
        return caught.value, path

    def test_because_it_was_deleted_is_an_error_and_no_new_ledger_is_made(self, tmp_path: Path, images: Path) -> None:
        error, path = self.screen(tmp_path, images, replace=False)

        assert str(error) == (
            f"the ledger {path} was deleted or moved while it was in use: nothing more is recorded, and no new ledger "
            "is made in its place; put it back, or open the ledger that is there now, then start another run"
        )
        assert not path.exists()

    def test_because_another_file_is_in_its_place_is_an_error_and_that_file_stays_as_it_is(
        self, tmp_path: Path, images: Path
    ) -> None:
        error, path = self.screen(tmp_path, images, replace=True)

        assert f"the ledger {path} was replaced by another file while it was in use" in str(error)
        assert path.read_bytes() == b""

    def test_a_ledger_that_is_away_in_mid_run_is_not_read_either(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        with open_ledger(f"sqlite:///{path}") as ledger:
            path.unlink()
            with pytest.raises(LedgerError, match="was deleted or moved while it was in use"):
                ledger.runs()

        assert not path.exists()

    def test_a_ledger_that_is_away_in_mid_run_with_its_folder_is_told_likewise(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "ledger.db"
        with open_ledger(f"sqlite:///{path}") as ledger:
            path.parent.rename(tmp_path / "elsewhere")
            with pytest.raises(LedgerError, match="was deleted or moved while it was in use"):
                screen_ct(SimulatedStore({"1": ct()}), ledger, "run")

        assert not path.parent.exists()

    def test_a_ledger_that_is_away_in_mid_run_and_comes_back_is_the_ledger_again(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        with open_ledger(f"sqlite:///{path}") as ledger:
            path.rename(tmp_path / "moved")
            with pytest.raises(LedgerError):
                ledger.runs()
            (tmp_path / "moved").rename(path)
            screen_ct(SimulatedStore({"1": ct()}), ledger, "run")

            assert sql(ledger, "SELECT id, state FROM run") == [("run", "COMPLETED")]

    @pytest.mark.parametrize("name", ["a b", "a%20b", "a#b", "é", "a&mode=rwc"])
    def test_a_ledger_that_is_away_in_mid_run_is_found_under_any_name(self, tmp_path: Path, name: str) -> None:
        url = sa.URL.create("sqlite", database=str(tmp_path / name / "ledger.db"))
        with open_ledger(url.render_as_string()) as ledger:
            screen_ct(SimulatedStore({"1": ct()}), ledger, "run")

        assert [path.name for path in tmp_path.iterdir()] == [name]


class Listener(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


class TestALedgerThatIsThereAlready:
    @pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o660, False), (0o644, True), (0o666, True)])
    def test_a_ledger_that_is_there_already_keeps_its_mode_and_a_run_tells_of_one_that_is_open_to_all(
        self, tmp_path: Path, mode: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "ledger.db"
        open_ledger(f"sqlite:///{path}").close()
        path.chmod(mode)
        monkeypatch.setattr("dicom_sieve.ledger.database.sqlite_file.is_reachable", lambda _path: True)
        listener = Listener()

        with open_ledger(f"sqlite:///{path}") as ledger:
            screen_ct(SimulatedStore({"1": ct()}), ledger, "run", observer=listener)
            beside = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

        assert beside == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"], mode)
        told = (
            f"every user of this machine may open the ledger {path}, which holds patients' values: chmod o= '{path}'*"
        )
        assert listener.notes == [told] * is_told

    def test_a_ledger_that_is_there_already_in_a_folder_that_others_cannot_enter_is_not_told_of(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "folder").mkdir(mode=0o700)
        path = tmp_path / "folder" / "ledger.db"
        open_ledger(f"sqlite:///{path}").close()
        path.chmod(0o644)

        with open_ledger(f"sqlite:///{path}") as ledger:
            assert ledger.exposure is None
