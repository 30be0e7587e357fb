"""One ``dicom-sieve up`` for all attacks on Prefect's server."""

from collections.abc import Iterator

import pytest

from tests.support.up import Up, running_up


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The command, as a user starts it."""
    with running_up(tmp_path_factory.mktemp("up")) as running:
        yield running
