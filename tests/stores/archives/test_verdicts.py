"""What lies in an archive has the verdicts that it has lying plain, finding by finding."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger, open_store
from dicom_sieve.criteria import Criterion
from dicom_sieve.demo.bucket import objects
from dicom_sieve.publishing.pull import Layout, pull
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore, Store
from dicom_sieve.stores.archives.names import key_of_member
from dicom_sieve.stores.archives.store import ArchivesOpened
from tests.conftest import S3Server
from tests.real.bucket import CRITERIA, Expected, contents, expected
from tests.stores.archives.packed import PACKERS
from tests.support.clouds import CloudServer

ASKED = [Criterion.model_validate(criterion) for criterion in CRITERIA]


def in_directory(root: Path, held: dict[str, bytes]) -> DirectoryStore:
    for key, data in held.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)
    return DirectoryStore(root)


def judged(ledger: Ledger, run_id: str) -> dict[str, Expected]:
    rows = list(ledger.run(run_id).instances())
    found = {row.object_key: Expected(row.verdict or "", tuple(row.findings), row.defect) for row in rows}
    assert len(found) == len(rows)
    return found


class TestARun:
    def packed(self, kind: str) -> tuple[dict[str, bytes], dict[str, Expected]]:
        """Give a bucket of real objects in an archive, beside others, and what must become of them."""
        held = {key: data for key, data in contents().items() if not key.endswith("/")}
        of_members = {key: value for key, value in expected().items() if key in held}
        wanted = {key_of_member(kind, key.encode()): value for key, value in of_members.items()}
        assert len(wanted) == len(held)
        beside = {"a.dcm": contents()["pydicom/CT_small.dcm"], "z.txt": b"no DICOM"}
        wanted |= {"a.dcm": expected()["pydicom/CT_small.dcm"], "z.txt": Expected("DISCARDED", (), "NOT_DICOM")}
        return {kind: PACKERS[kind](held), **beside}, wanted

    @pytest.mark.parametrize("kind", PACKERS)
    def test_members_in_a_directory_have_the_verdicts_of_plain_objects(
        self, kind: str, ledger: Ledger, tmp_path: Path
    ) -> None:
        held, wanted = self.packed(kind)
        store = ArchivesOpened(in_directory(tmp_path / "bucket", held))

        screen(Screening("run", store, ASKED), ledger)

        assert judged(ledger, "run") == wanted

    @pytest.mark.parametrize("kind", ["deflated.zip", "plain.tar", "packed.tgz"])
    @pytest.mark.parametrize("cloud", ["gcs", "azure"])
    def test_members_in_other_clouds_have_the_verdicts_of_plain_objects(
        self, kind: str, cloud: str, ledger: Ledger, request: pytest.FixtureRequest
    ) -> None:
        held, wanted = self.packed(kind)
        server: CloudServer = request.getfixturevalue(f"{cloud}_server")
        bucket = server.make_bucket()
        for key, data in held.items():
            server.put(bucket, key, data)

        screen(Screening("run", ArchivesOpened(server.store(bucket)), ASKED), ledger)

        assert judged(ledger, "run") == wanted

    @pytest.mark.parametrize("kind", ["deflated.zip", "plain.tar", "packed.tgz"])
    def test_members_in_s3_have_the_verdicts_of_plain_objects(
        self, kind: str, ledger: Ledger, moto_server: S3Server
    ) -> None:
        held, wanted = self.packed(kind)
        bucket, client = moto_server.make_bucket(), moto_server.client()
        for key, data in held.items():
            client.put_object(Bucket=bucket, Key=key, Body=data)

        screen(Screening("run", ArchivesOpened(moto_server.store(bucket)), ASKED), ledger)

        assert judged(ledger, "run") == wanted

    def test_the_demo_in_archives_has_the_verdicts_of_the_demo(self, ledger: Ledger, tmp_path: Path) -> None:
        demo = dict(objects())
        plain = in_directory(tmp_path / "plain", {key: data for key, data in demo.items() if not key.endswith("/")})
        series = sorted({key.partition("/")[0] for key in demo})
        packers = list(PACKERS.items())
        packed = {}
        for number, name in enumerate(series):
            kind, pack = packers[number % len(packers)]
            of_series = {key: data for key, data in demo.items() if key.startswith(f"{name}/") and key[-1] != "/"}
            packed[f"{name}.{kind}"] = pack(of_series)
        archives = ArchivesOpened(in_directory(tmp_path / "packed", packed))

        screen(Screening("plain", plain, ASKED), ledger)
        screen(Screening("packed", archives, ASKED), ledger)

        # A directory has no name with two slashes; a member may have.
        unpacked = {key.partition("!/")[2].replace("//", "/"): value for key, value in judged(ledger, "packed").items()}
        assert unpacked == judged(ledger, "plain")
        assert len(unpacked) > 300


class TestASecondRun:
    def run(self, store: Store, ledger: Ledger, run_id: str) -> Mapping[str, Any]:
        return screen(Screening(run_id, store, ASKED), ledger).counts

    def test_members_of_unchanged_archives_are_not_read_again_and_of_changed_ones_are(
        self, ledger: Ledger, tmp_path: Path
    ) -> None:
        held = {f"{number}.dcm": contents()["pydicom/CT_small.dcm"] for number in range(3)}
        root = tmp_path / "bucket"
        store = ArchivesOpened(in_directory(root, {f"of.{kind}": pack(held) for kind, pack in PACKERS.items()}))

        first, second = self.run(store, ledger, "first"), self.run(store, ledger, "second")
        (root / "of.stored.zip").write_bytes(PACKERS["stored.zip"](dict(list(held.items())[:2])))
        third = self.run(store, ledger, "third")

        assert (first["added"], first["indexed"]) == (18, 18)
        assert (second["added"], second["removed"], second["indexed"]) == (0, 0, 0)
        assert (third["added"], third["removed"], third["indexed"]) == (2, 3, 2)

    def test_the_objects_of_a_run_are_opened_by_its_location_and_pulled(self, ledger: Ledger, tmp_path: Path) -> None:
        whole = contents()["pydicom/CT_small.dcm"]
        held = {f"of.{kind}": pack({"d/1.dcm": whole}) for kind, pack in PACKERS.items()}
        run_id = "run"
        screen(Screening(run_id, ArchivesOpened(in_directory(tmp_path / "bucket", held)), ASKED), ledger)
        run = ledger.run(run_id)

        store = open_store(run.location)
        rows = list(run.objects(verdict="PASSED"))
        assert [store.read_bytes(row.info) for row in rows] == [whole] * len(PACKERS)

        pulled = pull(run, store, tmp_path / "pulled", layout=Layout.KEY)

        assert pulled.is_complete
        files = sorted(file.relative_to(tmp_path / "pulled") for file in (tmp_path / "pulled").rglob("*.dcm"))
        assert [str(file) for file in files] == sorted(f"{key}!/d/1.dcm" for key in held)
        assert {(tmp_path / "pulled" / file).read_bytes() for file in files} == {whole}
