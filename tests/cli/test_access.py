"""``--anonymous`` and ``--requester-pays``: the input is read so, and where it lies is the same location."""

from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.flows import planted
from tests.security.certificates import make_server_context
from tests.stores.scripted_server import Answer, Request
from tests.stores.small_s3 import error, small_s3
from tests.support.builders import make_instance

OBJECTS = {"one.dcm": make_instance(SOPInstanceUID="1.2.3.4", Modality="CT")}
OWN = {"AWS_ACCESS_KEY_ID": "own-id", "AWS_SECRET_ACCESS_KEY": "own-key", "AWS_SESSION_TOKEN": "own-token"}


@pytest.fixture
def criteria(tmp_path: Path) -> Path:
    file = tmp_path / "criteria.json"
    file.write_text(str(planted.IS_CT).replace("'", '"'))
    return file


def wants_payer(request: Request, answer: Answer) -> Answer:
    return answer if "x-amz-request-payer" in request.headers else error(403, "AccessDenied")


class TestAnonymous:
    def test_screens_and_copies_with_no_credentials_of_the_environment(self, criteria: Path, tmp_path: Path) -> None:
        with small_s3(OBJECTS) as server:
            output = tmp_path / "output"
            asked = ("--criteria", str(criteria), "--endpoint", server.endpoint, "--output", str(output), "--copy")

            done = run_command("screen", "s3://bucket", *asked, "--anonymous", home=tmp_path, **OWN)

            assert (done.returncode, done.stderr) == (0, "")
            assert "1 of 1 instances passed" in done.stdout
            assert len(list(output.rglob("one.dcm"))) == 1
            assert not any("authorization" in request.headers for request in server.requests)

    def test_previews_the_location_that_credentials_screen(self, criteria: Path, tmp_path: Path) -> None:
        with small_s3(OBJECTS) as server:
            asked = ("s3://bucket", "--criteria", str(criteria), "--endpoint", server.endpoint)

            for command in (("preview", *asked, "--anonymous"), ("screen", *asked), ("screen", *asked, "--anonymous")):
                assert run_command(*command, home=tmp_path, **OWN).returncode == 0

        with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
            assert [row.counts and row.counts["indexed"] for row in ledger.runs()] == [0, 0]
            assert len({(row.endpoint, row.bucket, row.prefix) for row in ledger.runs()}) == 1

    @pytest.mark.parametrize("command", ["screen", "preview"])
    def test_anonymous_is_of_no_directory_and_pays_nothing(self, command: str, criteria: Path, tmp_path: Path) -> None:
        asked = ("--criteria", str(criteria))

        directory = run_command(command, str(tmp_path), *asked, "--anonymous", home=tmp_path)
        both = run_command(command, "s3://bucket", *asked, "--anonymous", "--requester-pays", home=tmp_path)

        assert (directory.returncode, both.returncode) == (2, 2)
        assert "a directory is read by this machine" in " ".join(directory.stderr.split())
        assert "--anonymous: nobody would pay" in " ".join(both.stderr.split())


class TestRequesterPays:
    @pytest.mark.parametrize("command", ["screen", "preview"])
    def test_requester_pays_is_said_by_each_request(self, command: str, criteria: Path, tmp_path: Path) -> None:
        with small_s3(OBJECTS, wants_payer) as server:
            asked = ("s3://bucket", "--criteria", str(criteria), "--endpoint", server.endpoint)

            without = run_command(command, *asked, home=tmp_path, **OWN)
            done = run_command(command, *asked, "--requester-pays", home=tmp_path, **OWN)

        assert (without.returncode, done.returncode) == (1, 0)
        assert "--requester-pays" in without.stderr


class TestAnAuthorityOfOnesOwn:
    def test_an_authority_of_ones_own_is_trusted_by_the_command(self, criteria: Path, tmp_path: Path) -> None:
        tls, authority = make_server_context(tmp_path, "127.0.0.1")
        with small_s3(OBJECTS, tls=tls) as server:
            asked = ("screen", "s3://bucket", "--criteria", str(criteria), "--endpoint", server.endpoint)

            refused = run_command(*asked, home=tmp_path, **OWN)
            done = run_command(*asked, home=tmp_path, DICOM_SIEVE_CA_BUNDLE=str(authority), **OWN)

        assert (refused.returncode, done.returncode) == (1, 0)
        assert "DICOM_SIEVE_CA_BUNDLE" in refused.stderr
        assert "1 of 1 instances passed" in done.stdout
