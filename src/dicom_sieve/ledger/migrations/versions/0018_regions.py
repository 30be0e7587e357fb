"""What computations measured in regions of series, and a view that gives one feature a row."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SERIES_FEATURE = """
CREATE VIEW series_feature AS
SELECT run.id AS run_id, region.series_instance_uid, computation.id AS computation_id, computation.name,
       computation.version, region.region, region.number AS region_number, region.code AS region_code,
       region.source_uri, region.source_digest, region.source_sop_instance_uid, each.key AS feature, {value} AS value
FROM computation_region AS region
JOIN computation ON computation.id = region.computation_id
JOIN run ON run.number = computation.run_number
{each}
"""
OF_SQLITE = {"value": "CAST(each.value AS DOUBLE PRECISION)", "each": "JOIN json_each(region.features) AS each"}
OF_POSTGRESQL = {
    "value": "CAST(each.value AS DOUBLE PRECISION)",
    "each": "CROSS JOIN LATERAL json_each_text(region.features) AS each(key, value)",
}


def upgrade() -> None:
    """Make the table and the view; no software wrote it before."""
    op.create_table(
        "computation_region",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("computation_id", BIG_KEY, sa.ForeignKey("computation.id"), nullable=False),
        sa.Column("series_instance_uid", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger),
        sa.Column("code", sa.Text),
        sa.Column("unit", sa.Text),
        sa.Column("refused", sa.Text),
        sa.Column("source_uri", sa.Text, nullable=False),
        sa.Column("source_digest", sa.Text, nullable=False),
        sa.Column("source_sop_instance_uid", sa.Text),
        sa.Column("features", sa.JSON, nullable=False),
    )
    op.create_index(
        "computation_region_computation_id", "computation_region", ["computation_id", "series_instance_uid"]
    )
    op.create_index("computation_region_series_instance_uid", "computation_region", ["series_instance_uid"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(SERIES_FEATURE.format(**(OF_POSTGRESQL if is_postgresql else OF_SQLITE)))
