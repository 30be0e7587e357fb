"""A store by the scheme of its address: a table has them, and what is said of a location follows from its endpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from examples.store_memory import BUCKETS, MemoryStore, open_memory

from dicom_sieve import Ledger, open_store
from dicom_sieve.apart import describe_overlap
from dicom_sieve.cli.find_location import find_known
from dicom_sieve.cli.open_store import open_input, open_inventory, open_output
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.lineage.names import name_location, name_uri
from dicom_sieve.objects import Location, split_s3, split_uri
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.open import OPENERS
from tests.screening.screenings import ct, mr, screen_ct, verdicts


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    """A store with a scheme of its own, added by one line of the table."""
    monkeypatch.setitem(OPENERS, "memory", open_memory)
    yield MemoryStore("bucket")
    BUCKETS.clear()


@pytest.mark.parametrize(
    ("endpoint", "address", "uri"),
    [
        ("https://s3.amazonaws.com", "s3://b/p", "s3://b/p/1"),
        ("http://127.0.0.1:9000", "s3://b/p", "s3://b/p/1"),
        ("localhost:9000", "s3://b/p", "s3://b/p/1"),
        ("", "s3://b/p", "s3://b/p/1"),
        ("gopher://host", "s3://b/p", "s3://b/p/1"),
        ("file:", "b", "b/p/1"),
        ("memory:", "memory://b/p", "memory://b/p/1"),
        ("azure:https://account.example", "azure://b/p", "azure://b/p/1"),
    ],
)
def test_the_scheme_of_a_location_is_that_of_its_endpoint(endpoint: str, address: str, uri: str) -> None:
    location = Location(endpoint, "b", "p/")

    assert (str(location), location.uri("p/1")) == (address, uri)


def test_addresses_are_split_into_bucket_and_key() -> None:
    assert split_s3("s3://bucket/a//b?") == ("bucket", "a//b?")
    assert split_s3("s3://bucket") == ("bucket", "")
    assert split_s3("s3://") == ("", "")
    assert split_s3("memory://bucket/key") is split_s3("/a/s3://b") is None
    assert split_uri("memory://bucket/a/b") == ("memory", "bucket", "a/b")
    assert split_uri("file:/a") is split_uri("/a://b") is split_uri("") is None


class TestAStoreOfItsOwnScheme:
    def test_a_store_of_its_own_scheme_is_opened_by_its_address_and_by_its_location(self, memory: MemoryStore) -> None:
        assert open_store("memory://bucket/p/") == ArchivesOpened(MemoryStore("bucket", "p/"), lists=False)
        assert open_store(memory.location) == ArchivesOpened(memory, lists=False)
        assert open_input("memory://bucket/p/", None, "us-east-1") == open_store("memory://bucket/p/")
        assert open_output("memory://bucket", None, "us-east-1") == memory

    def test_a_store_of_its_own_scheme_is_screened_published_to_and_found_again(
        self, memory: MemoryStore, ledger: Ledger
    ) -> None:
        memory.put("in/1", ct())
        memory.put("in/2", mr())
        output = open_output("memory://results", None, "us-east-1")

        outcome = screen_ct(MemoryStore("bucket", "in/"), ledger, "run", output=output)

        assert verdicts(ledger, "run") == {"in/1": ("PASSED", None), "in/2": ("DISCARDED", None)}
        assert outcome.manifest is not None
        assert outcome.manifest.uri == "memory://results/run/manifest.json"
        assert find_known(ledger, "memory://bucket/in/", None) == ledger.run("run").location
        assert [traced.object_key for traced in ledger.trace("memory://bucket/in/2")] == ["in/2"]

    def test_a_store_of_its_own_scheme_may_have_the_bucket_of_another_scheme(
        self, ledger: Ledger, memory: MemoryStore
    ) -> None:
        memory.put("1", ct())
        screen_ct(memory, ledger, "run")

        assert list(ledger.trace("s3://bucket/1")) == []

    def test_a_store_of_its_own_scheme_is_named_by_its_address_in_lineage(self) -> None:
        assert name_location(Location("memory:", "bucket", "p/")).uri == "memory://bucket/p"
        assert name_uri("memory://bucket/p/manifest.json").uri == "memory://bucket/p/manifest.json"

    def test_a_store_of_its_own_scheme_is_not_opened_by_an_endpoint(self, memory: MemoryStore) -> None:
        for endpoint in ("memory:", "file:"):
            with pytest.raises(InvalidRequestError, match=r"^endpoint: "):
                open_store("s3://bucket", endpoint=endpoint)
            with pytest.raises(InvalidRequestError, match=r"^--endpoint: "):
                open_input("s3://bucket", endpoint, "us-east-1")

    def test_a_store_of_its_own_scheme_takes_no_options_of_s3(self, memory: MemoryStore) -> None:
        with pytest.raises(typer.BadParameter, match=r"accepted with s3://bucket"):
            open_input("memory://bucket", None, "us-east-1", anonymous=True)
        with pytest.raises(typer.BadParameter, match=r"accepted with s3://bucket"):
            open_inventory("s3://bucket/manifest.json", memory)


def test_one_server_in_two_spellings_is_one_server() -> None:
    places = [Location(f"az:http://{host}:10000", "account/scans") for host in ("127.0.0.1", "localhost")]

    assert "is the input itself" in str(describe_overlap(*places))
    assert describe_overlap(places[0], Location("az:", "account/scans")) is None
    assert describe_overlap(Location("gs:", "b"), Location("gs:", "b", "p/")) is not None
    assert describe_overlap(Location("gs:", "b"), Location("memory:", "b")) is None


class TestASchemeThatIsNotKnown:
    def test_a_scheme_that_is_not_known_is_an_error_that_names_those_accepted(self) -> None:
        known = (
            r"^memory:// is not known; accepted: az://, dicomweb\+http://, dicomweb\+https://, file://, gs://, s3://, "
            r"or a directory$"
        )
        for where in ("memory://bucket/prefix", Location("memory:", "bucket")):
            with pytest.raises(InvalidRequestError, match=known):
                open_store(where)

    @pytest.mark.parametrize("opened", [open_input, open_output])
    def test_a_scheme_that_is_not_known_is_one_of_the_command_too(self, opened: object) -> None:
        with pytest.raises(typer.BadParameter, match=r"^memory:// is not known; accepted: "):
            opened("memory://bucket", None, "us-east-1")  # type: ignore[operator]

    def test_a_scheme_that_is_not_known_is_not_the_name_of_a_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(typer.BadParameter):
            open_output("memory://bucket", None, "us-east-1")
        assert list(tmp_path.iterdir()) == []


def test_a_directory_may_be_given_as_a_uri_to_the_command(tmp_path: Path) -> None:
    assert open_input(f"file://{tmp_path}", None, "us-east-1") == ArchivesOpened(DirectoryStore(tmp_path), lists=False)
