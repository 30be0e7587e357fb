"""Screening made series."""

from collections.abc import Mapping
from typing import Any

from dicom_sieve.criteria import Damaged
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.objects import Location
from dicom_sieve.screening import Limits, Screening
from tests.screening.made_series import HEADER_LIMIT
from tests.screening.naive_measures import Made
from tests.support.simulated_store import SimulatedStore

LIMITS = Limits(header_limit_bytes=HEADER_LIMIT)
Objects = Mapping[str, Made]


def store_of(objects: Objects, bucket: str = "made") -> SimulatedStore:
    return SimulatedStore({key: each.data for key, each in objects.items()}, location=Location("https://made", bucket))


def screening(name: str, store: SimulatedStore, criteria: Any, damaged: Damaged = Damaged.DISCARD) -> Screening:
    asked, problems = read_criteria(criteria)
    assert not problems, (problems, criteria)
    return Screening(name, store, asked, damaged=damaged, limits=LIMITS, shard_objects=7, objects_together=1)
