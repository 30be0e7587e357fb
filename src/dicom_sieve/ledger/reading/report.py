"""The queries of a report: the headers that a run decided on, and the duplicates among its objects.

Object rows are read for duplicates alone: the number of a header's instances in a snapshot is recorded.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.ledger.database.decisions import decisions, findings_of_object, join_objects, verdict_of_object
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, object_, run
from dicom_sieve.ledger.reading.comparison import uids_of
from dicom_sieve.ledger.reading.conflicts import select_repeated
from dicom_sieve.ledger.reading.decided import decided_on, decided_rows
from dicom_sieve.ledger.reading.held_rows import HeldRows
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run
from dicom_sieve.objects import Damaged

Kind = tuple[str | None, ...]
"""Findings as JSON; how far the header was read, see `read_extent`; and the entry of each attribute asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class DecidedBlock:
    """Distinct headers, or objects, that a run decided on.

    Attributes:
        headers: Id of each, or of the header of each object.
        series: Number of the series of each; 0: it has none.
        studies: Number of the study of each, likewise.
        patients: Number of the patient of each, likewise.
        instances: Of each, in the run's snapshot.
        bytes: Of these instances.
        kinds: What was found on each, and on what.
    """

    headers: Numbers
    series: Numbers
    studies: Numbers
    patients: Numbers
    instances: Numbers
    bytes: Numbers
    kinds: Coded[Kind]


class Reason(NamedTuple):
    """Findings that some instances of a series share.

    Attributes:
        findings: One per criterion; none where they could not be judged.
        defect: Their defect, or None.
        instances: Number of instances.
    """

    findings: tuple[str, ...]
    defect: str | None
    instances: int


class Duplicates(NamedTuple):
    """Objects beyond the first of their SOP Instance UID, as the view ``series_decision`` counts them.

    Attributes:
        instances: Number of duplicates.
        series: Number of series that have any.
    """

    instances: int
    series: int


def decided_headers(engine: sa.Engine, run_number: int, keys: Sequence[str]) -> Iterator[DecidedBlock]:
    """Give every distinct header that a run decided on, or its objects where it decided on these, a block at a time.

    Args:
        engine: The ledger's.
        run_number: Of a run that has a snapshot.
        keys: The columns of attributes whose values are asked for.
    """
    query = sa.select(run.c.damaged).where(run.c.number == run_number)
    damaged = Damaged(read(engine, lambda connection: connection.scalar(query)) or Damaged.DISCARD)
    place = place_of_run(engine, run_number)
    for held in decided_rows(engine, run_number, place, keys, damaged, with_owners=True):
        yield read(engine, partial(_decided, run_number=run_number, held=held, keys=keys))


def _decided(connection: sa.Connection, run_number: int, held: HeldRows, keys: Sequence[str]) -> DecidedBlock:
    block = held.block
    decided = decided_on(connection, run_number, block.ids, held.kind)
    rows = np.flatnonzero(decided.flags(lambda outcome: outcome is not None))
    values = block.values.take(rows)
    findings = Coded(decided.things, decided.codes[rows]).map(lambda outcome: outcome and outcome.findings)
    extents = Coded(values.extents.entries, values.extents.codes)
    kinds = combine([findings, extents, *map(values.coded, keys)], len(rows))
    if block.owners is None:
        raise TypeError("owners were not asked for")
    owners = block.owners.take(rows)
    return DecidedBlock(
        block.headers[rows],
        block.series[rows],
        owners.studies,
        owners.patients,
        block.instances[rows],
        block.bytes[rows],
        kinds,
    )


def series_of(engine: sa.Engine, header_ids: Numbers) -> Iterator[str]:
    """Give the Series Instance UID of some headers, all of which have one."""
    return (series for series, _ in uids_of(engine, header_ids))


def findings_of_series(engine: sa.Engine, run_number: int, series: Sequence[str]) -> dict[str, list[Reason]]:
    """Give what was found on the instances of some series, the most frequent first."""
    held = header.join(object_, object_.c.header_id == header.c.id)
    instances, findings = sa.func.count(), sa.cast(findings_of_object, sa.Text)
    query = (
        sa.select(header.c.series_instance_uid, findings, header.c.defect, instances)
        .select_from(join_objects(held, object_.c.id, header.c.id, run_number))
        .where(
            header.c.series_instance_uid.in_(series),
            is_in_snapshot(*place_of_run(engine, run_number)),
            verdict_of_object.is_not(None),
        )
        .group_by(header.c.series_instance_uid, findings, header.c.defect)
        .order_by(header.c.series_instance_uid, instances.desc(), findings, header.c.defect)
    )
    reasons: dict[str, list[Reason]] = {uid: [] for uid in series}
    for uid, text, defect, count in read(engine, lambda connection: connection.execute(query).all()):
        reasons[uid].append(Reason(tuple(json.loads(text)), defect, count))
    return reasons


def count_duplicates(engine: sa.Engine, run_number: int) -> Duplicates:
    """Count a run's duplicates; only the objects of SOP Instance UIDs that are there more than once are read."""
    uid = object_.c.sop_instance_uid
    twice = select_repeated().cte("twice")
    per_series = (
        sa.select((sa.func.count(uid) - sa.func.count(uid.distinct())).label("duplicates"))
        .select_from(
            decisions.join(
                twice.join(object_, uid == twice.c.sop_instance_uid).join(header, header.c.id == object_.c.header_id),
                header.c.id,
                decisions.run_number == run_number,
            )
        )
        .where(
            is_in_snapshot(*place_of_run(engine, run_number)),
            header.c.series_instance_uid.is_not(None),
        )
        .group_by(header.c.series_instance_uid)
        .subquery("per_series")
    )
    query = sa.select(sa.func.sum(per_series.c.duplicates), sa.func.count()).where(per_series.c.duplicates > 0)
    instances, count = read(engine, lambda connection: connection.execute(query).one())
    return Duplicates(int(instances or 0), count)
