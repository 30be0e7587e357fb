"""Patients are told apart, and told to nobody: what the ledger keeps of them, in this version and of earlier ones."""

from pathlib import Path

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.reports import make_report
from dicom_sieve.stores import DirectoryStore
from tests.ledger.first_version import make_first_version, store_of_old
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

PATIENTS = "SELECT DISTINCT patient FROM header ORDER BY patient"


def two_patients() -> SimulatedStore:
    """Equal headers of two patients, one of them twice."""
    patients = {"1": "A", "2": " A ", "3": "B"}
    return SimulatedStore({key: ct(uid=f"1.9.{key}", PatientID=patient) for key, patient in patients.items()})


def test_equal_headers_of_two_patients_are_two(ledger: Ledger) -> None:
    screen_ct(two_patients(), ledger, "a")

    figures = make_report(ledger.run("a")).figures

    assert (figures.looked_at.patients, figures.without_patient) == (2, 0)
    assert (figures.looked_at.studies, figures.looked_at.series) == (1, 1)
    assert sql(ledger, "SELECT count(*) FROM header")[0] == (2,)


def test_nobody_can_tell_who_is_in_two_ledgers(tmp_path: Path) -> None:
    kept = []
    for name in ("one", "other"):
        with open_ledger(f"sqlite:///{tmp_path / name}") as ledger:
            screen_ct(two_patients(), ledger, "a")
            kept.append({patient for (patient,) in sql(ledger, PATIENTS)})

    assert [len(patient) for patient in kept] == [2, 2]
    assert kept[0].isdisjoint(kept[1])


def test_a_patient_that_was_changed_is_found(ledger: Ledger) -> None:
    screen_ct(two_patients(), ledger, "a")
    for edit in ("UPDATE header SET patient = NULL", "UPDATE header SET patient = 'x'"):
        with vandal(ledger) as connection:
            connection.exec_driver_sql(f"{edit} WHERE id = 1")

        assert [(damage.table, damage.row) for damage in verify(ledger.engine).damages] == [("header", 1)]


def test_patients_of_an_earlier_ledger_are_not_known_until_an_object_changes(ledger_url: str) -> None:
    make_first_version(ledger_url)
    engine = connect(ledger_url)
    upgrade(engine)
    engine.dispose()
    store = store_of_old()

    with open_ledger(ledger_url) as ledger:
        screen_ct(store, ledger, "before")
        store.put("1", ct("1.5.1", "1.6.1", PatientID="A"))
        screen_ct(store, ledger, "after")

        found = [make_report(ledger.run(run_id)).figures for run_id in ("before", "after")]
        assert [(figures.looked_at.patients, figures.without_patient) for figures in found] == [(0, 4), (1, 3)]
        assert verify(ledger.engine).is_intact


def test_patients_are_in_no_file_in_clear(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1").write_bytes(ct(PatientID="PLANTED-PATIENT"))
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        store = DirectoryStore(tmp_path / "images")
        screen_ct(store, ledger, "a", output=DirectoryStore(tmp_path / "published"))

    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "images"]
    assert len(written) > 3
    assert not any(b"PLANTED" in entry.read_bytes() for entry in written)
