"""Moran's I and Geary's C, held to sums over all pairs one by one."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.computations.radiomics import autocorrelation
from dicom_sieve.computations.radiomics.autocorrelation import GEARYS_C, MORANS_I, spatial_autocorrelation

SPACING = (3.0, 1.0, 0.5)


def pair_by_pair(
    intensities: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_], spacing: tuple[float, float, float]
) -> tuple[float, float]:
    places = np.argwhere(inside) * spacing
    values = intensities[inside]
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    weights = np.divide(1, distances, out=np.zeros_like(distances), where=distances > 0)
    centred = values - values.mean()
    squares, number = (centred**2).sum(), len(values)
    moran = number / weights.sum() * (weights * np.outer(centred, centred)).sum() / squares
    geary = (number - 1) / (2 * weights.sum()) * (weights * (values[:, None] - values[None]) ** 2).sum() / squares
    return float(moran), float(geary)


class TestAutocorrelation:
    @given(st.integers(0, 2**32 - 1), st.tuples(*3 * [st.integers(1, 6)]))
    def test_is_the_sum_over_all_pairs(self, seed: int, shape: tuple[int, int, int]) -> None:
        random = np.random.default_rng(seed)
        intensities = random.integers(-1000, 1000, shape).astype(np.float64)
        inside = random.random(shape) < 0.7
        if inside.sum() < 3 or np.ptp(intensities[inside]) == 0:
            return

        found = spatial_autocorrelation(intensities, inside, SPACING)

        assert (found[MORANS_I], found[GEARYS_C]) == pytest.approx(pair_by_pair(intensities, inside, SPACING), abs=1e-9)

    def test_one_intensity_has_none(self) -> None:
        found = spatial_autocorrelation(np.full((3, 3, 3), 7), np.ones((3, 3, 3), dtype=bool), SPACING)

        assert found == {MORANS_I: None, GEARYS_C: None}

    def test_too_large_a_box_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(autocorrelation, "MOST_VOXELS", 26)

        found = spatial_autocorrelation(np.arange(27).reshape(3, 3, 3), np.ones((3, 3, 3), dtype=bool), SPACING)

        assert found == {MORANS_I: None, GEARYS_C: None}


class TestImports:
    def test_parameters_tables_and_pages_need_no_mirp(self) -> None:
        modules = ("settings", "mirp_settings", "features", "table", "distributions", "masks")
        imports = "; ".join(f"import dicom_sieve.computations.radiomics.{name}" for name in modules)

        told = subprocess.run(
            [sys.executable, "-c", f"import sys; {imports}; print('mirp' in sys.modules)"],
            capture_output=True,
            text=True,
            check=True,
        )

        assert told.stdout == "False\n"
