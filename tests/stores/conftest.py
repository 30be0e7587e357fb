"""What the tests of stores share."""

from collections.abc import Iterator

import pytest

from tests.stores.scripted_server import ScriptedServer, serve


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """An S3 server that answers what the test says."""
    with serve() as server:
        yield server
