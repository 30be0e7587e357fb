"""Keys as real buckets have them, and worse."""

import random

CONTROL = ("\x01", "\x1b$B", "\x1f", "\x7f", "\x85", "\t", "\n", "\r", "\uffff")

ODD = (
    *("a", "b", "Z", "0", "-", ".", "..", "...", "/", "//", "/./", "/../", ".dcm", "~", "\\", ":", "|"),
    *(" ", "  ", "+", "#", "?", "%", "%20", "%2F", "%2f", "%zz", "&", "&amp;", "<", ">", '"', "'", "=", "*", "$", "@"),
    *("é", "e\u0301", "ß", "東京", "\u00a0", "\u2028", "\u202e", "\ufeff", "\ue000", "\ufffd", "😀", "\U0010fffd"),
)


def make_keys(count: int, pieces: tuple[str, ...], *, seed: int) -> list[str]:
    """Make different keys, the same at every call: each piece alone, first, last and in the middle, then at random."""
    dice = random.Random(seed)
    keys = {key: None for piece in pieces for key in (piece, f"{piece}x", f"x{piece}", f"x{piece}y", f"x/{piece}/y")}
    while len(keys) < count:
        keys["".join(dice.choices(pieces, k=dice.randint(2, 8)))] = None
    return list(keys)[: max(count, 0)]


def in_byte_order(keys: list[str]) -> list[str]:
    """Sort as S3 lists: by the bytes of UTF-8."""
    return sorted(keys, key=lambda key: key.encode())
