r"""Counting attributes and values of very many headers: Arrow splits the JSON text of the database, without parsing it.

As both databases write it, ``], "`` stands between two members and nowhere else, and ``", "`` between two values:
within a text a quotation mark has a backslash before it, and no text ends in a space, since padding is removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from dicom_sieve.ledger.reading.pages import BETWEEN_COUNTS, BETWEEN_TEXTS

T = TypeVar("T")
BETWEEN_MEMBERS, BETWEEN_VALUES = '], "', '", "'
TAG_LENGTH = 8
NO_VALUE = r'^.{8}": \[("", )*("")?$'
"""Matches a member without a value; members have no last bracket, as ``00080060": ["CT"``."""


@dataclass(frozen=True, slots=True)
class Members:
    """The attributes and values of some headers.

    Attributes:
        instances: Number of instances of these headers.
        uses: Tag, whether it is without a value, and the number of instances; each combination at most once.
        values: Every value, with its tag; it may repeat where it stands among others.
    """

    instances: int
    uses: Sequence[tuple[str, bool, int]]
    values: Sequence[str]


def count_members(rows: Iterable[tuple[int, str]]) -> Members:
    """Count the attributes of headers.

    Args:
        rows: Number of instances, and attributes as JSON, of each header.
    """
    counts, texts = _columns(rows)
    return _count(pa.array(counts, pa.int64()), pa.array(texts, pa.large_string()))


def count_joined_members(rows: Iterable[tuple[str, str]]) -> Members:
    """Count the attributes of headers of which many are in a row; see `joined_pages`."""
    counts, texts = _columns(rows)
    return _count(_split(counts, BETWEEN_COUNTS).cast(pa.int64()), _split(texts, BETWEEN_TEXTS))


def _columns(rows: Iterable[tuple[T, str]]) -> tuple[list[T], list[str]]:
    counts, texts = list[T](), list[str]()
    for count, text in rows:  # rather than zip(*rows), whose many iterators start the garbage collector
        counts.append(count)
        texts.append(text)
    return counts, texts


def _split(joined: Sequence[str], separator: str) -> Any:
    return pc.split_pattern(pa.array(joined, pa.large_string()), separator).flatten()


def _count(counts: Any, texts: Any) -> Members:
    apart = pc.split_pattern(pc.utf8_slice_codeunits(texts, 2, -2), BETWEEN_MEMBERS)
    members = apart.flatten().dictionary_encode()  # each is processed once, then summed up by number
    member = members.dictionary
    is_empty, is_list = pc.match_substring_regex(member, NO_VALUE), pc.match_substring(member, BETWEEN_VALUES)
    tag = pc.utf8_slice_codeunits(member, 0, TAG_LENGTH).dictionary_encode()
    use = pc.add(pc.multiply(tag.indices, 2), is_empty.cast(pa.int32())).take(members.indices)
    summed = _sum_up(counts.take(pc.list_parent_indices(apart)), use)
    tags: list[str] = tag.dictionary.to_pylist()
    uses = [(tags[number // 2], bool(number % 2), instances) for number, instances in summed]
    values: list[str] = member.filter(pc.invert(pc.or_(is_empty, is_list))).to_pylist()
    values.extend(_split_lists(member.filter(is_list).to_pylist()))
    named_uses, texts_present = [use for use in uses if use[0]], [value for value in values if value]
    return Members(pc.sum(counts).as_py() or 0, named_uses, texts_present)


def _split_lists(members: Iterable[str]) -> Iterable[str]:
    """Give the values of members that have several, as members of one."""
    for several in members:
        tag, listed = several[:TAG_LENGTH], several[len('00080008": ["') : -1]
        yield from (f'{tag}": ["{value}"' for value in listed.split(BETWEEN_VALUES) if value)


def _sum_up(instances: Any, numbers: Any) -> Iterable[tuple[int, int]]:
    """Sum up instances by a number; gives each number once, and the sum."""
    table = pa.table([numbers, instances], ["number", "instances"])
    summed = table.group_by("number", use_threads=False).aggregate([("instances", "sum")])
    return zip(summed["number"].to_pylist(), summed["instances_sum"].to_pylist(), strict=True)
