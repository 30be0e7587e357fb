"""A ledger as the version before pages of decisions made, filled and sealed it: a row for each decision."""

import json
from pathlib import Path

from dicom_sieve.objects import Location
from tests.screening.screenings import ct, mr
from tests.support.former_ledgers import Rows, make_former_ledger
from tests.support.simulated_store import SimulatedStore

ROWS: Rows = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""Runs of two locations: completed, incomplete, failed, one that judged damaged objects, one whose process died."""
OTHER = Location("https://simulated", "elsewhere", "a/")


def store_of_version_0009() -> SimulatedStore:
    """What the first location holds: its last run found it so."""
    odd = {"BodyPartExamined": '"\\ÄÖ'}
    store = SimulatedStore({f"{n}": ct(f"1.5.{n}", f"1.6.{n}", PatientID=f"{n}", **odd) for n in (0, 1, 4)})
    store.put("damaged", ct("1.5.7", "1.6.7", PatientAge="018M")[:-40])
    store.put("text", b"no DICOM")
    store.put("3", mr("1.5.3", "1.6.3"))
    store.put("new", mr("1.5.9", "1.6.9"))
    return store


def make_version_0009(url: str) -> None:
    """Make it."""
    make_former_ledger(url, "0009", ROWS)
