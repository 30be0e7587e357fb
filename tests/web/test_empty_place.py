"""A place that was listed and holds nothing: its pages say so, and wait for nothing."""

import pytest

from dicom_sieve import Ledger
from tests.screening.screenings import screen_ct
from tests.support.simulated_store import SimulatedStore
from tests.web.served import pages, see


@pytest.mark.parametrize("page", ["explore", "build"])
def test_nothing_is_waited_for(ledger: Ledger, page: str) -> None:
    screen_ct(SimulatedStore({}), ledger, "run")

    with pages(ledger) as client:
        assert "being counted" not in see(client, f"/{page}?place=1")
