"""A table for people: piped as wide as its cells, on a terminal as wide as that."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 1


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table; UIDs, keys and numbers stay whole, sentences may wrap.

    Where that is wider than the terminal, each row is printed as lines of name and value.
    """
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 10_000
    if _least_width(columns, rows) > console.width:
        _print_records(columns, rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        wraps = any(" " in row[number] for row in rows)
        table.add_column(column, justify="right" if column in right else "left", no_wrap=not wraps)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Give how many letters wide a table is whose sentences are wrapped as much as can be."""
    widths = [
        max(
            (Text(word).cell_len for text in (column, *(row[number] for row in rows)) for word in text.split()),
            default=0,
        )
        for number, column in enumerate(columns)
    ]
    return sum(widths) + 2 * _GAP * (len(widths) - 1)


def _print_records(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widest = max(len(column) for column in columns)
    for number, row in enumerate(rows):
        if number:
            print()
        for column, cell in zip(columns, row, strict=True):
            print(f"{column:<{widest}}  {cell}", file=sys.stdout)
