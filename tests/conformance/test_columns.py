"""Every column of a run is sealed: one that is forgotten could be edited, and nobody would notice."""

from dicom_sieve.ledger.audit.sealed_rows import LATER_FIELDS, RUN_FIELDS
from dicom_sieve.ledger.database.tables import location, run

SEALED_OTHERWISE = {"location_id": "as endpoint, bucket and prefix", "seal": "it is the seal"}


def test_every_column_of_a_run_is_sealed() -> None:
    of_location = set(location.c.keys()) - {"id"}

    assert set(RUN_FIELDS) == set(run.c.keys()) - SEALED_OTHERWISE.keys() | of_location
    assert len(set(RUN_FIELDS)) == len(RUN_FIELDS)


def test_later_fields_stand_at_the_end() -> None:
    """Fields are sealed by their numbers: one in between would break every seal there is."""
    assert RUN_FIELDS[-len(LATER_FIELDS) :] == LATER_FIELDS
    assert all(run.c[name].nullable for name in LATER_FIELDS)
