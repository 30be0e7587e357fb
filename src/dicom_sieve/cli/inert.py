"""Text from outside, as it can do no harm to a terminal: keys, values, names."""

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
