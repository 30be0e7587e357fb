"""Whatever one row of a sealed ledger is changed into, verification says which row it is."""

import datetime
import hashlib
import json
import random
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.ledger.audit.damage import Kind
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.database.column_types import UtcDateTime
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.ledger.database.header_values import values_of_headers
from dicom_sieve.ledger.database.tables import decision_page, metadata
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.ledger.writing.page_actions import record_action
from dicom_sieve.objects import Location
from dicom_sieve.screening import Preview, preview
from tests.ledger.first_version import make_first_version
from tests.ledger.vandal import undone, vandal
from tests.screening.screenings import ct, decisions_of, mr, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

ELSEWHERE = Location("https://simulated", "elsewhere", "a/")
CHANGES = 100


@pytest.fixture
def sealed(ledger: Ledger) -> Ledger:
    """Five runs on two locations: completed, incomplete, failed; objects came, changed and went."""
    store = SimulatedStore(
        {f"{number}": ct(f"1.5.{number}", f"1.6.{number}", PatientID=f"{number}") for number in range(9)}
    )
    other = SimulatedStore({"a/1": mr("1.7.1", "1.8.1"), "a/2": ct("1.7.2", "1.8.2")}, location=ELSEWHERE)
    screen_ct(store, ledger, "first")
    for number in range(3):
        save_criteria(ledger.engine, "kept", one_of("CT", f"X{number}"), "why")
        record_action(ledger.engine, Action.START, person="Ann", role="ADMIN", run_id=f"{number}", location_id=1)
    screen_ct(other, ledger, "other")
    store.put("3", mr("1.5.3", "1.6.3"))
    store.put("new", mr("1.5.9", "1.6.9"))
    store.delete("4")
    store.faults["new"] = -1
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "incomplete")
    store.faults.clear()
    store.on_listed = fail
    with pytest.raises(ZeroDivisionError):
        screen_ct(store, ledger, "failed")
    store.on_listed = lambda: None
    screen_ct(store, ledger, "last")
    return ledger


def fail() -> None:
    raise ZeroDivisionError


def named(ledger: Ledger) -> set[tuple[str, str, int]]:
    result = verify(ledger.engine)
    assert result.is_intact == (not result.damages)
    return {(damage.kind.value, damage.table, damage.row) for damage in result.damages}


class TestAnIntactLedger:
    def test_an_intact_ledger_is_intact(self, sealed: Ledger) -> None:
        result = verify(sealed.engine)

        assert (result.damages, result.damaged) == ([], 0)
        assert result.runs == 5
        assert result.decisions == len(decisions_of(sealed))
        assert (result.objects, result.headers) == tuple(
            sql(sealed, f"SELECT count(*) FROM {table}")[0][0] for table in ("object", "header")
        )
        assert [end.run_id for end in result.ends] == ["last", "other"]

    def test_each_run_is_intact_by_itself(self, sealed: Ledger) -> None:
        for (run_id,) in sql(sealed, "SELECT id FROM run"):
            result = verify(sealed.engine, run_id)
            assert result.is_intact
            assert result.runs == 1

    def test_every_finished_run_has_a_seal_of_its_own(self, sealed: Ledger) -> None:
        states = sql(sealed, "SELECT state, seal FROM run ORDER BY number")

        assert [state for state, _ in states] == ["COMPLETED", "COMPLETED", "INCOMPLETE", "FAILED", "COMPLETED"]
        assert len({seal for _, seal in states if seal}) == 5

    def test_a_run_under_way_has_no_seal_yet_and_what_it_wrote_is_no_damage(self, sealed: Ledger) -> None:
        store = SimulatedStore({"3": ct("1.5.3", "1.6.30"), "7": ct("1.5.7", "1.6.7")})
        seen = []
        store.on_read = lambda _: seen.append(verify(sealed.engine))

        screen_ct(store, sealed, "under way")

        assert all(verification.is_intact for verification in seen)
        assert [verification.under_way for verification in seen] == [["under way"]] * len(seen) != []
        assert verify(sealed.engine).is_intact

    def test_what_a_preview_learnt_is_no_damage_and_is_sealed_by_the_next_run(self, sealed: Ledger) -> None:
        store = SimulatedStore({"3": ct("1.5.3", "1.6.30"), "7": ct("1.5.7", "1.6.7", PatientID="7")})
        preview(Preview(store, one_of("CT")), sealed)

        before = verify(sealed.engine)
        screen_ct(store, sealed, "after")
        after = verify(sealed.engine)

        assert (before.damages, before.unsealed, before.under_way) == ([], 1, [])
        assert (after.damages, after.unsealed) == ([], 0)
        assert after.objects == before.objects + 1 == sql(sealed, "SELECT count(*) FROM object")[0][0]


class TestOneRowOfAny:
    """The oracle is the change itself, made without the code under test."""

    def test_one_row_of_any_that_was_edited_is_named_and_nothing_else(self, sealed: Ledger) -> None:
        chance = random.Random(20260101)
        for _ in range(CHANGES):
            table, row = choose(sealed, chance)
            column = chance.choice(
                [column for column in table.columns if not (column.primary_key or column.name == "location_id")]
            )
            changed = another(row[column.name], column, chance)
            with undone(sealed):
                with vandal(sealed) as connection:
                    connection.execute(sa.update(table).where(is_row(table, row)).values({column.name: changed}))
                found = named(sealed)
            expected = ("EDITED", table.name, number_of(table, row))
            why = f"{table.name}.{column.name} was {row[column.name]!r}, is {changed!r}: {found}"
            assert expected in found, why
            assert {damage for damage in found if damage[1] != "header_change"} <= {expected}, why

    def test_one_row_of_any_that_was_deleted_is_named(self, sealed: Ledger) -> None:
        chance = random.Random(20260102)
        for _ in range(CHANGES // 3):
            table, row = choose(sealed, chance)
            with undone(sealed):
                with vandal(sealed) as connection:
                    connection.execute(sa.delete(table).where(is_row(table, row)))
                found = named(sealed)
            kind = "EDITED" if table.name == "header_change" else "MISSING"
            assert (kind, table.name, number_of(table, row)) in found, f"{table.name} {row}: {found}"
            consequences = {"location": {"run", "snapshot", "object"}}.get(table.name, set())
            assert {damage[1] for damage in found} <= {table.name, "header_change", *consequences}, (
                f"{table.name}: {found}"
            )

    def test_one_row_of_any_that_was_added_is_named_and_nothing_else(self, sealed: Ledger) -> None:
        chance = random.Random(20260103)
        for _ in range(CHANGES // 3):
            table, row = choose(sealed, chance)
            if table.name in {"header", "location"}:  # nothing refers to a new one: it changes no answer
                continue
            new = copy_of(sealed, table, row)
            with undone(sealed):
                with vandal(sealed) as connection:
                    connection.execute(sa.insert(table), [new])
                found = named(sealed)
            kind = "EDITED" if table.name == "header_change" else "ADDED"
            expected = {(kind, table.name, number_of(table, new))}
            if table.name == "snapshot":  # behind all that was sealed, as a preview's: it changes no answer of a run
                expected = set()
            assert expected <= found, f"{table.name} {new}: {found}"
            assert {damage for damage in found if damage[1] != "header_change"} <= expected, (
                f"{table.name} {new}: {found}"
            )

    def test_one_row_of_any_that_got_another_key_is_named(self, sealed: Ledger) -> None:
        chance = random.Random(20260104)
        for _ in range(CHANGES // 3):
            table, row = choose(sealed, chance)
            column = chance.choice(list(table.primary_key))
            changed = another(row[column.name], column, chance)
            if column.name == "code":
                changed += b"x"  # else it may be that of another row
            with undone(sealed):
                with vandal(sealed) as connection:
                    connection.execute(sa.update(table).where(is_row(table, row)).values({column.name: changed}))
                found = named(sealed)
            assert (table.name, number_of(table, row)) in {damage[1:] for damage in found}, (
                f"{table.name} {row}: {found}"
            )


SEALED = (
    "decision_page",
    "header",
    "header_change",
    "location",
    "named_criteria",
    "object",
    "outcome",
    "page_action",
    "run",
    "seal_block",
    "snapshot",
)
NUMBERS = {
    "decision_page": "number",
    "header_change": "header_id",
    "outcome": "palette",
    "run": "number",
    "seal_block": "first_id",
}


def choose(ledger: Ledger, chance: random.Random) -> tuple[sa.Table, dict[str, Any]]:
    table = metadata.tables[chance.choice(SEALED)]
    with ledger.engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings().all()
    return table, dict(chance.choice(rows))


def number_of(table: sa.Table, row: dict[str, Any]) -> int:
    number = int(row[NUMBERS.get(table.name, "id")])
    return number * 256 + int(row["code"][0]) if table.name == "outcome" else number


def is_row(table: sa.Table, row: dict[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key))


def another(value: Any, column: sa.Column[Any], chance: random.Random) -> Any:
    match value:
        case None:
            return EXAMPLES[type(column.type)]
        case int():
            return value + chance.choice([1_000, 100_000])
        case str():
            return value + "x"
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case datetime.datetime():
            return value + datetime.timedelta(microseconds=1)
        case _:
            return [value]


EXAMPLES = {
    sa.BigInteger: 7,
    sa.Text: "x",
    UtcDateTime: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    sa.JSON: {"x": 1},
}


def copy_of(ledger: Ledger, table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """Give a row like another, with a key and unique values of its own."""
    [(highest,)] = sql(ledger, f"SELECT max({NUMBERS.get(table.name, 'id')}) FROM {table.name}")
    new = {**row, NUMBERS.get(table.name, "id"): highest + 1}
    match table.name:
        case "object":
            new["key"] += "x"
        case "named_criteria":
            new["version"] = highest + 1
        case "run":
            new |= {"id": "forged", "seal": None, "sealed_after": None}
    return new


class TestAPage:
    def edit(self, ledger: Ledger, *headers: int) -> set[tuple[str, str, int]]:
        """Let headers have the other one of two outcomes; give what is named."""
        [(codes,)] = sql(ledger, "SELECT codes FROM decision_page")
        content = bytearray(codes)
        for header in headers:
            content[header] = 1 - content[header]
        with vandal(ledger) as connection:
            connection.execute(sa.update(decision_page).values(codes=bytes(content)))
        return named(ledger)

    def test_in_which_one_decision_was_edited_names_its_header(self, ledger: Ledger) -> None:
        screen_ct(self.store(), ledger, "a")

        assert self.edit(ledger, 5) == {("EDITED", "decision", 5)}

    def test_in_which_several_were_edited_is_named_itself(self, ledger: Ledger) -> None:
        screen_ct(self.store(), ledger, "a")

        assert self.edit(ledger, 5, 9) == {("EDITED", "decision_page", 0)}
        assert "run a: the page of its decisions on headers 0 to 249 was edited" in {
            damage.describe() for damage in verify(ledger.engine).damages
        }

    def test_of_one_byte_in_which_one_decision_was_edited_names_its_header(self, ledger: Ledger) -> None:
        store = SimulatedStore({f"{n:03}": ct(f"1.5.{n}", f"1.6.{n}") for n in range(1, 760)})
        store.put("000", mr())
        screen_ct(store, ledger, "a")
        with vandal(ledger) as connection:
            query = sa.text("SELECT number, codes FROM decision_page WHERE length(codes) = 1")
            number, codes = connection.execute(query).tuples().all()[0]
            [discarded] = connection.scalars(sa.text("SELECT code FROM outcome WHERE verdict = 'DISCARDED'"))
            content = bytearray(codes * 250)
            content[3] = discarded[0]
            its = decision_page.c.number == number
            connection.execute(sa.update(decision_page).where(its).values(codes=bytes(content)))

        assert named(ledger) == {("EDITED", "decision", number * 250 + 3)}

    @pytest.mark.parametrize(
        "statement", ["DELETE FROM header WHERE id = 3", "UPDATE header SET defect = 'X' WHERE id = 3"]
    )
    def test_of_which_a_header_was_changed_names_the_header(self, ledger: Ledger, statement: str) -> None:
        screen_ct(self.store(), ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text(statement))

        kind = "MISSING" if statement.startswith("DELETE") else "EDITED"
        assert named(ledger) == {(kind, "header", 3)}

    def store(self) -> SimulatedStore:
        """CT and MR in turn."""
        return SimulatedStore({f"{n:02}": (mr, ct)[n % 2](f"1.5.{n}", f"1.6.{n}") for n in range(1, 20)})


class TestRunsWithoutASeal:
    def test_runs_without_a_seal_of_which_all_seals_were_removed_are_found(self, sealed: Ledger) -> None:
        with vandal(sealed) as connection:
            for statement in ("DELETE FROM seal_block", "UPDATE run SET seal = NULL, sealed_after = NULL"):
                connection.execute(sa.text(statement))

        result = verify(sealed.engine)

        assert not result.is_intact
        assert {(damage.table, damage.row, damage.part) for damage in result.damages} >= {
            ("run", number, "seal") for number in range(1, 6)
        }
        assert result.before_seals == []

    def test_runs_without_a_seal_from_before_there_were_seals_are_said_so_and_are_no_damage(
        self, ledger_url: str
    ) -> None:
        make_first_version(ledger_url)
        engine = connect(ledger_url)
        upgrade(engine)
        engine.dispose()
        with open_ledger(ledger_url) as ledger:
            before = verify(ledger.engine)
            screen_ct(SimulatedStore({"1": ct()}), ledger, "with a seal")
            result = verify(ledger.engine)

        assert (before.damages, before.is_unsealed, before.is_intact) == ([], True, False)
        assert result.is_intact
        assert result.before_seals == ["a", "b", "c"]
        assert result.runs == 2  # the one that was under way, too
        assert [end.run_id for end in result.ends] == ["with a seal"]

    @pytest.mark.parametrize("run_id", ["first", "other", "last"])
    def test_runs_without_a_seal_whose_seal_was_taken_away_is_found(self, sealed: Ledger, run_id: str) -> None:
        with vandal(sealed) as connection:
            connection.execute(sa.text("UPDATE run SET seal = NULL WHERE id = :id"), {"id": run_id})

        [damage] = verify(sealed.engine).damages

        assert (damage.kind, damage.run_id, damage.part) == (Kind.EDITED, run_id, "seal")

    def test_runs_without_a_seal_that_was_put_back_to_running_is_found(self, sealed: Ledger) -> None:
        with vandal(sealed) as connection:
            connection.execute(sa.text("UPDATE run SET state = 'RUNNING' WHERE id = 'last'"))

        [damage] = verify(sealed.engine).damages

        assert damage.describe() == "run last: its state was edited"


class TestWords:
    def test_words_name_run_and_series_and_no_value_of_a_patient(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct("1.5.1", "1.6.1", PatientBirthDate="19330303")}), ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text("UPDATE outcome SET verdict = 'DISCARDED'"))
            connection.execute(sa.text("UPDATE object SET size = size + 1"))
            connection.execute(sa.text("UPDATE run SET failure = 'none'"))
            connection.execute(sa.text("DELETE FROM header_change"))

        said = [damage.describe() for damage in verify(ledger.engine).damages]

        assert said == [
            "the number of header 1's instances was edited",
            "object 1 (instance 1.6.1) was edited",
            "run a: outcome 0 of its palette 0 was edited",
            "run a: its failure was edited",
        ]

    def test_a_header_that_was_edited_with_its_digest_is_found_by_all_that_refer_to_it(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct("1.5.1", "1.6.1")}), ledger, "a")
        screen_ct(SimulatedStore({"1": mr("1.5.2", "1.6.2")}), ledger, "b")
        with vandal(ledger) as connection:
            connection.execute(sa.text("UPDATE header SET series_instance_uid = '1.9' WHERE id = 1"))
            row = connection.execute(sa.text("SELECT * FROM header WHERE id = 1")).mappings().one()
            content = {**row, "attributes": values_of_headers(connection, [1])[1]}
            connection.execute(
                sa.text("UPDATE header SET digest = :digest WHERE id = 1"), {"digest": header_digest(content)}
            )

        assert named(ledger) == {("EDITED", "decision_page", 0), ("EDITED", "object", 1), ("EDITED", "chunk", 1)}


def header_digest(row: Any) -> str:
    content = [row[name] for name in ("study_instance_uid", "series_instance_uid", "sop_class_uid")]
    content += [row["attributes"], row["defect"], {"edition": current_edition().mark}]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
