"""A run in which nothing is listed completes, and says what the prefix looks like: a typo is no result."""

from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.advice import describe_nothing_listed
from dicom_sieve.objects import Location
from dicom_sieve.reports import make_report
from dicom_sieve.screening import Preview, preview
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, one_of, screen_ct
from tests.support.simulated_store import SimulatedStore

NONE = "nothing is listed: no key begins with the prefix; "
GLOB = f"{NONE}it looks like a pattern, and is taken letter by letter: give only the beginning of the keys"
SAID = {
    "images/": f"{NONE}check its spelling; capital and small letters differ",
    "/images": f"{NONE}it begins with a slash, which keys rarely do: leave that out",
    "images/*": GLOB,
    "images/*.dcm": GLOB,
    "images/[ab]": GLOB,
    "s3://bucket/images": f"{NONE}it is a whole address: give only what follows the bucket",
    "images\\2024": f"{NONE}it has a backslash: folders end in /",
    "a%20b": f"{NONE}it looks percent-encoded, and is taken letter by letter: write the characters themselves",
    " images": f"{NONE}it begins or ends with a space",
    "": "nothing is listed: the bucket is empty",
}


def store_at(prefix: str, *keys: str) -> SimulatedStore:
    return SimulatedStore(dict.fromkeys(keys, ct()), location=Location("https://simulated", "bucket", prefix))


@pytest.mark.parametrize("prefix", SAID)
def test_the_prefix_is_looked_at_and_not_repeated(prefix: str) -> None:
    assert describe_nothing_listed(Location("https://simulated", "bucket", prefix)) == SAID[prefix]


class TestARun:
    @pytest.mark.parametrize("prefix", ["/images", "images/*"])
    def test_a_run_completes_and_says_so(self, prefix: str, ledger: Ledger) -> None:
        outcome = screen_ct(store_at(prefix, "images/1.dcm"), ledger, "a")

        assert ledger.run("a").row.state == "COMPLETED"
        assert outcome.describe() == f"0 of 0 instances passed; {SAID[prefix]}"
        assert make_report(ledger.run("a")).warnings[0] == f"N{SAID[prefix][1:]}."

    def test_a_run_of_which_something_is_listed_says_nothing_of_it(self, ledger: Ledger) -> None:
        outcome = screen_ct(store_at("images/", "images/1.dcm"), ledger, "a")

        assert outcome.describe() == "1 of 1 instances passed in 1 whole series"
        assert make_report(ledger.run("a")).warnings == []

    def test_a_run_of_a_directory_says_that_it_holds_no_file(self, ledger: Ledger, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()

        outcome = screen_ct(DirectoryStore(tmp_path / "empty"), ledger, "a")

        assert outcome.describe().endswith("; nothing is listed: the directory holds no file")

    def test_a_run_is_foreseen(self, ledger: Ledger) -> None:
        previewed = preview(Preview(store_at("/images", "images/1.dcm"), one_of("CT")), ledger)

        assert previewed.describe().endswith(f"; {SAID['/images']}")
