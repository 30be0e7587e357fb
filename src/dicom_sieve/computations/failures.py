"""What becomes of a series on which something went wrong, and in which words that is recorded."""

from dicom_sieve.errors import DicomSieveError, RefusedError
from dicom_sieve.explain import explain
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.faults import describe_place

LONGEST_FAILURE = 1_000


class EndedElsewhereError(DicomSieveError):
    """A series that a worker has refused, or that failed there.

    Args:
        state: What became of it.
        failure: Why, as it is recorded.
    """

    def __init__(self, state: str, failure: str) -> None:
        super().__init__(state, failure)


_NOT_BY_DAMAGE = (DicomSieveError, OSError, MemoryError)


def judge_error(error: BaseException | None, damaged: int) -> tuple[InputState, str | None]:
    """Tell what became of a series, of which N instances are damaged: what fails on these is no fault of code."""
    if error is None:
        return InputState.COMPLETED, None
    if isinstance(error, EndedElsewhereError):
        state, failure = error.args
        return InputState(state), failure or None
    if isinstance(error, RefusedError):
        return InputState.REFUSED, str(error)[:LONGEST_FAILURE]
    if damaged and isinstance(error, Exception) and not isinstance(error, _NOT_BY_DAMAGE):
        are = "is" if damaged == 1 else "are"
        return InputState.REFUSED, f"{damaged:,} of its instances {are} damaged: {_describe(error)}"[:LONGEST_FAILURE]
    return InputState.FAILED, _describe(error)[:LONGEST_FAILURE]


def _describe(error: BaseException) -> str:
    """Name an error and its place; the words of one that is not ours may hold patients' values and are left out."""
    if isinstance(error, DicomSieveError):
        return f"{type(error).__name__}: {error}"
    if explained := explain(error):
        return explained
    return describe_place(error)
