"""Runs with tables: where they are found, what is recorded of them, and that each decision is a plain program's."""

import csv
import datetime
import hashlib
import io
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.criteria import criteria_digest
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.criteria.reading import compile_recorded, load_criteria
from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database import tables
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.reports.report import make_report
from dicom_sieve.screening import Preview, Screening, preview, screen
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.find_table import fetch_table
from dicom_sieve.stores.table_file import LARGEST_TABLE
from tests.conftest import S3Server
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, sql, verdicts
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

COLUMN = {"table": "cohort.csv", "column": "patient_id"}
IN: dict[str, Any] = {"dicom_tag": "PatientID", "operation": "IN", "reference": COLUMN}
DATE = {"table": "cohort.csv", "column": "surgery", "by": {"dicom_tag": "PatientID", "column": "patient_id"}}
AFTER: dict[str, Any] = {"dicom_tag": "StudyDate", "minus": DATE, "operation": "BETWEEN", "reference": ["001D", "030D"]}
TABLE = b"patient_id;surgery\nPAT-1;2022-01-01\n pat-2;20220102\n;\nPAT-9;\n"


def patient(number: int, day: str = "20220110") -> bytes:
    return ct(f"1.5.{number}", f"1.6.{number}", PatientID=f"PAT-{number}", StudyDate=day)


def images(**more: bytes) -> dict[str, bytes]:
    return {**{f"{number}.dcm": patient(number) for number in range(1, 5)}, **more}


def directory(root: Path, content: dict[str, bytes]) -> DirectoryStore:
    for key, data in content.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)
    return DirectoryStore(root)


def passed(ledger: Ledger, run: str) -> list[str]:
    return sorted(key for key, (verdict, _) in verdicts(ledger, run).items() if verdict == "PASSED")


def run(ledger: Ledger, store: Any, criteria: Sequence[Any], name: str = "run", *places: Any, **more: Any) -> list[str]:
    asked = load_criteria(criteria)
    screen(Screening(name, store, asked, tables_in=places or (store,), **more), ledger)
    return passed(ledger, name)


class TestARun:
    def test_selects_by_a_column_and_by_a_date(self, ledger: Ledger) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))

        assert run(ledger, store, [IN], "in") == ["1.dcm", "2.dcm"]
        assert run(ledger, store, [{**IN, "operation": "NOT_IN"}], "not in") == ["3.dcm", "4.dcm"]
        assert run(ledger, store, [AFTER], "after") == ["1.dcm", "2.dcm"]
        assert run(ledger, store, [{"none": [IN]}], "none") == ["3.dcm", "4.dcm"]
        where = {"measure": "SERIES", "scope": "STUDY", "operation": "AT_LEAST", "reference": "1", "where": [IN]}
        assert run(ledger, store, [where], "where") == run(ledger, store, [where], "again")

    def test_reads_the_table_once(self, ledger: Ledger) -> None:
        store = SimulatedStore(images())
        holds = SimulatedStore({"cohort.csv": TABLE})

        run(ledger, store, [IN, AFTER, {"any": [{**IN, "operation": "NOT_IN"}, IN]}], "run", holds)

        assert [key for key, _, _ in holds.reads] == ["cohort.csv"]

    def test_records_the_digest_and_seals_it(self, ledger: Ledger) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))
        run(ledger, store, [IN], "first")
        run(ledger, store, [IN], "same")
        store.put("cohort.csv", TABLE + b"PAT-3;\n")
        run(ledger, store, [IN], "changed")

        first, same, changed = (ledger.run(name).row for name in ("first", "same", "changed"))
        digest = hashlib.sha256(TABLE).hexdigest()
        assert first.criteria[0]["reference"] == {**COLUMN, "digest": digest, "values": 3}
        assert changed.criteria[0]["reference"]["values"] == 4
        assert first.criteria_digest == same.criteria_digest == criteria_digest(load_criteria(first.criteria))
        assert changed.criteria_digest != first.criteria_digest
        assert passed(ledger, "changed") == ["1.dcm", "2.dcm", "3.dcm"]
        assert verify(ledger.engine).is_intact
        [sentence] = [item.describe() for item in compile_recorded(first.criteria)]
        assert sentence == "PatientID (0010,0020) is one of the 3 values of column patient_id in cohort.csv"
        assert sentence in str(make_report(ledger.run("first")).criteria[0].describe())

    def test_a_recorded_digest_that_was_edited_breaks_the_seal(self, ledger: Ledger) -> None:
        run(ledger, SimulatedStore(images(**{"cohort.csv": TABLE})), [IN])
        with vandal(ledger) as connection:
            row = connection.exec_driver_sql("SELECT criteria FROM run").scalar_one()
            text = (row if isinstance(row, str) else json.dumps(row)).replace('"values": 3', '"values": 4')
            connection.execute(sa.update(tables.run).values(criteria=json.loads(text)))

        assert not verify(ledger.engine).is_intact

    def test_criteria_as_recorded_run_on_the_same_table_alone(self, ledger: Ledger) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))
        run(ledger, store, [IN, AFTER], "first")
        recorded = ledger.run("first").row.criteria

        assert run(ledger, store, recorded, "again") == ["1.dcm", "2.dcm"]
        store.put("cohort.csv", TABLE + b"PAT-3;\n")
        with pytest.raises(InvalidRequestError, match=r"cohort.csv: is another one than was asked for: its SHA-256"):
            run(ledger, store, recorded, "changed")

    def test_saved_criteria_run_with_the_table_of_the_day(self, ledger: Ledger) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))
        saved, _ = save_criteria(ledger.engine, "cohort", load_criteria([IN]))

        run(ledger, store, [IN], named=NamedCriteria("cohort", 1))

        row = ledger.run("run").row
        assert row.named == NamedCriteria("cohort", 1)
        assert row.criteria_digest != saved.criteria_digest

    def test_a_preview_says_the_same(self, ledger: Ledger) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))

        told = preview(Preview(store, load_criteria([IN]), tables_in=(None, store)), ledger)

        assert (told.counts["passed"], told.counts["discarded"]) == (2, 3)

    def test_keeps_no_value_of_the_table(self, ledger: Ledger) -> None:
        planted = TABLE + b"PLANTED-VALUE;1933-09-11\n"

        run(ledger, SimulatedStore(images(**{"cohort.csv": planted})), [IN, AFTER])

        database = ledger.engine.url.database or ""
        if ledger.engine.dialect.name == "sqlite":
            files = Path(database).parent.glob("ledger.db*")
            assert not any(b"PLANTED" in data or b"1933-09-11" in data for data in (f.read_bytes() for f in files))
        assert "PLANTED" not in str(sql(ledger, "SELECT criteria, counts, failure FROM run"))


class TestWhereItLies:
    def test_in_the_output_first(self, ledger: Ledger, tmp_path: Path) -> None:
        source = directory(tmp_path / "in", images(**{"cohort.csv": TABLE}))
        output = directory(tmp_path / "out", {"cohort.csv": b"patient_id,surgery\nPAT-4,\n"})

        assert run(ledger, source, [IN], "run", output, source) == ["4.dcm"]

    def test_below_a_directory_or_by_its_path(self, ledger: Ledger, tmp_path: Path) -> None:
        source = directory(tmp_path / "in", images(**{"tables/cohort.csv": TABLE}))

        for number, table in enumerate(("tables/cohort.csv", str(tmp_path / "in" / "tables" / "cohort.csv"))):
            asked = {**IN, "reference": {**COLUMN, "table": table}}
            assert run(ledger, source, [asked], f"run{number}") == ["1.dcm", "2.dcm"]

    def test_nowhere_else(self, ledger: Ledger, tmp_path: Path) -> None:
        source = directory(tmp_path / "in", images())
        directory(tmp_path, {"cohort.csv": TABLE})

        for table in (str(tmp_path / "cohort.csv"), "s3://other/cohort.csv", f"{tmp_path}/inner/cohort.csv"):
            with pytest.raises(InvalidRequestError, match=r"lies neither in the output nor in the input; accepted: /"):
                run(ledger, source, [{**IN, "reference": {**COLUMN, "table": table}}])
        with pytest.raises(
            InvalidRequestError, match=r"table cohort.csv: is not there; looked for at /.*/in/cohort.csv"
        ):
            run(ledger, source, [IN])
        assert ledger.runs() == []

    def test_a_parquet_file_is_known_by_its_name(self, ledger: Ledger, tmp_path: Path) -> None:
        pq.write_table(pa.table({"patient_id": ["PAT-1", None], "n": [1, 2]}), tmp_path / "c.PARQUET")
        store = SimulatedStore(images(**{"c.PARQUET": (tmp_path / "c.PARQUET").read_bytes()}))

        assert run(ledger, store, [{**IN, "reference": {**COLUMN, "table": "c.PARQUET"}}]) == ["1.dcm"]

    def test_of_more_than_the_bound_nothing_is_read(self, ledger: Ledger, tmp_path: Path) -> None:
        source = directory(tmp_path / "in", images(**{"cohort.csv": b""}))
        with (tmp_path / "in" / "cohort.csv").open("wb") as large:
            large.truncate(LARGEST_TABLE + 1)

        with pytest.raises(InvalidRequestError, match=r"cohort.csv: has 64.0 MiB; accepted: 64 MiB"):
            run(ledger, source, [IN])

    @pytest.mark.parametrize("fault", ["refused", "faults"])
    def test_a_table_that_cannot_be_read_is_named(self, ledger: Ledger, fault: str) -> None:
        store = SimulatedStore(images(**{"cohort.csv": TABLE}))
        if fault == "refused":
            store.refused.add("cohort.csv")
        else:
            store.faults["cohort.csv"] = -1

        with pytest.raises(
            StoreError, match=r"cannot read the table .*cohort.csv: the (store refuses|object could not)"
        ):
            run(ledger, store, [IN])

    def test_in_a_bucket(self, ledger: Ledger, moto_server: S3Server) -> None:
        name = moto_server.make_bucket()
        client = moto_server.client()
        objects = {f"images/{key}": data for key, data in images(**{"cohort.csv": TABLE}).items()}
        for key, data in {**objects, "elsewhere/cohort.csv": b"patient_id\nPAT-3\n"}.items():
            client.put_object(Bucket=name, Key=key, Body=data)
        store = moto_server.store(name, "images/")

        by_address = {**IN, "reference": {**COLUMN, "table": f"s3://{name}/elsewhere/cohort.csv"}}
        assert run(ledger, store, [IN], "relative") == ["images/1.dcm", "images/2.dcm"]
        assert run(ledger, store, [by_address], "address") == ["images/3.dcm"]
        assert run(ledger, store, [AFTER], "date") == ["images/1.dcm", "images/2.dcm"]
        missing = {**IN, "reference": {**COLUMN, "table": "no.csv"}}
        with pytest.raises(
            InvalidRequestError, match=rf"table no.csv: is not there; looked for at s3://{name}/images/no"
        ):
            run(ledger, store, [missing], "missing")

    def test_an_output_that_may_not_be_looked_into_does_not_hide_the_input(
        self, ledger: Ledger, moto_server: S3Server, tmp_path: Path
    ) -> None:
        denied = moto_server.store(moto_server.make_bucket())

        class Refuses:
            location = denied.location
            download = denied.download

            def find(self, key: str) -> None:
                raise StoreError("look into", self.location.uri(key), "AccessDenied (HTTP 403)")

        source = directory(tmp_path / "in", images(**{"cohort.csv": TABLE}))
        assert run(ledger, source, [IN], "run", Refuses(), source) == ["1.dcm", "2.dcm"]
        with pytest.raises(StoreError, match="AccessDenied"):
            fetch_table("other.csv", [Refuses(), source], tmp_path / "target")


def test_more_columns_than_may_be_are_refused(ledger: Ledger) -> None:
    columns = [{**IN, "reference": {**COLUMN, "column": f"c{number}"}} for number in range(11)]

    with pytest.raises(InvalidRequestError, match="criteria: 11 columns of tables are compared with; accepted: 10"):
        run(ledger, SimulatedStore(images(**{"cohort.csv": TABLE})), [{"any": columns}])


class TestCells:
    @pytest.mark.parametrize(
        ("criterion", "table", "problem"),
        [
            (
                AFTER,
                "patient_id,surgery\nA,31.01.2022\n",
                "row 1 of column surgery cannot be read; accepted: a date as",
            ),
            (
                AFTER,
                "patient_id,surgery\nA,2022-02-30\n",
                "row 1 of column surgery cannot be read; accepted: a date as",
            ),
            (
                {"dicom_tag": "PatientAge", "operation": "IN", "reference": {**COLUMN, "column": "surgery"}},
                "surgery\n018M\nPLANTED\n",
                "row 2 of column surgery cannot be read; accepted: values that are each a Age String",
            ),
            (
                {"dicom_tag": "SliceThickness", "operation": "IN", "reference": {**COLUMN, "column": "surgery"}},
                "surgery\n2 mm\n3 kV\n",
                "row 2 of column surgery cannot be read; accepted: values that are each a Decimal String",
            ),
            (IN, "patient\nPLANTED\n", "has no column 'patient_id'; its columns: patient"),
            (IN, "patient_id\nPLAN\x7fTED\n", "row 1 of column patient_id cannot be read"),
        ],
    )
    def test_that_cannot_be_read_are_named_and_not_quoted(
        self, ledger: Ledger, criterion: Any, table: str, problem: str
    ) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            run(ledger, SimulatedStore(images(**{"cohort.csv": table.encode()})), [criterion])

        assert problem in str(caught.value)
        assert not any(cell in str(caught.value) for cell in ("PLAN", "31.01", "02-30", "kV"))

    @pytest.mark.parametrize(
        ("tag", "cells", "values", "found"),
        [
            ("StudyDate", ["2022-01-31", "20220201"], ["20220131", "20220201", "20220202"], [True, True, False]),
            ("SliceThickness", ["2.50", "3 mm"], ["2.5", "3.0", "4"], [True, True, False]),
            ("PatientAge", ["018M", "2Y"], ["018M", "24M", "017M"], [True, True, False]),
            ("SeriesDescription", ["T1 Axial"], ["t1 axial ", "T1  axial"], [True, False]),
            ("SOPClassUID", ["CTImageStorage"], ["1.2.840.10008.5.1.4.1.1.2"], [True]),
            ("PatientName", ["doe^john^"], ["DOE^JOHN", "DOE^JANE"], [True, False]),
            ("Modality", ["ct"], ["CT", "MR"], [True, False]),
        ],
    )
    def test_are_read_by_the_vr(
        self, ledger: Ledger, tag: str, cells: list[str], values: list[str], found: list[bool]
    ) -> None:
        given: list[dict[str, Any]] = [
            {"SOPInstanceUID": f"1.6.{number}", tag: value} for number, value in enumerate(values)
        ]
        objects = {
            f"{number}": make_instance(series_instance_uid=f"1.5.{number}", **each) for number, each in enumerate(given)
        }
        table = "\n".join(["patient_id", *cells]).encode()
        criterion = {"dicom_tag": tag, "operation": "IN", "reference": COLUMN}

        keys = run(ledger, SimulatedStore({**objects, "cohort.csv": table}), [criterion])

        assert keys == [f"{number}" for number, is_met in enumerate(found) if is_met]


def rows_of_oracle(table: bytes) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(table.decode())):
        yield {name: cell.strip() for name, cell in row.items()}


@pytest.mark.parametrize("seed", range(3))
def test_decisions_are_those_of_a_plain_program(ledger: Ledger, seed: int) -> None:
    chosen = random.Random(seed)
    begin = datetime.date(2022, 1, 1)
    days = [begin + datetime.timedelta(chosen.randrange(60)) for _ in range(40)]
    lines = [
        f"{chosen.choice(['PAT', 'pat', ' Pat'])}-{chosen.randrange(12)},"
        f"{chosen.choice([day.isoformat(), day.strftime('%Y%m%d'), ''])}"
        for day in days
    ]
    table = "\n".join(["patient_id,surgery", *lines]).encode()
    studies = {f"{n}.dcm": (chosen.randrange(16), begin + datetime.timedelta(chosen.randrange(90))) for n in range(60)}
    objects = {
        key: ct(f"1.5.{key[:-4]}", f"1.6.{key[:-4]}", PatientID=f"PAT-{who}", StudyDate=day.strftime("%Y%m%d"))
        for key, (who, day) in studies.items()
    }
    surgeries = defaultdict[str, list[datetime.date]](list)
    for row in rows_of_oracle(table):
        if row["surgery"]:
            surgeries[row["patient_id"].lower()].append(datetime.date.fromisoformat(row["surgery"]))
    cohort = {row["patient_id"].lower() for row in rows_of_oracle(table) if row["patient_id"]}
    within = {
        key
        for key, (who, day) in studies.items()
        if any(1 <= (day - surgery).days <= 30 for surgery in surgeries[f"pat-{who}"])
    }
    store = SimulatedStore({**objects, "cohort.csv": table})

    assert run(ledger, store, [AFTER], "after") == sorted(within)
    assert run(ledger, store, [IN], "in") == sorted(key for key, (who, _) in studies.items() if f"pat-{who}" in cohort)
