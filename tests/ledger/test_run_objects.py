"""The objects of a run from Python: all of them, with values, in the order of keys."""

import asyncio

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError, InvalidRequestError
from tests.screening.screenings import ct, mr, screen_ct
from tests.support.simulated_store import SimulatedStore


def test_every_object_has_a_row_with_the_values_asked_for(ledger: Ledger) -> None:
    store = SimulatedStore({"ä": ct(StudyDate="20230101", ImageType=["A", "B"]), "z": mr(uid="1.6"), "text": b"none"})
    screen_ct(store, ledger, "a")

    found = ledger.run("a").objects(columns=["StudyDate", "(0008,0008)"])

    assert found.columns[-2:] == ("StudyDate", "ImageType")
    assert [(row.object_key, row.verdict, dict(row.values)) for row in found] == [
        ("text", "DISCARDED", {"StudyDate": None, "ImageType": None}),
        ("z", "DISCARDED", {"StudyDate": None, "ImageType": None}),
        ("ä", "PASSED", {"StudyDate": "20230101", "ImageType": "A\\B"}),
    ]
    assert found.to_arrow().column("StudyDate").to_pylist() == [None, None, "20230101"]
    assert ledger.run("a").objects(verdict="PASSED").to_arrow().num_rows == 1


def test_what_an_incomplete_run_could_not_read_is_there_without_a_verdict(ledger: Ledger) -> None:
    store = SimulatedStore({"1": ct(), "2": ct(uid="1.6")})
    store.faults = {"2": -1}
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "a")

    rows = list(ledger.run("a").objects(columns=["Modality"]))

    assert [(row.object_key, row.verdict, row.values["Modality"]) for row in rows] == [
        ("1", "PASSED", "CT"),
        ("2", None, None),
    ]


def test_an_old_run_has_the_objects_that_it_judged(ledger: Ledger) -> None:
    store = SimulatedStore({"1": ct(), "2": ct(uid="1.6")})
    screen_ct(store, ledger, "a")
    store.delete("1")
    screen_ct(store, ledger, "b")

    assert [row.object_key for row in ledger.run("a").objects()] == ["1", "2"]
    assert [row.object_key for row in ledger.run("b").objects()] == ["2"]


def test_a_row_leads_to_the_bytes_that_were_judged(ledger: Ledger) -> None:
    store = SimulatedStore({"1": ct()})
    screen_ct(store, ledger, "a")

    [row] = ledger.run("a").objects()

    assert asyncio.run(store.read(row.info, start=0, end=row.size)) == store.content("1")


def test_what_is_not_held_is_refused(ledger: Ledger) -> None:
    screen_ct(SimulatedStore({"1": ct()}), ledger, "a")

    with pytest.raises(
        InvalidRequestError, match=r"columns: PixelData \(7FE0,0010\) is not in the header: accepted are groups"
    ):
        ledger.run("a").objects(columns=["PixelData"])
    with pytest.raises(ValueError, match="verdict 'MAYBE' is not known; accepted: PASSED, DISCARDED"):
        ledger.run("a").objects(verdict="MAYBE")
