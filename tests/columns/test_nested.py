"""What lies within sequences has columns as what lies at the top level."""

import json
from typing import Any

from dicom_sieve.columns.chunk import Column, as_entry, column_of, values_of
from dicom_sieve.columns.nested import nested_column, nested_columns
from dicom_sieve.dicom.marks import NOT_KEPT

HEAD = [{"00080100": ["T-D1100"], "00080104": ["Head"]}]
BOTH = [*HEAD, {"00080100": ["T-D3000"], "00082220": [{"00080104": ["left", "upper"]}]}]


def sequence(*rows: Any) -> Column:
    return column_of([as_entry(None if row is None else [row if row == NOT_KEPT else json.dumps(row)]) for row in rows])


def rows(column: Column) -> list[Any]:
    return [values_of(entry) for entry in column.rows()]


def test_each_attribute_has_a_column_of_its_own() -> None:
    columns = nested_columns(sequence(HEAD, BOTH, [], None, HEAD))

    assert {path: rows(column) for path, column in columns.items()} == {
        ("00080100",): [("T-D1100",), ("T-D1100", "T-D3000"), None, None, ("T-D1100",)],
        ("00080104",): [("Head",), ("Head",), None, None, ("Head",)],
        ("00082220",): [None, (), None, None, None],
        ("00082220", "00080104"): [None, ("left", "upper"), None, None, None],
    }


def test_one_attribute_is_found_by_its_path() -> None:
    held = sequence(HEAD, BOTH, None)

    assert rows(nested_column(held, ("00082220", "00080104"))) == [None, ("left", "upper"), None]
    assert rows(nested_column(held, ("00080050",))) == [None, None, None]


def test_what_is_not_kept_stays_so() -> None:
    held = sequence(NOT_KEPT, HEAD)

    assert rows(nested_column(held, ("00080104",))) == [(NOT_KEPT,), ("Head",)]
    assert rows(nested_columns(held)["00080104",]) == [None, ("Head",)]


def test_a_text_that_former_versions_kept_in_the_place_of_items_is_not_kept() -> None:
    for text in ("hello", "[1]", '["a"]', "7", "{}"):
        held = column_of([as_entry([text]), as_entry([json.dumps(HEAD)])])

        assert rows(nested_column(held, ("00080100",))) == [(NOT_KEPT,), ("T-D1100",)]
        assert {path: rows(column) for path, column in nested_columns(held).items()}["00080100",] == [
            None,
            ("T-D1100",),
        ]
