"""What identifies and a deployment names is kept as it is; all else as a digest."""

import json

import pytest

from dicom_sieve.dicom.identifying import read_in_clear
from dicom_sieve.dicom.marks import IDENTITY
from dicom_sieve.headers.identities import digest_identities

SECRET = b"of the ledger"
ACCESSION, PATIENT_ID, PATIENT_NAME, REQUEST = "00080050", "00100020", "00100010", "00400275"
HEADER = {
    ACCESSION: ("A 1",),
    PATIENT_ID: ("4711",),
    PATIENT_NAME: ("Doe^Jane",),
    REQUEST: (json.dumps([{ACCESSION: ["A 2"], PATIENT_ID: ["4711"]}]),),
}


def test_what_is_named_stays_at_every_level_and_nothing_else() -> None:
    kept = digest_identities(HEADER, SECRET, read_in_clear(["AccessionNumber"]))

    assert kept[ACCESSION] == ("A 1",)
    assert all(kept[key][0].startswith(IDENTITY) for key in (PATIENT_ID, PATIENT_NAME))
    [item] = json.loads(kept[REQUEST][0])
    assert item[ACCESSION] == ["A 2"]
    assert item[PATIENT_ID][0].startswith(IDENTITY)


def test_without_a_name_all_are_digests() -> None:
    kept = digest_identities(HEADER, SECRET)

    assert all(kept[key][0].startswith(IDENTITY) for key in (ACCESSION, PATIENT_ID, PATIENT_NAME))
    [item] = json.loads(kept[REQUEST][0])
    assert all(values[0].startswith(IDENTITY) for values in item.values())


@pytest.mark.parametrize("keyword", ["PatientName", "Modality", "OtherPatientIDsSequence", "", "PatientBirthDate"])
def test_names_sequences_and_what_is_no_digest_are_refused(keyword: str) -> None:
    with pytest.raises(ValueError, match=r"clear|digest"):
        read_in_clear([keyword])
