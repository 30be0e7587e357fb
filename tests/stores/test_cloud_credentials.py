"""Credentials of Google and Azure: what is accepted, how tokens are asked for and kept, and that nothing is shown."""

import base64
import hmac
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dicom_sieve import open_store
from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.objects import Location
from dicom_sieve.stores import EndpointRules, Retries
from dicom_sieve.stores.azure import credentials as azure
from dicom_sieve.stores.azure.service import VERSION, AzureService
from dicom_sieve.stores.azure.signing import Sas, SharedKey, describe
from dicom_sieve.stores.gcs import credentials as gcs
from dicom_sieve.stores.gcs.service import GcsService
from dicom_sieve.stores.rest.errors import CredentialsError, NotCredentialsError
from dicom_sieve.stores.rest.messages import BytesBody, Call
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Bearer
from tests.stores.scripted_server import Answer, ScriptedServer, serve
from tests.support.clouds import AzureServer, GcsServer

RULES = EndpointRules()
QUICK = Retries(read_attempts=2, first_pause_seconds=0.0)
TOKEN = Answer(200, json.dumps({"access_token": "planted-token", "expires_in": 3600}).encode())


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    """A key of a service account."""
    return generate_private_key(65_537, 2_048)


@pytest.fixture
def account(key: RSAPrivateKey) -> dict[str, str]:
    """A service account's key, as Google gives it; where it says tokens are from is not asked."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    said = {"type": "service_account", "client_email": "sieve@example.test", "private_key": pem}
    return {**said, "private_key_id": "id-of-key", "token_uri": "http://169.254.169.254/token"}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server that gives tokens out, in place of Google's and Azure's."""
    with serve() as server:
        server.will_answer(TOKEN)
        monkeypatch.setattr(gcs, "TOKENS", f"{server.endpoint}/token")
        monkeypatch.setattr(azure, "TOKENS", server.endpoint)
        yield server


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class TestOfGoogle:
    def test_a_service_account_signs_who_asks_for_what(
        self, account: dict[str, str], key: RSAPrivateKey, tokens: ScriptedServer
    ) -> None:
        signer = Bearer(gcs.read_credentials(json.dumps(account), RULES, QUICK))
        assert not signer.is_ready

        signer.renew()

        (request,) = tokens.requests
        form = parse_qs(request.body.decode())
        head, claims, signature = form["assertion"][0].split(".")
        key.public_key().verify(decode(signature), f"{head}.{claims}".encode(), PKCS1v15(), hashes.SHA256())
        said = json.loads(decode(claims))
        assert json.loads(decode(head)) == {"alg": "RS256", "typ": "JWT", "kid": "id-of-key"}
        assert (said["iss"], said["scope"]) == ("sieve@example.test", gcs.SCOPE)
        assert 0 < said["exp"] - said["iat"] <= 3_600
        assert signer.is_ready
        assert signer.sign(Call("GET", "/")).headers == {"Authorization": "Bearer planted-token"}

    def test_a_token_is_kept_and_asked_for_again_in_another_process(
        self, account: dict[str, str], tokens: ScriptedServer, gcs_server: GcsServer
    ) -> None:
        bucket = gcs_server.make_bucket()
        gcs_server.put(bucket, "key", b"bytes")
        signer = Bearer(gcs.read_credentials(account, RULES, QUICK))
        store = RestStore(GcsService(bucket, signer, gcs_server.endpoint))
        (listed,) = store.list()
        assert [store.read_bytes(listed) for _ in range(3)] == [b"bytes"] * 3
        assert len(tokens.requests) == 1

        other = pickle.loads(pickle.dumps(store))
        assert other.read_bytes(listed) == b"bytes"
        assert len(tokens.requests) == 2

    def test_a_user_s_login_of_gcloud_is_taken_from_its_file(
        self, tokens: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "planted-refresh"}
        file = tmp_path / "application_default_credentials.json"
        file.write_text(json.dumps(said))
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        assert gcs.OfThisMachine(RULES, QUICK).fetch().text == "planted-token"
        monkeypatch.setenv(gcs.VARIABLE, str(file))
        assert gcs.OfThisMachine(RULES, QUICK).fetch().text == "planted-token"

        assert parse_qs(tokens.requests[0].body.decode())["refresh_token"] == ["planted-refresh"]
        file.write_text("planted-refresh")
        with pytest.raises(CredentialsError, match=r"^GoogleCredentialsUnreadable; the file of GOOGLE_APPLICATION"):
            gcs.OfThisMachine(RULES, QUICK).fetch()

    def test_a_machine_without_credentials_says_what_to_give(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gcs_server: GcsServer
    ) -> None:
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.setattr(gcs, "_METADATA", "http://127.0.0.1:9/token")
        store = RestStore(GcsService("bucket", Bearer(gcs.OfThisMachine(RULES, QUICK)), gcs_server.endpoint))

        with pytest.raises(StoreError, match="NoGoogleCredentials; this machine has none of Google's: give the JSON"):
            list(store.list())

    @pytest.mark.parametrize("change", [{"type": "external_account"}, {"private_key": "PLANTED"}, {"client_email": ""}])
    def test_what_is_no_key_is_refused_and_not_quoted(self, account: dict[str, str], change: dict[str, str]) -> None:
        for given in (account | change, json.dumps(account | change)):
            with pytest.raises(NotCredentialsError, match=r"accepted: the JSON of a service account's key") as raised:
                gcs.read_credentials(given, RULES)
            assert "PLANTED" not in str(raised.value)

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (Answer(400, b'{"error": "invalid_grant"}'), "TokenRefused"),
            (Answer(500), "TokenFault"),
            (Answer(200, b"{}"), "TokenFault"),
            (Answer(200, b'{"access_token": "a\\r\\nX: y"}'), "TokenFault"),
            (Answer(307, headers={"Location": "http://127.0.0.1:9/"}), "TokenRefused"),
            (Answer(0), "TokenFault"),
        ],
    )
    def test_no_token_is_an_error_with_what_to_do(
        self, account: dict[str, str], tokens: ScriptedServer, answer: Answer, code: str
    ) -> None:
        tokens.will_answer(answer)

        with pytest.raises(CredentialsError, match=f"^{code}; "):
            gcs.read_credentials(account, RULES, QUICK).fetch()


class TestOfAzure:
    def test_an_app_asks_for_a_token_of_its_directory(self, tokens: ScriptedServer) -> None:
        given = {"tenant_id": "tenant.example", "client_id": "client", "client_secret": "planted-secret"}
        signer = azure.read_credentials(json.dumps(given), "account", RULES, QUICK)

        assert isinstance(signer, Bearer)
        assert isinstance(signer.source, azure.App)
        app = azure.App("tenant.example", "client", "planted-secret", authority=tokens.endpoint, retries=QUICK)
        assert app.fetch().text == "planted-token"

        (request,) = tokens.requests
        assert request.path == "/tenant.example/oauth2/v2.0/token"
        form = parse_qs(request.body.decode())
        assert (form["client_secret"], form["scope"]) == (["planted-secret"], [azure.SCOPE])
        assert "planted" not in repr(signer) + repr(app)

    def test_the_environment_is_read_as_azure_s_tools_read_it(
        self, tokens: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert azure.find_credentials("account", RULES) == Bearer(azure.ManagedIdentity(""))
        proof = tmp_path / "proof"
        proof.write_text("planted-proof\n")
        for name, value in {
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_FEDERATED_TOKEN_FILE": str(proof),
            "AZURE_AUTHORITY_HOST": f"{tokens.endpoint}/",
        }.items():
            monkeypatch.setenv(name, value)
        signer = azure.find_credentials("account", RULES, QUICK)
        assert isinstance(signer, Bearer)
        signer.renew()
        assert parse_qs(tokens.requests[0].body.decode())["client_assertion"] == ["planted-proof"]
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "account")
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")
        assert azure.find_credentials("account", RULES) == Sas("sv=1&sig=x")
        assert isinstance(azure.find_credentials("another", RULES), Bearer)
        monkeypatch.setenv("AZURE_STORAGE_KEY", base64.b64encode(b"k" * 64).decode())
        assert azure.find_credentials("account", RULES) == SharedKey("account", b"k" * 64)

    def test_a_machine_asks_its_metadata_as_azure_says(
        self, tokens: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(azure, "_METADATA", f"{tokens.endpoint}/metadata/identity/oauth2/token")

        assert azure.ManagedIdentity("client").fetch().text == "planted-token"

        (request,) = tokens.requests
        assert request.headers["metadata"] == "true"
        assert "resource=https%3A%2F%2Fstorage.azure.com%2F" in request.path
        tokens.will_answer(Answer(404))
        with pytest.raises(CredentialsError, match=r"^NoAzureCredentials; this machine has none of Azure's"):
            azure.ManagedIdentity().fetch()

    def test_the_text_that_is_signed_is_that_of_azure_s_documentation(self) -> None:
        headers = {"x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT", "x-ms-version": "2015-02-21"}
        call = Call("GET", "/mycontainer?restype=container&comp=metadata&timeout=20", headers)

        assert describe(call, "myaccount") == (
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
            "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        )
        written = Call("PUT", "/c/a%20b", {"Content-Type": "t/s", "x-ms-version": VERSION}, BytesBody(b"12345"))
        assert describe(written, "myaccount").splitlines()[:6] == ["PUT", "", "", "5", "", "t/s"]
        assert describe(written, "myaccount").endswith("/myaccount/c/a%20b")

    def test_signatures_are_made_with_the_account_s_key(self) -> None:
        signed = SharedKey("account", b"k" * 64).sign(Call("GET", "/c", {"x-ms-version": VERSION}))

        plain = Call("GET", "/c", {name: value for name, value in signed.headers.items() if name != "Authorization"})
        digest = hmac.digest(b"k" * 64, describe(plain, "account").encode(), "sha256")
        assert signed.headers["Authorization"] == f"SharedKey account:{base64.b64encode(digest).decode()}"


class TestOpening:
    def test_addresses_are_opened_with_credentials_that_are_given(self, azure_server: AzureServer) -> None:
        container = azure_server.make_bucket()
        azure_server.put(container, "p/key", b"bytes")
        address = f"az://{azure_server.account}/{container}/p/"

        store = open_store(address, endpoint=azure_server.endpoint, credentials=azure_server.key)

        assert [info.key for info in store.list()] == ["p/key"]
        assert store.location == Location(f"az:{azure_server.endpoint}", f"{azure_server.account}/{container}", "p/")
        assert str(store.location) == address.rstrip("/")

    def test_addresses_of_a_run_s_emulator_get_credentials_only_where_it_is_named_or_listed(
        self, azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where = Location(f"az:{azure_server.endpoint}", f"{azure_server.account}/{azure_server.make_bucket()}")
        with pytest.raises(InvalidRequestError, match="comes from the ledger, and would be sent the credentials that"):
            open_store(where, credentials=azure_server.key)
        with pytest.raises(InvalidRequestError, match="would be sent this machine's own credentials"):
            open_store(where)

        assert list(open_store(where, credentials=azure_server.key, endpoint=azure_server.endpoint).list()) == []
        monkeypatch.setenv("DICOM_SIEVE_ALLOWED_ENDPOINTS", "127.0.0.1")
        assert list(open_store(where, credentials=azure_server.key).list()) == []

    def test_an_endpoint_for_aws_s_tools_is_none_of_other_clouds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000/")

        for endpoint in (None, "http://127.0.0.1:9000"):
            assert open_store("gs://bucket", endpoint=endpoint).location.endpoint == "gs:"
            assert open_store("az://account/container", endpoint=endpoint).location.endpoint == "az:"

    @pytest.mark.parametrize(
        ("address", "instead"),
        [
            ("https://account.blob.core.windows.net/c/p/1?sv=1&sig=SECRET", "type az://account/c/p/1"),
            ("https://account.dfs.core.windows.net/c", "type az://account/c"),
            ("https://storage.googleapis.com/bucket/p", "type gs://bucket/p"),
            ("https://storage.cloud.google.com/bucket", "type gs://bucket"),
            ("https://bucket.storage.googleapis.com/p", "type gs://bucket/p"),
            ("https://s3.eu-west-1.amazonaws.com/bucket/p", "type s3://bucket/p"),
            ("http://127.0.0.1:9000/bucket", "and the server's own address as the endpoint"),
        ],
    )
    def test_addresses_of_the_web_are_refused_with_what_to_type_instead(self, address: str, instead: str) -> None:
        with pytest.raises(InvalidRequestError, match="an address of the web is no location") as raised:
            open_store(address)

        assert str(raised.value).endswith(instead)
        assert "SECRET" not in str(raised.value)

    @pytest.mark.parametrize("given", [{"credentials": "PLANTED"}, {"credentials": "{}"}])
    def test_credentials_that_are_none_are_not_quoted(self, given: dict[str, Any]) -> None:
        for address in ("gs://bucket", "az://account/container"):
            with pytest.raises(InvalidRequestError, match=r"^credentials: ") as raised:
                open_store(address, **given)
            assert "PLANTED" not in str(raised.value)

    def test_a_service_of_azure_is_asked_by_the_path_where_its_host_is_not_the_account(self) -> None:
        hosted = AzureService("account", "c", Sas("x"), "https://account.blob.core.windows.net")
        by_path = AzureService("account", "c", Sas("x"), "http://127.0.0.1:10000")

        assert hosted.looking("a b/é").target == "/c/a%20b/%C3%A9"
        assert by_path.looking("a/../b").target == "/account/c/a%2F..%2Fb"
