"""Addresses of other clouds on the command line: as ``s3://`` everywhere, and those of the web refused."""

import shlex
import sys
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.flows import planted
from tests.support.builders import make_instance
from tests.support.clouds import AzureServer, GcsServer

COUNT, PREVIEWED = "2 of 3 instances passed", "2 of 3 instances would pass"


@pytest.fixture
def criteria(tmp_path: Path) -> Path:
    file = tmp_path / "criteria.json"
    file.write_text(str(planted.IS_CT).replace("'", '"'))
    return file


@pytest.fixture
def container(azure_server: AzureServer) -> str:
    """A container that holds three objects."""
    name = azure_server.make_bucket()
    for key, body in planted.objects().items():
        azure_server.put(name, f"in/{key}", body)
    return name


def own(server: AzureServer) -> dict[str, str]:
    """The user's own credentials, as Azure's tools have them in the environment."""
    return {"AZURE_STORAGE_ACCOUNT": server.account, "AZURE_STORAGE_KEY": server.key}


class TestAzure:
    def test_azure_is_screened_published_to_traced_and_pulled(
        self, azure_server: AzureServer, container: str, criteria: Path, tmp_path: Path
    ) -> None:
        address, results = f"az://{azure_server.account}/{container}/in/", azure_server.make_bucket()
        there = ("--endpoint", azure_server.endpoint)

        def run(*command: str) -> str:
            done = run_command(*command, home=tmp_path, **own(azure_server))
            assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout, done.stderr)
            return done.stdout

        assert PREVIEWED in run("preview", address, "--criteria", str(criteria), *there)
        output = f"az://{azure_server.account}/{results}/out/"
        assert COUNT in run("screen", address, "--criteria", str(criteria), *there, "--output", output, "--copy")
        with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
            (row,) = ledger.runs()
            assert row.manifest_uri == f"{output}{row.id}/manifest.json"
        listed = [info.key for info in azure_server.store(results, f"out/{row.id}/objects/").list()]
        assert [Path(key).name for key in listed] == ["one.dcm", "two.dcm"]
        assert "one.dcm" in run("trace", f"{address}one.dcm")
        assert PREVIEWED in run("preview", address, "--criteria", str(criteria), "--no-listing")
        run("pull", row.id, str(tmp_path / "pulled"), "--by-key", *there)
        assert len(list((tmp_path / "pulled").rglob("*.dcm"))) == 2

    def test_azure_is_computed_on_and_published_to(
        self, azure_server: AzureServer, criteria: Path, tmp_path: Path
    ) -> None:
        container, results = azure_server.make_bucket(), azure_server.make_bucket()
        for number in range(3):
            slice_ = make_instance(series_instance_uid="1.2.3.9", SOPInstanceUID=f"1.2.3.9.{number}", Modality="CT")
            azure_server.put(container, f"größe/{number} a%20b.dcm", slice_)
        address, output = (f"az://{azure_server.account}/{bucket}" for bucket in (container, results))
        there = ("--endpoint", azure_server.endpoint)
        counted = "str(len(list(pathlib.Path(sys.argv[1]).iterdir())))"
        code = f"import pathlib, sys; (pathlib.Path(sys.argv[2]) / 'count').write_text({counted})"
        program = shlex.join([sys.executable, "-c", code, "{input}", "{output}"])

        screened = ("screen", address, "--criteria", str(criteria), *there)
        assert run_command(*screened, home=tmp_path, **own(azure_server)).returncode == 0
        with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
            (row,) = ledger.runs()
        asked = ("compute", row.id, "count", "--output", output, "--command", program, *there)
        done = run_command(*asked, home=tmp_path, **own(azure_server))

        assert (done.returncode, done.stderr) == (0, "")
        assert "COMPLETED" in done.stdout
        store = azure_server.store(results)
        assert [store.read_bytes(info) for info in store.list() if info.key.endswith("/count")] == [b"3"]

    def test_azure_without_credentials_says_what_to_give(
        self, azure_server: AzureServer, container: str, criteria: Path, tmp_path: Path
    ) -> None:
        address = f"az://{azure_server.account}/{container}"
        asked = ("preview", address, "--criteria", str(criteria), "--endpoint", azure_server.endpoint)

        refused = run_command(*asked, "--anonymous", home=tmp_path)
        pays = run_command(*asked, "--requester-pays", home=tmp_path, **own(azure_server))

        assert refused.returncode == 1
        assert "cannot list az://" in refused.stderr
        assert "has no such option; accepted with s3://bucket" in " ".join(pays.stderr.split())


class TestGoogle:
    def test_google_is_screened_without_credentials(
        self, gcs_server: GcsServer, criteria: Path, tmp_path: Path
    ) -> None:
        bucket = gcs_server.make_bucket()
        for key, body in planted.objects().items():
            gcs_server.put(bucket, key, body)
        asked = ("--criteria", str(criteria), "--endpoint", gcs_server.endpoint, "--anonymous")

        done = run_command("screen", f"gs://{bucket}", *asked, "--output", str(tmp_path / "out"), home=tmp_path)

        assert (done.returncode, done.stderr) == (0, "")
        assert COUNT in done.stdout


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "told"),
        [
            ("https://account.blob.core.windows.net/scans/2024?sig=SECRET", "type az://account/scans/2024"),
            ("https://storage.googleapis.com/bucket/p", "type gs://bucket/p"),
            ("https://localhost:9000/bucket", "the server's own address as the endpoint"),
            ("az://container", "names no account and container; accepted: az://account/container/prefix"),
            (
                "abfs://x/y",
                "abfs:// is not known; accepted: az://, dicomweb+http://, dicomweb+https://, file://, gs://",
            ),
            (
                "nowhere",
                "neither s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix, dicomweb+https",
            ),
        ],
    )
    def test_addresses_that_are_none_are_refused_with_what_to_type(
        self, address: str, told: str, criteria: Path, tmp_path: Path
    ) -> None:
        done = run_command("preview", address, "--criteria", str(criteria), home=tmp_path, COLUMNS="400")

        assert done.returncode == 2
        assert told in done.stderr
        assert "SECRET" not in done.stderr
