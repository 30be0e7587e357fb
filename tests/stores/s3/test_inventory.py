"""An S3 Inventory in place of a listing shows what the listing showed when it was made."""

import datetime
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.ledger import open_ledger
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import Inventory, S3Store
from dicom_sieve.stores.s3 import inventory
from tests.conftest import S3Server
from tests.screening.screenings import ct, mr, screen_ct, sql, verdicts
from tests.stores.buckets import fill
from tests.stores.keys import CONTROL, ODD, make_keys
from tests.stores.s3.inventories import CREATED, MANIFEST, PLAIN, VERSIONED, inventory_of, row
from tests.support.simulated_store import PLACE, SimulatedStore

LONG_AGO = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def info(key: str) -> ObjectInfo:
    return ObjectInfo(key, "0123456789abcdef0123456789abcdef", 7, LONG_AGO)


def kept(objects: dict[str, bytes]) -> Inventory:
    """Open an inventory that a simulated bucket keeps."""
    return Inventory(PLACE, SimulatedStore(objects), MANIFEST)


def scattered(rows: Sequence[dict[str, Any]], files: int = 3) -> list[list[dict[str, Any]]]:
    """Spread rows over files, in no order."""
    mixed = random.Random(3).sample(rows, len(rows))
    return [mixed[number::files] for number in range(files)]


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server) -> S3Store:
    """A bucket of odd keys."""
    name = moto_server.make_bucket()
    keys = [key for key in make_keys(280, ODD + CONTROL, seed=9) if "\n" not in key]
    fill(moto_server, name, {key: f"body of {key}".encode() for key in keys})
    return moto_server.store(name)


class TestInventories:
    @pytest.mark.parametrize("columns", [PLAIN, VERSIONED], ids=["plain", "versioned"])
    @pytest.mark.parametrize("kind", ["CSV", "Parquet"])
    def test_show_what_the_listing_shows(
        self,
        bucket: S3Store,
        moto_server: S3Server,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
        columns: Sequence[str],
    ) -> None:
        monkeypatch.setattr(inventory, "RUN_OBJECTS", 7)
        monkeypatch.setattr(inventory, "RUNS_AT_A_TIME", 4)
        listed = list(bucket.list())
        rows = [row(bucket.access.bucket, info) for info in listed]
        if columns is VERSIONED:
            older = [{**row, "VersionId": "v0", "IsLatest": False, "ETag": "older"} for row in rows[::3]]
            marker = {"IsDeleteMarker": True, "Size": None, "ETag": None}
            rows += [*older, {**rows[0], "Key": "deleted", **marker}]
        elsewhere = moto_server.make_bucket()
        fill(moto_server, elsewhere, inventory_of(bucket.access.bucket, kind, scattered(rows), columns))

        found = bucket.inventory(f"s3://{elsewhere}/{MANIFEST}")

        assert len(listed) > 250
        assert list(found.list()) == listed
        assert found.created_at == CREATED
        below = S3Store(bucket.access, "x/").inventory(f"s3://{elsewhere}/{MANIFEST}")
        assert [info.key for info in below.list()] == [info.key for info in listed if info.key[:2] == "x/"] != []

    def test_inventories_are_sorted_on_disk_whatever_their_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inventory, "RUN_OBJECTS", 10)
        monkeypatch.setattr(inventory, "RUNS_AT_A_TIME", 3)
        rows = [row("challenge-tech", info(f"{number:04}")) for number in range(1_000)]

        keys = [listed.key for listed in kept(inventory_of("challenge-tech", "Parquet", scattered(rows))).list()]

        assert len(keys) == 1_000
        assert all(earlier < other for earlier, other in pairwise(keys))

    def test_inventories_of_nothing_show_nothing(self) -> None:
        assert list(kept(inventory_of("challenge-tech", "CSV", [[]])).list()) == []


def without(column: str, columns: Sequence[str] = PLAIN) -> list[str]:
    return [name for name in columns if name != column]


ROWS = [[row("challenge-tech", info("a")), row("challenge-tech", info("b"))]]


def made(**how: Any) -> dict[str, bytes]:
    return inventory_of("challenge-tech", how.pop("kind", "CSV"), how.pop("files", ROWS), **how)


class TestInventoriesThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("objects", "said"),
        [
            pytest.param(made(fileFormat="ORC"), "of a format that is not read; accepted: CSV, Parquet", id="ORC"),
            pytest.param(
                made(sourceBucket="other"),
                "is of another bucket; accepted: an inventory of challenge-tech",
                id="another bucket",
            ),
            pytest.param(made(columns=without("ETag")), "has no column ETag; accepted: inventories with", id="no ETag"),
            pytest.param(
                made(kind="Parquet", columns=without("Size")), "has no column Size; accepted: ", id="no Size in Parquet"
            ),
            pytest.param(made(columns=without("LastModifiedDate")), "no column LastModifiedDate;", id="no date"),
            pytest.param(made(columns=without("IsLatest", VERSIONED)), "no column IsLatest;", id="versions, no latest"),
            pytest.param(made(files=[ROWS[0], ROWS[0]]), "names an object twice", id="a file twice"),
            pytest.param({**made(), MANIFEST: b"<html>"}, "is no manifest.json of an S3 Inventory", id="no JSON"),
            pytest.param({**made(), MANIFEST: b"{}"}, "is no manifest.json of an S3 Inventory", id="other JSON"),
            pytest.param({}, "is not there; check bucket and key of the manifest", id="no manifest"),
        ],
    )
    def test_inventories_that_cannot_be_used_are_refused_in_words(self, objects: dict[str, bytes], said: str) -> None:
        with pytest.raises(StoreError) as error:
            list(kept(objects).list())

        assert str(error.value).startswith("cannot use the inventory s3://challenge-tech/inventories/")
        assert said in str(error.value)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda _: None, "is not there"),
            (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "the MD5 checksum differs"),
        ],
    )
    def test_a_file_that_is_not_what_the_manifest_names_is_not_used(
        self, spoil: Callable[[bytes], bytes | None], said: str
    ) -> None:
        objects = made()
        data = next(iter(objects))
        spoilt = spoil(objects.pop(data))
        if spoilt is not None:
            objects[data] = spoilt

        with pytest.raises(StoreError, match=f"0.csv.gz: .*{said}"):
            list(kept(objects).list())

    def test_rows_that_are_none_are_not_used(self) -> None:
        objects = inventory_of("challenge-tech", "CSV", ROWS, fileSchema=", ".join([*PLAIN, "StorageClass"]))

        with pytest.raises(StoreError, match="is no CSV as S3 Inventory writes it"):
            list(kept(objects).list())


class TestRunsOnAnInventory:
    def test_judge_objects_as_they_are_now_and_know_what_is_gone(self, tmp_path: Path) -> None:
        store = SimulatedStore({"same": ct(), "changed": ct(), "gone": ct()})
        rows = [row("challenge-tech", listed) for listed in store.objects().values()]
        store.put("changed", mr())
        store.put("new", ct())
        store.delete("gone")

        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            old = kept(inventory_of("challenge-tech", "Parquet", scattered(rows)))
            first = screen_ct(store, ledger, "1", inventory=old).run_id
            lists = store.lists
            second = screen_ct(store, ledger, "2").run_id

            assert lists == 0
            assert verdicts(ledger, first) == {
                "same": ("PASSED", None),
                "changed": ("DISCARDED", None),
                "gone": ("DISCARDED", "GONE"),
            }
            assert verdicts(ledger, second) == {
                "same": ("PASSED", None),
                "changed": ("DISCARDED", None),
                "new": ("PASSED", None),
            }
            assert ledger.run(first).row.listed_at == CREATED

    def test_fail_and_say_why_when_it_cannot_be_read(self, tmp_path: Path) -> None:
        store = SimulatedStore({"a": ct()})

        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            with pytest.raises(StoreError, match="is not there"):
                screen_ct(store, ledger, "1", inventory=kept({}))

            assert sql(ledger, "SELECT state FROM run") == [("FAILED",)]
            assert sql(ledger, "SELECT count(*) FROM snapshot") == [(0,)]
