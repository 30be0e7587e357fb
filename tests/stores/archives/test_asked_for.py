"""Archives are opened where a command or a request asks for it, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dicom_sieve.computations.registry import kinds
from dicom_sieve.contract.parameters import Parameters
from dicom_sieve.contract.read import read_computation, read_request
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.stores import EndpointRules, Retries, S3Store
from dicom_sieve.stores.archives.store import ArchivesOfInventory, ArchivesOpened
from tests.cli.command import run_command
from tests.flows import planted
from tests.screening.screenings import ct, mr
from tests.stores.archives.packed import tar_gz, tarred, zipped

MEMBERS = {"1.dcm": ct("1.5.1", "1.6.1"), "2.dcm": ct("1.5.1", "1.6.2"), "3.dcm": mr("1.5.2", "1.6.3")}
S3_PLACE = {"bucket": "b", "region": "r", "credentials": "a:b"}
SCHEMA = jsonschema.Draft202012Validator(Parameters.model_json_schema())


class TestTheCommand:
    def screen(self, tmp_path: Path, *options: str) -> dict[str, Any]:
        bucket = tmp_path / "bucket"
        bucket.mkdir()
        (bucket / "a.zip").write_bytes(zipped(MEMBERS))
        (bucket / "b.tar").write_bytes(tarred(MEMBERS))
        (bucket / "c.tgz").write_bytes(tar_gz(MEMBERS))
        (tmp_path / "criteria.json").write_text(json.dumps(planted.IS_CT))
        asked = ("--criteria", str(tmp_path / "criteria.json"), "--json", *options)
        done = run_command("screen", str(bucket), *asked, home=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def test_archives_are_screened_copied_and_pulled(self, tmp_path: Path) -> None:
        run = self.screen(tmp_path, "--archives", "--output", str(tmp_path / "out"), "--copy")

        assert (run["counts"]["passed"], run["counts"]["listed"]) == (6, 9)
        copies = tmp_path / "out" / run["run_id"] / "objects"
        assert (copies / "c.tgz!" / "1.dcm").read_bytes() == MEMBERS["1.dcm"]
        assert len(list(copies.rglob("*.dcm"))) == 6

        pulled = run_command("pull", run["run_id"], str(tmp_path / "pulled"), "--json", home=tmp_path)

        assert json.loads(pulled.stdout)["outcomes"] == {"PULLED": 6}

    def test_archives_are_objects_as_others_where_nobody_asks(self, tmp_path: Path) -> None:
        counts = self.screen(tmp_path)["counts"]

        assert (counts["listed"], counts["passed"]) == (3, 0)

    def test_archives_are_previewed(self, tmp_path: Path) -> None:
        self.screen(tmp_path)
        asked = ("--criteria", str(tmp_path / "criteria.json"), "--archives")
        previewed = run_command("preview", str(tmp_path / "bucket"), *asked, "--json", home=tmp_path)
        refused = run_command("preview", str(tmp_path / "bucket"), *asked, "--no-listing", home=tmp_path)

        assert json.loads(previewed.stdout)["counts"]["passed"] == 6
        assert "there is nothing to list; leave out --no-listing" in refused.stderr

    def test_archives_are_not_asked_of_a_pacs(self, tmp_path: Path) -> None:
        (tmp_path / "criteria.json").write_text(json.dumps(planted.IS_CT))
        asked = ("--criteria", str(tmp_path / "criteria.json"), "--archives")

        refused = run_command("screen", "dicomweb+https://127.0.0.1/dicom-web", *asked, home=tmp_path)

        assert "holds no archives" in refused.stderr


class TestARequest:
    def asked(self, **given: Any) -> dict[str, Any]:
        return {"criteria": planted.IS_CT, **given}

    def test_a_request_that_says_nothing_of_archives_is_the_same_as_ever(self) -> None:
        asked = self.asked(input_s3_parameters=S3_PLACE)

        assert isinstance(read_request(asked, Retries()).store, S3Store)
        asked["input_s3_parameters"] = {**S3_PLACE, "archives": False}
        assert isinstance(read_request(asked, Retries()).store, S3Store)

    @pytest.mark.parametrize(
        "given",
        [
            {"input_s3_parameters": {**S3_PLACE, "archives": True}},
            {"input": {"uri": "s3://b", "archives": True}},
            {"input": {"uri": "gs://b", "anonymous": True, "archives": True}},
        ],
    )
    def test_a_request_for_archives_opens_them(self, given: dict[str, Any]) -> None:
        asked = self.asked(**given)

        assert list(SCHEMA.iter_errors(asked)) == []
        store = read_request(asked, Retries()).store
        assert isinstance(store, ArchivesOpened)
        assert store.lists

    @pytest.mark.parametrize("field", ["input_s3_parameters", "input"])
    def test_archives_are_not_asked_for_where_nothing_is_listed(self, field: str) -> None:
        place = {"uri": "s3://b"} if field == "input" else S3_PLACE
        asked = self.asked(**{field: {**place, "archives": True}}, listing="LAST")

        with pytest.raises(InvalidRequestError) as refused:
            read_request(asked, Retries())

        assert refused.value.problems == (
            f"{field}.archives: with listing LAST nothing is listed; accepted: one of the two",
        )

    def test_what_was_listed_last_is_read_in_its_archives(self) -> None:
        store = read_request(self.asked(input_s3_parameters=S3_PLACE, listing="LAST"), Retries()).store

        assert isinstance(store, ArchivesOpened)
        assert not store.lists

    def test_an_inventory_of_archives_is_read_with_their_members(self) -> None:
        uri = "s3://inventories/manifest.json"

        request = read_request(
            self.asked(input_s3_parameters={**S3_PLACE, "archives": True, "inventory": uri}), Retries()
        )

        assert isinstance(request.inventory, ArchivesOfInventory)
        assert request.inventory.store == request.store

    def test_a_request_that_is_no_yes_or_no_is_refused(self) -> None:
        asked = self.asked(input_s3_parameters={**S3_PLACE, "archives": "yes"})

        assert list(SCHEMA.iter_errors(asked))
        with pytest.raises(InvalidRequestError, match=r"input_s3_parameters\.archives"):
            read_request(asked, Retries())

    def test_a_pacs_holds_no_archives(self) -> None:
        rules = EndpointRules(default_chain=("127.0.0.1",))
        uri = "dicomweb+https://127.0.0.1/dicom-web"

        with pytest.raises(InvalidRequestError, match=r"input\.archives: dicomweb\+https:// holds none"):
            read_request(self.asked(input={"uri": uri, "archives": True, "anonymous": True}), Retries(), rules)

    def test_computations_read_what_runs_found_in_archives(self) -> None:
        asked = {
            "computation": next(iter(kinds())),
            "run_id": "1f3a",
            "input_s3_parameters": S3_PLACE,
            "output_s3_parameters": {**S3_PLACE, "bucket": "results"},
        }

        source = read_computation(asked, Retries()).input

        assert isinstance(source, ArchivesOpened)
        assert not source.lists
