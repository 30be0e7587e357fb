r"""Attributes of very many headers, counted without reading one: Arrow takes JSON apart as the database writes it.

As both databases write it, ``], "`` stands between two members and nowhere else, and ``", "`` between two values:
within a text a quotation mark has a backslash before it, and at its end there is no space, for padding is taken off.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

BETWEEN_MEMBERS, BETWEEN_VALUES = '], "', '", "'
NO_VALUE = r'^.{8}": \[("", )*("")?$'
"""Of a member without its last bracket, as ``00080060": ["CT"`` is one."""


@dataclass(frozen=True, slots=True)
class Members:
    """What some headers have.

    Attributes:
        instances: Of all of them.
        uses: Tag, whether it is there without a value, and in how many instances; each combination once at most.
        values: Every value, with its tag; each once at most for each way in which it stands among others.
    """

    instances: int
    uses: Sequence[tuple[str, bool, int]]
    values: Sequence[str]


def count_members(headers: Iterable[tuple[int, str]]) -> Members:
    """Count the attributes of headers.

    Args:
        headers: Instances, and attributes as JSON.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and few commands need it
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    counts, texts = list[int](), list[str]()
    for count, text in headers:  # rather than zip(*headers): so many iterators wake the search for garbage
        counts.append(count)
        texts.append(text)
    apart = pc.split_pattern(pc.utf8_slice_codeunits(pa.array(texts, pa.large_string()), 2, -2), BETWEEN_MEMBERS)
    encoded = apart.flatten().dictionary_encode()  # to sum up by number is quicker than by text
    instances = pa.array(counts, pa.int64()).take(pc.list_parent_indices(apart))
    numbers, instances = _sum_up(instances, encoded.indices)
    member = encoded.dictionary.take(numbers)
    is_empty, is_list = pc.match_substring_regex(member, NO_VALUE), pc.match_substring(member, BETWEEN_VALUES)
    tags, empty, instances = _sum_up(instances, pc.utf8_slice_codeunits(member, 0, 8), is_empty)
    uses = zip(tags.to_pylist(), empty.to_pylist(), instances.to_pylist(), strict=True)
    values: list[str] = member.filter(pc.invert(pc.or_(is_empty, is_list))).to_pylist()
    for several in member.filter(is_list).to_pylist():
        tag, listed = several[:8], several[len('00080008": ["') : -1]
        values.extend(f'{tag}": ["{value}"' for value in listed.split(BETWEEN_VALUES) if value)
    return Members(sum(counts), [one for one in uses if one[0]], [one for one in values if one])


def _sum_up(instances: Any, *keys: Any) -> Sequence[Any]:
    """Sum up instances by keys; gives the keys, each combination once, and the sums."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    names = [str(place) for place in range(len(keys))]
    table = pa.table([*keys, instances], [*names, "instances"])
    summed = table.group_by(names, use_threads=False).aggregate([("instances", "sum")])
    return [summed[name] for name in (*names, "instances_sum")]
