"""A run over series of two patients, of which some passed whole, to be exported."""

import shutil
from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.computations.export import dcm2niix
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.export.study import RUN, write_study
from tests.conftest import not_present
from tests.screening.screenings import one_of


@pytest.fixture
def images(tmp_path: Path, ledger: Ledger) -> DirectoryStore:
    """The screened objects."""
    store = DirectoryStore(write_study(tmp_path / "images"))
    screen(Screening(RUN, store, one_of("CT", "MR")), ledger)
    return store


@pytest.fixture
def results(tmp_path: Path) -> DirectoryStore:
    """Where to."""
    return DirectoryStore(tmp_path / "results")


@pytest.fixture
def needs_dcm2niix() -> None:
    """The Debian package, which scripts/install_real_servers.sh installs."""
    if shutil.which(dcm2niix.PROGRAM) is None:
        not_present(dcm2niix.PROGRAM, dcm2niix.HOW_TO_INSTALL)
