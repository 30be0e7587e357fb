"""Attack: a request names an endpoint and no credentials, and this machine's own, token included, are sent to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from dicom_sieve.cli.open_store import open_input
from dicom_sieve.contract.read import read_computation, read_request
from dicom_sieve.errors import InvalidRequestError, SettingsError
from dicom_sieve.flows import follow_up
from dicom_sieve.flows.blocks_in_requests import rules_of, with_blocks
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import EndpointRules, Retries
from tests.flows import planted
from tests.stores.scripted_server import Answer, ScriptedServer, serve

EMPTY_LISTING = Answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
REFUSED = (
    "endpoint: would be sent this machine's own credentials; accepted: credentials in the request, no endpoint (AWS), "
    "or one that DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS lists"
)
LISTED, ALLOWED = "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS", "DICOM_SIEVE_ALLOWED_ENDPOINTS"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as scripted:
        scripted.will_answer(EMPTY_LISTING)
        yield scripted


@pytest.fixture(autouse=True)
def _credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "own-token")


def place(endpoint: str | None, credentials: Any = None, region: str = "eu-west-1") -> dict[str, Any]:
    return {"bucket": "bucket", "region": region, "endpoint": endpoint, "credentials": credentials}


def problems_of(given: dict[str, Any], output: dict[str, Any] | None = None) -> tuple[str, ...]:
    """Read a request, and give what is wrong with it."""
    request = {"input_s3_parameters": given, "output_s3_parameters": output, "criteria": planted.IS_CT}
    try:
        read_request(with_blocks(request), Retries(), rules_of(load_settings()))
    except InvalidRequestError as error:
        return error.problems
    return ()


BLOCKS = {
    "without keys": AwsCredentials(),
    "with a key id alone": AwsCredentials(aws_access_key_id="own"),
    "with a secret alone": AwsCredentials(aws_secret_access_key=SecretStr("own")),
    "with a profile": AwsCredentials(profile_name="default"),
    "with empty keys": AwsCredentials(aws_access_key_id="", aws_secret_access_key=SecretStr("")),
}


class TestARequestWithoutCredentials:
    @pytest.mark.parametrize("credentials", [None, "", *BLOCKS.values()], ids=["absent", "empty", *BLOCKS])
    def test_a_request_without_credentials_names_no_endpoint_that_is_not_listed(
        self, server: ScriptedServer, credentials: Any
    ) -> None:
        given = place(server.endpoint, credentials)

        assert problems_of(given, given) == (f"input_s3_parameters.{REFUSED}", f"output_s3_parameters.{REFUSED}")
        with pytest.raises(InvalidRequestError):
            read_computation(
                with_blocks(
                    {
                        "computation": "lung-segmentation",
                        "run_id": "1",
                        "input_s3_parameters": given,
                        "output_s3_parameters": given,
                    }
                ),
                Retries(),
                rules_of(load_settings()),
            )
        assert server.requests == []

    def test_a_request_without_credentials_is_not_waited_for_either(self, server: ScriptedServer) -> None:
        given = place(server.endpoint)

        with pytest.raises(InvalidRequestError, match="would be sent this machine's own credentials"):
            follow_up.read_following({}, {"input_s3_parameters": given, "output_s3_parameters": given})

    @pytest.mark.parametrize("pattern", ["127.0.0.1", "127.0.0.1:{port}", "other, 127.*:{port}", "2130706433"])
    def test_a_request_without_credentials_names_an_endpoint_that_is_listed(
        self, server: ScriptedServer, pattern: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(LISTED, pattern.format(port=server.endpoint.rpartition(":")[2]))
        request = {"input_s3_parameters": place(server.endpoint), "criteria": planted.IS_CT}

        list(read_request(with_blocks(request), Retries(), rules_of(load_settings())).store.list())

        assert server.requests[0].signed_for.startswith("own-id/")

    @pytest.mark.parametrize("pattern", ["127.0.0.1:1", "127.0.0.2", "localhost", "27.0.0.1", "127.0.0.10"])
    def test_a_request_without_credentials_names_none_that_is_like_one_that_is_listed(
        self, server: ScriptedServer, pattern: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(LISTED, pattern)

        assert problems_of(place(server.endpoint)) == (f"input_s3_parameters.{REFUSED}",)

    def test_a_request_without_credentials_goes_to_aws(self) -> None:
        assert problems_of(place(None)) == ()

    @pytest.mark.parametrize(
        "region",
        [
            "x.evil.example/",
            "evil.example/?",
            "evil.example#",
            "a@evil.example",
            "eu-west-1\n",
            "-",
            "1",
            "",
            "ü",
            "a.b",
        ],
    )
    def test_a_request_without_credentials_goes_to_no_host_that_a_region_would_make_of_aws(self, region: str) -> None:
        problem = EndpointRules().find_problem(None, region, uses_default_chain=True)

        assert (
            problem == "is missing, and AWS has no region of that name; accepted: a region as eu-west-1, or an endpoint"
        )


class TestARequestWithCredentialsOfItsOwn:
    @pytest.mark.parametrize(
        "credentials",
        ["key-id:key", AwsCredentials(aws_access_key_id="key-id", aws_secret_access_key=SecretStr("key"))],
        ids=["keys", "block"],
    )
    def test_names_any_endpoint_and_nothing_of_this_machine_is_sent(
        self, server: ScriptedServer, credentials: Any
    ) -> None:
        request = {"input_s3_parameters": place(server.endpoint, credentials), "criteria": planted.IS_CT}

        list(read_request(with_blocks(request), Retries(), rules_of(load_settings())).store.list())

        assert server.requests[0].signed_for.startswith("key-id/")
        assert "own-" not in str(server.requests[0].headers)


class TestTheCommandLine:
    def test_the_command_line_sends_its_users_credentials_where_its_user_says(self, server: ScriptedServer) -> None:
        list(open_input("s3://bucket/", server.endpoint, "eu-west").list())

        assert server.requests[0].signed_for.startswith("own-id/")

    def test_the_command_line_is_held_to_the_endpoints_that_are_allowed(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ALLOWED, "s3.example.test")

        with pytest.raises(InvalidRequestError, match="--endpoint: is not allowed here; accepted: those that"):
            open_input("s3://bucket/", server.endpoint, "eu-west")


class TestEndpointsThatAreAllowed:
    def test_endpoints_that_are_allowed_are_the_whole_list(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ALLOWED, "s3.example.test:443, *.storage.example.test")

        told = {
            endpoint: problems_of(place(endpoint, "key-id:key"))
            for endpoint in (server.endpoint, "http://s3.example.test", "https://example.test", None)
        }

        words = f"is missing, and AWS is not allowed here; accepted: those that {ALLOWED} lists"
        assert told.pop(None) == (f"input_s3_parameters.endpoint: {words}",)
        said = (f"input_s3_parameters.endpoint: is not allowed here; accepted: those that {ALLOWED} lists",)
        assert set(told.values()) == {said}

    def test_endpoints_that_are_allowed_may_be_aws_in_some_regions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(ALLOWED, "s3.eu-*.amazonaws.com")

        assert problems_of(place(None)) == ()
        assert problems_of(place(None, region="us-east-1")) != ()

    def test_endpoints_that_are_allowed_are_not_sent_this_machines_credentials_for_that(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ALLOWED, "127.0.0.1")

        assert problems_of(place(server.endpoint)) == (f"input_s3_parameters.{REFUSED}",)

    @pytest.mark.parametrize("text", ["http://host", "host/", "a b", "host:x", "host,,other", "[::1", "user@host"])
    def test_endpoints_that_are_allowed_that_are_written_otherwise_are_refused_at_the_start(
        self, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in (ALLOWED, LISTED):
            with monkeypatch.context() as patch:
                patch.setenv(name, text)
                with pytest.raises(SettingsError, match=name):
                    load_settings()


class TestPatterns:
    """What a list of endpoints covers: a name that anybody may register must not be on it."""

    @pytest.mark.parametrize(
        ("pattern", "host"),
        [
            ("10.0.0.*:9000", "10.0.0.1.evil.example"),
            ("10.0.0.1*", "10.0.0.1.evil.example"),
            ("10.*", "10.evil.example"),
            ("10.0.0.?", "10.0.0.x"),
            ("minio*", "minio.evil.example"),
            ("minio*", "minio-x.evil.example"),
            ("minio.*", "minio.evil"),
            ("s3.eu-*.amazonaws.com", "s3.eu-x.evil.amazonaws.com"),
            ("*.example.org", "evilexample.org"),
            ("*.example.org", "example.org"),
            ("*.example.org", "a.example.org.evil.example"),
            ("*.example.org", "10.0.0.1"),
            ("*.*", "evil.example"),
            ("fd*", "[fd00::1]"),
            ("[fd00::*]", "fd00.evil.example"),
        ],
    )
    def test_patterns_do_not_cover_a_name_of_somebody_else(self, pattern: str, host: str) -> None:
        rules = EndpointRules(default_chain=(pattern,))

        assert not rules.trusts(host.strip("[]"), 9000)

    @pytest.mark.parametrize(
        ("pattern", "host"),
        [
            ("10.0.0.*:9000", "10.0.0.1"),
            ("10.*", "10.0.0.1"),
            ("10.0.0.1*", "10.0.0.12"),
            ("[fd00::*]:9000", "fd00::1"),
            ("minio*", "minio-2"),
            ("minio.example.org", "MINIO.example.org."),
            ("s3.eu-*.amazonaws.com:9000", "s3.eu-west-1.amazonaws.com"),
            ("*.example.org", "a.example.org"),
            ("*.example.org", "a.b.example.org"),
            ("*", "anything.example"),
            ("*:9000", "10.0.0.1"),
        ],
    )
    def test_cover_what_they_say(self, pattern: str, host: str) -> None:
        assert EndpointRules(default_chain=(pattern,)).trusts(host, 9000)
