"""What the fast path collects of a data set, and the instance that comes of it."""

from collections.abc import Sequence

from dicom_sieve.dicom.vr.value_type import PADDING
from dicom_sieve.headers.elements import LONG_VRS, LONGEST_ELEMENT_HEADER, SHORTEST_ELEMENT_HEADER
from dicom_sieve.headers.encoding import Encoding, UnsureError
from dicom_sieve.headers.header import Instance
from dicom_sieve.headers.known_texts import OWN
from dicom_sieve.headers.of_pieces import own_texts
from dicom_sieve.headers.pieces import Piece, Pieces
from dicom_sieve.headers.repeated_rows import RepeatedRow, find_piece
from dicom_sieve.headers.values import EXPECTED, LARGEST_HEADER, LONGEST_UID, SOP_INSTANCE_UID

OWN_UID = SOP_INSTANCE_UID | OWN
"""What SOP Instance UID is known by."""


class Collected:
    """The wanted elements of a data set: those that objects may have in common, and those that are the object's own."""

    __slots__ = ("_own_marks", "_own_values", "_parts", "_shared")

    def __init__(self) -> None:
        self._parts: list[Piece | int] = []
        self._shared: list[bytes] = []
        self._own_marks: list[int] = []
        self._own_values: list[bytes] = []

    def fields(self) -> tuple[list[Piece | int], list[bytes], list[int], list[bytes]]:
        """Give what elements are added to.

        Returns:
            Pieces, and the marks of elements in none; of each what is shared of it, see `Piece`; the marks of what is
            the object's own; its values.
        """
        return self._parts, self._shared, self._own_marks, self._own_values

    def take_row(self, ways: list[RepeatedRow], data: bytes, position: int, known: Pieces) -> int:
        """Keep the elements of a repeated row; see `find_piece`.

        Returns:
            How many bytes the row has; 0 where none is there.
        """
        found = find_piece(ways, data, position, known)
        if found is None:
            return 0
        repeated, piece = found
        if repeated.own_marks:
            self._own_marks += repeated.own_marks
            self._own_values += repeated.own_values(data, position)
        if piece is not None:
            self._parts.append(piece)
            self._shared.append(piece.shared)
        return repeated.size

    def keep(self, mark: int, written: bytes, head: int) -> None:
        """Keep a wanted element.

        Args:
            mark: What it is known by.
            written: Its header, and its value where that is kept.
            head: How long its header is, in bytes.
        """
        if mark & OWN:
            self._own_marks.append(mark)
            self._own_values.append(written[head:])
        else:
            self._parts.append(mark)
            self._shared.append(written)

    def has_expected(self) -> bool:
        """Tell whether all came that is expected of an object."""
        if OWN_UID not in self._own_marks:
            return False
        found = {SOP_INSTANCE_UID}
        for part in self._parts:
            if isinstance(part, Piece):
                found |= part.layout.expected
            else:
                found.add(part)
        return EXPECTED.issubset(found)

    def instance(self, meta: bytes, encoding: Encoding) -> Instance:
        """Make the instance of what was collected.

        Args:
            meta: The file meta information, see `read_meta`.
            encoding: Of the data set.

        Raises:
            UnsureError: It is unusual.
        """
        uid = self._pop_uid()
        known, shared = encoding.headers, b"".join(self._shared)
        if len(shared) + sum(map(len, self._own_values)) > LARGEST_HEADER:
            raise UnsureError
        read = known.get((meta, shared)) or known.make(meta, shared, self._pieces(encoding))
        if read is None or len(uid) > LONGEST_UID or "\\" in uid or "\0" in uid:
            raise UnsureError
        header, scope, creators = read
        own = own_texts(encoding.pieces.layout(tuple(self._own_marks)), self._own_values, scope, creators)
        if own is None:
            raise UnsureError
        return Instance(header, uid or None, own)

    def _pieces(self, encoding: Encoding) -> Sequence[Piece]:
        """Give what objects may have in common: the pieces that were found, and one of all else."""
        pieces = [part for part in self._parts if isinstance(part, Piece)]
        parts = zip(self._parts, self._shared, strict=True)
        singles = [(part, written) for part, written in parts if not isinstance(part, Piece)]
        layout = encoding.pieces.layout(tuple([mark for mark, _ in singles]))
        return [*pieces, Piece(layout, tuple([_value_of(written, encoding) for _, written in singles]))]

    def _pop_uid(self) -> str:
        """Give SOP Instance UID, and leave it out of what is the object's own; empty where there is none."""
        marks = self._own_marks
        if OWN_UID not in marks:
            return ""
        place = marks.index(OWN_UID)
        del marks[place]
        if OWN_UID in marks:
            raise UnsureError
        return self._own_values.pop(place).decode("latin-1").rstrip(PADDING)


def _value_of(written: bytes, encoding: Encoding) -> bytes:
    """Give the value of an element as it is written."""
    is_long = not encoding.implicit and written[4:6] in LONG_VRS
    return written[LONGEST_ELEMENT_HEADER if is_long else SHORTEST_ELEMENT_HEADER :]
