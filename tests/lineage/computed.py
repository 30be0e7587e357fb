"""A ledger in which a run was published and computed on, with patients' values where a run meets them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.criteria import Criterion
from dicom_sieve.lineage import Follower, following
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

PATIENT: dict[str, Any] = {"PatientName": "PLANTED^NAME", "PatientID": "PLANTED-ID", "PatientBirthDate": "19570413"}
KEY = "PLANTED-KEY"
VALUE_OF_AN_ERROR = "PLANTED-ERROR"
PLANTED = (*PATIENT.values(), KEY, VALUE_OF_AN_ERROR)
CRITERIA = [
    Criterion.model_validate({"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]}),
    Criterion.model_validate({"dicom_tag": ["0010", "0030"], "operation": "LESS", "reference": "2000-01-01"}),
]
OWN_URI = "https://user:secret@results.example.org/private/mean.json"
ENDED_BADLY = "unexpected ValueError"
RUN, FAILED_RUN = "3b1c8a52-95a4-4d9c-9b62-5d9c5a6f3d11", "8e8c9d07-7d6e-4c5c-8a3b-0a5d2f6b7c22"


@dataclass(frozen=True)
class Computed:
    """What was made.

    Attributes:
        home: Where the ledger is.
        run: Completed, published, computed on three times: something failed, all was done, all was done before.
        failed_run: Listing its location raised what quotes a patient.
        warnings: What could not be told of it.
    """

    home: Path
    run: str = RUN
    failed_run: str = FAILED_RUN
    warnings: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The ledger's."""
        return f"sqlite:///{self.home}/.dicom-sieve/ledger.db"


def compute(home: Path) -> Computed:
    """Make it, and have it followed."""
    made = Computed(home)
    images = home / "images"
    fill(images)
    with open_ledger(made.url) as ledger:
        with following(ledger, made.warnings.append) as follower:
            output = DirectoryStore(home / "published")
            screen(
                Screening(RUN, DirectoryStore(images), CRITERIA, output=output, on_begin=follower.run),
                ledger,
            )
        with following(ledger, made.warnings.append) as follower:
            fail(ledger, follower)
        for series_that_fails in ("1.99.6", None, None):
            with following(ledger, made.warnings.append) as follower:
                compute_sizes(ledger, follower, home, series_that_fails)
    return made


def fail(ledger: Ledger, follower: Follower) -> None:
    """Screen a location that cannot be listed."""
    store = SimulatedStore()

    def explode() -> None:
        raise ValueError(VALUE_OF_AN_ERROR)

    store.on_list = explode
    with pytest.raises(ValueError, match=VALUE_OF_AN_ERROR):
        screen(Screening(FAILED_RUN, store, CRITERIA, on_begin=follower.run), ledger)


def compute_sizes(ledger: Ledger, follower: Follower, home: Path, series_that_fails: str | None) -> None:
    """Compute on the series of the run, in parts, too."""
    inputs, outputs = DirectoryStore(home / "images"), DirectoryStore(home / "results")
    with open_computation(
        ledger, "sizes", version="2", run=RUN, selection="PARTIAL", inputs=inputs, outputs=outputs
    ) as computation:
        follower.computation(computation)
        for series in computation.series():
            with series:
                if series.uid == series_that_fails:
                    raise ValueError(VALUE_OF_AN_ERROR)
                series.record_output(str(len(series.instances)).encode(), name="size.txt")
                if series.uid == "1.99.5":
                    series.record_output(OWN_URI, digest="0" * 64)


def fill(images: Path) -> None:
    """Make three series: two pass, one of them in part, and one does not."""
    images.mkdir()
    older, younger = PATIENT, {**PATIENT, "PatientBirthDate": "20010101"}
    for uid, modality, patient in (
        ("1.99.5.1", "CT", older),
        ("1.99.5.2", "CT", older),
        ("1.99.6.1", "MR", older),
        ("1.99.7.1", "US", older),
        ("1.99.5.3", "CT", younger),
    ):
        body = make_instance(series_instance_uid=uid[:6], SOPInstanceUID=uid, Modality=modality, **patient)
        (images / f"{KEY}-{uid}.dcm").write_bytes(body)
    (images / f"{KEY}.txt").write_bytes(b"no DICOM")


def rows(sql: sa.Connection, query: str, **values: Any) -> list[Any]:
    """Ask the ledger in plain SQL; of one column give the values."""
    return [row[0] if len(row) == 1 else tuple(row) for row in sql.execute(sa.text(query), values)]
