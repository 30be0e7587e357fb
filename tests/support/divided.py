"""A bucket whose keys lie in several parts; what an undivided run says of it is what a divided one has to say."""

from typing import Any

from dicom_sieve import Ledger
from tests.screening.screenings import ct, mr, sql

LETTERS = ("a", "é", "site/1", "site/2")
PARTS = tuple(f"in/{letters}" for letters in LETTERS)
MARKS = ("in/", "in/site/")
"""What lies in no part: folders are marked by empty objects."""
SPLIT = "1.5.99"
"""A series of which two parts hold instances."""


def objects() -> dict[str, bytes]:
    """Give objects by key: CT and MR in series that lie in one part each, and in one that lies in two; and others."""
    found = {
        f"in/{letters}{number:02}": (ct if number % 3 else mr)(f"1.5.{place}", f"1.6.{place}.{number}")
        for place, letters in enumerate(LETTERS)
        for number in range(8)
    }
    split = {"in/a-split": ct(SPLIT, "1.6.99.1"), "in/site/1-split": mr(SPLIT, "1.6.99.2")}
    return {**found, **split, **dict.fromkeys(MARKS, b""), "in/a.txt": b"no DICOM", "out of it": b"no DICOM"}


def verdicts_of(ledger: Ledger, *run_ids: str) -> dict[str, tuple[Any, ...]]:
    """Give verdict, findings and defect of every object of some runs, by key; every key is in one run alone."""
    rows = [
        row
        for run_id in run_ids
        for row in sql(
            ledger,
            "SELECT object_key, verdict, findings, defect FROM instance_decision WHERE run_id = :run",
            run=run_id,
        )
    ]
    found = {key: (verdict, str(findings), defect) for key, verdict, findings, defect in rows}
    assert len(found) == len(rows)
    return found
