"""Bidsmaps of BIDScoin: each run-item of the section DICOM is a rule, a regular expression for each attribute.

Source: Donders-Institute/bidscoin@fb64cd27: bidscoin/bids.py (get_matching_run, match_runvalue),
bidscoin/utilities/__init__.py (get_dicomfield). Run-items are read as the bidsmapper does: an attribute or a property
without a value asks nothing, and a run-item without any matches nothing.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.importers.documents import read_yaml, refuse
from dicom_sieve.importers.expressions import Mode, Reduced, is_plain, reduce_expression
from dicom_sieve.importers.globs import Glob
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Test, all_of, any_of
from dicom_sieve.importers.rules import Rule, number_names, shorten
from dicom_sieve.importers.texts import (
    absent,
    attribute_at,
    attribute_named,
    exactly,
    matches,
    matches_itself,
    of_several,
    present,
    values_are,
)

ACCEPTED = "a bidsmap of BIDScoin, with a section 'DICOM' of lists of run-items"
_NO_RUN_ITEMS = {"participant", "subject", "session"}
_PROPERTIES = {
    "filepath": "it asks for the folder of a file, not for an attribute",
    "filename": "it asks for the name of a file, not for an attribute",
    "filesize": "it asks for the size of a file, not for an attribute",
    "nrfiles": "it asks for the number of files in a folder: a measure, which criteria do not have yet",
}
_TAG = re.compile(r"\(?(?:0x)?([0-9A-Fa-f]{4}),? ?(?:0x)?([0-9A-Fa-f]{4})\)?")


def import_bidscoin(text: str) -> Sequence[Imported]:
    """Import a bidsmap; see `dicom_sieve.importers.interface.Importer`."""
    bidsmap = read_yaml(text)
    section = bidsmap.get("DICOM") if isinstance(bidsmap, dict) else None
    if not isinstance(section, dict):
        raise refuse("has no section 'DICOM'", ACCEPTED)
    ignored = _ignored_types(bidsmap)
    found = [
        (datatype, run_item)
        for datatype, run_items in section.items()
        if datatype not in _NO_RUN_ITEMS and isinstance(run_items, list)
        for run_item in run_items
        if isinstance(run_item, dict) and any(True for _ in _asked(run_item))
    ]
    names = number_names(_name(datatype, run_item) for datatype, run_item in found)
    return [
        _read(name, run_item, discards=datatype in ignored)
        for name, (datatype, run_item) in zip(names, found, strict=True)
    ]


def _ignored_types(bidsmap: Mapping[str, Any]) -> Sequence[str]:
    """Give the data types that are not converted."""
    options: Any = bidsmap
    for member in ("Options", "bidscoin", "ignoretypes"):
        options = options.get(member) if isinstance(options, dict) else None
    return options if isinstance(options, list) else ["exclude"]


def _name(datatype: str, run_item: Mapping[str, Any]) -> str:
    bids = run_item.get("bids")
    suffix = bids.get("suffix") if isinstance(bids, dict) else None
    is_name = isinstance(suffix, str) and suffix and "<" not in suffix  # else it is a value of the object
    return f"{datatype}/{suffix}" if is_name else datatype


def _asked(run_item: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Give what a run-item asks: of what kind it is, of what, and the pattern."""
    for kind in ("properties", "attributes"):
        patterns = run_item.get(kind)
        for key, pattern in patterns.items() if isinstance(patterns, dict) else ():
            if pattern not in (None, "", 0, False, []):
                yield kind, key, pattern


def _read(name: str, run_item: Mapping[str, Any], *, discards: bool) -> Imported:
    rule = Rule()
    for kind, key, pattern in _asked(run_item):
        if kind == "properties":
            rule.leave_out(f"{key} {pattern}", _PROPERTIES.get(key.partition(":")[0], "it is no attribute"))
        else:
            what = f"{key} {shorten(pattern)}" + (", which YAML reads as a truth value" if pattern is True else "")
            rule.add(what, partial(_attribute_is, key, pattern))
    return rule.imported(name, discards=discards)


def _attribute_is(key: str, pattern: Any) -> Test:
    attribute = _attribute(key)
    text = str(pattern).strip()
    if not attribute.is_single_valued:
        return _list_is(attribute, text)
    reduced = reduce_expression(text, Mode.FULL)
    test = matches(attribute, reduced)
    if attribute.vr.is_number or is_plain(text) or matches_itself(reduced, text):
        return test
    return any_of([test, matches(attribute, exactly(text))])


def _attribute(key: str) -> Attribute:
    """Look up what BIDScoin calls an attribute: a keyword or a tag."""
    if found := _TAG.fullmatch(key):
        return attribute_at(int(found[1] + found[2], 16))
    if ":" in key:
        raise CannotSayError("it asks for a part of a value, by an expression behind the colon")
    return attribute_named(key)


def _list_is(attribute: Attribute, text: str) -> Test:
    """Compare several values, which BIDScoin has as one text, ``['SK', 'SP']``; one value has no brackets."""
    if (values := _as_list(text)) is not None:
        return values_are(attribute, [exactly(value) for value in values])
    reduced = reduce_expression(text, Mode.FULL)
    test = any_of(_one_of_list(attribute, glob, is_exact=reduced.is_exact) for glob in reduced.globs)
    return of_several(attribute, test, reduced)


def _as_list(text: str) -> list[str] | None:
    """Read a list of two texts or numbers, or more, as Python writes it."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(values, list) or len(values) < _SEVERAL:
        return None
    return [str(value) for value in values] if all(isinstance(value, str | int | float) for value in values) else None


_SEVERAL = 2


def _one_of_list(attribute: Attribute, glob: Glob, *, is_exact: bool) -> Test:
    one = Reduced((glob,), is_exact)
    if not glob.tokens or glob.is_any or glob.is_present:
        return matches(attribute, one)
    if not glob.is_open:  # it would begin or end with a bracket
        return all_of([matches(attribute, one, of_absent=False, value=1), absent(attribute, value=2)])
    contained = glob.contained
    if contained is None or attribute.vr.code != "CS":
        raise CannotSayError(f"{attribute} may have several values, and it asks for a pattern of all of them")
    if contained == f"'{contained[1:-1]}'" and not set(contained[1:-1]) & set("',[]"):
        whole = matches(attribute, exactly(contained[1:-1], is_exact=is_exact), of_absent=False)
        return all_of([whole, present(attribute, value=2)])
    if set(contained) & set("',[]") or not contained.strip():
        raise CannotSayError(f"{attribute} may have several values, and it asks for what stands between them")
    return matches(attribute, one, of_absent=False)
