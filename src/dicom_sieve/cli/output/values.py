"""What ``values`` prints: the attributes of a location, and the values of one of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dicom_sieve.cli.output import text
from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.ledger.reading.snapshots import Snapshot
from dicom_sieve.ledger.reading.values import AttributesHeld, AttributeValues

ATTRIBUTE = ("keyword", "tag", "vr", "present", "empty", "absent", "values", "unreached")
VALUE = ("value", "instances", "series")


def show_attributes(snapshot: Snapshot, held: AttributesHeld, *, as_json: bool, as_csv: bool) -> None:
    """Print the attributes of a location."""
    rows = []
    for use in held.attributes:
        attribute = find_attribute(int(use.tag, 16))
        keyword, vr = (attribute.keyword, attribute.vr.code) if isinstance(attribute, Attribute) else ("", "")
        absent = held.instances - use.present - use.empty - use.unreached
        counts = (use.present, use.empty, absent, use.distinct, use.unreached)
        rows.append((keyword, f"{use.tag[:4]},{use.tag[4:]}", vr, *counts))
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
    attribute: Attribute,
    held: AttributeValues,
    *,
    limit: int,
    min_cell: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the values of one attribute; those behind the limit, or too rare, as one row."""
    shown = [value for value in held.values[:limit] if value.instances >= min_cell]
    others = held.values[len(shown) :]
    in_others = sum(value.instances for value in others)
    absent = held.instances - held.present - held.empty - held.unreached
    if as_json:
        counts = {"present": held.present, "empty": held.empty, "absent": absent, "unreached": held.unreached}
        named = {"keyword": attribute.keyword, "tag": attribute.hex_tag, "vr": attribute.vr.code}
        values = [dataclasses.asdict(value) for value in shown]
        other = {"values": len(others), "instances": in_others}
        text.show_json(
            {**_where(snapshot), **named, "instances": held.instances, **counts, "values": values, "other": other}
        )
        return
    rows: list[Sequence[Any]] = [(value.value, value.instances, value.series) for value in shown]
    if others:
        rows.append((f"(other values: {len(others):,})", in_others, ""))
    if as_csv:
        text.show_csv(VALUE, rows)
        return
    _show_table(VALUE, rows)
    unreached = f", {held.unreached:,} perhaps one where reading did not come" if held.unreached else ""
    text.show_lines(
        "",
        f"{attribute}, a {attribute.vr.long_name} ({attribute.vr}): {held.present:,} of {held.instances:,} instances "
        f"have a value, {held.empty:,} an empty one, {absent:,} none{unreached}, {_of(snapshot)}",
    )


def _show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    numbers = [name for name in columns if name not in ("keyword", "tag", "vr", "value")]
    text.show_table(
        columns, [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows], right=numbers
    )


def _where(snapshot: Snapshot) -> dict[str, object]:
    return {"location": dataclasses.asdict(snapshot.place), "listed_at": snapshot.listed_at}


def _of(snapshot: Snapshot) -> str:
    return f"of {snapshot.counts.listed:,} objects in {snapshot.place}, listed {text.moment(snapshot.listed_at)}"
