"""What verification takes a ledger to be made of is what the migrations make."""

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.audit.schema import compare_schema, expected_definitions, read_definitions
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.ledger.database.tables import metadata
from tests.ledger.first_version import make_first_version


def test_a_new_ledger_is_made_as_expected(ledger: Ledger) -> None:
    """On PostgreSQL the expected lies in a file: after a migration, ``make schema`` writes it."""
    dialect = ledger.engine.dialect.name
    with ledger.engine.connect() as connection:
        assert read_definitions(connection) == expected_definitions(dialect), "run 'make schema'"


def test_a_ledger_of_the_first_version_is_made_alike_when_it_is_upgraded(ledger_url: str) -> None:
    make_first_version(ledger_url)
    engine = connect(ledger_url)
    upgrade(engine)
    with engine.connect() as connection:
        assert list(compare_schema(connection)) == []
    engine.dispose()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_table_view_and_trigger_is_among_the_expected(dialect: str) -> None:
    names = {name for kind, name in expected_definitions(dialect) if kind in ("table", "view")}

    assert names == {
        *metadata.tables,
        "alembic_version",
        "instance_decision",
        "series_decision",
        "series_computation",
        "series_fact",
        "series_feature",
    }


@pytest.mark.needs_postgresql
def test_a_ledger_in_a_schema_of_another_name_is_made_alike(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "Sieve"')
    engine.dispose()
    url = sa.make_url(postgres_url).update_query_dict({"options": '-c search_path="Sieve"'})
    with open_ledger(url.render_as_string(hide_password=False)) as ledger, ledger.engine.connect() as connection:
        assert list(compare_schema(connection)) == []
