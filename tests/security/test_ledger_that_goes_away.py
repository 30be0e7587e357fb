"""The ledger's server is killed or cut off in the middle of a run: the run goes on, and nothing is there twice."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import LedgerAwayError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.outages import while_away
from dicom_sieve.stores import DirectoryStore
from tests.ledger.export import export
from tests.screening.doomed import on_statements
from tests.screening.screenings import screen_ct, sql, state_of, write_images
from tests.support.postgres_of_own import Postgres, Proxy, postgres_of_own, proxy_before
from tests.support.prefect_server import wait_for

RUN = "r1"
pytestmark = [pytest.mark.needs_postgresql, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "objects")


@pytest.fixture(scope="module")
def undisturbed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a ledger says of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with open_ledger(f"sqlite:///{folder / 'l.db'}") as ledger:
        screen(root, ledger, folder / "published")
        return without_manifest(export(ledger), folder / "published")


def screen(root: Path, ledger: Ledger, output: Path, **means: Any) -> None:
    screen_ct(DirectoryStore(root), ledger, RUN, output=DirectoryStore(output), shard_objects=20, **means)


def without_manifest(exported: str, output: Path) -> str:
    """What is published names its place and the ledger's own numbers."""
    lines = exported.replace(str(output), "OUTPUT").splitlines()
    return "\n".join(line for line in lines if '"kind": "run"' not in line)


def assert_as_if_nothing_had_been(ledger: Ledger, undisturbed: str, output: Path) -> None:
    assert state_of(ledger, RUN) == ("COMPLETED", None)
    assert without_manifest(export(ledger), output) == undisturbed
    assert sql(ledger, "SELECT count(*) FROM run") == [(1,)]
    assert sql(ledger, "SELECT count(*) FROM snapshot") == [(1,)]
    assert sql(ledger, "SELECT count(*) FROM lease") == [(0,)]
    assert verify(ledger.engine).is_intact
    assert (output / RUN / "manifest.json").is_file()


@pytest.fixture
def proxied(postgres_url: str) -> Iterator[tuple[Proxy, Ledger]]:
    open_ledger(postgres_url).close()
    with proxy_before(postgres_url) as (proxy, url), open_ledger(url) as ledger:
        yield proxy, ledger


class CountsTo:
    """Says yes once, to the call of some number that a pattern is in."""

    def __init__(self, number: int, then: Callable[[], object], pattern: bytes = b"") -> None:
        self.left, self.then, self.pattern, self.turn = number, then, pattern, threading.Lock()

    def __call__(self, sent: bytes = b"") -> bool:
        if self.pattern not in sent:
            return False
        with self.turn:
            self.left -= 1
            if self.left != 0:
                return False
        self.then()
        return True


class TestACommitWhoseAnswerIsLost:
    @pytest.mark.parametrize("number", range(1, 23, 2))
    def test_a_commit_whose_answer_is_lost_is_committed_once(
        self, proxied: tuple[Proxy, Ledger], root: Path, tmp_path: Path, undisturbed: str, number: int
    ) -> None:
        proxy, ledger = proxied
        proxy.on_answered = losing = CountsTo(number, lambda: proxy.go_away(0.3), b"COMMIT")

        screen(root, ledger, tmp_path / "published")

        assert losing.left <= 0, "there was no such commit"
        assert_as_if_nothing_had_been(ledger, undisturbed, tmp_path / "published")


class TestACommitThatNeverArrives:
    @pytest.mark.parametrize("number", range(2, 23, 5))
    def test_a_commit_that_never_arrives_is_made_again(
        self, proxied: tuple[Proxy, Ledger], root: Path, tmp_path: Path, undisturbed: str, number: int
    ) -> None:
        proxy, ledger = proxied
        proxy.on_sent = CountsTo(number, lambda: proxy.go_away(0.3), b"COMMIT")

        screen(root, ledger, tmp_path / "published")

        assert_as_if_nothing_had_been(ledger, undisturbed, tmp_path / "published")


def compute_on(ledger: Ledger, root: Path, results: Path) -> list[tuple[Any, ...]]:
    """Compute on the run's series, and give what the ledger says of that."""
    computing = open_computation(
        ledger,
        "c",
        version="1",
        run=RUN,
        selection="PARTIAL",
        inputs=DirectoryStore(root),
        outputs=DirectoryStore(results),
    )
    with computing as computation:
        for series in computation.series():
            with series:
                series.record_output(series.uid.encode(), name="result.txt")
    rows = sql(ledger, "SELECT series_instance_uid, state, failure, output_digest FROM series_computation ORDER BY 1")
    states = sql(ledger, "SELECT state FROM computation")
    return [*rows, *states, *sql(ledger, "SELECT count(*) FROM computation_input")]


class TestACommitOfAComputation:
    @pytest.mark.parametrize("loses", ["on_sent", "on_answered"])
    def test_a_commit_of_a_computation_that_is_lost_is_committed_once(
        self, proxied: tuple[Proxy, Ledger], root: Path, tmp_path: Path, loses: str
    ) -> None:
        proxy, ledger = proxied
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as other:
            screen_ct(DirectoryStore(root), other, RUN)
            expected = compute_on(other, root, tmp_path / "expected")
        screen_ct(DirectoryStore(root), ledger, RUN)
        times = itertools.count()

        def every_second(sent: bytes) -> bool:
            if b"COMMIT" not in sent or next(times) % 2:
                return False
            proxy.go_away(0.1)
            return True

        setattr(proxy, loses, every_second)

        assert compute_on(ledger, root, tmp_path / "results") == expected
        assert next(times) > 10


class TestAConnectionThatIsCut:
    @pytest.mark.parametrize("number", range(2, 114, 7))
    def test_a_connection_that_is_cut_before_any_statement_costs_nothing_but_time(
        self, proxied: tuple[Proxy, Ledger], root: Path, tmp_path: Path, undisturbed: str, number: int
    ) -> None:
        proxy, ledger = proxied
        cut = CountsTo(number, lambda: proxy.go_away(0.2))
        on_statements(ledger, cut)

        screen(root, ledger, tmp_path / "published")

        assert cut.left <= 0, "there was no such statement"

        assert_as_if_nothing_had_been(ledger, undisturbed, tmp_path / "published")


@pytest.fixture(scope="module")
def postgres(postgres_server: sa.URL) -> Iterator[Postgres]:
    del postgres_server
    with postgres_of_own() as server:
        yield server


class TestAServerThatIsKilled:
    @pytest.mark.parametrize("seconds", [5, 12, 45])
    def test_a_server_that_is_killed_and_comes_back_before_the_lease_ends_is_waited_for(
        self, postgres: Postgres, root: Path, tmp_path: Path, undisturbed: str, seconds: float
    ) -> None:
        with_database(postgres, f"away_{seconds}")
        back = threading.Timer(seconds, postgres.start)

        def go_away() -> None:
            postgres.kill()
            back.start()

        with open_ledger(sa.make_url(postgres.url).set(database=f"away_{seconds}").render_as_string(False)) as ledger:
            on_statements(ledger, CountsTo(60, go_away))
            began = time.monotonic()
            screen(root, ledger, tmp_path / "published")
            back.join()

            assert time.monotonic() - began >= seconds
            assert_as_if_nothing_had_been(ledger, undisturbed, tmp_path / "published")


def with_database(postgres: Postgres, name: str) -> None:
    engine = sa.create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()


class TestALedgerThatStaysAway:
    def test_a_ledger_that_stays_away_for_longer_than_the_lease_ends_the_run_and_the_next_one_goes_on(
        self, proxied: tuple[Proxy, Ledger], root: Path, tmp_path: Path, undisturbed: str
    ) -> None:
        proxy, ledger = proxied
        on_statements(ledger, CountsTo(70, proxy.go_away))

        with pytest.raises(LedgerAwayError) as caught:
            screen(root, ledger, tmp_path / "published", lease_seconds=1.5)

        assert str(caught.value) == (
            f"the ledger could not be reached for 1.5 s: {ledger.address}; "
            "start it, then start another run: it reads only what is missing"
        )
        proxy.listen()
        wait_for(lambda: state_of(ledger, RUN)[0] == "FAILED", "the run to be shown as failed", 10)
        screen_ct(DirectoryStore(root), ledger, "next")
        assert state_of(ledger, "next") == ("COMPLETED", None)
        assert verify(ledger.engine).is_intact


def test_what_has_waited_is_not_waited_for_again() -> None:
    tries = itertools.count(1)

    def never_there() -> None:
        next(tries)
        raise LedgerAwayError("postgresql://h/d")

    began = time.monotonic()
    with pytest.raises(LedgerAwayError, match=r"could not be reached for 0\.2 s"):
        while_away(lambda: while_away(never_there, 0.2), 60)

    assert time.monotonic() - began < 10
    assert next(tries) == 3
