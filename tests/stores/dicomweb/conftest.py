"""What the tests of a PACS share."""

from collections.abc import Iterator

import pytest

from tests.support.plain_pacs import PlainPacs, run_plain_pacs


@pytest.fixture
def plain() -> Iterator[PlainPacs]:
    """A PACS of no make, without instances."""
    with run_plain_pacs() as pacs:
        yield pacs
