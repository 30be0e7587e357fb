"""A store by its address, for who reads objects in Python: etag-bound, and credentials go where they were meant to."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import open_ledger, open_store
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import Location
from dicom_sieve.stores import DirectoryStore, S3Store, StaticCredentials
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.interface import ObjectChangedError, Place
from tests.conftest import S3Server
from tests.screening.screenings import ct, screen_ct
from tests.stores.buckets import fill

BODY = ct(pixel_bytes=20_000_000)


def plain(place: Place) -> S3Store:
    """Give the bucket, whose archives are read, too."""
    assert isinstance(place, ArchivesOpened)
    assert isinstance(place.holder, S3Store)
    return place.holder


class TestReading:
    def test_reading_gives_the_bytes_that_were_judged_and_no_others(self, s3_server: S3Server, tmp_path: Path) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {"a//1.dcm": BODY, "b": ct(uid="1.6")})
        keys = f"{s3_server.credentials.key_id}:{s3_server.credentials.access_key}"
        store = open_store(f"s3://{bucket}", endpoint=s3_server.endpoint, region="eu-west", credentials=keys)
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            screen_ct(store, ledger, "run")
            rows = list(ledger.run("run").objects(verdict="PASSED"))
            judged = ledger.run("run").location
            again = open_store(judged, endpoint=s3_server.endpoint, region="eu-west", credentials=keys)
        s3_server.client().put_object(Bucket=bucket, Key="b", Body=b"as it is now")

        assert again.location == store.location
        for reader in (store, again, pickle.loads(pickle.dumps(store))):
            assert reader.read_bytes(rows[0].info) == BODY
            with pytest.raises(ObjectChangedError):
                reader.read_bytes(rows[1].info)

    @pytest.mark.parametrize("how", ["path", "text", "uri", "relative", "location"])
    def test_reading_of_a_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
        folder = tmp_path / "my images"
        folder.mkdir()
        (folder / "1.dcm").write_bytes(b"bytes")
        monkeypatch.chdir(tmp_path)
        where: dict[str, str | Path | Location] = {
            "path": folder,
            "text": str(folder),
            "uri": f"file://{folder}",
            "relative": "my images",
            "location": DirectoryStore(folder).location,
        }

        store = open_store(where[how])

        [info] = store.list()
        assert store.location == DirectoryStore(folder).location
        assert store.read_bytes(info) == b"bytes"


class TestCredentials:
    def place(self, where: str | Location, **how: Any) -> tuple[str, str]:
        store = plain(open_store(where, **how))
        return store.location.endpoint, type(store.access.credentials).__name__

    def test_credentials_of_this_machine_go_to_aws_and_where_it_was_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = "http://127.0.0.1:9000"
        judged = Location(here, "bucket")
        assert self.place("s3://bucket") == ("https://s3.amazonaws.com", "DefaultChain")
        assert self.place("s3://bucket", endpoint=here + "/") == (here, "DefaultChain")
        assert self.place(judged, endpoint=here) == (here, "DefaultChain")
        assert self.place(judged, endpoint=here, credentials="id:PLANTED") == (here, "StaticCredentials")
        monkeypatch.setenv("AWS_ENDPOINT_URL", here)
        assert self.place("s3://bucket") == (here, "DefaultChain")
        assert self.place(judged) == (here, "DefaultChain")
        assert self.place(Location("https://s3.amazonaws.com", "bucket")) == (
            "https://s3.amazonaws.com",
            "DefaultChain",
        )

    def test_credentials_of_this_machine_do_not_go_where_somebody_else_s_request_led(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged = Location("http://127.0.0.1:9000", "bucket")
        with pytest.raises(
            InvalidRequestError,
            match=r"^endpoint: http://127.0.0.1:9000 comes from the ledger, and would be sent this machine's own "
            r"credentials; accepted: to name it yourself \(endpoint, --endpoint\), or one that "
            r"DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS lists$",
        ):
            open_store(judged)
        monkeypatch.setenv("DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS", "127.0.0.1:9000")

        assert self.place(judged)[1] == "DefaultChain"

    @pytest.mark.parametrize("setting", ["DICOM_SIEVE_ALLOWED_ENDPOINTS", "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS"])
    def test_credentials_that_are_given_do_not_go_there_either(
        self, monkeypatch: pytest.MonkeyPatch, setting: str
    ) -> None:
        judged = Location("http://127.0.0.1:9000", "bucket")
        for keys in ("id:PLANTED", StaticCredentials("id", "PLANTED")):
            with pytest.raises(
                InvalidRequestError,
                match=r"^endpoint: http://127.0.0.1:9000 comes from the ledger, and would be sent the credentials that "
                r"you give; accepted: to name it yourself \(endpoint, --endpoint\), or one that "
                r"DICOM_SIEVE_ALLOWED_ENDPOINTS or DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS lists$",
            ):
                open_store(judged, credentials=keys)
        at_aws = Location("https://s3.amazonaws.com", "bucket")
        assert self.place(at_aws, credentials="id:PLANTED") == (at_aws.endpoint, "StaticCredentials")
        monkeypatch.setenv(setting, "127.0.0.1:9000")

        assert self.place(judged, credentials="id:PLANTED")[1] == "StaticCredentials"

    def test_credentials_are_not_sent_where_a_bucket_is_public(self) -> None:
        judged = Location("http://127.0.0.1:9000", "bucket")
        assert self.place(judged, anonymous=True) == (judged.endpoint, "Anonymous")

    def test_pay_where_that_is_asked_for(self) -> None:
        store = plain(open_store("s3://bucket", requester_pays=True))
        assert store.access.requester_pays

    @pytest.mark.parametrize(
        ("where", "how", "said"),
        [
            ("s3://", {}, "s3:// names no bucket; accepted: s3://bucket/prefix, or a directory"),
            ("s3://b", {"credentials": "PLANTED"}, "credentials: no colon between two parts"),
            ("s3://b", {"endpoint": "http://id:PLANTED@host"}, "endpoint: holds credentials"),
            ("s3://b", {"endpoint": "http://169.254.169.254"}, "endpoint: leads to an address of a cloud's metadata"),
            ("s3://b", {"anonymous": True, "credentials": "id:PLANTED"}, "anonymous: nothing is signed"),
            ("s3://b", {"anonymous": True, "requester_pays": True}, "anonymous: nothing is signed"),
            ("s3://arn:aws:s3", {"endpoint": "http://127.0.0.1:9000"}, "the bucket leads to another host"),
        ],
    )
    def test_wrong_addresses_are_refused_without_a_secret(self, where: str, how: dict[str, Any], said: str) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            open_store(where, **how)

        assert str(refused.value).startswith(said)
        assert "PLANTED" not in str(refused.value)
