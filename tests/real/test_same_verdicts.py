"""The same objects have the same verdicts wherever they lie and whichever database keeps the ledger."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore, Store
from tests.conftest import S3Server
from tests.real.bucket import CRITERIA, Expected, contents, expected, fill


@pytest.fixture(scope="module", params=["directory", "moto", pytest.param("rgw", marks=pytest.mark.real_s3)])
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


def _as_lying(store: Store, key: str) -> str:
    """Give the key that an object has in a store: a directory has neither empty folders' names nor markers."""
    if not isinstance(store, DirectoryStore):
        return key
    return "" if key.endswith("/") else Path(key).as_posix()
