"""The reading interface: typed rows and Arrow tables, equal to what SQL says."""

from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError, UnknownRunError
from dicom_sieve.ledger import InstanceRow, SeriesRow
from dicom_sieve.ledger.reading import rows
from tests.ledger.contents import as_list
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

INSTANCE_COLUMNS = [
    "run_id",
    "bucket",
    "object_key",
    "etag",
    "sop_instance_uid",
    "series_instance_uid",
    "study_instance_uid",
    "verdict",
    "findings",
    "defect",
    "damage",
    "unreadable_from",
]


def store_of_all_kinds() -> SimulatedStore:
    return SimulatedStore(
        {
            "1": ct("1.5.1", "1.6.1"),
            "2": ct("1.5.1", "1.6.1"),
            "3": ct("1.5.2", "1.6.3"),
            "4": mr("1.5.2", "1.6.4"),
            "5": mr("1.5.3", "1.6.5"),
            "6": b"no DICOM",
            "7": ct("1.5.4", "1.6.7"),
        }
    )


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    """One incomplete run with each kind of verdict, and another run beside it."""
    store = store_of_all_kinds()
    screen_ct(SimulatedStore({"0": ct()}), ledger, "other")
    store.faults = {"7": -1}
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "a")
    return ledger


class TestInstances:
    @pytest.mark.parametrize(
        ("which", "condition"),
        [
            ("instances", "1 = 1"),
            ("passed", "verdict = 'PASSED'"),
            ("discarded", "verdict = 'DISCARDED'"),
            ("unread", "verdict IS NULL"),
        ],
    )
    def test_rows_and_tables_are_what_sql_says(self, screened: Ledger, which: str, condition: str) -> None:
        found = getattr(screened.run("a"), which)()

        columns = ", ".join(INSTANCE_COLUMNS)
        expected = [
            {**dict(zip(INSTANCE_COLUMNS, row, strict=True)), "findings": row[8] and as_list(row[8])}
            for row in sql(
                screened,
                f"SELECT {columns} FROM instance_decision WHERE run_id = 'a' AND {condition} ORDER BY object_key",
            )
        ]
        assert expected
        assert [as_dict(row) for row in found] == [
            {**row, "findings": tuple(row["findings"] or ())} for row in expected
        ]
        assert found.to_arrow().to_pylist() == expected
        assert found.to_arrow().column_names == INSTANCE_COLUMNS

    def test_instances_are_typed(self, screened: Ledger) -> None:
        first = next(iter(screened.run("a").passed()))

        assert isinstance(first, InstanceRow)
        assert (first.object_key, first.findings, first.defect) == ("1", ("MET",), None)

    def test_instances_may_be_asked_for_again(self, screened: Ledger) -> None:
        passed = screened.run("a").passed()

        assert list(passed) == list(passed)
        assert len(list(passed)) == 3

    def test_none_at_all_is_an_empty_table(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore(), ledger, "a")

        table = ledger.run("a").passed().to_arrow()

        assert (table.num_rows, table.column_names) == (0, INSTANCE_COLUMNS)


class TestSeries:
    @pytest.mark.parametrize(
        ("selection", "uids"),
        [(None, ["1.5.1", "1.5.2", "1.5.3"]), ("WHOLE", ["1.5.1"]), ("PARTIAL", ["1.5.2"]), ("NONE", ["1.5.3"])],
    )
    def test_series_are_selected(self, screened: Ledger, selection: str | None, uids: list[str]) -> None:
        found = screened.run("a").series(selection=selection)

        assert [row.series_instance_uid for row in found] == uids
        lists: dict[str, list[str]] = {"conflicts": [], "study_instance_uids": []}
        assert [as_dict(row) | lists for row in found] == found.to_arrow().to_pylist()

    def test_series_are_typed(self, screened: Ledger) -> None:
        assert list(screened.run("a").series(selection="WHOLE")) == [
            SeriesRow("a", "1.5.1", "1.2.3", instances=2, passed=2, discarded=0, duplicates=1, selection="WHOLE")
        ]

    def test_an_unknown_selection_is_an_error_that_says_what_is_accepted(self, screened: Ledger) -> None:
        with pytest.raises(ValueError, match="'ALL' is not known; accepted: WHOLE, PARTIAL, NONE"):
            screened.run("a").series(selection="ALL")


class TestRuns:
    def test_the_newest_is_first(self, screened: Ledger) -> None:
        assert [(row.number, row.id, row.state) for row in screened.runs()] == [
            (2, "a", "INCOMPLETE"),
            (1, "other", "COMPLETED"),
        ]

    def test_runs_are_found_by_the_beginning_of_their_id(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        for execution in ("abc-1", "abd-1", "abc-1", "x_1", "xy1"):
            screen_ct(store, ledger, execution)

        found = [ledger.run(beginning).row.id for beginning in ("abd", "abc-1", "abc-1.", "x_", "abc-1.2")]
        assert found == ["abd-1", "abc-1", "abc-1.2", "x_1", "abc-1.2"]

    @pytest.mark.parametrize("beginning", ["", "ab", "nosuch", "%", "_", "ABD"])
    def test_none_or_several_is_an_error(self, ledger: Ledger, beginning: str) -> None:
        for execution in ("abc-1", "abd-1"):
            screen_ct(SimulatedStore({"1": ct()}), ledger, execution)

        with pytest.raises(UnknownRunError) as caught:
            ledger.run(beginning)

        assert str(caught.value) == f"no run {beginning!r} in this ledger; 'dicom-sieve runs' lists them"


class TestStreaming:
    def test_rows_come_a_batch_at_a_time(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "BATCH_ROWS", 2)
        fetched: list[int] = []
        server_side: list[bool] = []

        def watch(*event: Any) -> None:
            server_side.append(type(event[1]).__name__ == "ServerCursor")
            fetched.append(1)

        screen_ct(SimulatedStore({str(number): ct(uid=f"1.6.{number + 1}") for number in range(9)}), ledger, "a")
        run = ledger.run("a")
        sa.event.listen(ledger.engine, "after_cursor_execute", watch)
        stream = iter(run.instances())
        next(stream)

        assert server_side == [ledger.engine.dialect.name == "postgresql"]
        assert len(list(stream)) == 8
        assert fetched == [1]

    def test_a_run_may_write_while_another_is_read(self, ledger: Ledger) -> None:
        store = SimulatedStore({str(number): ct(uid=f"1.6.{number + 1}") for number in range(9)})
        screen_ct(store, ledger, "a")
        stream = iter(ledger.run("a").instances())
        next(stream)

        store.put("1", mr())
        screen_ct(store, ledger, "b")

        assert len(list(stream)) == 8
        assert len(list(ledger.run("b").discarded())) == 1


def as_dict(row: InstanceRow | SeriesRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
