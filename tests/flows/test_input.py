"""The parameter ``input``: a store of any kind by its address, beside ``input_s3_parameters``; one of both is given."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema.exceptions import best_match

from dicom_sieve import Ledger
from dicom_sieve.contract.parameters import ComputeParameters, Parameters
from dicom_sieve.contract.read import Request, read_request
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.redaction import redact
from dicom_sieve.stores import DirectoryStore, EndpointRules, Retries, S3Store
from dicom_sieve.stores.azure.service import AzureService
from dicom_sieve.stores.azure.signing import Sas, SharedKey
from dicom_sieve.stores.endpoints import ALLOWED, DEFAULT_CHAIN
from dicom_sieve.stores.gcs.service import GcsService
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Unsigned
from tests.conftest import S3Server
from tests.flows import planted
from tests.support.builders import make_instance
from tests.support.clouds import AzureServer, CloudServer, GcsServer
from tests.support.orthanc import PASSWORD, USER, Orthanc
from tests.support.prefect_server import PrefectServer

RUN = jsonschema.Draft202012Validator(Parameters.model_json_schema())
KEY = "cGxhbnRlZC1rZXktb2YtYW4tYWNjb3VudA=="
SAS = "sv=2021-12-02&sp=rl&sig=PLANTEDSIGNATURE%3D"
SECRETS = (KEY, "PLANTEDSIGNATURE")
S3_PLACE = {"bucket": "b", "region": "r"}
RULES = EndpointRules(default_chain=("listed.example.org",))


def refusal(**given: Any) -> str:
    """Give what the schema says of a request."""
    error = best_match(RUN.iter_errors({"criteria": planted.IS_CT, **given}))
    return "" if error is None else f"{error.json_path}: {error.message}"


def asked(rules: EndpointRules = RULES, **given: Any) -> Request:
    return read_request({"criteria": planted.IS_CT, **given}, Retries(), rules)


def problems(rules: EndpointRules = RULES, **given: Any) -> list[str]:
    with pytest.raises(InvalidRequestError) as raised:
        asked(rules, **given)
    return list(raised.value.problems)


class TestTheSchema:
    @pytest.mark.parametrize(
        "given",
        [
            {"uri": "s3://bucket/a b/ä"},
            {"uri": "gs://bucket"},
            {"uri": "az://account/container/prefix", "credentials": KEY},
            {"uri": "az://account/container", "credentials": {"$ref": str(uuid.uuid4())}, "anonymous": False},
            {"uri": "dicomweb+https://pacs.example.org/dicom-web/studies/1.2", "credentials": "Bearer token"},
            {"uri": "file:///data/images"},
            {"uri": "/data/images", "credentials": None, "endpoint": None, "region": None, "inventory": None},
        ],
    )
    def test_one_input_by_address_is_taken(self, given: dict[str, Any]) -> None:
        assert refusal(input=given) == ""

    def test_the_input_of_s3_is_taken_as_before(self) -> None:
        assert refusal(input_s3_parameters=S3_PLACE) == ""
        assert refusal(input_s3_parameters=S3_PLACE, input=None) == ""

    def test_both_or_neither_are_refused(self) -> None:
        assert refusal(input_s3_parameters=S3_PLACE, input={"uri": "gs://b"}) == (
            "$: 'one of input_s3_parameters and input, not both' is a required property"
        )
        for given in ({}, {"input": None}):
            assert refusal(**given) == "$: 'input_s3_parameters, or input' is a required property"

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (SAS, "input as a location"),
            ([SAS], "input as a location"),
            ({}, "input.uri"),
            ({"credentials": SAS}, "input.uri"),
            ({"uri": f"https://account.blob.core.windows.net/c?{SAS}"}, "az://account/container/prefix"),
            ({"uri": "az://container-alone"}, "az://account/container/prefix"),
            ({"uri": "ftp://host/x"}, "gs://bucket/prefix"),
            ({"uri": "dicomweb+ftp://host/dicom-web"}, "dicomweb+https://host/dicom-web"),
            ({"uri": "gs://b/a\nb"}, "gs://bucket/prefix"),
            ({"uri": 7}, "gs://bucket/prefix"),
            ({"uri": "gs://b", "credentials": 7}, "input.credentials as a text, or as a block"),
            ({"uri": "gs://b", "credentials": {"private_key": SAS}}, "input.credentials as a text, or as a block"),
            ({"uri": "gs://b", "credentials": SAS, "bukket": "x"}, "bukket"),
        ],
    )
    def test_what_is_wrong_is_named_and_no_secret_quoted(self, given: object, said: str) -> None:
        told = refusal(input=given)

        assert said in told
        assert not [secret for secret in SECRETS if secret in told]

    def test_computations_take_the_same(self) -> None:
        schema = jsonschema.Draft202012Validator(ComputeParameters.model_json_schema())
        given = {"run_id": "c0ffee", "computation": "mean-hu", "output_s3_parameters": S3_PLACE}

        assert [error.json_path for error in schema.iter_errors({**given, "input": {"uri": "gs://b"}})] in (
            [],
            ["$.computation"],
        )
        assert "or input" in str(best_match(schema.iter_errors(given)))


class TestWhatIsOpened:
    def test_a_bucket_of_s3_is_opened_as_by_its_own_parameter(self) -> None:
        plain = asked(input_s3_parameters={**S3_PLACE, "prefix": "p/", "credentials": "id:key"})
        by_uri = asked(input={"uri": "s3://b/p/", "region": "r", "credentials": "id:key"})

        assert isinstance(by_uri.store, S3Store)
        assert by_uri.store == plain.store
        assert asked(input={"uri": "s3://b"}).store.location.endpoint == "https://s3.amazonaws.com"

    def test_an_inventory_belongs_to_s3(self) -> None:
        assert asked(input={"uri": "s3://b", "inventory": "s3://i/manifest.json"}).inventory is not None
        assert problems(input={"uri": "gs://b", "inventory": "s3://i/manifest.json", "anonymous": True}) == [
            "input.inventory: there is none of such a store; accepted with s3://bucket"
        ]

    @pytest.mark.parametrize(("text", "kind"), [(KEY, SharedKey), (SAS, Sas), (f"?{SAS}", Sas)])
    def test_a_container_of_azure_is_opened_with_key_or_sas(self, text: str, kind: type) -> None:
        store = asked(input={"uri": "az://account/container/p", "credentials": text}).store

        assert isinstance(store, RestStore)
        assert isinstance(store.service, AzureService)
        assert isinstance(store.service.signer, kind)
        assert store.service.endpoint == "https://account.blob.core.windows.net"
        assert str(store.location) == "az://account/container/p"

    def test_a_bucket_of_google_is_opened_without_credentials(self) -> None:
        store = asked(input={"uri": "gs://bucket/p", "anonymous": True}).store

        assert isinstance(store, RestStore)
        assert isinstance(store.service, GcsService)
        assert isinstance(store.service.signer, Unsigned)
        assert (store.location.endpoint, str(store.location)) == ("gs:", "gs://bucket/p")

    def test_a_directory_is_opened_below_one_that_is_listed(self, tmp_path: Path) -> None:
        (tmp_path / "in" / "deep").mkdir(parents=True)
        (tmp_path / "out").mkdir()
        (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
        rules = replace(RULES, directories=(str(tmp_path / "in"),))
        for uri in (f"{tmp_path}/in", f"file://{tmp_path}/in/deep"):
            assert isinstance(asked(rules, input={"uri": uri}).store, DirectoryStore)

        told = (
            "input.uri: a directory that is not allowed here; accepted: those that DICOM_SIEVE_INPUT_DIRECTORIES lists"
        )
        for uri in (f"{tmp_path}/out", f"{tmp_path}/in/../out", f"{tmp_path}/in/link", str(tmp_path), "/", "/etc"):
            assert problems(rules, input={"uri": uri}) == [told]
        assert problems(input={"uri": f"{tmp_path}/in"}) == [told]


class TestWhatIsRefused:
    def test_everything_that_is_wrong_is_said_at_once_and_no_secret_quoted(self) -> None:
        told = problems(
            input={"uri": "gs://b", "credentials": SAS, "region": "r", "requester_pays": True},
            input_s3_parameters=S3_PLACE,
            preview="yes",
        )

        assert told == [
            "input: given beside input_s3_parameters; accepted: one of the two",
            "input.region: gs:// knows none; accepted with s3://bucket",
            "input.requester_pays: gs:// knows none; accepted with s3://bucket",
            "preview: a value of type str; accepted: true or false",
        ]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"uri": f"https://account.blob.core.windows.net/c/p/?{SAS}"}, "type az://account/c/p"),
            ({"uri": "https://storage.googleapis.com/bucket/a%20b"}, "type gs://bucket/a b"),
            ({"uri": "https://bucket.s3.eu-west-1.amazonaws.com/p"}, "type s3://bucket/p"),
            ({"uri": "https://example.org/x"}, "az://account/container/prefix"),
            ({"uri": "az://container"}, "names no account and container"),
            ({"uri": "az://ACCOUNT/container"}, "input.uri: no name of a storage account"),
            ({"uri": "az://evil.example.org/container", "credentials": KEY}, "input.uri: no name of a storage account"),
            ({"uri": "az://account/-x-"}, "input.uri: no name of a container"),
            ({"uri": "az://account/container", "credentials": "PLANTED"}, "input.credentials: neither key nor SAS"),
            ({"uri": "az://account/container", "credentials": "{}"}, "input.credentials: without tenant_id"),
            ({"uri": "gs://b", "credentials": "{}"}, "input.credentials: of another type"),
            ({"uri": "gs://b", "credentials": KEY}, "input.credentials: no JSON"),
            ({"uri": "gs://b", "credentials": KEY, "anonymous": True}, "input.credentials: beside anonymous"),
            ({"uri": "gs://b", "endpoint": "http://169.254.169.254", "anonymous": True}, "input.endpoint: leads to"),
            ({"uri": "gs://b", "endpoint": "http://user:pw@host", "anonymous": True}, "input.endpoint: holds cred"),
            ({"uri": "gs://b", "endpoint": "http://127.0.0.1:9"}, "would be sent this machine's own credentials"),
            ({"uri": "az://account/container", "endpoint": "http://127.0.0.1:9"}, "this machine's own credentials"),
            ({"uri": "s3://b", "endpoint": "http://127.0.0.1:9"}, "this machine's own credentials"),
            ({"uri": "s3://b", "credentials": "PLANTED"}, "input.credentials: no colon"),
            ({"uri": "/data", "credentials": KEY}, "input.credentials: a directory knows none"),
            ({"uri": "gs://b", "bukket": 1}, "bukket"),
            ("gs://b", "input: is no location"),
        ],
    )
    def test_what_is_wrong_is_said_with_what_is_accepted(self, given: Any, said: str) -> None:
        told = problems(input=given)

        assert len(told) == 1
        assert said in told[0]
        assert not [secret for secret in (*SECRETS, "PLANTED", "pw@") if secret in told[0]]

    def test_clouds_are_refused_where_endpoints_are_listed_and_theirs_is_not(self) -> None:
        rules = EndpointRules(allowed=("minio.example.org",))
        for uri, cloud in (("gs://b", "Google Cloud Storage"), ("az://account/container", "Azure Blob Storage")):
            assert problems(rules, input={"uri": uri, "anonymous": True}) == [
                f"input.endpoint: is missing, and {cloud} is not allowed here; accepted: those that {ALLOWED} lists"
            ]
        allowed = EndpointRules(allowed=("storage.googleapis.com", "*.blob.core.windows.net"))
        for uri in ("gs://b", "az://account/container"):
            assert asked(allowed, input={"uri": uri, "anonymous": True}).store.location.scheme == uri[:2]

    def test_what_prefect_keeps_has_no_secret(self) -> None:
        kept = redact(
            {
                "input": {
                    "uri": "az://account/c/p?q#r",
                    "credentials": KEY,
                    "anonymous": False,
                    "endpoint": "https://h/?x",
                },
                "preview": True,
            }
        )

        assert kept["input"] == {
            "uri": "az://account/c/p?q#r",
            "credentials": "***",
            "anonymous": False,
            "endpoint": "https://h/",
        }
        assert redact({"input": {"uri": f"https://account.blob.core.windows.net/c?{SAS}"}})["input"] == {
            "uri": "https://account.blob.core.windows.net/c"
        }
        assert redact({"input": {"uri": "/data/images"}})["input"] == {"uri": "/data/images"}
        for odd in (SAS, [SAS], {"uri": [SAS]}):
            assert "PLANTED" not in str(redact({"input": odd}))


@pytest.fixture(params=["gcs", "azure with a key", "azure with a SAS", "azure with a block", "s3", "directory"])
def place(request: pytest.FixtureRequest, prefect: PrefectServer) -> Iterator[dict[str, Any]]:
    """A filled place of each kind, as a request names it."""
    kind = request.param.partition(" ")[0]
    if kind == "directory":
        folder = prefect.home / "images" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        for key, body in planted.objects().items():
            (folder / key).write_bytes(body)
        yield {"uri": str(folder)}
        return
    if kind == "s3":
        moto: S3Server = request.getfixturevalue("moto_server")
        bucket = moto.make_bucket()
        for key, body in planted.objects().items():
            moto.client().put_object(Bucket=bucket, Key=key, Body=body)
        yield {"uri": f"s3://{bucket}", "endpoint": moto.endpoint, "credentials": planted.CREDENTIALS}
        return
    server: CloudServer = request.getfixturevalue(f"{kind}_server")
    bucket = server.make_bucket()
    for key, body in planted.objects().items():
        server.put(bucket, f"in/{key}", body)
    if isinstance(server, GcsServer):
        yield {"uri": f"gs://{bucket}/in/", "endpoint": server.endpoint, "anonymous": True}
        return
    given: Any = {"key": server.key, "SAS": server.sas().query}.get(request.param.split()[-1])
    if given is None:
        given = {"$ref": prefect.secret(server.key)}
    yield {"uri": f"az://{server.account}/{bucket}/in/", "endpoint": server.endpoint, "credentials": given}


class TestAPacs:
    URI = "dicomweb+https://93.184.216.34/dicom-web"

    def test_is_opened_with_what_the_request_says(self) -> None:
        store = asked(input={"uri": f"{self.URI}/studies/1.2", "credentials": "user:PLANTED"}).store

        assert str(store.location) == f"{self.URI}/studies/1.2"
        assert "PLANTED" not in repr(store)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"uri": URI, "credentials": "PLANTED"}, "input.credentials: accepted: user:password"),
            ({"uri": URI, "region": "eu"}, "input.region: dicomweb+https:// knows none; accepted with s3://bucket"),
            ({"uri": URI, "requester_pays": True}, "input.requester_pays: dicomweb+https:// knows none"),
            ({"uri": URI, "endpoint": "https://93.184.216.35"}, "input.endpoint: is another than that of the address"),
            ({"uri": f"{URI}/studies/1.2/instances/3"}, "input.uri: accepted behind the URL of the services: studies/"),
            ({"uri": "dicomweb+https://user:PLANTED@host/dicom-web"}, "input.endpoint: holds credentials"),
            ({"uri": "dicomweb+http://93.184.216.34/dicom-web"}, "input.endpoint: is not encrypted"),
            ({"uri": "dicomweb+http://169.254.169.254/dicom-web"}, "input.endpoint: "),
            ({"uri": URI, "anonymous": True, "credentials": "user:PLANTED"}, "input.credentials: beside anonymous"),
        ],
    )
    def test_what_is_wrong_is_said_and_no_secret_quoted(self, given: dict[str, Any], told: str) -> None:
        found = problems(input=given)

        assert [problem for problem in found if problem.startswith(told)], found
        assert "PLANTED" not in str(found)

    def test_this_machine_s_own_credentials_go_where_a_setting_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DICOM_SIEVE_DICOMWEB_CREDENTIALS", "user:PLANTED")

        [problem] = problems(input={"uri": self.URI})

        assert problem.startswith("input.endpoint: ")
        assert DEFAULT_CHAIN in problem
        assert "PLANTED" not in problem
        listed = EndpointRules(default_chain=("93.184.216.34",))
        assert str(asked(listed, input={"uri": self.URI}).store.location) == self.URI


class TestOverRest:
    def test_runs_over_rest_judge_what_lies_there(
        self, place: dict[str, Any], prefect: PrefectServer, served_ledger: Ledger
    ) -> None:
        run = prefect.start({"input": place, "criteria": planted.IS_CT})

        assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
        rows = {Path(row.object_key).name: row.verdict for row in served_ledger.run(run).instances()}
        assert rows == {"one.dcm": "PASSED", "two.dcm": "PASSED", "three.dcm": "DISCARDED"}
        assert str(served_ledger.run(run).location).rstrip("/") == place["uri"].rstrip("/")
        stored = prefect.flow_run(run)["parameters"]["input"]
        given = place.get("credentials")
        assert stored == {**place, **({"credentials": "***"} if isinstance(given, str) else {})}

    @pytest.mark.needs_orthanc
    @pytest.mark.parametrize("kind", ["text", "block"])
    def test_runs_over_rest_judge_what_lies_in_a_pacs(
        self, pacs: Orthanc, prefect: PrefectServer, served_ledger: Ledger, kind: str
    ) -> None:
        modalities = ("CT", "CT", "MR")
        for number, modality in enumerate(modalities):
            assert pacs.put(make_instance(SOPInstanceUID=f"1.2.3.4.{number}", Modality=modality))
        keys = f"{USER}:{PASSWORD}"
        credentials: Any = keys if kind == "text" else {"$ref": prefect.secret(keys)}
        uri = f"dicomweb+{pacs.root}/dicom-web"
        run = prefect.start({"input": {"uri": uri, "credentials": credentials}, "criteria": planted.IS_CT})

        assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
        judged = served_ledger.run(run)
        rows = {row.sop_instance_uid: row.verdict for row in judged.instances()}
        assert rows == {"1.2.3.4.0": "PASSED", "1.2.3.4.1": "PASSED", "1.2.3.4.2": "DISCARDED"}
        assert str(judged.location) == uri
        stored = prefect.flow_run(run)["parameters"]["input"]
        assert stored == {"uri": uri, "credentials": "***" if kind == "text" else credentials}

    def test_a_block_of_another_type_is_named(self, prefect: PrefectServer) -> None:
        for uri, wrong in (("gs://b", "a text, or a block of type Secret"), ("az://account/container", "Secret")):
            given = {"uri": uri, "credentials": {"$ref": str(uuid.uuid4())}}
            state, message = prefect.state(prefect.start({"input": given, "criteria": planted.IS_CT}))
            assert state == "Failed"
            assert "input.credentials: the block cannot be loaded" in message or wrong in message


def test_azure_server_has_a_key_that_is_never_shown(azure_server: AzureServer) -> None:
    store = azure_server.store("container")

    assert azure_server.key not in repr(store)
