"""What is fuzzed: one input makes one object; every way of reading it has to come to one answer.

The ways are the fast path, with what it remembers of objects before and without, the careful reader, and both with the
object cut into parts that are read one after the other.
"""

from dataclasses import dataclass

from dicom_sieve.headers import Instance, NeedMore, Window, scan, scan_bounded
from dicom_sieve.headers import quick as fast
from dicom_sieve.headers.careful import read_header
from dicom_sieve.headers.vocabulary import Vocabulary, current_vocabulary, first_vocabulary
from tests.headers.raw import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, deflated, meta

LIMIT = 1 << 20
CONTROL = 3
"""Bytes of an input before the object's own: how it is made, and where it is cut (two bytes)."""
LARGEST = 4096
"""In bytes of an input."""
_PREFIXES = (meta(EXPLICIT), meta(IMPLICIT), meta(BIG_ENDIAN), meta(DEFLATED), bytes(128) + b"DICM", b"", meta(None))
"""What the rest of an input is put behind."""
KINDS = len(_PREFIXES) + 1
"""The last is deflated from what the rest of an input is."""
FORGETS = 0x80


class ReadTwiceError(AssertionError):
    """One object was read in two ways, and the answers differ."""

    def __init__(self, way: str, answer: object, whole: object) -> None:
        super().__init__(way, answer, whole)
        self.way = way

    def __str__(self) -> str:
        return "{}: {}, where the careful reader says {}".format(*self.args)


@dataclass(frozen=True, slots=True)
class Case:
    """An object, and how it is read.

    Attributes:
        data: The object.
        held: How many bytes are read of it at first.
        forgets: Whether the fast path knows nothing of objects before.
    """

    data: bytes
    held: int
    forgets: bool


def case_of(given: bytes) -> Case:
    """Make a case of an input."""
    control, rest = given[:CONTROL].ljust(CONTROL, b"\0"), given[CONTROL:]
    kind = (control[0] & ~FORGETS) % KINDS
    data = _PREFIXES[kind] + rest if kind < len(_PREFIXES) else deflated(rest)
    return Case(data, int.from_bytes(control[1:], "little") % (len(data) + 1), bool(control[0] & FORGETS))


def input_of(rest: bytes, kind: int = 0, held: int = 0, *, forgets: bool = True) -> bytes:
    """Write an input, of which `case_of` makes a case."""
    return bytes([kind | FORGETS * forgets]) + held.to_bytes(2, "little") + rest


def check(given: bytes) -> None:
    """Read the object of an input in every way.

    Raises:
        ReadTwiceError: Two ways differ.
    """
    case = case_of(given)
    if not case.data:
        return
    if case.forgets:
        fast.forget()
    for vocabulary in (first_vocabulary(), current_vocabulary()):
        _check_for(vocabulary, case)


def _check_for(vocabulary: Vocabulary, case: Case) -> None:
    whole = _carefully(_window(case.data, len(case.data)), vocabulary)
    if isinstance(whole, NeedMore):
        raise ReadTwiceError("the careful reader asks for more than there is", whole, None)
    for way in ("quickly", "quickly, again") if vocabulary is current_vocabulary() else ():
        quick = fast.read_quickly(_window(case.data, len(case.data)), inflated_limit=LIMIT)
        _compare(way, quick, whole)
    _compare("carefully, in parts", _in_parts(case, vocabulary, carefully=True), whole)
    _compare("in parts", _in_parts(case, vocabulary, carefully=False), whole)
    scan_bounded(_window(case.data, case.held), inflated_limit=LIMIT, vocabulary=vocabulary)


def _compare(way: str, answer: Instance | NeedMore | None, whole: Instance) -> None:
    if answer is not None and answer != whole:
        raise ReadTwiceError(way, answer, whole)


def _in_parts(case: Case, vocabulary: Vocabulary, *, carefully: bool) -> Instance | NeedMore:
    """Read as indexing does: from the first missing byte on, twice as much each time.

    A quarter of the object at first: more parts cost most of the time, and each input is cut elsewhere.
    """
    window, length = _window(case.data, case.held), 1 + len(case.data) // 4
    while True:
        answer = (
            _carefully(window, vocabulary)
            if carefully
            else scan(window, inflated_limit=LIMIT, elements_limit=LIMIT, vocabulary=vocabulary)
        )
        if not isinstance(answer, NeedMore) or window.held == len(case.data):
            return answer
        if case.data[answer.offset : answer.offset + 1] == b"":
            return answer
        window.add(answer.offset, case.data[answer.offset : answer.offset + length])
        length *= 2


def _carefully(window: Window, vocabulary: Vocabulary) -> Instance | NeedMore:
    return read_header(window, vocabulary, inflated_limit=LIMIT, elements_limit=LIMIT)


def _window(data: bytes, held: int) -> Window:
    window = Window(len(data))
    window.add(0, data[:held])
    return window
