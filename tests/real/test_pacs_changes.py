"""What runs ask a PACS for: each series once, and again only what changed. ``PACS_INSTANCES`` sets how many there are.

A proxy before Orthanc counts what passes, and ends the run's process in the middle.
"""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.screening import in_threads
from dicom_sieve.stores.dicomweb.access import key_of
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from tests.screening.screenings import screen_ct, sql, verdicts
from tests.support.builders import make_instance
from tests.support.counting_proxy import CountingProxy, count_requests
from tests.support.orthanc import Orthanc
from tests.support.processes import kill

pytestmark = pytest.mark.needs_orthanc

INSTANCES = int(os.environ.get("PACS_INSTANCES", "1000"))
SERIES = 50
OF_STUDY = 5
"""Series of a study."""
SHARD_OBJECTS = INSTANCES // SERIES * 2
WORKERS = 2


def uids_of(number: int) -> tuple[str, str, str]:
    """Give the UIDs of study, series and instance."""
    series = number % SERIES
    return f"1.9.{series // OF_STUDY + 1}", f"1.8.{series + 1}", f"1.7.{number + 1}"


def instance(number: int, **attributes: str) -> bytes:
    study, series, uid = uids_of(number)
    modality = "CT" if number % SERIES % 2 else "MR"
    given = {"Modality": modality, "InstanceNumber": number, "StudyInstanceUID": study, **attributes}
    return make_instance(series_instance_uid=series, SOPInstanceUID=uid, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def filled(orthanc_server: Orthanc) -> Iterator[Orthanc]:
    """A PACS with many series."""
    orthanc_server.empty()
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda number: orthanc_server.put(instance(number)), range(INSTANCES)))
    yield orthanc_server
    orthanc_server.empty()


@pytest.fixture
def proxy(filled: Orthanc) -> Iterator[CountingProxy]:
    """Counts what passes."""
    with count_requests(filled.root) as counting:
        yield counting


@pytest.fixture
def store(filled: Orthanc, proxy: CountingProxy) -> DicomWebStore:
    """The PACS, over the proxy."""
    return filled.store(root=proxy.root)


def test_one_request_for_metadata_a_series_and_none_where_nothing_changed(
    store: DicomWebStore, proxy: CountingProxy, ledger: Ledger
) -> None:
    first = screen_ct(store, ledger, "first", run_shards=in_threads(WORKERS), shard_objects=SHARD_OBJECTS // 2 + 3)

    assert first.counts["listed"] == first.counts["indexed"] == INSTANCES
    assert first.counts["passed"] == INSTANCES // 2
    assert first.counts["reads"] == len(proxy.of_metadata) == len(set(proxy.of_metadata)) == SERIES

    proxy.forget()
    second = screen_ct(store, ledger, "second")

    assert proxy.of_metadata == []
    assert second.counts["reads"] == second.counts["indexed"] == second.counts["added"] == 0
    assert verdicts(ledger, "second") == verdicts(ledger, "first")


def test_what_was_added_deleted_or_stored_again_is_noticed(
    filled: Orthanc, store: DicomWebStore, proxy: CountingProxy, ledger: Ledger
) -> None:
    screen_ct(store, ledger, "before")
    proxy.forget()
    added, deleted, changed, same = INSTANCES + 1, 12, 13, 14
    assert filled.put(instance(added))
    filled.delete(uids_of(deleted)[-1])
    assert filled.put(instance(changed, Modality="US"))  # the same UIDs, and a CT before

    try:
        after = screen_ct(store, ledger, "after")
    finally:
        filled.delete(uids_of(added)[-1])
        assert all(filled.put(instance(number)) for number in (deleted, changed))

    key = {number: key_of(*uids_of(number)) for number in (added, deleted, changed, same)}
    former, found = verdicts(ledger, "before"), verdicts(ledger, "after")
    assert (after.counts["added"], after.counts["removed"]) == (2, 2)
    assert found[key[added]] == ("PASSED", None)
    assert key[deleted] not in found
    assert (former[key[changed]], found[key[changed]]) == (("PASSED", None), ("DISCARDED", None))
    assert found[key[same]] == former[key[same]]
    series = {uids_of(number)[1] for number in (added, changed)}
    assert {path.split("/")[-2] for path in proxy.of_metadata} == series


def screen_in_process(url: str, store: DicomWebStore) -> None:
    """Screen, in a process that is about to be killed."""
    with open_ledger(url) as ledger:
        screen_ct(store, ledger, "killed", run_shards=in_threads(WORKERS), shard_objects=SHARD_OBJECTS)


def test_a_run_that_is_killed_goes_on(
    store: DicomWebStore, proxy: CountingProxy, ledger_url: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("forkserver")
    with open_ledger(ledger_url):
        process = context.Process(target=screen_in_process, args=(ledger_url, store))

    def kill_in_the_middle(path: str) -> int | None:
        if path.endswith("/metadata") and len(proxy.of_metadata) == SERIES // 2:
            kill(process.pid or 0)
        return None

    proxy.spoil = kill_in_the_middle
    process.start()
    process.join(120)
    assert process.exitcode == -9
    proxy.spoil = lambda _: None
    in_vain = len(proxy.of_metadata)
    proxy.forget()

    with open_ledger(ledger_url) as ledger:
        indexed = sql(ledger, "SELECT count(*) FROM object WHERE header_id IS NOT NULL")[0][0]
        ended = screen_ct(store, ledger, "again", lease_seconds=5)
        again = verdicts(ledger, "again")
    with open_ledger(f"sqlite:///{tmp_path / 'undisturbed.db'}") as ledger:
        screen_ct(store, ledger, "undisturbed")
        assert again == verdicts(ledger, "undisturbed")

    assert 0 < indexed < INSTANCES
    assert ended.counts["indexed"] == INSTANCES - indexed
    assert in_vain < SERIES
    assert ended.counts["reads"] < SERIES
