"""Decisions of the version before pages: each is what it was, and the seals over it hold."""

import json
import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.verify import verify, verify_rows
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.ledger.database.tables import decision_page, outcome
from tests.ledger.vandal import undone, vandal
from tests.ledger.version_0009 import ROWS, make_version_0009, store_of_version_0009
from tests.screening.screenings import decisions_of, screen_ct, sql, state_of
from tests.security.audited import edit, other_values, rows_of
from tests.security.audited import undone as undone_edit
from tests.support.blocks import all_values
from tests.support.former_ledgers import migrate

UNDER_WAY = 8
"""Number of the run whose process died."""
VIEWS = ("instance_decision", "series_decision")
FORMER = [
    (row["run_number"], row["header_id"], row["verdict"], json.loads(row["findings"])) for row in ROWS["decision"]
]


@pytest.fixture
def upgraded(ledger_url: str) -> Iterator[Ledger]:
    """A ledger of that version, brought to this one."""
    make_version_0009(ledger_url)
    do_upgrade(ledger_url)
    with open_ledger(ledger_url) as opened:
        yield opened


def do_upgrade(url: str) -> None:
    engine = connect(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def answers(url: str) -> list[list[str]]:
    engine = connect(url)
    with engine.connect() as connection:
        found = [sorted(map(repr, connection.execute(sa.text(f"SELECT * FROM {view}")))) for view in VIEWS]
    engine.dispose()
    return found


def damages(ledger: Ledger) -> set[tuple[str, str, int]]:
    result = verify(ledger.engine)
    assert result.is_intact == (not result.damages)
    return {(damage.kind.value, damage.table, damage.row) for damage in result.damages}


class TestAnUpgrade:
    def test_leaves_every_answer_of_the_views_as_it_was(self, ledger_url: str) -> None:
        make_version_0009(ledger_url)
        before = answers(ledger_url)
        assert list(map(len, before)) == [37, 26]

        do_upgrade(ledger_url)

        assert answers(ledger_url) == before

    def test_leaves_every_decision_as_it_was(self, upgraded: Ledger) -> None:
        assert decisions_of(upgraded) == FORMER
        assert sql(upgraded, "SELECT count(*) FROM decision_page") == [(6,)]

    def test_leaves_the_seals_whole_and_counts_as_before(self, upgraded: Ledger) -> None:
        result = verify(upgraded.engine)

        assert (result.damages, result.runs, result.under_way) == ([], 6, ["died"])
        assert result.decisions == sum(row[0] != 8 for row in FORMER)
        seals = [row["seal"] for row in ROWS["run"]]
        assert [seal for (seal,) in sql(upgraded, "SELECT seal FROM run ORDER BY number")] == seals

    def test_lets_each_run_be_verified_by_itself(self, upgraded: Ledger) -> None:
        for run in ("first", "other", "incomplete", "failed", "judged", "last"):
            result = verify(upgraded.engine, run)
            assert (result.damages, result.runs) == ([], 1)

    def test_lets_new_runs_be_sealed_behind_the_former_ones(self, upgraded: Ledger) -> None:
        store = store_of_version_0009()

        screen_ct(store, upgraded, "new")

        assert store.reads == []
        assert state_of(upgraded, "died") == ("FAILED", "its process ended before the run did")
        result = verify(upgraded.engine)
        assert (result.damages, result.runs, result.decisions) == ([], 8, len(FORMER) + 7)
        parts = "SELECT DISTINCT part FROM seal_block WHERE run_number = :number AND part IN ('PAGE', 'DECISION')"
        assert sql(upgraded, parts, number=8) == [("DECISION",)]
        assert sql(upgraded, parts, number=9) == [("PAGE",)]

    def test_refuses_a_decision_on_what_cannot_be_a_header(self, ledger_url: str) -> None:
        make_version_0009(ledger_url)
        engine = connect(ledger_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO decision VALUES (8, -1, 'PASSED', '[]')")
        engine.dispose()

        with pytest.raises(LedgerError) as caught:
            do_upgrade(ledger_url)

        assert str(caught.value) == (
            "run number 8 has a decision on a header whose id is no number: the ledger was edited; "
            "'dicom-sieve verify' of the version that wrote it names what was changed"
        )


class TestFormerHeaders:
    def test_have_the_values_that_they_had(self, ledger_url: str) -> None:
        make_version_0009(ledger_url)

        do_upgrade(ledger_url)

        expected = {
            row["id"]: {tag: tuple(values) for tag, values in json.loads(row["attributes"]).items()}
            for row in ROWS["header"]
        }
        with open_ledger(ledger_url) as ledger:
            assert all_values(ledger) == expected
            assert len(sql(ledger, "SELECT id FROM block")) == 1
            result = verify(ledger.engine)
            assert (result.damages, result.headers) == ([], len(expected))
            for run in ("first", "last"):
                assert verify(ledger.engine, run).is_intact

    @pytest.mark.parametrize(
        "text", ["{}]", "[]", '{"00080060": "CT"}', '{"00080060": [1]}', '{"00080060": ["C\\\\u0000"]}', "null"]
    )
    def test_that_no_version_writes_are_refused(self, ledger_url: str, text: str) -> None:
        if ledger_url.startswith("postgresql") and ("u0000" in text or text == "{}]"):
            pytest.skip("PostgreSQL takes no such JSON")
        make_version_0009(ledger_url)
        engine = connect(ledger_url)
        with engine.begin() as connection:
            written = text.replace("\\\\", "\\")
            place = ":text" if connection.dialect.name == "sqlite" else "CAST(:text AS jsonb)"
            connection.execute(sa.text(f"UPDATE header SET attributes = {place} WHERE id = 3"), {"text": written})
        engine.dispose()

        with pytest.raises(LedgerError) as caught:
            do_upgrade(ledger_url)

        assert str(caught.value) == (
            "header 3 is not as any version writes headers: the ledger was edited; "
            "'dicom-sieve verify' of the version that wrote it names what was changed"
        )

    @pytest.mark.needs_postgresql
    def test_leave_no_value_in_the_rows_of_postgresql(self, postgres_url: str) -> None:
        make_version_0009(postgres_url)

        do_upgrade(postgres_url)

        with open_ledger(postgres_url) as ledger:
            [(size,)] = sql(ledger, "SELECT pg_relation_size('header')")
            [(storage,)] = sql(
                ledger,
                "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'chunk'::regclass AND attname = 'data'",
            )
            [(rows,)] = sql(ledger, "SELECT count(*) FROM header")
            assert (storage, 0 < size <= 8192, rows) == ("e", True, len(ROWS["header"]))


class TestManyDecisions:
    @pytest.mark.parametrize("kinds", [1, 3, 200, 700])
    def test_are_what_they_were_whatever_the_gaps_and_the_number_of_outcomes(self, ledger_url: str, kinds: int) -> None:
        chance = random.Random(kinds)
        ids = sorted(chance.sample(range(20_000), 3_000)) + list(range(30_000, 31_000))
        rows = (
            [(row_id, *decided(chance.randrange(kinds))) for row_id in ids]
            if kinds > 1
            else [(row_id, *decided(0)) for row_id in ids]
        )
        engine = connect(ledger_url)
        with engine.connect() as connection:
            migrate(connection, "0009")
            place = "?" if connection.dialect.name == "sqlite" else "%s"
            insert = f"INSERT INTO decision VALUES (7, {place}, {place}, {place})"
            connection.exec_driver_sql(insert, rows)
            connection.commit()
        engine.dispose()

        do_upgrade(ledger_url)

        with open_ledger(ledger_url) as ledger:
            assert decisions_of(ledger) == [
                (7, row_id, verdict, json.loads(findings)) for row_id, verdict, findings in rows
            ]
            [(palettes,)] = sql(ledger, "SELECT count(DISTINCT palette) FROM outcome")
            assert (palettes == 1) == (kinds < 255)


def decided(kind: int) -> tuple[str, str]:
    return "PASSED" if kind == 0 else "DISCARDED", json.dumps([f"F{kind}", "MET"])


class TestAnEditOfAFormerRun:
    @pytest.mark.parametrize("table", [decision_page, outcome], ids=lambda table: table.name)
    def test_of_any_cell_is_found(self, upgraded: Ledger, table: sa.Table) -> None:
        edits = 0
        for row in rows_of(upgraded, table):
            for column in table.columns if row["run_number"] != UNDER_WAY else ():
                for value in other_values(column, row[column.name], upgraded.engine.dialect.name):
                    with undone_edit(upgraded) as connection:
                        try:
                            edit(connection, table, row, column, value)
                        except sa.exc.IntegrityError:
                            continue
                        edits += 1
                        assert not verify_rows(connection).is_intact, (table.name, column.name, value)
        assert edits > 30

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            (
                "UPDATE decision_page SET codes = (SELECT substr(codes, 1, 4)) WHERE run_number = 6",
                {("MISSING", "decision", number) for number in (5, 6, 8, 11, 12)}
                | {("EDITED", "decision_page", 0), ("ADDED", "outcome", 2)},
            ),
            (
                "UPDATE outcome SET verdict = 'PASSED' WHERE run_number = 4 AND verdict = 'DISCARDED' AND code = {1}",
                {("EDITED", "decision", 3), ("EDITED", "decision", 5)},
            ),
            (
                "UPDATE decision_page SET kind = 'OTHER' WHERE run_number = 3",
                {("MISSING", "decision", 9), ("MISSING", "decision", 10), ("ADDED", "decision_page", 0)}
                | {("ADDED", "outcome", 0), ("ADDED", "outcome", 1)},
            ),
            ("INSERT INTO outcome VALUES (4, 0, {9}, 'PASSED', '[]')", {("ADDED", "outcome", 9)}),
            ("INSERT INTO decision_page VALUES (4, 'HEADER', 7, 0, {255})", {("ADDED", "decision_page", 7)}),
            (
                "DELETE FROM outcome WHERE run_number = 4 AND code = {2}",
                {("MISSING", "outcome", 2), ("EDITED", "decision", 11)},
            ),
        ],
    )
    def test_is_named(self, upgraded: Ledger, statement: str, expected: set[tuple[str, str, int]]) -> None:
        codes = {number: as_bytes(number, upgraded.engine.dialect.name) for number in (1, 2, 9, 255)}
        text = statement
        for number, literal in codes.items():
            text = text.replace(f"{{{number}}}", literal)

        with undone(upgraded):
            with vandal(upgraded) as connection:
                connection.exec_driver_sql(text)
            found = damages(upgraded)

        assert found == expected


def as_bytes(number: int, dialect: str) -> str:
    return f"'\\x{number:02x}'::bytea" if dialect == "postgresql" else f"x'{number:02x}'"
