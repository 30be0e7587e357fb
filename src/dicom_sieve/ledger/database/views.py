"""The ledger's views, as SQLAlchemy Core sees them: types as the ledger's users see them."""

import sqlalchemy as sa

from dicom_sieve.ledger.database.column_types import BigKey, Key, QueryableJson, UtcDateTime

instance_decision = sa.table(
    "instance_decision",
    sa.column("run_id", sa.Text),
    sa.column("bucket", sa.Text),
    sa.column("object_key", Key),
    sa.column("etag", sa.Text),
    sa.column("sop_instance_uid", sa.Text),
    sa.column("series_instance_uid", sa.Text),
    sa.column("study_instance_uid", sa.Text),
    sa.column("verdict", sa.Text),
    sa.column("findings", QueryableJson),
    sa.column("defect", sa.Text),
    sa.column("damage", sa.Text),
    sa.column("unreadable_from", sa.Text),
)

series_decision = sa.table(
    "series_decision",
    sa.column("run_id", sa.Text),
    sa.column("series_instance_uid", sa.Text),
    sa.column("study_instance_uid", sa.Text),
    sa.column("instances", sa.BigInteger),
    sa.column("passed", sa.BigInteger),
    sa.column("discarded", sa.BigInteger),
    sa.column("duplicates", sa.BigInteger),
    sa.column("selection", sa.Text),
)

series_fact = sa.table(
    "series_fact",
    sa.column("run_id", sa.Text),
    sa.column("series_instance_uid", sa.Text),
    sa.column("frames", sa.BigInteger),
    sa.column("slices", sa.BigInteger),
    sa.column("volumes", sa.BigInteger),
    sa.column("missing", sa.BigInteger),
    sa.column("duplicate_images", sa.BigInteger),
    sa.column("spacing", sa.Double),
    sa.column("spacing_variation", sa.Double),
    sa.column("tilt", sa.Double),
    sa.column("thickness", sa.Double),
    sa.column("plane", sa.Text),
    sa.column("undecided", sa.Text),
)

series_feature = sa.table(
    "series_feature",
    sa.column("run_id", sa.Text),
    sa.column("series_instance_uid", sa.Text),
    sa.column("computation_id", BigKey),
    sa.column("name", sa.Text),
    sa.column("version", sa.Text),
    sa.column("region", sa.Text),
    sa.column("region_number", sa.BigInteger),
    sa.column("region_code", sa.Text),
    sa.column("source_uri", sa.Text),
    sa.column("source_digest", sa.Text),
    sa.column("source_sop_instance_uid", sa.Text),
    sa.column("feature", sa.Text),
    sa.column("value", sa.Double),
)

series_computation = sa.table(
    "series_computation",
    sa.column("run_id", sa.Text),
    sa.column("series_instance_uid", sa.Text),
    sa.column("computation_id", BigKey),
    sa.column("name", sa.Text),
    sa.column("version", sa.Text),
    sa.column("state", sa.Text),
    sa.column("failure", sa.Text),
    sa.column("output_uri", sa.Text),
    sa.column("output_digest", sa.Text),
    sa.column("output_sop_instance_uid", sa.Text),
    sa.column("started_at", UtcDateTime),
    sa.column("finished_at", UtcDateTime),
)
