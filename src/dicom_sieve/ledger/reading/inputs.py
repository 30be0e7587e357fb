"""The inputs of computations: series of a run, each instance once."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from dicom_sieve.criteria import Verdict
from dicom_sieve.ledger.database.decisions import join_objects, verdict_of_object
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import header, object_
from dicom_sieve.ledger.database.views import series_decision
from dicom_sieve.ledger.reading.conflicts import count_identities
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot
from dicom_sieve.objects import ObjectInfo


@dataclass(frozen=True, slots=True)
class InputInstance:
    """One SOP instance that a series is computed on, as the object that was judged.

    Attributes:
        id: Id of the object's row.
        info: The object.
        sop_instance_uid: None where unknown.
        sop_class_uid: None where unknown.
        is_damaged: Whether it is CORRUPT, and passed by what lies before the damage.
    """

    id: int
    info: ObjectInfo
    sop_instance_uid: str | None
    sop_class_uid: str | None
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class InputSeries:
    """The instances of a series that passed, each SOP instance once.

    Attributes:
        uid: Series Instance UID.
        study_instance_uid: None where unknown.
        instances: Instances to compute on, in the order of keys.
        duplicates: Row ids of further objects with a SOP Instance UID of the instances: the first key counts.
        discarded: Number of its objects that did not pass.
        studies: Number of studies that its objects name, those that did not pass included.
        patients: Number of patients that its objects name, likewise.
        beside: Address and digest of what is computed on beside the instances, as of a segmentation.
    """

    uid: str
    study_instance_uid: str | None
    instances: tuple[InputInstance, ...]
    duplicates: tuple[int, ...]
    discarded: int
    studies: int = 1
    patients: int = 1
    beside: tuple[tuple[str, str], ...] = ()

    @property
    def conflict(self) -> str | None:
        """Why its objects do not form one series, in words; None where they do (PS3.3 A.1.2)."""
        named = ((self.studies, "studies"), (self.patients, "patients"))
        of_several = " and ".join(f"{number:,} {nouns}" for number, nouns in named if number > 1)
        return f"its objects name {of_several}: a series belongs to one study of one patient" if of_several else None

    @property
    def digest(self) -> str:
        """Identify the input by its objects' keys and etags, and what is beside: SHA-256 of canonical JSON, as hex."""
        instances = [[instance.info.key, instance.info.etag] for instance in self.instances]
        return _digest([self.uid, instances, *([self.beside] if self.beside else [])])


def input_series(
    engine: sa.Engine, *, run_id: str, run_number: int, snapshot_id: int, location_id: int
) -> Iterator[InputSeries]:
    """Give a run's series of which anything passed, in the order of their UIDs, with the instances that did."""
    chosen = sa.select(series_decision.c.series_instance_uid, series_decision.c.discarded).where(
        series_decision.c.run_id == run_id, series_decision.c.passed > 0
    )
    rows_of_series = read(engine, partial(all_rows, query=chosen.order_by(series_decision.c.series_instance_uid)))
    passed = _passed(run_number, snapshot_id, location_id)
    for uid, discarded in map(tuple, rows_of_series):
        rows = read(engine, partial(all_rows, query=passed.where(header.c.series_instance_uid == uid)))
        studies, patients = read(engine, partial(count_identities, run_number=run_number, series=uid))
        yield replace(_without_duplicates(uid, rows, discarded), studies=studies, patients=patients)


def _passed(run_number: int, snapshot_id: int, location_id: int) -> sa.Select[Any]:
    return (
        sa.select(
            object_.c.id,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            object_.c.last_modified,
            object_.c.sop_instance_uid,
            header.c.study_instance_uid,
            header.c.sop_class_uid,
            header.c.defect.is_not(None).label("is_damaged"),
        )
        .select_from(
            join_objects(
                header.join(object_, object_.c.header_id == header.c.id), object_.c.id, header.c.id, run_number
            )
        )
        .where(is_in_snapshot(snapshot_id, location_id), verdict_of_object == Verdict.PASSED)
        .order_by(object_.c.key)
    )


def _without_duplicates(uid: str, rows: Sequence[sa.Row[Any]], discarded: int) -> InputSeries:
    seen: set[str] = set()
    instances: list[InputInstance] = []
    duplicates: list[int] = []
    for row in rows:
        if row.sop_instance_uid is not None and row.sop_instance_uid in seen:
            duplicates.append(row.id)
            continue
        seen.add(row.sop_instance_uid)
        info = ObjectInfo(row.key, row.etag, row.size, row.last_modified)
        instances.append(InputInstance(row.id, info, row.sop_instance_uid, row.sop_class_uid, row.is_damaged))
    return InputSeries(uid, rows[0].study_instance_uid, tuple(instances), tuple(duplicates), discarded)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
