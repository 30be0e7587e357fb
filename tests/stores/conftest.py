"""What the tests of stores share."""

from collections.abc import Iterator

import pytest

from dicom_sieve.stores import s3
from tests.stores.scripted_server import ScriptedServer, serve


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """An S3 server that answers what the test says."""
    with serve() as server:
        yield server


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat at once: what is tested is whether, not when."""
    monkeypatch.setattr(s3, "FIRST_PAUSE_SECONDS", 0.0)
