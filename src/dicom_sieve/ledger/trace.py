"""Everything known of one object, instance or series."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.tables import decision, header, location, object_, run, snapshot


@dataclass(frozen=True, slots=True)
class TracedDecision:
    """What one run decided on an object.

    Attributes:
        run_id: Which run.
        started_at: When it began.
        criteria: As given.
        verdict: ``PASSED`` or ``DISCARDED``; None where the run did not judge the object.
        findings: One a criterion, in their order.
    """

    run_id: str
    started_at: datetime.datetime
    criteria: Sequence[Mapping[str, Any]]
    verdict: str | None
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedObject:
    """One object as it was for a while: from the snapshot that first held it to the one that no longer did.

    Attributes:
        endpoint: Where.
        bucket: Where.
        key: Where.
        etag: Of its bytes.
        size: In bytes.
        last_modified: As the store said.
        seen_at: When the first snapshot that held it was taken.
        gone_at: When the first one that did not was taken; None: it is still there.
        study_instance_uid: None where unknown.
        series_instance_uid: None where unknown.
        sop_class_uid: None where unknown.
        sop_instance_uid: None where unknown.
        attributes: Tag (eight hex digits) to raw values; None where it was not read yet.
        defect: Why it cannot be judged, or None.
        decisions: Every run over a snapshot that holds it, the oldest first.
    """

    endpoint: str
    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime.datetime
    seen_at: datetime.datetime
    gone_at: datetime.datetime | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_class_uid: str | None
    sop_instance_uid: str | None
    attributes: Mapping[str, Sequence[str]] | None
    defect: str | None
    decisions: list[TracedDecision] = field(default_factory=list)


def trace(engine: sa.Engine, key_or_uid: str) -> list[TracedObject]:
    """Find objects by key, by SOP Instance UID, by Series or by Study Instance UID, the first of these that finds any.

    Returns:
        In the order of keys, then of time; empty where nothing is known.
    """
    with engine.connect() as connection:
        for condition in (
            object_.c.key == key_or_uid,
            object_.c.sop_instance_uid == key_or_uid,
            header.c.series_instance_uid == key_or_uid,
            header.c.study_instance_uid == key_or_uid,
        ):
            found = _find(connection, condition)
            if found:
                return found
    return []


def _find(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[TracedObject]:
    objects: dict[int, TracedObject] = {}
    for row in connection.execute(_objects().where(condition).order_by(object_.c.key, object_.c.id)):
        fields = row._asdict()
        row_id = fields.pop("id")
        objects[row_id] = TracedObject(**fields)
    if objects:
        for row in connection.execute(_decisions().where(condition).order_by(run.c.number)):
            judged = TracedDecision(row.run_id, row.started_at, row.criteria, row.verdict, tuple(row.findings or ()))
            objects[row.id].decisions.append(judged)
    return list(objects.values())


def _objects() -> sa.Select[Any]:
    added, removed = snapshot.alias("added"), snapshot.alias("removed")
    return sa.select(
        object_.c.id,
        location.c.endpoint,
        location.c.bucket,
        object_.c.key,
        object_.c.etag,
        object_.c.size,
        object_.c.last_modified,
        added.c.started_at.label("seen_at"),
        removed.c.started_at.label("gone_at"),
        header.c.study_instance_uid,
        header.c.series_instance_uid,
        header.c.sop_class_uid,
        object_.c.sop_instance_uid,
        header.c.attributes,
        header.c.defect,
    ).select_from(
        object_.join(location)
        .join(added, added.c.id == object_.c.added_in)
        .outerjoin(removed, removed.c.id == object_.c.removed_in)
        .outerjoin(header, header.c.id == object_.c.header_id)
    )


def _decisions() -> sa.Select[Any]:
    is_member = sa.and_(
        run.c.location_id == object_.c.location_id,
        run.c.snapshot_id >= object_.c.added_in,
        object_.c.removed_in.is_(None) | (run.c.snapshot_id < object_.c.removed_in),
    )
    is_decision = sa.and_(decision.c.run_number == run.c.number, decision.c.header_id == object_.c.header_id)
    return sa.select(
        object_.c.id,
        run.c.id.label("run_id"),
        run.c.started_at,
        run.c.criteria,
        decision.c.verdict,
        decision.c.findings,
    ).select_from(
        object_.join(run, is_member)
        .outerjoin(header, header.c.id == object_.c.header_id)
        .outerjoin(decision, is_decision)
    )
