"""Receivers of events, present or not: a run takes no notice of it, and says what could not be sent."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openlineage.client  # noqa: F401 - slow to import: not in the seconds that a test waits
import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.lineage import following
from dicom_sieve.lineage.sending import is_configured
from dicom_sieve.screening import Screening, screen
from tests.lineage.receiver import Receiver, receiving
from tests.screening.screenings import ct, one_of, state_of
from tests.support.simulated_store import SimulatedStore

SECRET = "planted-secret"
BROKEN = f"transport: [unclosed {SECRET}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes all events."""
    with receiving() as running:
        yield running


def run_followed(ledger: Ledger, store: SimulatedStore | None = None, seconds: float = 5.0) -> list[str]:
    """Screen, and give what could not be told of it."""
    warnings: list[str] = []
    store = store or SimulatedStore({"1.dcm": ct()})
    with following(ledger, warnings.append, seconds=seconds) as follower:
        screen(Screening("run", store, one_of("CT"), on_begin=follower.run), ledger)
    assert state_of(ledger, "run") == ("COMPLETED", None)
    return warnings


def test_the_begin_is_told_while_the_run_goes_on_and_the_end_when_it_has_ended(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    store = SimulatedStore({"1.dcm": ct()})
    told_before: list[bool] = []
    store.on_read = lambda _: told_before.append(receiver.came.wait(20))

    warnings = run_followed(ledger, store)

    assert warnings == []
    assert told_before == [True]
    assert [(event["path"], event["eventType"]) for event in receiver.events] == [
        ("/api/v1/lineage", "START"),
        ("/api/v1/lineage", "COMPLETE"),
    ]


def test_jobs_have_the_namespace_that_the_settings_name(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "radiology")

    run_followed(ledger)

    assert {event["job"]["namespace"] for event in receiver.events} == {"radiology"}


@pytest.mark.parametrize("status", [401, 500])
def test_a_receiver_that_refuses_is_told_of_once_without_its_address(
    status: int, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(status) as receiver:
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", receiver.url)
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY", '{"total": 0, "status_forcelist": []}')

        warnings = run_followed(ledger)

    assert warnings == [f"2 OpenLineage events could not be sent: the receiver answered {status}"]
    assert caplog.text == ""


def test_nobody_at_that_address_is_told_of_without_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        pass
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", receiver.url)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY", '{"total": 0}')

    assert run_followed(ledger) == ["2 OpenLineage events could not be sent: ConnectionError"]


def test_a_receiver_that_does_not_answer_costs_a_run_no_more_than_its_seconds(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(None) as receiver:
        monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
        store = SimulatedStore({"1.dcm": ct()})
        reads_at: list[float] = []

        def wait_for_the_begin(_: str) -> None:
            receiver.came.wait(20)
            reads_at.append(time.monotonic())

        store.on_read = wait_for_the_begin

        warnings = run_followed(ledger, store, seconds=0.5)

        assert time.monotonic() - reads_at[0] < 0.5 + 2
    assert warnings == ["not all OpenLineage events were sent: the receiver did not answer within 0.5 s"]


@pytest.mark.parametrize("content", ["", "facets: {}\n", BROKEN], ids=["empty", "no transport", "broken"])
def test_a_configuration_that_names_no_transport_is_told_of_without_a_word_of_it(
    content: str,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "openlineage.yml").write_text(content)
    monkeypatch.chdir(tmp_path)

    warnings = run_followed(ledger)

    assert warnings == ["2 OpenLineage events could not be sent: its configuration names no transport"]
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_what_the_ledger_does_not_know_is_told_of_and_stops_nothing(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    warnings: list[str] = []

    with following(ledger, warnings.append) as follower:
        follower.run("unknown")

    assert warnings == ["2 OpenLineage events could not be made: UnknownRunError"]
    assert receiver.events == []


def test_no_event_is_sent_where_nothing_is_configured(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    warnings: list[str] = []
    before = set(threading.enumerate())  # one that still waits for the receiver that does not answer may be there

    with following(ledger, warnings.append) as follower:
        screen(Screening("run", SimulatedStore(), one_of("CT"), on_begin=follower.run), ledger)
        started = set(threading.enumerate()) - before

    assert started == set()
    assert warnings == []


class TestConfiguration:
    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({}, False),
            ({"OPENLINEAGE_URL": "http://marquez:5000"}, True),
            ({"OPENLINEAGE_URL": ""}, False),
            ({"OPENLINEAGE_URL": "http://marquez:5000", "OPENLINEAGE_DISABLED": "True"}, False),
            ({"OPENLINEAGE__TRANSPORT__TYPE": "file"}, True),
            ({"OPENLINEAGE_NAMESPACE": "radiology"}, False),
            ({"OPENLINEAGE_CONFIG": "/no/such/file.yml"}, False),
            ({"OPENLINEAGE_CONFIG": "no name of a file" * 1_000}, False),
        ],
    )
    def test_configuration_is_what_the_client_goes_by(
        self, environment: dict[str, str], expected: bool, tmp_path: Path
    ) -> None:
        assert is_configured(environment, (tmp_path,)) is expected

    def test_configuration_is_a_file_in_one_of_the_places_where_the_client_looks(self, tmp_path: Path) -> None:
        file = tmp_path / "openlineage.yml"
        file.touch()

        assert is_configured({}, (tmp_path / "elsewhere", tmp_path))
        assert is_configured({"OPENLINEAGE_CONFIG": str(file)}, ())
