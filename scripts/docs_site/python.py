"""The page of the Python interface, from its docstrings."""

from collections.abc import Iterable

import dicom_sieve
from dicom_sieve import computations, ledger

INTRODUCTION = """# Python

What `dicom_sieve` gives to programs. Examples: [the ledger](../ledger.md#examples), [tables and
images](../examples.md), [computing](../computations.md#your-own).
"""
READ, COMPUTE, FAIL = (
    "\n## What a ledger answers\n\nNobody makes these; `open_ledger` leads to them.\n",
    "\n## What a computation is given\n",
    "\n## Errors\n\nAll are of `dicom_sieve.errors`.\n",
)
ERRORS = """
::: dicom_sieve.errors
    options:
      heading_level: 3
      show_docstring_description: false
      show_root_heading: false
      show_root_toc_entry: false
"""


def page() -> str:
    """Give the page: the package's own names, then what they give."""
    top = [name for name in dicom_sieve.__all__ if name.startswith("open_")]
    given = [name for name in ledger.__all__ if name[0].isupper() and not name.isupper()]
    computing = [name for name in computations.__all__ if name[0].isupper()]
    return "".join(
        [
            INTRODUCTION,
            *_shown("dicom_sieve", top, level=2),
            READ,
            *_shown("dicom_sieve.ledger", given),
            COMPUTE,
            *_shown("dicom_sieve.computations", computing),
            FAIL,
            ERRORS,
        ]
    )


def _shown(module: str, names: Iterable[str], level: int = 3) -> Iterable[str]:
    return (f"\n::: {module}.{name}\n    options:\n      heading_level: {level}\n" for name in names)
