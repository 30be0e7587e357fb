"""From a table as it was asked for to what is looked up in it: every problem of sense is told."""

import re
from collections.abc import Callable

from dicom_sieve.criteria.given_table import TableColumn, TableDate
from dicom_sieve.criteria.tables import CompiledTable
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.vr import DA
from dicom_sieve.dicom.vr.clock import DT, TM

ENDINGS = (".csv", ".parquet")
PLACES = "accepted: a name as cohort.csv, or s3://bucket/key in the bucket of the input or the output"
_ADDRESS = re.compile(r"(?!https?:)[a-z][a-z0-9]*://[^/@?#:]+/(.+)", re.DOTALL)
Says = Callable[[str, str], None]
"""Tells a problem, and of which member it is."""


def compile_values(
    given: TableColumn, attribute: Attribute, say: Says, *, is_exact: bool = False
) -> CompiledTable | None:
    """Compile the values of a column, in the place of a reference; None where there are problems, which are told."""
    if not _is_well_named(given, "reference", say):
        return None
    if attribute.vr in (TM, DT) or attribute.vr.code in ("SQ", "AT", "UN"):
        say(f"a table with {attribute}, a {attribute.vr.long_name}; accepted: a date, an age, a number or a text", "")
        return None
    return CompiledTable(
        given.table,
        given.column.strip(),
        attribute,
        is_exact=is_exact,
        digest=given.digest or "",
        count=given.values,
    )


def compile_dates(given: TableDate, attribute: Attribute, say: Says) -> CompiledTable | None:
    """Compile the dates of a column, which are subtracted; None where there are problems, which are told."""
    if not _is_well_named(given, "minus", say):
        return None
    if attribute.vr != DA:
        say(f"a date of a table with {attribute}, a {attribute.vr.long_name}; accepted: with a date (DA)", "minus")
        return None
    by = find_attribute(int("".join(given.by.dicom_tag), 16))
    if isinstance(by, UnsupportedTag):
        say(by.reason, "minus.by.dicom_tag")
        return None
    if not (is_identifying(by) or by.vr.is_text or by.vr.code in ("UI", "CS")):
        observed = f"{by} is a {by.vr.long_name} ({by.vr})"
        say(f"{observed}; accepted: a text, a code, a UID, or what identifies, as PatientID", "minus.by.dicom_tag")
        return None
    return CompiledTable(
        given.table,
        given.by.column.strip(),
        by,
        given.column.strip(),
        digest=given.digest or "",
        count=given.values,
    )


def _is_well_named(given: TableColumn, member: str, say: Says) -> bool:
    """Tell whether a table can be of that name. What is wrong is not quoted: an address may hold a secret."""
    address = _ADDRESS.fullmatch(given.table)
    path = address[1] if address else given.table.removeprefix("/")
    if "://" in given.table and address is None:
        say(f"is the address of no table; {PLACES}", f"{member}.table")
    elif not given.table.isprintable() or not set(path.split("/")).isdisjoint({"", ".", ".."}):
        say(f"is no name of a table; {PLACES}", f"{member}.table")
    elif not path.lower().endswith(ENDINGS):
        say(f"is of a kind that is not read; accepted: {' or '.join(ENDINGS)} at the end", f"{member}.table")
    elif not (given.column.strip() and given.column.isprintable()):
        say("is no name of a column; accepted: one that the table's first line has", f"{member}.column")
    else:
        return True
    return False
