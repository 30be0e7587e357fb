"""The queries of a report: the headers that a run decided on, and the duplicates among its objects.

Object rows are read for duplicates alone: the number of a header's instances in a snapshot is recorded.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from dicom_sieve.ledger.database.decisions import decisions
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, header_change, object_
from dicom_sieve.ledger.reading.conflicts import select_repeated
from dicom_sieve.ledger.reading.header_counts import headers_of
from dicom_sieve.ledger.reading.headers_to_decide import select_extent, select_values
from dicom_sieve.ledger.reading.pages import pages_of_headers
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run

DecidedRow = tuple[str | None, str | None, str | None, int, int, str | None, str, str]
"""Study and Series Instance UID; the patient's digest; instances and bytes in the run's snapshot; how far it was read,
see `read_extent`; findings as JSON; a text that stands for the values asked for, see
`read_values`."""


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


def decided_headers(engine: sa.Engine, run_number: int, tags: Sequence[str]) -> Iterator[DecidedRow]:
    """Give every distinct header that a run decided on, in the order of pages, without an order within them.

    Args:
        engine: The ledger's.
        run_number: Of a run that has a snapshot.
        tags: Attributes whose values are asked for, as eight upper-case hex digits; one or more.
    """

    def select(held: sa.FromClause) -> sa.Select[Any]:
        return sa.select(
            header.c.study_instance_uid,
            header.c.series_instance_uid,
            header.c.patient,
            held.c.instances,
            held.c.bytes,
            select_extent(),
            sa.cast(decisions.findings, sa.Text),
            select_values(engine.dialect, tags),
        ).where(decisions.run_number == run_number, decisions.is_on(header.c.id))

    for page in pages_of_headers(engine, *place_of_run(engine, run_number), select):
        yield from page


def findings_of_series(engine: sa.Engine, run_number: int, series: Sequence[str]) -> dict[str, list[Reason]]:
    """Give what was found on the instances of some series, the most frequent first."""
    of_series = sa.select(header.c.id).where(header.c.series_instance_uid.in_(series))
    held = (
        headers_of(*place_of_run(engine, run_number)).where(header_change.c.header_id.in_(of_series)).subquery("held")
    )
    instances = sa.cast(sa.func.sum(held.c.instances), sa.BigInteger)
    findings = sa.cast(decisions.findings, sa.Text)
    query = (
        sa.select(header.c.series_instance_uid, findings, header.c.defect, instances)
        .select_from(
            decisions.join(
                header.join(held, held.c.header_id == header.c.id), header.c.id, decisions.run_number == run_number
            )
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
