"""What the commands say of headers that were read for less than this version reads."""

import json
from collections.abc import Iterator

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.cli.output.comparison import show_json, show_text
from dicom_sieve.cli.output.values import show_attributes
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.ledger.reading.snapshots import Snapshot, last_snapshot
from dicom_sieve.ledger.reading.values import attributes_held
from dicom_sieve.reports.compare_runs import Compared, Side, Summary, compare
from dicom_sieve.screening import Screening, screen
from tests.screening.screenings import ct, one_of, screen_ct
from tests.support.first_edition import reading_for_less, thinner_than
from tests.support.simulated_store import PLACE, SimulatedStore

OLD = SimulatedStore({"1": ct("1.5.1", "1.6.1", SliceThickness="1.5"), "2": ct("1.5.1", "1.6.2")})


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Two objects that a version read that read less."""
    with open_ledger("sqlite:///:memory:") as opened:
        with reading_for_less():
            screen_ct(OLD, opened, "before")
        yield opened


def newest(ledger: Ledger) -> Snapshot:
    return last_snapshot(ledger.engine, PLACE)


def test_values_says_how_many_instances_were_read_for_less(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    held = attributes_held(ledger.engine, newest(ledger))

    show_attributes(newest(ledger), held, as_json=False, as_csv=False)
    said = capsys.readouterr().out
    show_attributes(newest(ledger), held, as_json=True, as_csv=False)

    assert said.splitlines()[-1] == (
        "2 of them were read by an earlier version, for less than this one reads: a run with criteria that name more "
        "reads them again"
    )
    assert json.loads(capsys.readouterr().out)["read_for_less"] == 2


def test_compare_says_how_many_objects_were_read_again(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    before = Compared("before", newest(ledger), compile_criteria(one_of("CT")), 1)
    screen(Screening("after", OLD, thinner_than("2")), ledger)
    sides = {Side.A: before, Side.B: Compared("after", newest(ledger), compile_criteria(thinner_than("2")), 2)}

    summary = Summary()
    show_text(sides, compare(ledger, sides[Side.A], sides[Side.B], summary), summary)
    said = capsys.readouterr().out.splitlines()
    summary = Summary()
    show_json(sides, compare(ledger, sides[Side.A], sides[Side.B], summary), summary)

    assert "Objects read again between A and B, for more attributes: 2." in said
    assert "Each of them counts as one that went from the bucket and one that came." in said
    assert json.loads(capsys.readouterr().out)["summary"]["read_again"] == 2
