"""The same objects have the same verdicts wherever they lie and whichever database keeps the ledger."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.errors import StoreError
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore, Store
from dicom_sieve.stores.interface import UnwritableKeyError
from tests.conftest import S3Server
from tests.real.bucket import CRITERIA, Expected, contents, expected, fill
from tests.stores.keys import ODD, make_keys
from tests.support.builders import make_instance
from tests.support.clouds import CloudServer

IS_CT = Criterion(dicom_tag=("0008", "0060"), operation="EQUALS", reference="CT")
PIECES = (*ODD, "\U0001fac1", "folder/", "a/../b", "=cmd", "Ünicode", "\\x41", "%2e%2e")
LEAST_HELD = {"directory": 250, "moto": 400, "rgw": 500, "gcs": 498, "azure": 420}
"""Names of the 500 that each store can hold, at least."""


KINDS = ["directory", "moto", "gcs", "azure", pytest.param("rgw", marks=pytest.mark.needs_rgw)]
CLOUDS = ("gcs", "azure")


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The bucket, in each kind of store."""
    if request.param == "directory":
        root = tmp_path_factory.mktemp("bucket")
        for key, body in contents().items():
            if not key.endswith("/"):  # a directory's own marker is no file
                (root / key).parent.mkdir(parents=True, exist_ok=True)
                (root / key).write_bytes(body)
        yield DirectoryStore(root)
        shutil.rmtree(root)
        return
    if request.param in CLOUDS:
        cloud: CloudServer = request.getfixturevalue(f"{request.param}_server")
        bucket = cloud.make_bucket()
        for key, body in contents().items():
            cloud.put(bucket, key, body)
        yield cloud.store(bucket)
        return
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    bucket = server.make_bucket()
    fill(server.client(), bucket)
    yield server.store(bucket)


def test_every_object_has_its_verdict_once(filled: Store, ledger: Ledger) -> None:
    criteria = [Criterion.model_validate(criterion) for criterion in CRITERIA]

    outcome = screen(Screening("run", filled, criteria), ledger)

    rows = list(ledger.run("run").instances())
    judged = {row.object_key: Expected(row.verdict or "", tuple(row.findings), row.defect) for row in rows}
    wanted = {_as_lying(filled, key): value for key, value in expected().items()}
    wanted.pop("", None)
    assert judged == wanted
    assert len(rows) == len(judged) == outcome.counts["listed"]
    assert outcome.counts["passed"] + outcome.counts["discarded"] == outcome.counts["listed"]


class TestOddNames:
    """500 names as buckets have them, and worse: each store judges every object whose name it can hold."""

    COUNT = 500

    def bodies(self) -> dict[str, bytes]:
        """Give an object for each name: three in four pass."""
        names = make_keys(self.COUNT, PIECES, seed=20)
        return {
            key: make_instance(Modality="MR" if number % 4 == 3 else "CT", SOPInstanceUID=f"1.2.{number}")
            for number, key in enumerate(names)
        }

    @pytest.mark.parametrize("kind", KINDS)
    def test_odd_names_have_the_same_verdicts_in_every_store(
        self, kind: str, request: pytest.FixtureRequest, ledger: Ledger, tmp_path: Path
    ) -> None:
        bodies = self.bodies()
        store, held = self.fill(kind, request, bodies, tmp_path / "bucket")

        screen(Screening("run", store, [IS_CT]), ledger)

        judged = {row.object_key: (row.verdict, row.findings, row.defect) for row in ledger.run("run").instances()}
        wanted = {
            key: ("DISCARDED", ("NOT_MET",), None) if b"MR" in body[:700] else ("PASSED", ("MET",), None)
            for key, body in bodies.items()
            if key in held
        }
        assert {
            key: (verdict, tuple(findings), defect) for key, (verdict, findings, defect) in judged.items()
        } == wanted
        assert len(held) >= LEAST_HELD[kind]

    @staticmethod
    def fill(kind: str, request: pytest.FixtureRequest, bodies: dict[str, bytes], root: Path) -> tuple[Store, set[str]]:
        """Put each object whose name the store can hold; give the store, and these names."""
        if kind == "directory":
            return _fill_directory(root, bodies)
        if kind in CLOUDS:
            cloud: CloudServer = request.getfixturevalue(f"{kind}_server")
            bucket = cloud.make_bucket()
            held = {key for key in bodies if ("\\" not in key if kind == "azure" else key not in {".", ".."})}
            for key in held:
                cloud.put(bucket, key, bodies[key])
            return cloud.store(bucket), held
        server: S3Server = request.getfixturevalue(f"{kind}_server")
        bucket, client = server.make_bucket(), server.client()
        held = {key for key in bodies if kind == "rgw" or not {".", ".."} & set(key.split("/"))}
        for key in held:
            client.put_object(Bucket=bucket, Key=key, Body=bodies[key])
        return server.store(bucket), held


def _fill_directory(root: Path, bodies: dict[str, bytes]) -> tuple[Store, set[str]]:
    """Write each object whose key is that of a path, but where a file stands in the way of a folder."""
    store, held = DirectoryStore(root), set()
    source = root.parent / "body"
    for key, body in bodies.items():
        source.write_bytes(body)
        try:
            store.write_once(key, source)
        except (UnwritableKeyError, StoreError):
            continue
        held.add(key)
    return store, held


def _as_lying(store: Store, key: str) -> str:
    """Give the key that an object has in a store: a directory has neither empty folders' names nor markers."""
    if not isinstance(store, DirectoryStore):
        return key
    return "" if key.endswith("/") else Path(key).as_posix()
