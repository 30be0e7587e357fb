"""A ledger that is made by screening made DICOM, and the pages over it."""

from collections.abc import Iterator

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.reading.places import list_places
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import one_of, write_images
from tests.web.site import Site, site_of


@pytest.fixture
def site(ledger: Ledger) -> Iterator[Site]:
    """The pages over an empty ledger, on either database."""
    with site_of(ledger) as made:
        yield made


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over a directory of made DICOM that was screened for CT, and again when it had changed for CT or MR."""
    folder = tmp_path_factory.mktemp("screened")
    images = write_images(folder / "images")
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger, site_of(ledger) as made:
        store = DirectoryStore(images)
        screen(Screening("first", store, one_of("CT")), ledger)
        (images / "01").unlink()
        (images / "02").write_bytes((images / "03").read_bytes())
        (images / "new").write_bytes((images / "04").read_bytes())
        screen(Screening("second", store, one_of("CT", "MR")), ledger)
        assert len(list_places(ledger.engine)) == 1
        yield made
