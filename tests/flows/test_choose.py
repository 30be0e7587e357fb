"""Measures, `unit` and `choose` over REST: as a consumer asks for them, and as the contract refuses them."""

import json
from typing import Any

import pytest

from dicom_sieve import Ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.screening.screenings import ct, mr
from tests.support.prefect_server import PrefectServer

CRITERIA = [
    {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"},
    {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "2"},
    {
        "measure": "SERIES",
        "scope": "STUDY",
        "operation": "AT_LEAST",
        "reference": "2",
        "where": [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}],
    },
]
CHOOSE = {"one": "SERIES", "per": "STUDY", "prefer": [{"highest": "INSTANCES"}]}


def objects() -> dict[str, bytes]:
    """Two series of a study that could pass, one of which has more instances, and one with an instance of MR."""
    made = {f"long/{number}": ct("1.5.1", f"1.6.1.{number}") for number in range(3)}
    made |= {f"short/{number}": ct("1.5.2", f"1.6.2.{number}") for number in range(2)}
    return {**made, "mixed/0": ct("1.5.3", "1.6.3.0"), "mixed/1": mr("1.5.3", "1.6.3.1"), "none": b"no DICOM"}


@pytest.mark.timeout(240)
def test_a_consumer_asks_for_one_whole_series(
    prefect: PrefectServer, moto_server: S3Server, served_ledger: Ledger
) -> None:
    bucket = moto_server.make_bucket()
    for key, data in objects().items():
        moto_server.client().put_object(Bucket=bucket, Key=key, Body=data)
    output = planted.location(moto_server.endpoint, moto_server.make_bucket())
    asked = planted.request(moto_server.endpoint, bucket, criteria=CRITERIA, output_s3_parameters=output)

    run = prefect.start({**asked, "unit": "SERIES", "choose": CHOOSE})

    assert prefect.state(run) == ("Completed", "3 of 8 instances passed in 1 whole series")
    said = {row.object_key: list(row.findings) for row in served_ledger.run(run).objects()}
    assert said == {
        **{f"long/{number}": ["MET"] * 6 for number in range(3)},
        **{f"short/{number}": ["MET", "MET", "MET", "MET", "NOT_CHOSEN", "MET"] for number in range(2)},
        "mixed/0": ["MET", "MET", "MET", "SERIES", "MET", "MET"],
        "mixed/1": ["NOT_MET", "MET", "MET", "MET", "MET", "MET"],
        "none": [],
    }
    manifest: dict[str, Any] = json.loads(
        moto_server.client().get_object(Bucket=output["bucket"], Key=f"{run}/manifest.json")["Body"].read()
    )
    assert manifest["criteria"][3:] == [{"unit": "SERIES"}, {"choose": CHOOSE}]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"unit": "STUDY"}, "unit"),
        ({"choose": {"one": "INSTANCE", "per": "STUDY"}}, "choose"),
        ({"choose": {"one": "SERIES"}}, "choose"),
        ({"choose": {**CHOOSE, "prefer": [{"highest": "SLICES", "lowest": "SLICES"}]}}, "choose"),
        ({"criteria": [{"measure": "COLOUR", "operation": "EQUALS", "reference": "1"}]}, "criteria"),
        ({"criteria": [{"measure": "SLICES", "operation": "EQUALS", "reference": "1", "case": "EXACT"}]}, "criteria"),
    ],
)
def test_the_rest_call_refuses_what_is_no_choice(
    prefect: PrefectServer, moto_server: S3Server, changes: dict[str, Any], named: str
) -> None:
    asked = planted.request(moto_server.endpoint, "bucket-1", criteria=CRITERIA)

    answer = prefect.post({**asked, **changes})

    assert answer.status_code == 409
    assert named in answer.text
