"""The ledger's tables, as SQLAlchemy Core sees them. The migrations create them; a test compares both.

Instances are traced by object rows, which are never changed once they have a header: an object that must be read again
gets a new row in a new snapshot, so that what an old run judged can be looked up permanently.
"""

from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.column_types import BigKey, Json, Key, QueryableJson, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

location = sa.Table(
    "location",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.UniqueConstraint("endpoint", "bucket", "prefix"),
)

snapshot = sa.Table(
    "snapshot",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("listed_at", UtcDateTime),
    sa.Column("counts", Json),
)

edition = sa.Table(
    "edition",
    metadata,
    sa.Column("number", BigKey, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("header_tags", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("object_tags", sa.Text),
    sa.Column("limit_bytes", sa.BigInteger),
)

header = sa.Table(
    "header",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("study_instance_uid", sa.Text),
    sa.Column("series_instance_uid", sa.Text),
    sa.Column("sop_class_uid", sa.Text),
    sa.Column("defect", sa.Text),
    sa.Column("patient", sa.Text),
    sa.Column("damage", sa.Text),
    sa.Column("unreadable_from", sa.Text),
    sa.Column("edition", BigKey, nullable=False, server_default="1"),
    sa.Index("header_series_instance_uid", "series_instance_uid"),
    sa.Index("header_study_instance_uid", "study_instance_uid"),
)
for _name, _column in (("header_defect", header.c.defect), ("header_unreadable_from", header.c.unreadable_from)):
    sa.Index(_name, _column, sqlite_where=_column.is_not(None), postgresql_where=_column.is_not(None))

# The values of headers and of objects, in columns: a chunk for each attribute of a block, which one transaction wrote.
block = sa.Table(
    "block",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id")),
    sa.Column("edition", BigKey, sa.ForeignKey("edition.number"), nullable=False),
    sa.Column("first_id", BigKey, nullable=False),
    sa.Column("last_id", BigKey, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Index("block_first_id", "kind", "first_id"),
)

chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("block_id", BigKey, sa.ForeignKey("block.id"), primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("chunk_block_id", "block_id"),
    sqlite_with_rowid=False,
)

patient_key = sa.Table(
    "patient_key",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
)

object_ = sa.Table(
    "object",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("key", Key, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("last_modified", UtcDateTime, nullable=False),
    sa.Column("header_id", BigKey, sa.ForeignKey("header.id")),
    sa.Column("sop_instance_uid", sa.Text),
    sa.Column("added_in", BigKey, sa.ForeignKey("snapshot.id"), nullable=False),
    sa.Column("removed_in", BigKey, sa.ForeignKey("snapshot.id")),
    sa.Index("object_key", "location_id", "key"),
    sa.Index("object_header_id", "header_id"),
    sa.Index("object_sop_instance_uid", "sop_instance_uid"),
)
_is_open = object_.c.removed_in.is_(None)
_closed = object_.c.removed_in.is_not(None)
sa.Index("object_closed", object_.c.location_id, object_.c.removed_in, sqlite_where=_closed, postgresql_where=_closed)
_is_unread = sa.and_(_is_open, object_.c.header_id.is_(None))
_of_open: dict[str, Any] = {"sqlite_where": _is_open, "postgresql_where": _is_open}
sa.Index("object_open", object_.c.location_id, object_.c.key, unique=True, **_of_open)
sa.Index("object_unread", object_.c.location_id, object_.c.id, sqlite_where=_is_unread, postgresql_where=_is_unread)

# Digests of ranges of keys as they were listed last: a cache, dropped by what changes an open object (`listed_ranges`).
listed_range = sa.Table(
    "listed_range",
    metadata,
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
    sa.Column("last_key", Key, primary_key=True),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("number", BigKey, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("snapshot_id", BigKey, sa.ForeignKey("snapshot.id")),
    sa.Column("criteria", Json, nullable=False),
    sa.Column("criteria_digest", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("counts", Json),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("software_version", sa.Text, nullable=False),
    sa.Column("manifest_uri", sa.Text),
    sa.Column("manifest_digest", sa.Text),
    sa.Column("failure", sa.Text),
    sa.Column("seal", sa.Text),
    sa.Column("sealed_after", BigKey),
    sa.Column("damaged", sa.Text),
    sa.Column("criteria_name", sa.Text),
    sa.Column("criteria_version", sa.BigInteger),
    sa.Column("milliseconds", sa.JSON(none_as_null=True)),
    sa.Index("run_sealed_after", "sealed_after", unique=True),
)

named_criteria = sa.Table(
    "named_criteria",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("name", Key, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("criteria", Json, nullable=False),
    sa.Column("criteria_digest", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("saved_at", UtcDateTime, nullable=False),
    sa.Column("software_version", sa.Text, nullable=False),
    sa.UniqueConstraint("name", "version"),
)

# A run's decisions: for each page of headers a byte each, which says what was decided; see `database.decisions`.
outcome = sa.Table(
    "outcome",
    metadata,
    sa.Column("run_number", BigKey, primary_key=True, autoincrement=False),
    sa.Column("palette", BigKey, primary_key=True, autoincrement=False),
    sa.Column("code", sa.LargeBinary, primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("findings", QueryableJson, nullable=False),
    sqlite_with_rowid=False,
)

decision_page = sa.Table(
    "decision_page",
    metadata,
    sa.Column("run_number", BigKey, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("number", BigKey, primary_key=True, autoincrement=False),
    sa.Column("palette", BigKey, nullable=False),
    sa.Column("codes", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# How the number of a header's instances at a location changes with a snapshot: their sum up to a snapshot is what that
# snapshot holds, without an object row being touched. Without foreign keys where no index helps them: to forget one
# header would be to look through all rows.
header_change = sa.Table(
    "header_change",
    metadata,
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), primary_key=True),
    sa.Column("header_id", BigKey, primary_key=True),
    sa.Column("snapshot_id", BigKey, primary_key=True),
    sa.Column("instances", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The sums of these rows, for some ids of headers: a cache, dropped by what changes any of the rows (`held_pages`).
held_page = sa.Table(
    "held_page",
    metadata,
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
    sa.Column("page", BigKey, primary_key=True, autoincrement=False),
    sa.Column("snapshot_id", BigKey, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("ids", "instances", "bytes")),
)

# Facts of series, a cell for each header: a page that a snapshot changed stands until another one changes it. A
# snapshot whose facts are known has a row of its own; see `dicom_sieve.columns.fact_pages`.
fact_snapshot = sa.Table(
    "fact_snapshot",
    metadata,
    sa.Column("snapshot_id", BigKey, sa.ForeignKey("snapshot.id"), primary_key=True, autoincrement=False),
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

fact_page = sa.Table(
    "fact_page",
    metadata,
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
    sa.Column("fact", sa.Text, primary_key=True),
    sa.Column("page", BigKey, primary_key=True, autoincrement=False),
    sa.Column("snapshot_id", BigKey, primary_key=True, autoincrement=False),
    sa.Column("width", sa.BigInteger, nullable=False),
    sa.Column("cells", sa.Text, nullable=False),
    sa.Index("fact_page_snapshot_id", "snapshot_id"),
    sqlite_with_rowid=False,
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("location_id", BigKey, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
    sa.Column("run_number", BigKey, sa.ForeignKey("run.number")),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

seal_block = sa.Table(
    "seal_block",
    metadata,
    sa.Column("run_number", BigKey, sa.ForeignKey("run.number"), primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("first_id", BigKey, primary_key=True),
    sa.Column("last_id", BigKey, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("marks", sa.LargeBinary, nullable=False),
)

seal_entry = sa.Table(
    "seal_entry",
    metadata,
    sa.Column("id", BigKey, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", BigKey),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
)

forgotten = sa.Table(
    "forgotten",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("location_id", BigKey, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("counts", Json),
    sa.Column("last_seal", sa.Text),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

computation = sa.Table(
    "computation",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("run_number", BigKey, sa.ForeignKey("run.number"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("identity", sa.Text, nullable=False, server_default=""),
    sa.Column("holder", sa.Text, nullable=False, server_default=""),
    sa.Column("expires_at", UtcDateTime),
    sa.Index("computation_run_number", "run_number"),
    sa.Index("computation_identity", "identity"),
)

computation_input = sa.Table(
    "computation_input",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("computation_id", BigKey, sa.ForeignKey("computation.id"), nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("object_id", BigKey, sa.ForeignKey("object.id")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("computation_input_digest", "digest"),
    sa.Index("computation_input_computation_id", "computation_id", "series_instance_uid"),
    sa.Index("computation_input_series_instance_uid", "series_instance_uid"),
)

computation_output = sa.Table(
    "computation_output",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("computation_id", BigKey, sa.ForeignKey("computation.id"), nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("sop_instance_uid", sa.Text),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    sa.Index("computation_output_computation_id", "computation_id", "series_instance_uid"),
    sa.Index("computation_output_sop_instance_uid", "sop_instance_uid"),
    sa.Index("computation_output_uri", "uri"),
)

computation_region = sa.Table(
    "computation_region",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("computation_id", BigKey, sa.ForeignKey("computation.id"), nullable=False),
    sa.Column("series_instance_uid", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger),
    sa.Column("code", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("refused", sa.Text),
    sa.Column("source_uri", sa.Text, nullable=False),
    sa.Column("source_digest", sa.Text, nullable=False),
    sa.Column("source_sop_instance_uid", sa.Text),
    sa.Column("features", Json, nullable=False),
    sa.Index("computation_region_computation_id", "computation_id", "series_instance_uid"),
    sa.Index("computation_region_series_instance_uid", "series_instance_uid"),
)
