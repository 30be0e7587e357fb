"""Attack: an endpoint that is this machine's metadata, or a service of ours, in any spelling, is asked with a key."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address

import pytest

from dicom_sieve.contract.read import read_request
from dicom_sieve.contract.read_location import read_location
from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.flows.blocks_in_requests import rules_of
from dicom_sieve.literals import read_literal
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import EndpointRules, Retries, S3Access, S3Store, StaticCredentials
from dicom_sieve.stores.addresses import forbidden
from tests.flows import planted
from tests.security.resolver import Resolver
from tests.security.spellings import NAMES, READ_IN_TWO_WAYS, all_of, of_own_services
from tests.stores.scripted_server import Answer, ScriptedServer, serve

EMPTY_LISTING = Answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
KEYS = StaticCredentials("key-id", "access-key")


@dataclass
class Listener:
    """A service of ours that counts who comes."""

    port: int
    came: list[object] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        listener = Listener(server.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                listener.came.append(address)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening() as listener:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{listener.port}/api")
        yield listener


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening() as listener:
        url = f"postgresql://user:pass@localhost:{listener.port}/ledger"
        monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", url)
        yield listener


@pytest.fixture
def rules(prefect: Listener, postgres: Listener) -> EndpointRules:
    return EndpointRules.from_settings(load_settings(), f"http://127.0.0.1:{prefect.port}/api")


def endpoint_of(prefect: Listener, postgres: Listener) -> list[str]:
    return all_of(prefect.port, postgres.port)


class TestSixtySpellings:
    def test_sixty_spellings_are_refused_on_the_command_line_before_a_packet(
        self, prefect: Listener, postgres: Listener
    ) -> None:
        spellings = endpoint_of(prefect, postgres)
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "PLANTED",
            "AWS_SECRET_ACCESS_KEY": "PLANTED",
            "DICOM_SIEVE_READ_ATTEMPTS": "1",
        }
        asked = json.dumps({"endpoints": spellings, "names": NAMES})

        done = subprocess.run(
            [sys.executable, "-m", "tests.security.asking"],
            input=asked,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

        told = json.loads(done.stdout)
        assert len(spellings) > 60
        assert told["tried"] == []
        assert [endpoint for endpoint, became in told["became"].items() if not became.startswith("--endpoint: ")] == []
        assert prefect.came == postgres.came == []

    def test_sixty_spellings_are_refused_in_a_request_by_words_that_name_the_field(
        self, prefect: Listener, postgres: Listener, rules: EndpointRules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({name: [have] for name, have in NAMES.items()}))

        for spelling in endpoint_of(prefect, postgres):
            place = {"bucket": "b", "region": "r", "endpoint": spelling, "credentials": "PLANTED:SECRET"}
            given = {"input_s3_parameters": place, "output_s3_parameters": place, "criteria": planted.IS_CT}
            with pytest.raises(InvalidRequestError) as error:
                read_request(given, Retries(), rules)
            assert [problem.partition(": ")[0] for problem in error.value.problems] == [
                "input_s3_parameters.endpoint",
                "output_s3_parameters.endpoint",
            ], spelling
            assert all("accepted: " in problem for problem in error.value.problems)
            assert "PLANTED" not in str(error.value)
        assert prefect.came == postgres.came == []

    @pytest.mark.slow
    def test_sixty_spellings_are_refused_by_a_store_itself_where_nobody_asked_before(
        self, prefect: Listener, postgres: Listener, rules: EndpointRules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({name: [have] for name, have in NAMES.items()}))

        for spelling in of_own_services(prefect.port, postgres.port):
            store = S3Store(S3Access("bucket", "eu-west", spelling, KEYS, Retries(read_attempts=1), rules))
            with pytest.raises(StoreError, match="list s3://bucket: the endpoint leads to "):
                list(store.list())
        assert prefect.came == postgres.came == []

    def test_sixty_spellings_that_clients_read_in_two_ways_are_no_endpoints(self) -> None:
        rules = EndpointRules()

        told = {spelling: rules.find_problem(spelling, "r", uses_default_chain=False) for spelling in READ_IN_TWO_WAYS}

        assert [spelling for spelling, problem in told.items() if problem is None or "leads to" in problem] == []

    @pytest.mark.parametrize("endpoint", ["http://[fd00::1%1]", "http://[fd00::1%25eth0]:9000", "http://s3%2e.test"])
    def test_sixty_spellings_with_a_zone_or_an_escape_are_no_endpoints(self, endpoint: str) -> None:
        problem = EndpointRules().find_problem(endpoint, "r", uses_default_chain=False)

        assert problem is not None
        assert problem.startswith("has a host name that is none; accepted: ")

    @pytest.mark.parametrize("text", ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"])
    def test_sixty_spellings_of_metadata_are_known_in_every_zone(self, text: str) -> None:
        assert forbidden(IPv6Address(f"{text}%1")) == forbidden(IPv6Address(text)) == "an address of a cloud's metadata"
        assert read_literal(f"[{text}%eth0]") == IPv6Address(text)


class TestTheWords:
    @pytest.mark.parametrize(
        ("endpoint", "words"),
        [
            ("http://169.254.1.1", "leads to an address of a link alone; accepted: the address of an S3 server"),
            ("http://100.100.100.200", "leads to an address of a cloud's metadata; accepted: the address of an S3"),
            ("http://0.0.0.0", "leads to no address of a machine; accepted: the address of an S3 server"),
            ("http://[ff02::1]", "leads to a multicast address; accepted: the address of an S3 server"),
        ],
    )
    def test_the_words_say_why(self, endpoint: str, words: str) -> None:
        problem = EndpointRules().find_problem(endpoint, "r", uses_default_chain=False)

        assert problem is not None
        assert problem.startswith(words)

    def test_the_words_say_that_it_is_a_service_of_ours(self, prefect: Listener, rules: EndpointRules) -> None:
        problem = rules.find_problem(f"http://127.0.0.1:{prefect.port}", "r", uses_default_chain=False)

        assert problem == "leads to Prefect or the ledger; accepted: the address of an S3 server"


class TestLoopback:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "here.example.test"])
    def test_loopback_may_be_asked_at_every_other_port(
        self, host: str, rules: EndpointRules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({"here.example.test": [["127.0.0.1"]]}))
        with serve() as server:
            server.will_answer(EMPTY_LISTING)
            endpoint = server.endpoint.replace("127.0.0.1", host)

            assert list(S3Store(S3Access("bucket", "eu-west", endpoint, KEYS, rules=rules)).list()) == []

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://user:p@localhost:{port}/db",
            "postgresql+psycopg://user:a[b/c?d@127.0.0.1:{port}/db",
            "postgresql://user@/db?host=/run/postgresql&port={port}",
            "postgresql://user@/db?host=other.example.test:1,localhost:{port}",
            "postgresql://0.0.0.0:{port}/db",
        ],
    )
    def test_loopback_is_the_ledgers_at_its_port_however_its_url_is_written(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", url.format(port=55432))

        problem = rules_of(load_settings()).find_problem("http://127.0.0.1:55432", "r", uses_default_chain=False)

        assert problem is not None
        assert problem.startswith("leads to Prefect or the ledger")


class TestDnsThatChangesItsMind:
    NAME = "changes.example.test"

    def test_dns_that_changes_its_mind_after_the_request_was_read_is_refused_when_it_is_connected_to(
        self, prefect: Listener, postgres: Listener, rules: EndpointRules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolver = Resolver({self.NAME: [["127.0.0.9"], ["127.0.0.1"]]})
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        monkeypatch.setattr(
            "dicom_sieve.stores.endpoints.is_of_this_machine", lambda address: str(address) == "127.0.0.1"
        )
        place = {
            "bucket": "bucket",
            "region": "r",
            "endpoint": f"http://{self.NAME}:{postgres.port}",
            "credentials": "k:s",
        }
        request = read_request({"input_s3_parameters": place, "criteria": planted.IS_CT}, Retries(), rules)

        with pytest.raises(StoreError, match="the endpoint leads to Prefect or the ledger"):
            list(request.store.list())

        assert resolver.asked == [self.NAME] * 2
        assert postgres.came == []

    def test_dns_that_changes_its_mind_between_check_and_connection_is_not_asked_again(
        self, scripted: ScriptedServer, prefect: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = int(scripted.endpoint.rpartition(":")[2])
        resolver = Resolver({self.NAME: [["127.0.0.1"], ["169.254.169.254"]]})
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        scripted.will_answer(EMPTY_LISTING)
        store = S3Store(S3Access("bucket", "eu-west", f"http://{self.NAME}:{port}", KEYS))

        assert list(store.list()) == []

        assert resolver.asked == [self.NAME]
        assert [request.headers["host"] for request in scripted.requests] == [f"{self.NAME}:{port}"]


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with serve() as server:
        yield server


@pytest.mark.parametrize(
    "bucket", ["arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", "name--usw2-az1--x-s3", "arn:aws:s3:::name"]
)
def test_a_bucket_that_leads_to_another_host_is_refused(bucket: str) -> None:
    problems: list[str] = []
    given = {"bucket": bucket, "region": "r", "endpoint": "http://127.0.0.1:9", "credentials": "key:secret"}

    assert read_location(given, "input_s3_parameters", Retries(), problems) is None
    assert problems == [
        "input_s3_parameters.bucket: leads to another host than the endpoint; accepted: the name of a bucket there"
    ]
