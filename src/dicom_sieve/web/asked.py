"""What addresses and forms say, read in one way; and addresses, written in one way."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

Form = Mapping[str, Sequence[str]]
"""What a form sent: the values of each field."""


def first_of(form: Form, name: str, otherwise: str = "") -> str:
    """Give the first value of a field."""
    return next(iter(form.get(name, ())), otherwise)


def read_number(text: str, digits: int = 18) -> int | None:
    """Read a whole number of some digits at most; None: the text is none.

    Examples:
        >>> read_number("12"), read_number("-1"), read_number("1234", 3), read_number("")
        (12, None, None, None)
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None


def address_of(path: str, stated: Mapping[str, Any]) -> str:
    """Give an address that says some things; what is empty, 0 or None is left out.

    Examples:
        >>> address_of("/build", {"place": 3, "open": "", "name": "a b"}), address_of("/runs", {})
        ('/build?place=3&name=a+b', '/runs')
    """
    said = {name: value for name, value in stated.items() if value not in {"", 0, None}}
    query = urlencode(said, errors="replace")
    return f"{path}?{query}" if query else path
