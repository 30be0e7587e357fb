"""Someone replaces, drops or adds a view, trigger, index, table or function: the ledger says what it does not hold.

Everything that the database itself lists is taken in turn.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.audit.damage import MADE, Damage, Kind
from dicom_sieve.ledger.audit.postgresql import plain_view
from dicom_sieve.ledger.audit.schema import compare_schema
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.tables import metadata
from dicom_sieve.ledger.reading.read_only import open_read_only
from tests.screening.screenings import ct, mr, screen_ct
from tests.security.audited import undone
from tests.support.simulated_store import SimulatedStore

VIEWS = ("instance_decision", "series_decision", "series_computation")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A ledger with a run; nothing that is done to it stays."""
    url = f"sqlite:///{tmp_path_factory.mktemp('made') / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with open_ledger(url) as opened:
        screen_ct(SimulatedStore({"1": ct(), "2": mr()}), opened, "a")
        yield opened


@pytest.fixture(scope="module")
def postgres(postgres_database: str) -> Any:
    """A ledger on PostgreSQL; nothing that is done to it stays."""
    with open_ledger(postgres_database) as opened:
        yield opened


def found_after(ledger: Ledger, *statements: str) -> list[str]:
    """Say what verification finds after statements of the database's owner, which are undone."""
    with undone(ledger) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        return [damage.describe() for damage in compare_schema(connection)]


def named(ledger: Ledger, query: str, postgresql: str) -> list[tuple[Any, ...]]:
    text = postgresql if ledger.engine.dialect.name == "postgresql" else query
    with ledger.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(text))]


def is_postgresql(ledger: Ledger) -> bool:
    return ledger.engine.dialect.name == "postgresql"


class TestViews:
    @pytest.mark.parametrize("view", VIEWS)
    def test_one_that_tells_something_else_is_found(self, ledger: Ledger, view: str) -> None:
        with ledger.engine.connect() as connection:
            columns = sa.inspect(connection).get_columns(view)
        made = ", ".join(f"NULL AS {column['name']}" for column in columns)
        drop = "CASCADE" if is_postgresql(ledger) else ""

        found = found_after(ledger, f"DROP VIEW {view} {drop}", f"CREATE VIEW {view} AS SELECT {made}")

        assert f"the view {view} was edited" in found

    @pytest.mark.parametrize("view", VIEWS)
    def test_one_that_is_gone_is_found(self, ledger: Ledger, view: str) -> None:
        drop = "CASCADE" if is_postgresql(ledger) else ""

        assert f"the view {view} is missing" in found_after(ledger, f"DROP VIEW {view} {drop}")

    def test_one_that_counts_more_generously_is_found(self, ledger: Ledger) -> None:
        [(text,)] = named(
            ledger,
            "SELECT sql FROM sqlite_schema WHERE name = 'series_decision'",
            "SELECT 'CREATE VIEW series_decision AS ' || pg_get_viewdef('series_decision'::regclass)",
        )
        assert "'DISCARDED'" in text

        found = found_after(ledger, "DROP VIEW series_decision", text.replace("'DISCARDED'", "'DISCARDED '"))

        assert found == ["the view series_decision was edited"]


class TestTriggers:
    TRIGGERS = (
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'",
        (
            "SELECT tgname, relname, pg_get_triggerdef(t.oid) FROM pg_trigger AS t "
            "JOIN pg_class AS c ON c.oid = t.tgrelid WHERE NOT tgisinternal"
        ),
    )

    def test_each_that_is_dropped_is_found(self, ledger: Ledger) -> None:
        triggers = named(ledger, *self.TRIGGERS)
        assert len(triggers) > 10
        for name, table, _ in triggers:
            on, where = (f" ON {table}", f"{table}.{name}") if is_postgresql(ledger) else ("", name)
            assert found_after(ledger, f"DROP TRIGGER {name}{on}") == [f"the trigger {where} is missing"]

    def test_each_that_is_made_harmless_is_found(self, ledger: Ledger) -> None:
        for name, table, statement in named(ledger, *self.TRIGGERS):
            if is_postgresql(ledger):
                other, on, where = f"ALTER TABLE {table} DISABLE TRIGGER {name}", "", f"{table}.{name}"
                statements = [other]
            else:
                on, where = "", name
                harmless = statement[: statement.index("BEGIN")] + "BEGIN SELECT 1; END"
                statements = [f"DROP TRIGGER {name}{on}", harmless]
            assert found_after(ledger, *statements) == [f"the trigger {where} was edited"]

    def test_one_that_rewrites_what_comes_is_found(self, ledger: Ledger) -> None:
        if is_postgresql(ledger):
            statements = [
                (
                    "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN NEW.verdict := 'PASSED'; RETURN NEW; END $$"
                ),
                "CREATE TRIGGER generous BEFORE INSERT ON outcome FOR EACH ROW EXECUTE FUNCTION pass()",
            ]
            assert found_after(ledger, *statements) == [
                "the function pass() was added",
                "the trigger outcome.generous was added",
            ]
        else:
            generous = "CREATE TRIGGER generous AFTER INSERT ON header BEGIN UPDATE header SET defect = NULL; END"
            assert found_after(ledger, generous) == ["the trigger generous was added"]

    def test_one_with_a_name_of_sqlite_s_own_is_found(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.db"
        with open_ledger(f"sqlite:///{file}") as ledger:
            screen_ct(SimulatedStore({"1": ct()}), ledger, "run")
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            evil = "CREATE TRIGGER sqlite_evil AFTER INSERT ON snapshot BEGIN DELETE FROM lease; END"
            row = "VALUES ('trigger', 'sqlite_evil', 'snapshot', 0, ?)"
            connection.execute(f"INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) {row}", [evil])

        with open_read_only(f"sqlite:///{file}") as ledger:
            assert [damage.describe() for damage in verify(ledger.engine).damages] == [
                "the trigger sqlite_evil was added"
            ]


class TestIndexes:
    INDEXES = (
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
        (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conname = indexname)"
        ),
    )

    def test_each_that_is_dropped_is_found(self, ledger: Ledger) -> None:
        indexes = named(ledger, *self.INDEXES)
        assert len(indexes) > 10
        for name, _ in indexes:
            assert found_after(ledger, f"DROP INDEX {name}") == [f"the index {name} is missing"]

    def test_each_that_holds_less_is_found(self, ledger: Ledger) -> None:
        for name, statement in named(ledger, *self.INDEXES):
            less = f"{statement} AND 1 = 1" if " WHERE " in statement else f"{statement} WHERE 1 = 0"
            less = less.replace("CREATE UNIQUE", "CREATE")
            assert found_after(ledger, f"DROP INDEX {name}", less) == [f"the index {name} was edited"], less

    def test_one_that_holds_less_than_the_schema_says_is_found(self, ledger: Ledger) -> None:
        """Of PostgreSQL that takes who can write its files: docs/ledger.md says what helps."""
        if is_postgresql(ledger):
            return
        [(text,)] = named(ledger, "SELECT sql FROM sqlite_schema WHERE name = 'object_header_id'", "")
        statements = [
            "DROP INDEX object_header_id",
            f"{text} WHERE 1 = 0",
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_schema SET sql = '{text}' WHERE name = 'object_header_id'",
            "PRAGMA writable_schema = RESET",
        ]

        assert found_after(ledger, *statements) == ["the index object_header_id was edited"]


class TestTables:
    @pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
    def test_one_that_is_gone_is_found_and_ends_in_no_error(self, ledger: Ledger, table: sa.Table) -> None:
        if is_postgresql(ledger):
            statements = [f"DROP TABLE {table.name} CASCADE"]
        else:
            statements = ["PRAGMA legacy_alter_table = ON", f"ALTER TABLE {table.name} RENAME TO hidden"]

        assert f"the table {table.name} is missing" in found_after(ledger, *statements)

    def test_another_column_or_table_is_found(self, ledger: Ledger) -> None:
        assert "was added" in " ".join(found_after(ledger, "CREATE TABLE more (id INTEGER)"))
        assert found_after(ledger, "ALTER TABLE decision_page ADD COLUMN note TEXT") != []

    def test_a_view_in_place_of_a_table_is_found(self, ledger: Ledger) -> None:
        found = found_after(
            ledger,
            "PRAGMA legacy_alter_table = ON" if not is_postgresql(ledger) else "SELECT 1",
            "ALTER TABLE lease RENAME TO kept",
            "CREATE VIEW lease AS SELECT * FROM kept WHERE 1 = 0",
        )

        assert "the table lease is missing" in found
        assert "the view lease was added" in found


@pytest.mark.needs_postgresql
class TestOnPostgresql:
    @pytest.mark.parametrize(
        ("statements", "said"),
        [
            (["ALTER TABLE outcome DISABLE TRIGGER ALL"], "the trigger outcome.outcome_is_never_changed was edited"),
            (["ALTER TABLE object DISABLE TRIGGER ALL"], "the foreign key trigger object.foreign keys was added"),
            (
                ["CREATE RULE quiet AS ON UPDATE TO run DO INSTEAD NOTHING"],
                "the rule run.quiet was added",
            ),
            (
                ["ALTER TABLE outcome ENABLE ROW LEVEL SECURITY", "CREATE POLICY few ON outcome USING (false)"],
                "the policy outcome.few was added",
            ),
            (["ALTER TABLE run FORCE ROW LEVEL SECURITY"], "the table run was edited"),
            (["ALTER TABLE decision_page SET UNLOGGED"], "the table decision_page was edited"),
            (
                ["CREATE SCHEMA other", "CREATE TABLE other.more () INHERITS (public.decision_page)"],
                "the inheriting table other.more was added",
            ),
            (
                [
                    (
                        "CREATE OR REPLACE FUNCTION keep_run() RETURNS trigger LANGUAGE plpgsql AS "
                        "$$ BEGIN RETURN COALESCE(NEW, OLD); END $$"
                    )
                ],
                "the function keep_run() was edited",
            ),
            (
                ["ALTER FUNCTION is_being_forgotten(bigint) SET search_path = other"],
                "the function is_being_forgotten(place bigint) was edited",
            ),
            (["ALTER TABLE run DROP CONSTRAINT run_id_key"], "the constraint run.run_id_key is missing"),
            (["ALTER TABLE run ALTER COLUMN seal SET DEFAULT 'x'"], "the column run.seal was edited"),
            (
                ["CREATE SCHEMA other", "CREATE TABLE other.run (id text)", "SET LOCAL search_path = other, public"],
                "the schema other was added",
            ),
            (
                [
                    "CREATE SCHEMA other",
                    "CREATE FUNCTION other.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
                    "SET LOCAL search_path = other, public",
                ],
                "the schema other was added",
            ),
            (["SET LOCAL search_path = public, pg_catalog"], "the setting search_path was edited"),
            (
                [
                    "CREATE SCHEMA other",
                    "CREATE VIEW other.outcome AS SELECT 1",
                    "ALTER ROLE CURRENT_USER SET search_path = other, public",
                ],
                "the schema other was added",
            ),
            (
                ["ALTER ROLE CURRENT_USER SET session_replication_role = replica"],
                "the setting session_replication_role was edited",
            ),
        ],
        ids=lambda value: value[-1][:60] if isinstance(value, list) else "",
    )
    def test_what_only_postgresql_has_is_found(self, postgres: Ledger, statements: list[str], said: str) -> None:
        assert said in found_after(postgres, *statements)

    def test_a_view_of_one_table_reads_alike_in_all_versions(self) -> None:
        assert plain_view("SELECT v.a, count(v.b) FROM v GROUP BY v.a") == "SELECT a, count(b) FROM v GROUP BY a"
        assert plain_view("SELECT v.a FROM v WHERE (v.a IS NULL) GROUP BY v.a, v.b;") == (
            "SELECT a FROM v WHERE (a IS NULL) GROUP BY a, b;"
        )
        for several in ("SELECT v.a FROM (v JOIN w ON ((v.a = w.a)))", "SELECT v.a FROM v, w", "SELECT v.a FROM v w"):
            assert plain_view(several) == several


def test_a_damage_of_the_making_has_words() -> None:
    assert [Damage(Kind.MISSING, name, 0, part="x").describe() for name in MADE] == [
        f"the {name} x is missing" for name in MADE
    ]
