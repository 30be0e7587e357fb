"""Text from outside, as it can do no harm to a terminal or a spreadsheet: keys, values, names."""

import unicodedata


def inert(text: object) -> str:
    """Write control, format and unassigned characters as escapes."""
    shown = str(text)
    if shown.isprintable():  # nearly all are, and there may be millions
        return shown
    return "".join(
        letter if not unicodedata.category(letter).startswith("C") else letter.encode("unicode_escape").decode()
        for letter in shown
    )


def inert_cell(value: object) -> object:
    """Give a cell of CSV. What a spreadsheet would take for a formula begins with an apostrophe, which means text."""
    if not isinstance(value, str):
        return value
    return f"'{inert(value)}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else inert(value)
