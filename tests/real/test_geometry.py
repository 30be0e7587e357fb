"""Real series are measured as the document says, and other readers differ where it says so."""

from pathlib import Path

import pydicom
import pytest

from dicom_sieve.columns.facts import Fact, FactState
from tests.conftest import find_program, not_present
from tests.ledger.measured_facts import expected_of
from tests.real.by_pydicom import all_facts_of, images_by_series, is_same
from tests.support.documents import read, section, table
from tests.support.geometry_readers import ask_dcm2niix, ask_highdicom, ask_simpleitk, shown
from tests.support.real_series import SERIES, geometry_of_series

ROWS = {row[0]: row[1:] for row in table(section(read("docs/geometry.md"), "Where other readers differ"))}
OF_ALL = ("slices", "volumes", "duplicates", "spacing", "spacing_variation", "tilt")


def said(fact: Fact) -> str:
    [state] = fact.states
    return FactState(state).name.lower() if state != FactState.VALUE else shown(float(fact.values[0]))


def test_the_document_has_every_series() -> None:
    assert list(ROWS) == list(SERIES)


@pytest.mark.parametrize("name", SERIES)
class TestReaders:
    def test_spacing_is_as_documented(self, name: str) -> None:
        assert said(geometry_of_series(SERIES[name]()).spacing) == ROWS[name][0]

    def test_highdicom_says_what_is_documented(self, name: str) -> None:
        assert ask_highdicom(SERIES[name]()) == ROWS[name][1]

    def test_simpleitk_says_what_is_documented(self, name: str, tmp_path: Path) -> None:
        assert ask_simpleitk(SERIES[name](), tmp_path / "series") == ROWS[name][2]

    def test_dcm2niix_says_what_is_documented(self, name: str, tmp_path: Path) -> None:
        program = find_program("dcm2niix")
        if program is None:
            not_present("dcm2niix", "install Debian's package dcm2niix")
        assert program is not None
        assert ask_dcm2niix(program, SERIES[name](), tmp_path / "series") == ROWS[name][3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("five slices of a heart", ["5", "1", "0", "2.5", "0", "0"]),
        ("the same, tilted by 18°", ["5", "1", "0", "2.5", "0", "18"]),
        ("the same, two times", ["5", "2", "0", "2.5", "0", "0"]),
        ("one slice of them", ["1", "1", "0", "absent", "absent", "absent"]),
        ("four slices of a head, far apart", ["4", "1", "0", "1.25", "201.25", "0"]),
        ("three planes of a pilot", ["undecided"] * 6),
        ("five slices of a heart, as frames", ["5", "1", "0", "2.5", "0", "0"]),
        ("the same, tilted by 18°, as frames", ["5", "1", "0", "2.5", "0", "18"]),
        ("the same, two times, as frames", ["5", "2", "0", "2.5", "0", "0"]),
        ("four slices of a head, as frames", ["4", "1", "0", "1.25", "201.25", "0"]),
    ],
)
def test_the_geometry_of_real_series(name: str, expected: list[str]) -> None:
    geometry = geometry_of_series(SERIES[name]())
    assert [said(getattr(geometry, fact)) for fact in OF_ALL] == expected


def test_all_series_that_are_shipped_are_measured_as_plain_decimals_measure_them() -> None:
    shipped = Path(pydicom.__file__).parent / "data" / "test_files"
    # Of those that are cut pydicom says no word; their series are undecided.
    files = [path for path in sorted(shipped.rglob("*")) if path.is_file() and "truncated" not in path.name]
    made = images_by_series(files)

    found = all_facts_of({str(path): path.read_bytes() for path in files}, made)

    expected = {uid: expected_of(images) for uid, images in made.items()}
    assert [(uid, found[uid], expected[uid]) for uid in made if not is_same(found[uid], expected[uid])] == []
    assert sum(isinstance(facts["slices"], int) for facts in found.values()) >= 10
