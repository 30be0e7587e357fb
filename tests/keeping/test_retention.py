"""What was not used for long is forgotten: all of a location, and nothing of one that is in use."""

import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.cli.commands.audit import read_moment
from dicom_sieve.computations import open_computation
from dicom_sieve.ledger.audit import forget as forgetting
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.retention import Unused, find_unused
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.objects import Location
from tests.cli.command import run_command
from tests.keeping.kept import Kept
from tests.ledger.interrupted import interrupted_after
from tests.ledger.vandal import unguarded
from tests.screening.screenings import ct, screen_ct, sql, verdicts
from tests.support.simulated_store import SimulatedStore

OLD, NEW, LISTED = (Location("https://simulated", name) for name in ("old", "new", "listed"))
UTC = datetime.UTC
LONG_AGO = datetime.datetime(2015, 3, 1, 12, tzinfo=UTC)
LIMIT = datetime.datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.datetime(2026, 11, 30, tzinfo=UTC)


def screen_at(ledger: Ledger, place: Location, run_id: str, began: datetime.datetime | None = None) -> SimulatedStore:
    """Screen a location; at another time, if that is given."""
    store = SimulatedStore({f"{n}": ct(f"1.5.{n}", f"1.6.{n}") for n in range(3)}, location=place)
    screen_ct(store, ledger, run_id)
    if began is not None:
        engine = sa.create_engine(ledger.engine.url)
        moment = f"'{began:%Y-%m-%d %H:%M:%S.%f}'" if engine.dialect.name == "sqlite" else f"'{began.isoformat()}'"
        with engine.begin() as connection, unguarded(connection):
            its = f"location_id = (SELECT id FROM location WHERE bucket = '{place.bucket}')"
            connection.exec_driver_sql(f"UPDATE run SET started_at = {moment}, finished_at = {moment} WHERE {its}")
            connection.exec_driver_sql(f"UPDATE snapshot SET started_at = {moment}, listed_at = {moment} WHERE {its}")
        engine.dispose()
    return store


class TestWhatWasNotUsedForLong:
    def test_is_what_nobody_screened_listed_or_computed_on_since(self, ledger: Ledger) -> None:
        screen_at(ledger, NEW, "new")
        screen_at(ledger, OLD, "old", LONG_AGO)
        screen_at(ledger, LISTED, "listed", LONG_AGO + datetime.timedelta(days=1))

        assert find_unused(ledger.engine, LIMIT) == [
            Unused(OLD, LONG_AGO),
            Unused(LISTED, LONG_AGO + datetime.timedelta(days=1)),
        ]
        assert find_unused(ledger.engine, LONG_AGO) == []

    def test_is_not_what_was_computed_on_since(self, ledger: Ledger) -> None:
        screen_at(ledger, OLD, "old", LONG_AGO)
        with open_computation(ledger, "count", version="1", run="old") as computation:
            for series in computation.series():
                with series:
                    pass

        assert find_unused(ledger.engine, LIMIT) == []

    def test_is_not_where_somebody_works_now(self, ledger: Ledger) -> None:
        screen_at(ledger, OLD, "old", LONG_AGO)

        with ledger.lease(OLD, on_wait=lambda: None):
            assert find_unused(ledger.engine, LIMIT) == []

        assert len(find_unused(ledger.engine, LIMIT)) == 1

    def test_is_not_what_was_forgotten_but_what_is_half_forgotten(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forgetting, "BATCH_ROWS", 2)
        screen_at(ledger, OLD, "old", LONG_AGO)
        for allowed in range(40):
            try:
                with interrupted_after(ledger, allowed):
                    forget(ledger.engine, OLD, "over", clock=lambda: NOW)
            except ZeroDivisionError:
                [unused] = find_unused(ledger.engine, LIMIT)
                assert unused.place == OLD
            else:
                break
        assert allowed > 5
        assert find_unused(ledger.engine, LIMIT) == []
        assert verify(ledger.engine).is_intact


class TestTheCommand:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        (tmp_path / ".dicom-sieve").mkdir()
        with open_ledger(self.url(tmp_path)) as ledger:
            screen_at(ledger, NEW, "new")
            screen_at(ledger, OLD, "old", LONG_AGO)
            screen_at(ledger, LISTED, "listed", LONG_AGO)
        return tmp_path

    def url(self, home: Path) -> str:
        return f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}"

    def test_forgets_what_was_not_used_since_a_date_and_the_rest_stays_provable(self, home: Path) -> None:
        anchor = {"DICOM_SIEVE_ANCHOR": f"file:{home / 'seals'}"}
        with open_ledger(self.url(home)) as ledger:
            before = verdicts(ledger, "new")
        arguments = ("--older-than", "2020-01-01", "--reason", "ten years are over", "--yes")

        done = run_command("forget", *arguments, home=home, **anchor)

        assert done.returncode == 0, done.stderr
        assert "the ledger holds of s3://old at https://simulated, last used 2015-03-01 12:00" in done.stdout
        with open_ledger(self.url(home)) as ledger:
            assert [run.id for run in ledger.runs()] == ["new"]
            assert verdicts(ledger, "new") == before
            assert sql(ledger, "SELECT bucket, reason FROM forgotten ORDER BY bucket") == [
                ("listed", "ten years are over"),
                ("old", "ten years are over"),
            ]
        verified = run_command("verify", home=home, **anchor)
        assert (verified.returncode, "as the anchor says" in verified.stdout) == (0, True)
        assert verified.stdout.count("was forgotten on") == 2

    def test_asks_first_and_shows_what_would_go(self, home: Path) -> None:
        done = run_command("forget", "--older-than", "365", "--reason", "x", home=home)

        assert done.returncode == 1
        assert "Forget all 2?" in done.stderr
        assert done.stdout.count("last used") == 2
        with open_ledger(self.url(home)) as ledger:
            assert len(ledger.runs()) == 3

    def test_says_where_there_is_nothing_to_forget(self, home: Path) -> None:
        done = run_command("forget", "--older-than", "36500", "--reason", "x", "--yes", home=home)

        assert done.returncode == 0
        assert done.stdout.startswith("nothing to forget: every location was used since 19")

    @pytest.mark.parametrize("arguments", [(), ("s3://old", "--older-than", "1"), ("--older-than", "soon")])
    def test_wants_either_a_place_or_a_time(self, home: Path, arguments: tuple[str, ...]) -> None:
        assert run_command("forget", *arguments, "--reason", "x", "--yes", home=home).returncode == 2
        with open_ledger(self.url(home)) as ledger:
            assert len(ledger.runs()) == 3


class TestWhatIsFreed:
    def test_is_given_back_by_the_commands_of_the_page(self, ledger_url: str, tmp_path: Path) -> None:
        with open_ledger(ledger_url) as ledger:
            screen_at(ledger, NEW, "new")
            screen_ct(
                SimulatedStore({f"{n}": ct(f"1.5.{n}", f"1.6.{n}") for n in range(500)}, location=OLD), ledger, "x"
            )
            forget(ledger.engine, OLD, "over", clock=lambda: NOW)
            before = size_of(ledger)
        kept = Kept(ledger_url, tmp_path)

        kept.run(kept.documented("How large a ledger becomes", block=not kept.is_sqlite))

        with open_ledger(ledger_url) as ledger:
            assert size_of(ledger) < before - 200_000
            assert verify(ledger.engine).is_intact


def size_of(ledger: Ledger) -> int:
    is_sqlite = ledger.engine.dialect.name == "sqlite"
    query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    return int(sql(ledger, query if is_sqlite else "SELECT pg_database_size(current_database())")[0][0])


@pytest.mark.parametrize(
    ("text", "moment"),
    [("1", NOW - datetime.timedelta(days=1)), ("2016-12-31", datetime.datetime(2016, 12, 31, tzinfo=UTC))],
)
def test_a_time_is_days_or_a_date(text: str, moment: datetime.datetime) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "-1", "1.5", "31.12.2016", "99999999999", "²"])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_moment(text, NOW)
