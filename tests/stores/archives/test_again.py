"""An archive that has not changed is not opened again: the ledger knows what lies in it."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import StoreError
from dicom_sieve.screening import Screening, screen, snapshot
from dicom_sieve.stores.archives import tar_headers
from dicom_sieve.stores.archives.store import ArchivesOpened
from tests.screening.screenings import ct, mr, one_of, verdicts
from tests.stores.archives.packed import PACKERS, stored, tar_gz, tarred, zipped
from tests.stores.archives.simulated import Simulated

MEMBERS = {"1.dcm": ct("1.5.1", "1.6.1"), "2.dcm": ct("1.5.1", "1.6.2"), "d/3.dcm": mr("1.5.2", "1.6.3")}
OTHERS = {"1.dcm": ct("1.5.1", "1.6.4"), "2.dcm": mr("1.5.1", "1.6.5"), "e/3.dcm": mr("1.5.2", "1.6.6")}


def run(store: Simulated, ledger: Ledger, run_id: str, *, archives: bool = True) -> Mapping[str, Any]:
    place = ArchivesOpened(store, lists=archives)
    return screen(Screening(run_id, place, one_of("CT")), ledger).counts


def known(ledger: Ledger, run_id: str) -> dict[str, tuple[str, int]]:
    """Give the objects of a run as they were listed."""
    return {row.info.key: (row.info.etag, row.info.size) for row in ledger.run(run_id).objects()}


def fresh(store: Simulated) -> dict[str, tuple[str, int]]:
    """Give what is listed by one who knows nothing."""
    return {info.key: (info.etag, info.size) for info in ArchivesOpened(store).list()}


class TestUnchanged:
    def test_nothing_is_read_of_unchanged_archives(self, ledger: Ledger) -> None:
        store = Simulated({f"of.{name}": pack(MEMBERS) for name, pack in PACKERS.items()})
        first = run(store, ledger, "first")
        store.reads.clear()

        second = run(store, ledger, "second")

        assert (store.reads, store.stats) == ([], [])
        assert (second["listed"], second["passed"]) == (first["listed"], first["passed"]) == (18, 12)
        assert (second["added"], second["removed"]) == (0, 0)
        assert known(ledger, "second") == known(ledger, "first") == fresh(store)

    def test_nothing_is_read_of_damaged_archives_either(self, ledger: Ledger) -> None:
        bodies = {"cut.tar": tarred(MEMBERS)[:1500], "cut.tgz": tar_gz(MEMBERS)[:-40], "cut.zip": zipped(MEMBERS)[:-9]}
        store = Simulated(bodies)
        run(store, ledger, "first")
        store.reads.clear()

        run(store, ledger, "second")

        assert store.reads == []
        assert verdicts(ledger, "second") == verdicts(ledger, "first")
        assert [defect for _, defect in verdicts(ledger, "first").values()].count("CORRUPT") >= 3

    def test_what_is_no_archive_in_spite_of_its_name_is_looked_at_again(self, ledger: Ledger) -> None:
        store = Simulated({"none.zip": ct(), "empty.zip": zipped({})})

        first = run(store, ledger, "first")
        second = run(store, ledger, "second")

        assert first["listed"] == second["listed"] == 2
        assert known(ledger, "second") == fresh(store)


class TestChanged:
    def test_only_the_archive_that_changed_is_opened(self, ledger: Ledger) -> None:
        store = Simulated({"a.tgz": tar_gz(MEMBERS), "b.zip": stored(MEMBERS), "c.tar": tarred(MEMBERS)})
        run(store, ledger, "first")
        store.put("b.zip", stored(OTHERS))
        store.reads.clear()

        counts = run(store, ledger, "second")

        assert {key for key, _, _ in store.reads} == {"b.zip"}
        assert (counts["added"], counts["removed"]) == (3, 3)
        assert known(ledger, "second") == fresh(store)

    def test_archives_that_were_objects_before_are_opened_and_the_other_way_round(self, ledger: Ledger) -> None:
        store = Simulated({"a.tgz": tar_gz(MEMBERS), "b": ct()})

        listed = [run(store, ledger, str(asked), archives=asked > 0)["listed"] for asked in (0, 1, 0 - 1, 2)]

        assert listed == [2, 4, 2, 4]
        assert known(ledger, "2") == fresh(store)

    def test_half_of_a_listing_that_broke_off_is_no_archive(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshot, "BATCH_KEYS", 2)
        store = Simulated({"a.tgz": tar_gz(MEMBERS), "z.zip": zipped(MEMBERS)})
        run(store, ledger, "first")
        store.put("a.tgz", tar_gz(OTHERS))
        store.put("z.zip", zipped(OTHERS))
        store.faults["z.zip"] = -1
        with pytest.raises(StoreError):
            run(store, ledger, "broken")
        store.faults.clear()
        half = {key: etag for key, (etag, _) in fresh(store).items()}

        run(store, ledger, "second")

        assert {key: etag for key, (etag, _) in known(ledger, "second").items()} == half

    def test_wider_bounds_of_a_later_version_hold_for_unchanged_archives(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Simulated({"a.tar": tarred(MEMBERS)})
        with monkeypatch.context() as patched:
            patched.setattr(tar_headers, "MOST_MEMBERS", 1)
            assert run(store, ledger, "first")["listed"] == 1

        assert run(store, ledger, "second")["listed"] == 3

    def test_a_member_has_its_key_again_when_an_object_that_had_it_is_gone(self, ledger: Ledger) -> None:
        store = Simulated({"a.zip": zipped(MEMBERS), "a.zip!/1.dcm": ct("1.7", "1.8")})
        run(store, ledger, "first")
        assert "a.zip!/1.dcm!2" in known(ledger, "first")
        store.delete("a.zip!/1.dcm")

        run(store, ledger, "second")
        run(store, ledger, "third")

        assert known(ledger, "second").keys() == {f"a.zip!/{name}" for name in MEMBERS}
        assert known(ledger, "third") == fresh(store)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_known_is_what_is_listed_afresh_whatever_changes(
    seed: int, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "BATCH_KEYS", 3)
    chance, store = random.Random(seed), Simulated({})
    keys = ["a.zip", "a.zip!/1.dcm", "a.zip!/b.tar", "a.zip ", "b.tgz", "b.tgz!/1.dcm!2", "c.tar", "c.tar!", "d"]
    bodies = [pack(members) for pack in PACKERS.values() for members in (MEMBERS, OTHERS, {})]
    bodies += [body[:-700] for body in bodies[:8]] + [ct(), mr()]
    for number in range(12):
        for key in chance.sample(keys, 3):
            if chance.random() < 0.3:
                store.delete(key)
            else:
                store.put(key, chance.choice(bodies))

        run(store, ledger, str(number))

        assert known(ledger, str(number)) == fresh(store), number
