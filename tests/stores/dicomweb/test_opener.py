"""Addresses of a PACS: what may be asked, with whose credentials, and the command that names one."""

import json
from pathlib import Path

import pytest
import typer

from dicom_sieve import open_ledger
from dicom_sieve.cli.open_store import open_input, open_output
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import Location
from dicom_sieve.stores import open_store
from dicom_sieve.stores.dicomweb.opener import make_dicomweb
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.open import read_address
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.retries import DEFAULT_RETRIES
from tests.cli.command import run_command
from tests.flows import planted
from tests.support.builders import make_instance
from tests.support.plain_pacs import SERVICES, PlainPacs

OWN, SENT = "own:credentials", "Basic b3duOmNyZWRlbnRpYWxz"


def address_of(pacs: PlainPacs) -> str:
    return f"dicomweb+{pacs.root}{SERVICES}"


@pytest.fixture
def filled(plain: PlainPacs) -> PlainPacs:
    """A PACS with two studies."""
    plain.put(make_instance(SOPInstanceUID="1.5", Modality="CT"))
    plain.put(make_instance(StudyInstanceUID="1.2.33", SOPInstanceUID="1.6", Modality="CT"))
    return plain


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "dicomweb+https://pacs.example.org",
            "dicomweb+https://pacs.example.org:8443/dicom-web",
            "dicomweb+https://pacs.example.org/a/b/studies/1.2",
            "dicomweb+https://pacs.example.org/studies/1.2/series/1.3",
        ],
    )
    def test_an_address_is_read_back(self, address: str) -> None:
        location = read_address(address)

        assert str(location) == address
        assert read_address(str(location)) == location
        assert read_address(f"{address}/") == location

    def test_a_study_is_no_other_whose_uid_begins_alike(self, filled: PlainPacs) -> None:
        store = open_store(f"{address_of(filled)}/studies/1.2.3")

        assert [info.key for info in store.list()] == ["studies/1.2.3/series/1.2.3.4/instances/1.5"]

    @pytest.mark.parametrize("path", ["studies", "studies/1.2/instances/1.3", "studies/../series/1"])
    def test_a_path_that_is_none(self, path: str) -> None:
        with pytest.raises(InvalidRequestError, match="studies/UID"):
            open_store(f"dicomweb+https://127.0.0.1/dicom-web/{path}")

    @pytest.mark.parametrize(
        ("address", "why"),
        [
            ("dicomweb+https://169.254.169.254/dicom-web", "leads to"),
            ("dicomweb+http://10.1.2.3/dicom-web", "is not encrypted"),
            ("dicomweb+https://user:password@pacs.example.org/dicom-web", "holds credentials"),
            ("dicomweb+https://pacs.example.org/dicom-web?a=b", "has a query"),
            ("dicomweb+https://pacs example.org/dicom-web", "host name"),
        ],
    )
    def test_an_endpoint_that_may_not_be_asked(self, address: str, why: str) -> None:
        with pytest.raises(InvalidRequestError, match=why) as refused:
            open_store(address)
        assert "password" not in str(refused.value)

    def test_a_listed_endpoint_may_be_asked_without_encryption(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DICOM_SIEVE_ALLOWED_ENDPOINTS", "10.1.2.3")

        assert open_store("dicomweb+http://10.1.2.3/dicom-web").location.bucket == "10.1.2.3/dicom-web"
        with pytest.raises(InvalidRequestError, match="is not allowed here"):
            open_store("dicomweb+https://10.1.2.4/dicom-web")

    def test_nothing_is_published_to_a_pacs(self) -> None:
        with pytest.raises(typer.BadParameter, match="nothing is written to a PACS"):
            open_output("dicomweb+https://127.0.0.1/dicom-web", None, "us-east-1")


class TestCredentials:
    def test_those_of_the_setting_go_where_the_user_says(
        self, filled: PlainPacs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DICOMWEB_CREDENTIALS", OWN)

        assert list(open_store(address_of(filled)).list())
        assert list(open_input(address_of(filled), None, "us-east-1").list())
        assert filled.authorizations == {SENT}

    def test_those_of_the_setting_go_to_no_place_that_the_ledger_names_alone(
        self, filled: PlainPacs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DICOMWEB_CREDENTIALS", OWN)
        location = read_address(address_of(filled))

        with pytest.raises(InvalidRequestError, match="machine's own credentials"):
            open_store(location)
        with pytest.raises(InvalidRequestError, match="comes from the ledger"):
            open_store(location, credentials="user:password")
        monkeypatch.setenv("DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS", "127.0.0.1")
        assert list(open_store(location).list())
        assert filled.authorizations == {SENT}

    def test_an_endpoint_that_is_named_is_that_of_the_address(
        self, filled: PlainPacs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DICOMWEB_CREDENTIALS", OWN)
        location = read_address(address_of(filled))

        assert list(open_store(location, endpoint=f"{filled.root}{SERVICES}").list())
        with pytest.raises(InvalidRequestError, match="is another than that of the address"):
            open_store(location, endpoint="https://pacs.example.org")
        assert filled.authorizations == {SENT}

    def test_a_machine_s_own_are_no_request_s(self, filled: PlainPacs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DICOMWEB_CREDENTIALS", OWN)
        location, problems = read_address(address_of(filled)), []  # type: tuple[Location, list[str]]

        made = make_dicomweb(location, Access(), EndpointRules(), DEFAULT_RETRIES, problems=problems)

        assert made is None
        wrong = (
            "endpoint: would be sent this machine's own credentials; accepted: credentials in the request, or one that "
            "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS lists"
        )
        assert problems == [wrong]
        given = Access(credentials="user:password")
        assert make_dicomweb(location, given, EndpointRules(), DEFAULT_RETRIES, problems=[]) is not None

    def test_none_are_sent_where_none_are_there(self, filled: PlainPacs) -> None:
        assert list(open_store(Location("dicomweb+http:", read_address(address_of(filled)).bucket)).list())
        assert filled.authorizations == {None}

    @pytest.mark.parametrize("credentials", ["secret", ":secret", "Bearer secret secret", "secret:"])
    def test_credentials_that_are_none_are_not_repeated(self, credentials: str) -> None:
        with pytest.raises(InvalidRequestError, match="user:password, or Bearer and a token") as refused:
            open_store("dicomweb+https://127.0.0.1/dicom-web", credentials=credentials)
        assert "secret" not in str(refused.value)

    def test_no_text_of_a_store_shows_them(self) -> None:
        store = open_store("dicomweb+https://127.0.0.1/dicom-web", credentials="user:secret")

        assert "secret" not in repr(store)
        assert "c2VjcmV0" not in repr(store)


def test_the_command_screens_a_pacs_and_copies_what_passed(filled: PlainPacs, tmp_path: Path) -> None:
    criteria = tmp_path / "criteria.json"
    criteria.write_text(json.dumps(planted.IS_CT))
    asked = ("--criteria", str(criteria), "--output", str(tmp_path / "output"), "--copy")

    done = run_command("screen", address_of(filled), *asked, home=tmp_path, DICOM_SIEVE_DICOMWEB_CREDENTIALS=OWN)

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 instances passed" in done.stdout
    copies = [path for path in (tmp_path / "output").rglob("1.5") if path.is_file()]
    assert [path.read_bytes() for path in copies] == [filled.held["1.2.3", "1.2.3.4", "1.5"]]
    with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
        (run,) = ledger.runs()
    assert run.endpoint == "dicomweb+http:"
    assert OWN not in done.stdout

    pull = ("pull", run.id, str(tmp_path / "pulled"), "--endpoint", f"{filled.root}{SERVICES}")
    pulled = run_command(*pull, home=tmp_path, DICOM_SIEVE_DICOMWEB_CREDENTIALS=OWN)

    assert pulled.returncode == 0, pulled.stderr
    files = [path.read_bytes() for path in (tmp_path / "pulled").rglob("*.dcm")]
    assert sorted(files) == sorted(filled.held.values())
    again = run_command(*pull, "--json", home=tmp_path, DICOM_SIEVE_DICOMWEB_CREDENTIALS=OWN)
    assert json.loads(again.stdout)["outcomes"] == {"PRESENT": 2}
    known = run_command("preview", address_of(filled), "--no-listing", "--criteria", str(criteria), home=tmp_path)
    assert (known.returncode, known.stderr) == (0, "")


def test_a_study_alone_is_known_by_its_address(filled: PlainPacs, tmp_path: Path) -> None:
    criteria = tmp_path / "criteria.json"
    criteria.write_text(json.dumps(planted.IS_CT))
    asked = (f"{address_of(filled)}/studies/1.2.33", "--criteria", str(criteria))

    assert run_command("screen", *asked, home=tmp_path).returncode == 0

    known = run_command("preview", *asked, "--no-listing", home=tmp_path)
    assert (known.returncode, known.stderr) == (0, "")
