"""A viewer asks for no patient: not by a name, a tag, in a group, a measure, or a difference."""

from typing import Any
from urllib.parse import urlencode

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.address import pack
from dicom_sieve.web.may_ask import refuse_identifying
from dicom_sieve.web.people import Person, Role
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore
from tests.web.served import VIEWER, pages, see, words

ASKED: dict[str, Any] = {"dicom_tag": ["0010", "0020"], "operation": "EQUALS", "reference": "P1"}
REFUSED: list[tuple[str, Any]] = [
    ("PatientID", ASKED),
    ("PatientID", {**ASKED, "dicom_tag": "PatientID"}),
    ("PatientName", {**ASKED, "dicom_tag": "00100010"}),
    ("PatientID", {"any": [{"all": [ASKED]}]}),
    ("PatientID", {"measure": "INSTANCES", "scope": "SERIES", "where": [ASKED], "operation": "PRESENT"}),
    ("AccessionNumber", {**ASKED, "dicom_tag": "Modality", "within": ["AccessionNumber"]}),
    ("StudyInstanceUID", {**ASKED, "dicom_tag": "StudyInstanceUID"}),
    ("PatientID", {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"lowest": "PatientID"}]}}),
]
LEFT: list[Any] = [
    {"dicom_tag": "Modality", "operation": "IN", "reference": ["PatientID", "CT"]},
    {"dicom_tag": ["0010", "1010"], "operation": "AT_LEAST", "reference": "018Y"},
    {"measure": "AGE", "operation": "AT_LEAST", "reference": "18 years"},
    {"unit": "SERIES"},
]
VERA, MARY = Person("vera", Role.VIEWER, "t"), Person("mary", Role.MANAGER, "t")


@pytest.mark.parametrize(("name", "given"), REFUSED)
def test_a_viewer_is_refused_what_identifies(name: str, given: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"{name}: a viewer cannot ask for what identifies patients"):
        refuse_identifying(VERA, [given])
    refuse_identifying(MARY, [given])


@pytest.mark.parametrize("given", LEFT)
def test_a_viewer_may_ask_for_all_else(given: Any) -> None:
    refuse_identifying(VERA, [given])


def test_pages_show_a_viewer_no_count_of_it(ledger: Ledger) -> None:
    screen_ct(SimulatedStore({"1": ct(PatientID="P1"), "2": ct(uid="1.2.3.4.2", PatientID="P2")}), ledger, "run")
    asked = urlencode({"place": 1, "criteria": pack([ASKED])})
    with pages(ledger) as client:
        assert "1 of 2 instances would pass" in words(see(client, f"/build?{asked}"))
        text = words(see(client, f"/build?{asked}", **VIEWER))
        compared = client.get(f"/compare?{asked}&a=run:run&b=edit", headers=VIEWER)

    assert "PatientID: a viewer cannot ask for what identifies patients" in text
    assert "would pass" not in text
    assert compared.status_code == 400
    assert "a viewer cannot ask for what identifies patients" in compared.text
