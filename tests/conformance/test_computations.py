"""What every computation keeps: those of the registry, and the example of the guide."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.computation_mean_hu import MEAN_HU

from dicom_sieve import open_ledger
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.registry import kinds
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.segmentation.bucket import PHANTOM, Objects, objects, slices
from tests.screening.screenings import one_of

PLANTED = "PLANTED^NAME"
SUITABLE: Objects = objects("suitable", slices("suitable", PatientName=PLANTED, PatientID=PLANTED))
UNSUITABLE: Objects = objects("unsuitable", slices("unsuitable", Modality="MR", PatientName=PLANTED)[:2])
KINDS = list(({MEAN_HU.name: MEAN_HU} | kinds()).values())


class Home:
    """A ledger with a run over each series, and where results go."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger = folder, ledger
        for name, bodies in (("suitable", SUITABLE), ("unsuitable", UNSUITABLE)):
            for key, body in bodies.items():
                path = folder / name / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
            screen(Screening(name, DirectoryStore(folder / name), one_of("CT", "MR")), ledger)

    def compute(self, kind: Kind, name: str) -> tuple[InputState, str | None]:
        """Compute on the one series of a run, and tell what became of it."""
        if kind.beside is not None:  # what it looks for
            self.compute(LUNG_SEGMENTATION, name)
        inputs, outputs = DirectoryStore(self.folder / name), DirectoryStore(self.folder / "results")
        [(state, reason, number)] = compute_one_by_one(self.ledger, kind, name, inputs=inputs, outputs=outputs)
        assert number == 1
        return state, reason

    def results(self, kind: Kind) -> list[Path]:
        """Give the files of its results."""
        return [path for path in self.folder.glob(f"results/**/{kind.name}/**/*") if path.is_file()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two runs, each over one series."""
    folder = tmp_path_factory.mktemp("computations")
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        yield Home(folder, ledger)


def test_names_of_computations_are_unique() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(name == kind.name for name, kind in kinds().items())


@pytest.mark.filterwarnings("ignore")  # of the libraries that computations use, about each other
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
class TestEachComputation:
    def test_each_computation_says_what_it_is(self, kind: Kind) -> None:
        assert kind.name == kind.name.lower().strip()
        assert set(kind.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert kind.version[:1].isdigit()
        assert kind.description[0].isupper()
        assert kind.description.endswith(".")
        assert kind.done.isalpha()
        assert kind.done.islower()

    def test_each_computation_says_what_is_missing(self, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dicom_sieve.computations.kind.find_spec", lambda _: None)

        assert kind.missing_packages() == list(kind.packages)
        assert all(name in kind.describe_missing() for name in (*kind.packages, kind.extra))

    def test_computes_once_and_then_skips(self, kind: Kind, home: Home) -> None:
        if missing := kind.describe_missing():
            pytest.skip(missing)

        assert home.compute(kind, "suitable") == (InputState.COMPLETED, None)
        results = home.results(kind)
        assert results
        state, reason = home.compute(kind, "suitable")
        assert state is InputState.SKIPPED
        assert reason is not None
        assert reason.startswith("computed before, by computation ")
        assert home.results(kind) == results

    def test_each_computation_refuses_or_fails_in_a_sentence_without_patients_values(
        self, kind: Kind, home: Home
    ) -> None:
        if missing := kind.describe_missing():
            pytest.skip(missing)

        state, reason = home.compute(kind, "unsuitable")

        assert state in {InputState.REFUSED, InputState.FAILED}
        assert reason
        assert PLANTED not in reason


def test_the_example_is_right(home: Home) -> None:
    home.compute(MEAN_HU, "suitable")

    [result] = home.results(MEAN_HU)
    assert json.loads(result.read_text()) == {"mean_hu": pytest.approx(PHANTOM.hounsfield().mean())}
