"""Credentials and patients' values that are planted, so that they can be looked for."""

from typing import Any

from dicom_sieve.stores import StaticCredentials
from tests.support.builders import make_instance

KEYS = StaticCredentials("AKIAPLANTEDKEYID", "planted/secret+key")
CHAIN = StaticCredentials("AKIAPLANTEDCHAIN", "planted/chain+key")
CREDENTIALS = f"{KEYS.key_id}:{KEYS.access_key}"
SECRETS = (KEYS.key_id, KEYS.access_key, CHAIN.key_id, CHAIN.access_key)

PATIENT: dict[str, Any] = {
    "PatientName": "PLANTED^PATIENT",
    "PatientID": "PLANTED-ID-77",
    "PatientBirthDate": "19330911",
    "StudyDate": "PLANTEDDAY",
}
VALUES = tuple(PATIENT.values())

IS_CT = [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}]


def objects() -> dict[str, bytes]:
    """Give a small bucket's objects."""
    modalities = {"one.dcm": "CT", "two.dcm": "CT", "three.dcm": "MR"}
    return {
        key: make_instance(SOPInstanceUID=f"1.2.3.4.{number}", Modality=modality, **PATIENT)
        for number, (key, modality) in enumerate(modalities.items())
    }


def location(endpoint: str, bucket: str, **more: Any) -> dict[str, Any]:
    """Give a location as the contract has it, with planted credentials unless others are given."""
    return {"endpoint": endpoint, "bucket": bucket, "region": "eu-west", "credentials": CREDENTIALS, **more}


def request(endpoint: str, bucket: str, **more: Any) -> dict[str, Any]:
    """Give a request that asks for CT."""
    return {"input_s3_parameters": location(endpoint, bucket), "criteria": IS_CT, **more}
