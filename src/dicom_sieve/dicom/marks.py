"""What stands in a header for a value that is not kept as a text. Unicode has no characters here, so no value is one.

A value that holds one of these all the same has U+FFFD in its place.
"""

NOT_KEPT = "\ufdd0"
"""As the one text: the element is there, its value is not kept. Behind others: there are more than these."""
IDENTITY = "\ufdd1"
"""Before the hex digits of a keyed digest, see `dicom_sieve.dicom.identity`."""
BYTES = "\ufdd2"
"""Before the hex digits of a value whose VR is not known."""
NOT_TOLD = "\ufdd3"
"""As the first of two texts, the other being NOT_KEPT: the place that was asked cannot tell whether the element is
there, as metadata does not tell of file meta information (ADR 50)."""
UNTOLD = (NOT_TOLD, NOT_KEPT)
MARKS = NOT_KEPT + IDENTITY + BYTES + NOT_TOLD
_WORDS = {NOT_KEPT: "(not kept)", NOT_TOLD: "(not told)"}
_SHOWN_DIGITS = 8


def describe_mark(text: str) -> str | None:
    """Give what stands in a header for a value that is not kept as a text, in words; None of a text."""
    mark, digits = text[:1], text[1 : _SHOWN_DIGITS + 1]
    if mark in (NOT_KEPT, NOT_TOLD):
        return _WORDS[mark]
    if mark == IDENTITY:
        return f"(digest {digits}...)"
    if mark == BYTES:
        return f"(bytes {digits}{'...' if len(text) > _SHOWN_DIGITS + 1 else ''})"
    return None


def show_text(text: str) -> str:
    """Give a text of a header as people read it, in quotes; see `describe_mark`."""
    return describe_mark(text) or repr(text)


def as_plain(text: str) -> str:
    """Give a text of a header for programs: a digest as ``digest:`` and its digits, bytes as ``bytes:`` and theirs."""
    mark = text[:1]
    if mark in (NOT_KEPT, NOT_TOLD):
        return _WORDS[mark]
    prefix = {IDENTITY: "digest:", BYTES: "bytes:"}.get(mark)
    return text if prefix is None else prefix + text[1:]
