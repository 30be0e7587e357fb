"""Columns of tables in criteria: reading, sentences, digests, and deciding by what was looked up."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
import pytest

from dicom_sieve.contract.items import TopItem
from dicom_sieve.criteria import Decider, Finding, compile_criteria, criteria_digest, measures_in
from dicom_sieve.criteria.reading import compile_recorded, load_criteria, read_criteria
from dicom_sieve.criteria.seal_tables import seal_tables, tables_in
from dicom_sieve.criteria.tables import LoadedTable, Tables
from dicom_sieve.dicom.identity import digest_identity, normalise_identity
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.errors import InvalidRequestError

COLUMN = {"table": "cohort.csv", "column": "patient_id"}
IN: dict[str, Any] = {"dicom_tag": "PatientID", "operation": "IN", "reference": COLUMN}
DATE = {"table": "cohort.csv", "column": "surgery", "by": {"dicom_tag": "PatientID", "column": "patient_id"}}
AFTER: dict[str, Any] = {
    "dicom_tag": "StudyDate",
    "minus": DATE,
    "operation": "BETWEEN",
    "reference": ["001D", "030D"],
}
CODES: dict[str, Any] = {"dicom_tag": "Modality", "operation": "IN", "reference": {"table": "m.parquet", "column": "m"}}
MEMBERS = "accepted: table, column, digest"
DIGEST, SECRET = "ab" * 32, b"secret"
VALIDATOR = jsonschema.Draft202012Validator(TopItem.model_json_schema())


class Dates:
    """The dates of a table, by value."""

    def __init__(self, dates: Mapping[str, Sequence[datetime.date]]) -> None:
        self._dates = dates

    def of(self, key: str) -> Sequence[datetime.date]:
        return self._dates.get(key, ())


def looked_up(given: Sequence[Any], *, digest: str = DIGEST, values: Any = None, dates: Any = None) -> Tables:
    asked = tables_in(compile_criteria(load_criteria(given)))
    return {each.asked: LoadedTable(digest, 1_203, values, dates) for each in asked}


def finding(given: Any, tables: Tables, **attributes: Sequence[str]) -> Finding:
    compiled = compile_criteria(seal_tables(load_criteria([given]), tables), tables)
    tags = {"modality": "00080060", "day": "00080020", "patient": "00100020"}
    return Decider(compiled, SECRET).decide({tags[name]: texts for name, texts in attributes.items()}).findings[0]


class TestReading:
    @pytest.mark.parametrize(
        "given", [IN, AFTER, CODES, {**IN, "operation": "NOT_IN"}, {"any": [IN, {"all": [AFTER]}]}]
    )
    def test_the_schema_and_reading_take_a_table(self, given: dict[str, Any]) -> None:
        VALIDATOR.validate(given)
        assert read_criteria([given])[1] == ()

    @pytest.mark.parametrize(
        "given",
        [
            {**IN, "reference": {"table": "cohort.csv"}},
            {**IN, "reference": {"column": "a"}},
            {**IN, "reference": {**COLUMN, "sheet": "1"}},
            {**IN, "reference": {**COLUMN, "column": ""}},
            {**IN, "reference": {**COLUMN, "digest": "ab"}},
            {**IN, "reference": {**COLUMN, "values": -1}},
            *({**IN, "operation": name} for name in ("EQUALS", "LESS", "BETWEEN", "CONTAINS", "MATCHES", "PRESENT")),
            {**AFTER, "minus": COLUMN},
            {**AFTER, "minus": {**DATE, "by": {"column": "a"}}},
            {**AFTER, "minus": {**DATE, "by": "PatientID"}},
            {"measure": "INSTANCES", "operation": "IN", "reference": COLUMN},
        ],
    )
    def test_both_refuse(self, given: dict[str, Any]) -> None:
        assert not VALIDATOR.is_valid(given)
        assert read_criteria([given])[1] != ()

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({**IN, "reference": {"table": "cohort.csv"}}, "criteria[0].reference.column: missing; accepted: a value"),
            (
                {**IN, "reference": {**COLUMN, "colum": "a"}},
                f"criteria[0].reference: has a member 'colum' that is not known, perhaps column; {MEMBERS}",
            ),
            ({**AFTER, "minus": COLUMN}, "criteria[0].minus.by: missing; accepted: a value"),
            (
                {**IN, "dicom_tag": "StudyTime"},
                "criteria[0]: a table with StudyTime (0008,0030), a Time; accepted: a date, an age, a number or a text",
            ),
            (
                {**IN, "operation": "EQUALS"},
                "criteria[0].reference: a table with operation EQUALS; accepted: a text, or with IN and NOT_IN a table",
            ),
            (
                {**CODES, "reference": {"table": "m.xlsx", "column": "m"}},
                "criteria[0].reference.table: is of a kind that is not read; accepted: .csv or .parquet at the end",
            ),
        ],
    )
    def test_says_what_is_wrong(self, given: dict[str, Any], problem: str) -> None:
        assert read_criteria([given])[1] == (problem,)

    @pytest.mark.parametrize(
        "table",
        [
            "https://user:PLANTED@host/PLANTED.csv",
            "HTTPS://PLANTED/c.csv",
            "s3://PLANTED@bucket/c.csv",
            "s3://bucket/c.csv/../PLANTED.csv",
            "../PLANTED.csv",
            "/data/../PLANTED.csv",
            "a//PLANTED.csv",
            "PLANTED\n.csv",
            "file:///PLANTED.csv",
        ],
    )
    def test_refuses_addresses_without_quoting_them(self, table: str) -> None:
        (problem,) = read_criteria([{**IN, "reference": {**COLUMN, "table": table}}])[1]

        assert problem.startswith("criteria[0].reference.table: is ")
        assert "PLANTED" not in problem

    def test_a_date_of_a_table_is_not_asked_of_an_item_of_a_sequence(self) -> None:
        group = {"all": [AFTER], "within": ["RequestAttributesSequence"]}

        with pytest.raises(InvalidRequestError, match=r"or a table, in an item of a sequence; accepted: outside it"):
            compile_criteria(load_criteria([group]))


class TestSealing:
    def test_the_digest_stands_beside_the_name_and_in_the_digest_of_the_criteria(self) -> None:
        given = [{"none": [IN]}, AFTER, {"choose": {"one": "SERIES", "per": "STUDY", "prefer": [{"meets": [CODES]}]}}]
        asked, tables = load_criteria(given), looked_up(given)

        sealed = seal_tables(asked, tables)

        text = str([item.as_given() for item in sealed])
        assert text.count(f"'digest': '{DIGEST}', 'values': 1203") == 3
        assert load_criteria([item.as_given() for item in sealed]) == sealed
        others = seal_tables(asked, looked_up(given, digest="cd" * 32))
        assert len({criteria_digest(each) for each in (asked, sealed, others)}) == 3

    def test_criteria_without_tables_keep_their_digest(self) -> None:
        asked = load_criteria([{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}])

        assert criteria_digest(seal_tables(asked, {})) == criteria_digest(asked)

    def test_a_tag_in_small_letters_has_the_same_digest(self) -> None:
        small, large = (
            {**AFTER, "minus": {**DATE, "by": {"dicom_tag": tag, "column": "a"}}}
            for tag in (["300a", "00C3"], ["300A", "00c3"])
        )

        assert criteria_digest(load_criteria([small])) == criteria_digest(load_criteria([large]))

    def test_a_measure_of_members_in_another_table_is_another_one(self) -> None:
        given = [{"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "1", "where": [CODES]}]
        sealed = [seal_tables(load_criteria(given), looked_up(given, digest=each)) for each in (DIGEST, "cd" * 32)]
        first, second = (measures_in(compile_criteria(criteria))[0] for criteria in sealed)

        assert first.key != second.key


class TestSentences:
    def test_as_asked_and_as_recorded(self) -> None:
        [asked] = compile_criteria(load_criteria([IN]))
        [recorded] = compile_recorded([{**IN, "reference": {**COLUMN, "digest": DIGEST, "values": 1_203}}])

        assert asked.describe() == "PatientID (0010,0020) is one of the values of column patient_id in cohort.csv"
        assert (
            recorded.describe() == "PatientID (0010,0020) is one of the 1,203 values of column patient_id in cohort.csv"
        )

    def test_of_a_negation_and_of_a_date(self) -> None:
        none, after = compile_criteria(load_criteria([{**IN, "operation": "NOT_IN"}, AFTER]))

        assert none.describe() == "PatientID (0010,0020) is none of the values of column patient_id in cohort.csv"
        assert after.describe() == (
            "StudyDate (0008,0020) minus the surgery in cohort.csv where patient_id is its PatientID (0010,0020) "
            "is between 001D and 030D"
        )


class TestDeciding:
    @pytest.mark.parametrize("given", [IN, AFTER, {"any": [CODES]}, {**IN, "if_absent": "MET"}])
    def test_is_refused_without_the_table(self, given: dict[str, Any]) -> None:
        with pytest.raises(
            InvalidRequestError, match=r"a table is read when a run or a preview starts, and is not kept"
        ):
            Decider(compile_criteria(load_criteria([given])), SECRET)

    def test_by_values(self) -> None:
        tables = looked_up([CODES], values=frozenset({"CT", "MR"}))
        none = {**CODES, "operation": "NOT_IN"}

        assert finding(CODES, tables, modality=[" ct"]) is Finding.MET
        assert finding(CODES, tables, modality=["PT", "MR"]) is Finding.MET
        assert finding(CODES, tables, modality=["PT"]) is Finding.NOT_MET
        assert finding(CODES, tables) is Finding.ABSENT
        assert finding(CODES, tables, modality=[""]) is Finding.EMPTY
        assert finding(none, looked_up([none], values=frozenset({"CT"})), modality=["CT"]) is Finding.NOT_MET
        assert finding(none, looked_up([none], values=frozenset()), modality=["CT"]) is Finding.MET

    @pytest.mark.parametrize("is_digest", [False, True])
    def test_what_identifies_by_digest_and_in_clear(self, is_digest: bool) -> None:
        shown = (lambda text: digest_identity(text, SECRET)) if is_digest else normalise_identity
        tables = looked_up([IN], values={shown("PAT-1")})

        assert finding(IN, tables, patient=[shown("pat-1 ")]) is Finding.MET
        assert finding(IN, tables, patient=[shown("PAT-2")]) is Finding.NOT_MET

    def test_by_the_dates_of_the_rows(self) -> None:
        days = {"A": [datetime.date(2022, 1, 1)], "B": [datetime.date(2020, 1, 1), datetime.date(2022, 1, 1)]}
        tables = looked_up([AFTER], dates=Dates(days))

        assert finding(AFTER, tables, day=["20220131"], patient=["A"]) is Finding.MET
        assert finding(AFTER, tables, day=["20220131"], patient=["B"]) is Finding.MET
        assert finding(AFTER, tables, day=["20220101"], patient=["A"]) is Finding.NOT_MET
        assert finding(AFTER, tables, day=["20220131"], patient=["C"]) is Finding.ABSENT
        assert finding(AFTER, tables, day=["20220131"]) is Finding.ABSENT
        assert finding(AFTER, tables, patient=["A"]) is Finding.ABSENT
        assert finding(AFTER, tables, day=["20220131"], patient=[""]) is Finding.EMPTY
        assert finding(AFTER, tables, day=["20220131"], patient=[NOT_KEPT]) is Finding.UNDECIDED
        assert finding(AFTER, tables, day=["2022013"], patient=["A"]) is Finding.MALFORMED
        kept = {**AFTER, "if_absent": "MET"}
        assert finding(kept, looked_up([kept], dates=Dates(days)), day=["20220131"], patient=["C"]) is Finding.MET
