"""Credentials of a store are nowhere but in its requests."""

import asyncio
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.stores import DefaultChain, Retries, S3Access, S3Store, StaticCredentials
from tests.conftest import S3Server
from tests.stores.buckets import fill, read

KEY_ID, ACCESS_KEY = "PLANTEDKEYID", "planted/Access+Key"
TWICE = Retries(read_attempts=2, first_pause_seconds=0.0)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All loggers as Python makes them, and the root at DEBUG: what an engineer sets to hunt a fault."""
    loggers = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    levels = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    yield caplog
    for logger, level in levels:
        logger.setLevel(level)


def everything_in(caplog: pytest.LogCaptureFixture) -> str:
    """Messages, arguments and tracebacks of all records."""
    shown = [f"{record.getMessage()} {record.args!r} {record.__dict__!r}" for record in caplog.records]
    shown += ["".join(traceback.format_exception(*record.exc_info)) for record in caplog.records if record.exc_info]
    return "\n".join(shown)


def use_in_every_way(store: S3Store, body: Path) -> list[str]:
    """List, look, write and read, whether or not it works; give the words of what failed."""
    told: list[str] = []

    def attempt() -> Iterator[None]:
        yield from (None for _ in store.list())
        for listed in store.list():
            read(store, listed, 0, listed.size)
            asyncio.run(store.stat(listed.key))

    for action in (
        lambda: list(attempt()),
        lambda: store.find("key"),
        lambda: store.write_once("key", body),
        lambda: asyncio.run(store.stat("key")),
    ):
        try:
            action()
        except DicomSieveError as error:
            told.append("".join(traceback.format_exception(error)))
    return told


class TestSecrets:
    @pytest.fixture
    def body(self, tmp_path: Path) -> Path:
        path = tmp_path / "body"
        path.write_bytes(b"body")
        return path

    def test_secrets_are_in_no_log_when_all_goes_well(
        self, moto_server: S3Server, body: Path, everything_logged: pytest.LogCaptureFixture
    ) -> None:
        bucket = moto_server.make_bucket()
        fill(moto_server, bucket, {"plain": b"1", "odd//key": b"2"})
        everything_logged.clear()  # the test's own client is no part of it
        credentials = StaticCredentials(KEY_ID, ACCESS_KEY)

        told = use_in_every_way(S3Store(S3Access(bucket, "eu-west", moto_server.endpoint, credentials, TWICE)), body)

        assert told == []
        assert everything_logged.records
        assert KEY_ID not in everything_in(everything_logged)
        assert ACCESS_KEY not in everything_in(everything_logged)

    @pytest.mark.needs_rgw
    @pytest.mark.parametrize("key_id", [KEY_ID, f"{KEY_ID}\n"])
    def test_secrets_are_in_no_log_and_no_error_when_it_fails(
        self, rgw_server: S3Server, body: Path, everything_logged: pytest.LogCaptureFixture, key_id: str
    ) -> None:
        bucket = rgw_server.make_bucket()
        everything_logged.clear()
        credentials = StaticCredentials(key_id, ACCESS_KEY)

        told = use_in_every_way(S3Store(S3Access(bucket, "eu-west", rgw_server.endpoint, credentials, TWICE)), body)

        assert len(told) == 4
        for text in (*told, everything_in(everything_logged)):
            assert KEY_ID not in text
            assert ACCESS_KEY not in text

    def test_secrets_are_in_no_log_when_the_environment_holds_them(
        self,
        moto_server: S3Server,
        body: Path,
        everything_logged: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bucket = moto_server.make_bucket()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
        everything_logged.clear()

        told = use_in_every_way(S3Store(S3Access(bucket, "eu-west", moto_server.endpoint, DefaultChain(), TWICE)), body)

        assert told == []
        assert KEY_ID not in everything_in(everything_logged)
        assert ACCESS_KEY not in everything_in(everything_logged)

    def test_secrets_are_in_no_text_of_a_store(self) -> None:
        credentials = StaticCredentials(KEY_ID, ACCESS_KEY)
        access = S3Access("bucket", "eu-west", "https://host", credentials)
        store = S3Store(access, "prefix")
        _ = store._boto3, store._range_client

        for credential in (credentials, access, store, store.location, store._boto3, store._range_client):
            assert KEY_ID not in f"{credential} {credential!r} {[credential]}"
            assert ACCESS_KEY not in f"{credential} {credential!r} {[credential]}"

    @pytest.mark.parametrize(
        ("text", "parsed"),
        [
            ("id:key", StaticCredentials("id", "key")),
            ("id:k:e:y", StaticCredentials("id", "k:e:y")),
            ("id:", None),
            (":key", None),
            ("id", None),
            ("", None),
        ],
    )
    def test_secrets_are_split_at_the_first_colon(self, text: str, parsed: StaticCredentials | None) -> None:
        assert StaticCredentials.parse(text) == parsed


class TestPickling:
    def test_pickling_leaves_the_clients_behind(self) -> None:
        store = S3Store(S3Access("bucket", "eu-west", "https://host", StaticCredentials(KEY_ID, ACCESS_KEY)), "prefix")
        fresh = pickle.dumps(store)
        _ = store._boto3, store._range_client

        copied = pickle.loads(pickle.dumps(store))

        assert pickle.dumps(store) == fresh
        assert copied == store
        assert set(vars(copied)) == {"access", "prefix"}
