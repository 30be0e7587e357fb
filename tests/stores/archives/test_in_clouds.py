"""Archives in other clouds: screened by every runner, computed on, and drawn, as plain objects are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations.command import Command, kind_of
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.radiomics import RADIOMICS
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.screening import Screening, executor_for, screen
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.open import open_archives
from tests.computations.radiomics.digital_phantom import PARAMETERS, make_seg, region, save, series
from tests.computations.radiomics.published import disagreements
from tests.computations.segmentation.bucket import PHANTOM, whole
from tests.screening.screenings import ct, mr, one_of, verdicts
from tests.stores.archives.packed import Contents, stored, tar_gz, tarred, zipped
from tests.support.clouds import CloudServer

pytestmark = pytest.mark.timeout(600)
CLOUDS = ("gcs", "azure")
RUNNERS = ("threads", "processes", "ray")
PACK: dict[str, Callable[[Contents], bytes]] = {
    "a.zip": zipped,
    "b.tar": tarred,
    "c.tar.gz": tar_gz,
    "d.zip": stored,
}
SERIES = {
    f"{name}/{number}.dcm": (ct if number % 4 else mr)(f"1.2.{place}", f"1.2.{place}.{number}")
    for place, name in enumerate(PACK)
    for number in range(1, 8)
}


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> CloudServer:
    """A server of one of the other clouds' APIs."""
    server: CloudServer = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def sqlite(tmp_path: Path) -> Ledger:
    """An empty ledger in SQLite."""
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """Of a running Ray."""
    from tests.support.ray_cluster import running_ray

    with running_ray() as running:
        yield running.address


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A runner, which the settings name."""
    monkeypatch.setenv("DICOM_SIEVE_TASK_RUNNER", request.param)
    monkeypatch.setenv("DICOM_SIEVE_SHARDS_IN_FLIGHT", "2")
    if request.param == "ray":
        monkeypatch.setenv("DICOM_SIEVE_RAY_ADDRESS", request.getfixturevalue("ray_address"))
    return str(request.param)


def fill(cloud: CloudServer, packed: dict[str, bytes]) -> Place:
    """Put archives into a bucket of their own."""
    bucket = cloud.make_bucket()
    for key, body in packed.items():
        cloud.put(bucket, f"in/{key}", body)
    return cloud.store(bucket, "in/")


class TestRunners:
    def test_members_have_the_verdicts_of_plain_objects_by_whichever_runner(
        self, runner: str, cloud: CloudServer, sqlite: Ledger
    ) -> None:
        held = {
            name: {key.partition("/")[2]: body for key, body in SERIES.items() if key.startswith(name)} for name in PACK
        }
        place = fill(cloud, {name: pack(held[name]) for name, pack in PACK.items()})
        by_runner = executor_for(load_settings())

        screen(Screening("run", ArchivesOpened(place), one_of("CT"), run_shards=by_runner, shard_objects=5), sqlite)

        judged = {
            key.removeprefix("in/").replace("!/", "/"): verdict for key, (verdict, _) in verdicts(sqlite, "run").items()
        }
        assert judged == {key: "DISCARDED" if int(key[-5]) % 4 == 0 else "PASSED" for key in SERIES}
        assert load_settings().task_runner == runner

    def test_members_are_computed_on_by_whichever_runner(
        self, runner: str, cloud: CloudServer, sqlite: Ledger, tmp_path: Path
    ) -> None:
        held = {
            name: {f"{number}": ct(f"1.2.{place}", f"1.2.{place}.{number}") for number in range(3)}
            for place, name in enumerate(PACK)
        }
        place = fill(cloud, {name: pack(held[name]) for name, pack in PACK.items()})
        screen(Screening("run", ArchivesOpened(place), one_of("CT")), sqlite)
        copies = kind_of("copies", Command(command=("cp", "-r", "{input}", "{output}"), version="1"))

        assert compute(sqlite, copies, place, tmp_path, workers=2) == {"COMPLETED": len(PACK)}

        assert load_settings().task_runner == runner
        found = sorted(file.read_bytes() for file in (tmp_path / "results").rglob("*.dcm") if file.is_file())
        assert found == sorted(body for members in held.values() for body in members.values())


def compute(ledger: Ledger, kind: Kind, place: Place, home: Path, workers: int = 1, **given: object) -> dict[str, int]:
    """Compute on what a run let pass, and give how many series came to each state."""
    reasons = compute_one_by_one(
        ledger,
        kind,
        "run",
        inputs=open_archives(place, lists=False),
        outputs=DirectoryStore(home / "results"),
        given=given,
        workers=workers,
    )
    return {state.value: number for state, _, number in reasons}


class TestComputations:
    @pytest.mark.parametrize("archive", PACK)
    def test_lungs_are_found_in_series_in_an_archive(
        self, archive: str, cloud: CloudServer, sqlite: Ledger, tmp_path: Path
    ) -> None:
        place = fill(cloud, {archive: PACK[archive](whole("phantom"))})
        screen(Screening("run", ArchivesOpened(place), one_of("CT")), sqlite)

        assert compute(sqlite, LUNG_SEGMENTATION, place, tmp_path) == {"COMPLETED": 1}

        [traced] = sqlite.trace_results(str(next((tmp_path / "results").rglob("segmentation.dcm"))))
        assert len(traced.inputs) == PHANTOM.shape[0]
        assert all(f"in/{archive}!/phantom/" in each.object_key for each in traced.inputs if each.object_key)

    @pytest.mark.parametrize("archive", PACK)
    def test_features_of_the_phantom_in_an_archive_are_the_published_ones(
        self, archive: str, cloud: CloudServer, sqlite: Ledger, tmp_path: Path
    ) -> None:
        slices = series()
        save(slices, tmp_path / "objects")
        (tmp_path / "objects" / "seg").mkdir()
        save([make_seg(slices, [region()])], tmp_path / "objects" / "seg")
        files = {
            file.relative_to(tmp_path / "objects").as_posix(): file.read_bytes()
            for file in (tmp_path / "objects").rglob("*.dcm")
        }
        place = fill(cloud, {archive: PACK[archive](files)})
        screen(Screening("run", ArchivesOpened(place), one_of("CT")), sqlite)

        became = compute(sqlite, RADIOMICS, place, tmp_path, **{**PARAMETERS, "regions_from": "OBJECTS"})

        assert became == {"COMPLETED": 1}
        [measured] = sqlite.run("run").regions()
        features = measured.measured.features
        values = {name: value for name, value in features.items() if name not in ("voxels", "volume_mm3")}
        assert disagreements(values, "digital phantom") == {}
