"""What rows of the ledger are, and in which state."""

from enum import StrEnum


class SnapshotState(StrEnum):
    """State of a listing."""

    LISTING = "LISTING"
    COMPLETE = "COMPLETE"


class RunState(StrEnum):
    """State of a run. All but RUNNING are final."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    INCOMPLETE = "INCOMPLETE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class InputState(StrEnum):
    """What became of a series in a computation. All but RUNNING are final."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REFUSED = "REFUSED"
    SKIPPED = "SKIPPED"


class InputUse(StrEnum):
    """What a computation does with one object of a series."""

    USED = "USED"
    DUPLICATE = "DUPLICATE"


class PageKind(StrEnum):
    """What the ids of a page of decisions are."""

    HEADER = "HEADER"
    OBJECT = "OBJECT"
