"""Tables that people make, and that an attacker makes: read within bounds, and never quoted."""

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicom_sieve.stores import table_file
from dicom_sieve.stores.table_file import MalformedTableError, read_table

CELL = "PLANTED-7"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table"


def rows_of(file: Path, content: bytes | str | pa.Table, *columns: str) -> list[tuple[str, ...]]:
    if isinstance(content, pa.Table):
        pq.write_table(content, file)
        return [cells for _, cells in read_table(file, ".parquet", columns)]
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [cells for _, cells in read_table(file, ".csv", columns)]


class TestCsv:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("begin", ["", "\ufeff"])
    def test_is_read_with_any_of_the_signs(self, file: Path, delimiter: str, end: str, begin: str) -> None:
        lines = ["id|note|day", "A|x|2022-01-01", '" B "|"a|b, c; ""d"""|', "||", ""]
        text = begin + end.join(lines).replace("|", delimiter)

        assert rows_of(file, text, "id", "day") == [("A", "2022-01-01"), ("B", ""), ("", "")]

    def test_one_column_needs_no_sign(self, file: Path) -> None:
        assert rows_of(file, "id\nA\n\nB", "id") == [("A",), ("B",)]

    def test_signs_within_quotation_marks_in_the_line_of_names_do_not_count(self, file: Path) -> None:
        assert rows_of(file, '"a,b,c,d";id\n1;A', "id", "a,b,c,d") == [("A", "1")]

    def test_a_formula_is_a_text(self, file: Path) -> None:
        assert rows_of(file, "id\n=1+1\n@SUM(A1)", "id") == [("=1+1",), ("@SUM(A1)",)]

    @pytest.mark.parametrize(
        ("content", "observed"),
        [
            (b"", "has no column 'id'; it has no columns"),
            (f"name\n{CELL}", "has no column 'id'; its columns: name"),
            (f"{CELL},other\n1,2", "has no column 'id'; its columns: other and 1 others"),
            (f"{CELL}\n1", "has no column 'id'; its columns: 1 of names that are not shown"),
            (f"id,id\n{CELL},2", "has 2 columns 'id'; its columns: id and id"),
            (f"id,b\n{CELL}", "has 1 cells in row 1, and 2 columns"),
            (f"id\nA\n{CELL},{CELL}", "has 2 cells in row 2, and 1 columns"),
            (f"id\n{CELL * 8}", "has a cell of more than 64 characters in row 1 of column id"),
            (f"id\n{CELL}\0", "holds NULs; accepted: CSV in UTF-8"),
            (f'id\n"{CELL}', "is no CSV: a quotation mark is not closed"),
            (f'id\n"{CELL}"x', "is no CSV: a quotation mark is not closed"),
            (b"id\n" + CELL.encode() + b"\xff", "is not UTF-8 text; accepted: CSV in UTF-8"),
            (bytes(range(1, 256)) * 10, "is not UTF-8 text; accepted: CSV in UTF-8"),
            ("id\n".encode("utf-16"), "is not UTF-8 text"),
            (f"id\n{CELL * 50_000}", "has a line of 262,144 characters or more"),
            ("," * 3_000 + "\n", "has more than 2,000 columns"),
        ],
    )
    def test_what_is_none_is_refused_without_its_cells(self, file: Path, content: Any, observed: str) -> None:
        with pytest.raises(MalformedTableError) as caught:
            rows_of(file, content, "id")

        assert str(caught.value).startswith(observed)
        assert "PLANTED" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    def test_more_rows_than_may_be_are_refused(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table_file, "MOST_ROWS", 3)

        assert len(rows_of(file, "id\n1\n2\n3\n", "id")) == 3
        with pytest.raises(MalformedTableError, match=r"has more than 3 rows; accepted: 3"):
            rows_of(file, "id\n1\n2\n3\n4\n", "id")


class TestParquet:
    @pytest.mark.parametrize(
        ("values", "cells"),
        [
            (pa.array(["A ", None, ""]), ["A", "", ""]),
            (pa.array(["A", "A", None]).dictionary_encode(), ["A", "A", ""]),
            (pa.array(["A"], pa.large_string()), ["A"]),
            (pa.array([7, None]), ["7", ""]),
            (pa.array([Decimal("2.50")]), ["2.50"]),
            (pa.array([datetime.date(2022, 1, 31)]), ["2022-01-31"]),
            (pa.array([datetime.datetime(2022, 1, 31)]), ["2022-01-31"]),  # noqa: DTZ001 - as tables have them
            (pa.array([datetime.datetime(2022, 1, 31, 5)]), ["2022-01-31T05:00:00"]),  # noqa: DTZ001
        ],
    )
    def test_is_read_as_text(self, file: Path, values: pa.Array, cells: list[str]) -> None:
        table = pa.table({"other": [1.5] * len(values), "id": values})

        assert rows_of(file, table, "id") == [(cell,) for cell in cells]

    def test_columns_come_as_they_are_asked_for(self, file: Path) -> None:
        table = pa.table({"a": ["1", "2"], "b": ["3", "4"]})

        assert rows_of(file, table, "b", "a") == [("3", "1"), ("4", "2")]

    @pytest.mark.parametrize("values", [[1.5], [True], [[1]], [{"a": 1}], [b"x"]])
    def test_what_is_no_text_is_refused(self, file: Path, values: list[Any]) -> None:
        with pytest.raises(MalformedTableError, match=r"has in column id what is not read; accepted: texts"):
            rows_of(file, pa.table({"id": values}), "id")

    def test_a_column_that_is_not_there_is_named(self, file: Path) -> None:
        with pytest.raises(MalformedTableError, match=r"has no column 'id'; its columns: name$"):
            rows_of(file, pa.table({"name": [CELL]}), "id")

    def test_a_long_text_in_many_rows_is_refused_before_it_is_multiplied(self, file: Path) -> None:
        table = pa.table({"id": pa.DictionaryArray.from_arrays(pa.array([0] * 1_000), ["x" * 1_000_000])})

        with pytest.raises(MalformedTableError, match=r"has a cell of more than 64 characters in column id"):
            rows_of(file, table, "id")

    def test_what_unpacks_to_too_much_is_refused_before_a_row_is_read(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(table_file, "COLUMN_BYTES", 10_000)
        table = pa.table({"id": [f"{number:060}" for number in range(1_000)]})

        with pytest.raises(MalformedTableError, match=r"has columns of more than 0 MiB"):
            rows_of(file, table, "id")

    def test_more_rows_than_may_be_are_refused_before_one_is_read(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(table_file, "MOST_ROWS", 3)

        with pytest.raises(MalformedTableError, match=r"has more than 3 rows"):
            rows_of(file, pa.table({"id": ["A"] * 4}), "id")

    @pytest.mark.parametrize(
        "damage", [lambda data: b"", lambda data: data[:40], lambda data: b"id\nA\n", bytes.swapcase]
    )
    def test_what_is_none_is_refused(self, file: Path, damage: Any) -> None:
        pq.write_table(pa.table({"id": [CELL]}), file)
        file.write_bytes(damage(file.read_bytes()))

        with pytest.raises(MalformedTableError) as caught:
            list(read_table(file, ".parquet", ["id"]))
        assert "PLANTED" not in str(caught.value)


MEASURE = """
import resource, sys
from pathlib import Path
from dicom_sieve.columns.looked_up import CollectsDigests, DigestsKey
from dicom_sieve.stores.table_file import read_table
collected = CollectsDigests(DigestsKey(b"secret"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _, (cell,) in read_table(Path(sys.argv[1]), sys.argv[2], ["id"]):
    collected.add(cell)
print(collected.finish().count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_five_million_rows_take_little_memory(file: Path, kind: str) -> None:
    numbers = pa.table({"id": pa.array(range(5_000_000))})
    if kind == ".csv":
        with file.open("w") as text:
            text.write("id\n")
            text.writelines(f"{number}\n" for number in range(5_000_000))
    else:
        pq.write_table(numbers, file)

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file), kind], capture_output=True, text=True, check=True, timeout=500
    )

    count, mebibytes = map(int, done.stdout.split())
    assert count == 5_000_000
    assert mebibytes < 512
