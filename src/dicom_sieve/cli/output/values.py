"""What ``values`` prints: the attributes of a location, and the values of one of them."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from dicom_sieve.cli.output import text
from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.dicom.marks import describe_mark
from dicom_sieve.dicom.spread import Spread, spread_of
from dicom_sieve.ledger.reading.snapshots import Snapshot
from dicom_sieve.ledger.reading.values import BETWEEN_KEYS, AttributesHeld, AttributeValues, ValueCount

ATTRIBUTE = ("keyword", "tag", "vr", "present", "empty", "absent", "values", "unreached")
VALUE = ("value", "instances", "series")
_TAG = re.compile("[0-9A-F]{8}")
_BETWEEN = re.compile("[.](?=[0-9A-F]{4}(?:xx[0-9A-F]{2} |[0-9A-F]{4}(?:[.]|$)))")


def show_attributes(snapshot: Snapshot, held: AttributesHeld, *, as_json: bool, as_csv: bool) -> None:
    """Print the attributes of a location."""
    rows = []
    for use in held.attributes:
        absent = held.instances - use.present - use.empty - use.unreached
        counts = (use.present, use.empty, absent, use.distinct, use.unreached)
        rows.append((*_name(use.tag), *counts))
    if as_json:
        attributes = [dict(zip(ATTRIBUTE, row, strict=True)) for row in rows]
        less = {"read_for_less": held.read_for_less} if held.read_for_less else {}
        text.show_json({**_where(snapshot), "instances": held.instances, **less, "attributes": attributes})
    elif as_csv:
        text.show_csv(ATTRIBUTE, rows)
    else:
        _show_table(ATTRIBUTE, rows)
        text.show_lines("", f"{held.instances:,} instances could be judged {_of(snapshot)}")
        if held.read_for_less:
            text.show_lines(
                f"{held.read_for_less:,} of them were read by an earlier version, for less than this one reads: a run "
                "with criteria that name more reads them again"
            )


def show_values(
    snapshot: Snapshot,
    path: Sequence[Attribute],
    held: AttributeValues,
    *,
    limit: int,
    min_cell: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the values of one attribute; those behind the limit, or too rare, as one row.

    Args:
        snapshot: Where they are.
        path: The attribute, behind the sequences that it lies in.
        held: Its values.
        limit: Values that are shown, at most.
        min_cell: Fewer instances than this are not told apart.
        as_json: As JSON.
        as_csv: As CSV.
    """
    attribute = path[-1]
    shown = [_readable(value) for value in held.values[:limit] if value.instances >= min_cell]
    others = held.values[len(shown) :]
    in_others = sum(value.instances for value in others)
    absent = held.instances - held.present - held.empty - held.unreached
    every = {value.value: value.instances for value in held.values}
    spread = spread_of(attribute, every) if min_cell == 1 else None  # else the ends would tell rare values
    if as_json:
        counts = {"present": held.present, "empty": held.empty, "absent": absent, "unreached": held.unreached}
        named = {
            "keyword": BETWEEN_KEYS.join(step.keyword for step in path),
            "tag": BETWEEN_KEYS.join(step.hex_tag for step in path),
            "vr": attribute.vr.code,
        }
        values = [dataclasses.asdict(value) for value in shown]
        other = {"values": len(others), "instances": in_others}
        content = {**_where(snapshot), **named, "instances": held.instances, **counts, "values": values, "other": other}
        text.show_json({**content, "spread": dataclasses.asdict(spread)} if spread else content)
        return
    rows: list[Sequence[Any]] = [(value.value, value.instances, value.series) for value in shown]
    if others:
        rows.append((f"(other values: {len(others):,})", in_others, ""))
    if as_csv:
        text.show_csv(VALUE, rows)
        return
    _show_table(VALUE, rows)
    name = " in ".join(map(str, reversed(path)))
    unreached = f", {held.unreached:,} perhaps one where reading did not come" if held.unreached else ""
    text.show_lines(
        "",
        f"{name}, a {attribute.vr.long_name} ({attribute.vr}): {held.present:,} of {held.instances:,} instances "
        f"have a value, {held.empty:,} an empty one, {absent:,} none{unreached}, {_of(snapshot)}",
    )

    if spread:
        text.show_lines(_describe(spread))


def _readable(value: ValueCount) -> ValueCount:
    """Put words in the place of what stands for a value that is not kept as a text."""
    return dataclasses.replace(value, value=describe_mark(value.value) or value.value)


def _describe(spread: Spread) -> str:
    unit = f" {spread.unit}" if spread.unit else ""
    words = f"from {spread.minimum} to {spread.maximum}{unit}"
    if spread.median is None:
        return words
    return f"{words}; quartiles {spread.lower_quartile}, {spread.median} and {spread.upper_quartile}{unit}"


def _name(key: str) -> tuple[str, str, str]:
    """Give keyword, tag and VR of a key or path; a key that is no tag stands for itself."""
    names = [_name_of_key(step) for step in _BETWEEN.split(key)]
    keywords = [keyword or tag for keyword, tag, _ in names] if len(names) > 1 else [names[0][0]]
    return BETWEEN_KEYS.join(keywords), BETWEEN_KEYS.join(tag for _, tag, _ in names), names[-1][2]


def _name_of_key(key: str) -> tuple[str, str, str]:
    if _TAG.fullmatch(key) is None:
        return "", key, ""
    attribute = find_attribute(int(key, 16))
    keyword, vr = (attribute.keyword, attribute.vr.code) if isinstance(attribute, Attribute) else ("", "")
    return keyword, f"{key[:4]},{key[4:]}", vr


def _show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    numbers = [name for name in columns if name not in ("keyword", "tag", "vr", "value")]
    text.show_table(
        columns, [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows], right=numbers
    )


def _where(snapshot: Snapshot) -> dict[str, object]:
    return {"location": dataclasses.asdict(snapshot.place), "listed_at": snapshot.listed_at}


def _of(snapshot: Snapshot) -> str:
    return f"of {snapshot.counts.listed:,} objects in {snapshot.place}, listed {text.moment(snapshot.listed_at)}"
