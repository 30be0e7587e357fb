"""Damaged objects over REST: discarded unless the request says that they are judged; in either case accounted for."""

import json
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.screening import Preview, preview
from tests.conftest import S3Server
from tests.flows import planted
from tests.screening.partly_read import CRITERIA, DAMAGED, reading
from tests.screening.screenings import sql
from tests.support.prefect_server import PrefectServer

ASKED = [{**criterion, "dicom_tag": list(criterion["dicom_tag"])} for criterion in CRITERIA]


@pytest.fixture
def bucket(moto_server: S3Server, served_ledger: Ledger) -> str:
    """A bucket of objects that were read in part, each in another way; they are read already."""
    name = moto_server.make_bucket()
    for key in DAMAGED:
        moto_server.client().put_object(Bucket=name, Key=key, Body=key.encode())
    criteria = [Criterion.model_validate(criterion) for criterion in CRITERIA]
    preview(Preview(moto_server.store(name), criteria, run_shards=reading(DAMAGED)), served_ledger)
    return name


@pytest.mark.timeout(240)
def test_damaged_objects_are_judged_only_in_a_run_that_asks_for_it(
    prefect: PrefectServer, moto_server: S3Server, bucket: str, served_ledger: Ledger
) -> None:
    output = planted.location(moto_server.endpoint, moto_server.make_bucket())
    asked = planted.request(moto_server.endpoint, bucket, criteria=ASKED, output_s3_parameters=output)

    silent, discarding, judging = (
        prefect.start({**asked, **more}) for more in ({}, {"damaged": "DISCARD"}, {"damaged": "JUDGE"})
    )

    for run in (silent, discarding):
        assert prefect.state(run) == ("Completed", "2 of 13 instances passed: 1 in 1 whole series, 1 in 1 partial")
    assert prefect.state(judging) == (
        "Completed",
        "5 of 13 instances passed in 3 whole series; damaged instances among them: 3",
    )
    assert prefect.flow_run(judging)["parameters"]["damaged"] == "JUDGE"
    said = dict(sql(served_ledger, "SELECT id, damaged FROM run"))
    assert [said[run] for run in (silent, discarding, judging)] == [None, None, "JUDGE"]
    manifests = [manifest_of(moto_server, output["bucket"], run) for run in (silent, discarding, judging)]
    assert [manifest.get("damaged", "no such member") for manifest in manifests] == [
        "no such member",
        "no such member",
        "JUDGE",
    ]
    assert len({manifest["criteria_digest"] for manifest in manifests}) == 1
    assert [manifest["counts"]["damaged"]["passed"] for manifest in manifests] == [0, 0, 3]
    # Other tests of this server leave a trigger in its ledger.
    assert [damage for damage in verify(served_ledger.engine).damages if damage.run_id is not None] == []


def manifest_of(server: S3Server, bucket: str, run: str) -> dict[str, Any]:
    body = server.client().get_object(Bucket=bucket, Key=f"{run}/manifest.json")["Body"].read()
    return dict(json.loads(body))
