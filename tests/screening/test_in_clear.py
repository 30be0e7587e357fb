"""A ledger in which an attribute that identifies lies as digests and, since a setting names it, in clear."""

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.dicom.identifying import read_in_clear
from dicom_sieve.dicom.marks import IDENTITY
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import values_held
from dicom_sieve.screening import Screening, screen
from tests.screening.screenings import ct, screen_ct, verdicts
from tests.support.simulated_store import PLACE, SimulatedStore

ACCESSION = "00080050"
NUMBERS = ("A1", "a1 ", "B2", "", "C3")


def of_accession(operation: str, reference: str | list[str]) -> list[Criterion]:
    asked = {"dicom_tag": ("0008", "0050"), "operation": operation}
    return [Criterion.model_validate(asked | ({"reference": reference} if reference else {}))]


def instances(first: int) -> dict[str, bytes]:
    return {
        f"{first + place}": ct(f"1.5.{first + place}", f"1.6.{first + place}", AccessionNumber=number, PatientID="7")
        for place, number in enumerate(NUMBERS)
    }


@pytest.mark.parametrize(
    ("operation", "reference"),
    [("EQUALS", "A1"), ("NOT_EQUALS", "A1"), ("IN", ["b2", "C3"]), ("NOT_IN", ["B2", "x"]), ("PRESENT", [])],
)
def test_both_are_decided_alike(ledger: Ledger, operation: str, reference: str | list[str]) -> None:
    store = SimulatedStore(instances(0))
    screen_ct(store, ledger, "digests")
    for key, data in instances(5).items():
        store.put(key, data)
    in_clear = read_in_clear(["AccessionNumber"])

    screen(Screening("both", store, of_accession(operation, reference), in_clear=in_clear), ledger)

    found = verdicts(ledger, "both")
    assert len({found[str(place)][0] for place in range(10)}) == 2
    assert [found[str(place)] for place in range(5)] == [found[str(place)] for place in range(5, 10)]
    snapshot = last_snapshot(ledger.engine, PLACE)
    assert snapshot is not None
    held = [value.value for value in values_held(ledger.engine, snapshot, ACCESSION).values]
    assert sorted(text for text in held if not text.startswith(IDENTITY)) == ["A1", "B2", "C3", "a1"]
    assert sum(text.startswith(IDENTITY) for text in held) == 3
    patients = values_held(ledger.engine, snapshot, "00100020").values
    assert [value.value[:1] for value in patients] == [IDENTITY]


def test_both_are_counted_once_by_a_measure(ledger: Ledger) -> None:
    store = SimulatedStore(instances(0))
    screen_ct(store, ledger, "digests")
    for key, data in instances(5).items():
        store.put(key, data)
    measured = {"measure": "DISTINCT", "dicom_tag": "AccessionNumber", "scope": "STUDY", "operation": "EQUALS"}
    asked, problems = read_criteria([measured | {"reference": "3"}])

    screen(Screening("both", store, asked, in_clear=read_in_clear(["AccessionNumber"])), ledger)

    assert not problems
    assert {verdict for verdict, _ in verdicts(ledger, "both").values()} == {"PASSED"}
