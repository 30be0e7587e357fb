"""Servers whose certificate is of an authority of their own: one way to trust it, for both clients alike.

Public reports: datachain#929, jupyterlab-s3-browser#102, nextcloud#32726.
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from dicom_sieve.errors import SettingsError, StoreError
from dicom_sieve.publishing.anchor import open_anchor
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import (
    EndpointRules,
    Retries,
    S3Access,
    S3Store,
    StaticCredentials,
    UnreadableBundleError,
    read_bundle,
)
from dicom_sieve.stores.append_only import AppendOnlyBucket
from dicom_sieve.stores.interface import TransportError
from tests.security.certificates import make_server_context
from tests.stores.buckets import read
from tests.stores.scripted_server import ScriptedServer
from tests.stores.small_s3 import small_s3

OBJECTS = {"one.dcm": b"bytes"}
ONCE = Retries(read_attempts=1)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    return make_server_context(tmp_path, "127.0.0.1", "localhost")


@pytest.fixture
def server(tls: tuple[ssl.SSLContext, Path]) -> Iterator[ScriptedServer]:
    with small_s3(OBJECTS, tls=tls[0]) as running:
        yield running


def store_at(endpoint: str, *allowed: str) -> S3Store:
    rules = EndpointRules(allowed=allowed, ca_bundle=load_settings().ca_bundle)
    return S3Store(S3Access("bucket", "eu-west", endpoint, StaticCredentials("key-id", "access-key"), ONCE, rules))


class TestAnAuthorityOfOnesOwn:
    @pytest.mark.parametrize("name", ["DICOM_SIEVE_CA_BUNDLE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    @pytest.mark.parametrize("allowed", [(), ("127.0.0.1",)], ids=["not listed", "listed"])
    def test_an_authority_of_ones_own_is_trusted_by_both_clients(
        self,
        server: ScriptedServer,
        tls: tuple[ssl.SSLContext, Path],
        name: str,
        allowed: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(name, str(tls[1]))
        store = store_at(server.endpoint, *allowed)

        (listed,) = store.list()

        assert read(store, listed, 0, 5) == b"bytes"
        assert [request.is_range_client for request in server.requests] == [False, True]

    @pytest.mark.parametrize("allowed", [(), ("127.0.0.1",)], ids=["not listed", "listed"])
    def test_an_authority_of_ones_own_is_trusted_by_neither_without_a_word(
        self, server: ScriptedServer, allowed: tuple[str, ...]
    ) -> None:
        store = store_at(server.endpoint, *allowed)
        with small_s3(OBJECTS) as other:
            (listed,) = other.store().list()

        with pytest.raises(StoreError, match=r"CertificateNotTrusted; .*DICOM_SIEVE_CA_BUNDLE"):
            list(store.list())
        with pytest.raises(TransportError, match="could not be read: CertificateNotTrusted"):
            read(store, listed, 0, 5)
        assert server.requests == []

    def test_an_authority_of_ones_own_of_the_setting_comes_before_that_of_the_environment(
        self, server: ScriptedServer, tls: tuple[ssl.SSLContext, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(make_server_context(other, "127.0.0.1")[1]))
        monkeypatch.setenv("DICOM_SIEVE_CA_BUNDLE", str(tls[1]))

        assert len(list(store_at(server.endpoint).list())) == 1

    def test_an_authority_of_ones_own_is_trusted_at_the_anchor(
        self, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_CA_BUNDLE", str(tls[1]))
        monkeypatch.setenv("DICOM_SIEVE_ANCHOR", "s3://anchors")

        anchor = open_anchor(load_settings())

        assert isinstance(anchor, AppendOnlyBucket)
        assert anchor.access.rules.ca_bundle == str(tls[1])


class TestAFileOfAuthorities:
    def test_a_file_of_authorities_that_is_not_there_is_refused_at_the_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_CA_BUNDLE", str(tmp_path / "none"))

        with pytest.raises(SettingsError, match="DICOM_SIEVE_CA_BUNDLE: Value error, no such file; accepted: a file"):
            load_settings()

    @pytest.mark.parametrize(
        "content", ["", "none", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----"]
    )
    def test_a_file_of_authorities_that_holds_none_is_named(
        self, server: ScriptedServer, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "bundle.pem"
        file.write_text(content)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))

        with pytest.raises(UnreadableBundleError, match=r"bundle.pem holds no certificates that can be read; accepted"):
            list(store_at(server.endpoint).list())

    @pytest.mark.timeout(20)
    def test_a_file_of_authorities_that_is_no_file_or_has_no_end_is_not_read(self, tmp_path: Path) -> None:
        pipe, endless = tmp_path / "pipe", tmp_path / "endless.pem"
        os.mkfifo(pipe)
        with endless.open("wb") as file:
            file.truncate(1 << 40)

        for path in (pipe, endless, Path("/dev/zero"), tmp_path):
            with pytest.raises(UnreadableBundleError, match="holds no certificates that can be read"):
                read_bundle(str(path))

    def test_a_file_of_authorities_may_hold_several_and_words_between(
        self, server: ScriptedServer, tls: tuple[ssl.SSLContext, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "bundle.pem"
        of_others = Path(certifi.where()).read_text(encoding="utf-8")
        bundle.write_text(f"# Zürich\n{of_others}\n# ours\n{tls[1].read_text()}", encoding="utf-8")
        monkeypatch.setenv("DICOM_SIEVE_CA_BUNDLE", str(bundle))
        store = store_at(server.endpoint)

        (listed,) = store.list()

        assert read(store, listed, 0, 5) == b"bytes"
        assert [request.is_range_client for request in server.requests] == [False, True]
