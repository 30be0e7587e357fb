"""Criteria whose tables were read: what a run records of these, and what it decides by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from dicom_sieve.criteria.choose import Asked, Choose, WholeSeries
from dicom_sieve.criteria.compile_one import Compiling
from dicom_sieve.criteria.criterion import Criterion, Group, Item, Measured
from dicom_sieve.criteria.given_table import TableColumn
from dicom_sieve.criteria.items import CompiledGroup, CompiledItem, CompiledMeasure, CompiledStep
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.criteria.tables import CompiledTable, Tables, load


def tables_in(items: Iterable[CompiledItem]) -> tuple[CompiledTable, ...]:
    """Give everything that criteria look up in tables, once each."""
    return tuple(dict.fromkeys(asked for item in items for asked in _tables_of(item)))


def _tables_of(item: CompiledItem) -> Iterator[CompiledTable]:
    if isinstance(item, CompiledCriterion):
        yield from item.tables
    else:
        for below in _below(item):
            yield from _tables_of(below)


def _below(item: CompiledGroup | CompiledMeasure | CompiledStep) -> Iterable[CompiledItem]:
    match item:
        case CompiledGroup():
            return item.items
        case CompiledMeasure():
            return item.where
        case CompiledStep():
            return item.asked


def with_tables(item: CompiledItem, tables: Tables) -> CompiledItem:
    """Give an item with the values of its tables, as far as these are there."""
    match item:
        case CompiledCriterion():
            values, dates = (asked and load(asked, tables) for asked in (item.table, item.minus_table))
            return replace(item, table=values, minus_table=dates) if item.tables else item
        case CompiledGroup():
            return replace(item, items=tuple(with_tables(child, tables) for child in item.items))
        case CompiledMeasure():
            return replace(item, where=tuple(with_tables(child, tables) for child in item.where))
        case CompiledStep():
            return replace(item, meets=tuple(with_tables(child, tables) for child in item.meets))


def seal_tables(criteria: Sequence[Asked], tables: Tables) -> tuple[Asked, ...]:
    """Give criteria with the digest of each table beside its name: these are recorded, and say which table it was."""
    return tuple(_seal_asked(asked, tables) for asked in criteria)


def _seal_asked(asked: Asked, tables: Tables) -> Asked:
    match asked:
        case WholeSeries():
            return asked
        case Choose():
            prefer = (replace(each, meets=_seal_all(each.meets, tables)) for each in asked.prefer)
            return replace(asked, prefer=tuple(prefer))
    return _seal_item(asked, tables)


def _seal_all(items: Iterable[Item], tables: Tables) -> tuple[Item, ...]:
    return tuple(_seal_item(item, tables) for item in items)


def _seal_item(item: Item, tables: Tables) -> Item:
    match item:
        case Group():
            return replace(item, items=_seal_all(item.items, tables))
        case Measured():
            return replace(item, where=_seal_all(item.where, tables))
    return _seal(item, tables)


def _seal(criterion: Criterion, tables: Tables) -> Criterion:
    if not (isinstance(criterion.reference, TableColumn) or isinstance(criterion.minus, TableColumn)):
        return criterion
    compiled = Compiling(criterion, "", [], in_where=True).compile()
    if compiled is None:
        return criterion
    sealed: dict[str, Any] = {}
    for member, asked in (("reference", compiled.table), ("minus", compiled.minus_table)):
        if asked is not None and (loaded := tables.get(asked.asked)) is not None:
            found = {"digest": loaded.digest, "values": loaded.count}
            sealed[member] = getattr(criterion, member).model_copy(update=found)
    return criterion.model_copy(update=sealed)
