"""A ledger as the version before editions made, filled and sealed it: its migrations, then the rows that it wrote."""

import json
from pathlib import Path

from tests.screening.screenings import ct, mr
from tests.support.former_ledgers import Rows, make_former_ledger
from tests.support.simulated_store import SimulatedStore

ROWS: Rows = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def store_of_version_0008() -> SimulatedStore:
    """What the location holds whose run ``former`` it has: objects with SliceThickness, which was not read."""
    thick = [ct("1.5.1", f"1.6.{number}", SliceThickness="1.5", PatientID="7") for number in (1, 2, 3)]
    others = {"4": mr("1.5.2", "1.6.4"), "5": b"no DICOM"}
    return SimulatedStore({str(number): data for number, data in enumerate(thick, 1)} | others)


def make_version_0008(url: str) -> None:
    """Make it."""
    make_former_ledger(url, "0008", ROWS)
