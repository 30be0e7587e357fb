"""What things are called outside: by OpenLineage's conventions, unique, and without what may name a patient."""

import uuid

import pytest
from openlineage.client.naming.dataset import S3, LocalFileSystem

from dicom_sieve.lineage.names import Dataset, identify_computation, identify_run, name_location, name_results, name_uri
from dicom_sieve.objects import Location

SERVER = "https://localhost:9000"
RUN = "1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b"
IDENTITY, INPUT = "0123456789abcdef", "fedcba9876543210"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (Location(SERVER, "challenge-tech", ""), S3("challenge-tech", "/")),
        (Location(SERVER, "challenge-tech", "2026/ct/"), S3("challenge-tech", "2026/ct")),
        (Location(SERVER, "challenge-tech", "2026/ct"), S3("challenge-tech", "2026/ct")),
        (Location("file:", "/data/images", ""), LocalFileSystem("/data/images")),
        (Location("file:", "/data/images", "ct/"), LocalFileSystem("/data/images/ct")),
    ],
)
def test_a_location_is_called_as_openlineage_s_client_calls_it(
    location: Location, expected: S3 | LocalFileSystem
) -> None:
    assert name_location(location) == (expected.get_namespace(), expected.get_name())


@pytest.mark.parametrize("key", ["run/manifest.json", "a//b", "ü %"])
def test_what_lies_at_an_address_is_called_so_too(key: str) -> None:
    expected = S3("bucket", key)

    assert name_uri(Location(SERVER, "bucket").uri(key)) == (expected.get_namespace(), expected.get_name())


def test_an_address_in_one_piece_is_a_uri() -> None:
    assert Dataset("s3://bucket", "/").uri == "s3://bucket/"
    assert Dataset("s3://bucket", "a b/ü").uri == "s3://bucket/a%20b/%C3%BC"
    assert Dataset("file", "/data/a b").uri == "file:///data/a%20b"


class TestResults:
    def test_results_that_we_wrote_have_the_folder_of_their_computation_once(self) -> None:
        folder = f"results/computations/lung segmentation/{IDENTITY}"
        uris = [f"s3://bucket/{folder}/{INPUT}/{name}" for name in ("a.dcm", "b/c.png")]

        assert name_results("lung segmentation", uris) == [Dataset("s3://bucket", folder)]

    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            ("s3://bucket/MUELLER/mean.json", ("s3://bucket", "/")),
            ("https://user:secret@host:8443/MUELLER?name=HANS", ("https://host:8443", "/")),
            ("/data/MUELLER/mean.json", ("file", "/")),
            ("MUELLER", ("file", "/")),
            ("file:///data/MUELLER", ("file", "/")),
            ("http://[MUELLER", ("file", "/")),
            (f"s3://bucket/computations/MUELLER/{IDENTITY}/{INPUT}/x", ("s3://bucket", "/")),
            (f"s3://bucket/computations/mean/{IDENTITY}/MUELLER/x", ("s3://bucket", "/")),
        ],
    )
    def test_results_of_others_have_no_more_than_a_host(self, uri: str, expected: tuple[str, str]) -> None:
        assert name_results("mean", [uri]) == [expected]


class TestIdentity:
    def test_identity_of_a_run_is_its_own_where_that_is_a_uuid(self) -> None:
        assert identify_run(RUN) == RUN

    def test_identity_of_a_run_started_again_is_another_uuid_and_always_the_same(self) -> None:
        second, third = identify_run(f"{RUN}.2"), identify_run(f"{RUN}.3")

        assert len({RUN, second, third}) == 3
        assert str(uuid.UUID(second)) == second == identify_run(f"{RUN}.2")

    def test_identity_of_a_computation_is_one_of_its_run_and_number(self) -> None:
        found = {identify_computation(run, number) for run in (RUN, f"{RUN}.2") for number in (1, 2)}

        assert len({uuid.UUID(name) for name in found}) == 4
