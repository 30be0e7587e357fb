"""Facts of series: what a run's series are like as a whole, beside what became of them."""

from decimal import Decimal
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger import SERIES_FACTS
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore

AXIAL = ["1", "0", "0", "0", "1", "0"]


def stack(name: str, places: list[str], **attributes: Any) -> dict[str, bytes]:
    """Make the slices of a series, by key."""
    return {
        f"{name}/{number}": ct(
            f"1.5.{name}",
            f"1.6.{name}.{number}",
            InstanceNumber=str(number),
            ImagePositionPatient=["-100", "-100", place],
            **{"ImageOrientationPatient": AXIAL, "SliceThickness": "2.50", **attributes},
        )
        for number, place in enumerate(places, 1)
    }


@pytest.fixture
def run(ledger: Ledger) -> Ledger:
    broken = {key: data[:-5] if key == "4/2" else data for key, data in stack("4", ["0", "1", "2"]).items()}
    objects = {
        **stack("1", ["0", "2.5", "5", "10"]),
        **stack("2", ["7"], SliceThickness=""),
        "3/1": ct("1.5.3", "1.6.3.1"),
        **broken,
        **stack("5", ["0", "3", "0", "3"], SliceThickness="3"),
        **stack("6", ["0", "1"], ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
        "7/1": ct("1.5.7", "1.6.7.1", SliceThickness="1"),
        "7/2": ct("1.5.7", "1.6.7.2", SliceThickness="2", NumberOfFrames="5"),
    }
    screen_ct(SimulatedStore(objects), ledger, "run", shard_objects=3)
    return ledger


def test_facts_are_those_of_the_slices(run: Ledger) -> None:
    facts = run.run("run").series_facts()

    assert facts.of("1.5.1") == {
        "frames": 4,
        "slices": 4,
        "volumes": 1,
        "missing": 0,
        "duplicate_images": 0,
        "spacing": Decimal("2.5"),
        "spacing_variation": Decimal("2.5"),
        "tilt": Decimal(0),
        "plane": "AXIAL",
        "thickness": Decimal("2.5"),
    }
    of_one = facts.of("1.5.2")
    assert (of_one["slices"], of_one["spacing"], of_one["plane"], of_one["thickness"]) == (1, None, "AXIAL", None)
    of_two = facts.of("1.5.5")
    assert (of_two["volumes"], of_two["duplicate_images"], of_two["spacing"]) == (2, 2, Decimal(3))


def test_what_is_absent_is_told_apart_from_what_cannot_be_told(run: Ledger) -> None:
    facts = run.run("run").series_facts(["slices", "plane", "missing", "frames", "thickness"])

    assert facts.of("1.5.3") == {"slices": None, "plane": None, "missing": None, "frames": 1, "thickness": None}
    undecided = facts.of("1.5.4")
    assert (undecided["slices"], undecided["plane"], undecided["missing"]) == ("UNDECIDED",) * 3
    assert facts.of("1.5.6")["slices"] == "UNDECIDED"
    assert facts.of("1.5.7") == {
        "slices": "UNDECIDED",
        "plane": "UNDECIDED",
        "missing": None,
        "frames": 6,
        "thickness": None,
    }
    assert set(facts.of("1.5.99").values()) == {None}


def test_facts_that_are_not_known_are_refused(run: Ledger) -> None:
    with pytest.raises(ValueError, match="'colour' is no fact of a series; accepted: frames, slices"):
        run.run("run").series_facts(["slices", "colour"])


def test_a_run_that_judged_nothing_has_no_facts(ledger: Ledger) -> None:
    def nothing() -> None:
        raise OSError("away")

    store = SimulatedStore({})
    store.list = nothing  # type: ignore[method-assign,assignment]
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a store raises
        screen_ct(store, ledger, "run")

    with pytest.raises(LedgerError, match="is FAILED: it did not judge what it listed"):
        ledger.run("run").series_facts()


def test_all_facts_have_a_name() -> None:
    assert len(SERIES_FACTS) == 10
