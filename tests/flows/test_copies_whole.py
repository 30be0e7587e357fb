"""Copies of whole series alone, asked for over REST."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dicom_sieve.contract.locations import OutputS3Parameters, Publish
from tests.conftest import S3Server
from tests.flows import planted
from tests.stores.buckets import contents
from tests.support.prefect_server import PrefectServer


@pytest.mark.timeout(120)
def test_a_run_copies_no_instance_of_a_series_in_parts(
    prefect: PrefectServer, moto_server: S3Server, moto_bucket: str, tmp_path: Path
) -> None:
    results = moto_server.make_bucket()
    keys = f"{moto_server.credentials.key_id}:{moto_server.credentials.access_key}"
    output = planted.location(moto_server.endpoint, results, credentials=keys, publish="COPY_WHOLE")

    run = prefect.start(planted.request(moto_server.endpoint, moto_bucket, output_s3_parameters=output))

    assert prefect.state(run)[0] == "Completed"
    published = contents(moto_server, results, run)
    assert not [key for key in published if key.startswith("objects/")]
    part = tmp_path / "copies.parquet"
    part.write_bytes(published["copies.parquet"])
    assert [(row["object_key"], row["outcome"]) for row in pq.read_table(part).to_pylist()] == [
        ("one.dcm", "NOT_WHOLE"),
        ("two.dcm", "NOT_WHOLE"),
    ]


def test_what_a_request_publishes_by_default_is_the_manifest_alone() -> None:
    assert OutputS3Parameters(bucket="b", region="r").publish is Publish.MANIFEST
