"""One ledger for all tests here, in which all was followed, and its events in a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from tests.lineage.computed import Computed, compute


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Computed:
    """A published run over three series, a run that failed, three computations; all told to a file."""
    home = tmp_path_factory.mktemp("home")
    with patch.dict(os.environ, to_file(home / "events.jsonl")):
        return compute(home)


@pytest.fixture(scope="package")
def sql(made: Computed) -> Iterator[sa.Connection]:
    """The ledger, to be asked in plain SQL."""
    engine = sa.create_engine(made.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def to_file(file: Path) -> dict[str, str]:
    """Give the settings by which OpenLineage's client adds its events to a file."""
    return {
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(file),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
