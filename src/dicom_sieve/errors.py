"""Everything that stops a run, in words: which thing, what was observed, what is accepted.

No message holds a patient's value or a credential. All errors survive pickling (workers may be other processes):
every field goes to ``super().__init__``, the text is made in ``__str__``.
"""


class DicomSieveError(Exception):
    """The base of every error that this package raises on purpose."""


class MalformedValueError(DicomSieveError, ValueError):
    """A value that does not conform to its VR. The message does not repeat it: it may be patient data."""

    def __init__(self, vr: str) -> None:
        super().__init__(str(vr))

    def __str__(self) -> str:
        return f"the value does not conform to VR {self.args[0]}"


class InvalidRequestError(DicomSieveError, ValueError):
    """A request that cannot be run: every problem found, at once.

    Args:
        problems: One line each, beginning with the field: ``criteria[0].reference: …``.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class SettingsError(DicomSieveError):
    """A setting that is not accepted.

    Args:
        problems: One line each, beginning with the name of the environment variable.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)

    def __str__(self) -> str:
        return "\n".join(self.args[0])


class StoreError(DicomSieveError):
    """A location that cannot be listed, or an object store that does not answer.

    Args:
        action: What was tried: ``list``.
        location: Where, without credentials.
        observed: What the store answered, in words.
        advice: What to do about it.
    """

    def __init__(self, action: str, location: str, observed: str, advice: str = "") -> None:
        super().__init__(action, location, observed, advice)

    def __str__(self) -> str:
        action, location, observed, advice = self.args
        return f"cannot {action} {location}: {observed}" + (f"; {advice}" if advice else "")


class ListingOrderError(DicomSieveError):
    """A store that does not list keys in the order of their UTF-8 bytes, so that snapshots cannot be compared."""

    def __init__(self, location: str) -> None:
        super().__init__(location)

    def __str__(self) -> str:
        return (
            f"{self.args[0]} lists its keys out of order; expected: the order of their UTF-8 bytes, "
            "as S3 general purpose buckets list"
        )


class NothingReadableError(DicomSieveError):
    """Credentials that may list a location but may not read one object of it."""

    def __init__(self, location: str, refused: int) -> None:
        super().__init__(location, refused)

    def __str__(self) -> str:
        location, refused = self.args
        return (
            f"{location}: not one object can be read ({refused:,} refused): these credentials may list but not read; "
            "needed: s3:GetObject on the location; in archives, what is not encrypted"
        )


class RefusedError(DicomSieveError):
    """Something that is not computed on, for a reason that trying again would not change.

    Raise it within a series of a computation to refuse that series with a reason of your own.

    Args:
        reason: Why, in words, without patients' values.
    """

    def __init__(self, *reason: str) -> None:
        super().__init__(*reason)


class IncompleteRunError(DicomSieveError):
    """Objects that could not be read after all attempts. All else is in the ledger; the next run reads only them.

    Args:
        run_id: Which run.
        unread: How many objects.
        listed: Of how many.
        why: The causes, in words.
    """

    def __init__(self, run_id: str, unread: int, listed: int, why: str = "") -> None:
        super().__init__(run_id, unread, listed, why)

    @property
    def run_id(self) -> str:
        """Which run."""
        return str(self.args[0])

    def __str__(self) -> str:
        run_id, unread, listed, why = self.args
        return (
            f"run {run_id} is INCOMPLETE: {unread:,} of {listed:,} objects could not be read after all attempts"
            f"{f': {why}' if why else ''}; they are named by 'dicom-sieve show {run_id}'. "
            "Start another run: it reads only what is missing"
        )


class ComputationError(DicomSieveError):
    """A computation that cannot be done as it was asked for, with what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class AlreadyPublishedError(DicomSieveError):
    """A manifest is written once. Something is already there."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)

    def __str__(self) -> str:
        return f"{self.args[0]} exists already and is never overwritten; a new run publishes under its own id"


class LedgerError(DicomSieveError):
    """A ledger that cannot be used as it is, with what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class LedgerAwayError(LedgerError):
    """A ledger that does not answer. It may come back: see `dicom_sieve.ledger.database.outages`.

    Args:
        place: Where it is, without credentials.
        waited: How many seconds it was waited for.
        why: What is the matter with it, in a sentence, where that is known.
    """

    def __init__(self, place: str, waited: float = 0, why: str = "") -> None:
        super(LedgerError, self).__init__(place, waited, why)

    @property
    def place(self) -> str:
        """Where it is."""
        return str(self.args[0])

    @property
    def has_waited(self) -> bool:
        """Tell whether it was waited for long enough."""
        return bool(self.args[1])

    @property
    def why(self) -> str:
        """What is the matter with it."""
        return str(self.args[2])

    def __str__(self) -> str:
        place, waited, why = self.args
        if why:
            return str(why)
        if not waited:
            return f"the ledger cannot be reached: {place}"
        return (
            f"the ledger could not be reached for {waited:g} s: {place}; "
            "start it, then start another run: it reads only what is missing"
        )


class DamagedChunkError(DicomSieveError, ValueError):
    """Packed values of the ledger that cannot be unpacked: they are not what was written.

    Args:
        row_count: How many rows they should be of.
    """

    def __init__(self, row_count: int) -> None:
        super().__init__(row_count)

    def __str__(self) -> str:
        return f"a chunk of {self.args[0]} rows in the ledger is damaged: run 'dicom-sieve verify' to see what else is"


class LeaseLostError(DicomSieveError):
    """A run that may not write any more: it was away for so long that the ledger shows it as failed.

    Args:
        location: Where it wrote to.
        seconds: How long it may be away.
        has_clock_jumped: Whether it was not away: the machine's clock was set, and another run took its place.
    """

    def __init__(self, location: str, seconds: float, has_clock_jumped: bool = False) -> None:
        super().__init__(location, seconds, has_clock_jumped)

    def __str__(self) -> str:
        location, seconds, has_clock_jumped = self.args
        if has_clock_jumped:
            return (
                f"this run's lease of {location} was taken by another run, because the clock of this machine was set "
                "by more than it lasts; it writes nothing more. Start another run: it reads only what is missing"
            )
        return (
            f"this run's lease of {location} has ended: its process was stopped, or could not reach the ledger, for "
            f"{seconds:g} s; it writes nothing more. Start another run: it reads only what is missing"
        )


class MachineError(DicomSieveError):
    """Something outside this software that ended what was under way, with what to do; see `dicom_sieve.explain`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class UnknownRunError(DicomSieveError, LookupError):
    """A run that the ledger does not hold."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)

    def __str__(self) -> str:
        return f"no run {self.args[0]!r} in this ledger; 'dicom-sieve runs' lists them"


class UnknownPlaceError(LedgerError, LookupError):
    """A location that the ledger does not hold.

    Args:
        place_id: The number that was asked for.
    """

    def __init__(self, place_id: int) -> None:
        super(LedgerError, self).__init__(place_id)

    def __str__(self) -> str:
        return f"the ledger holds no location of the number {self.args[0]}"


class UnknownCriteriaError(DicomSieveError, LookupError):
    """Named criteria, or a version of them, that the ledger does not hold.

    Args:
        name: What was asked for.
        version: Which version; None: the newest.
        newest: The newest version that there is; 0 where there is none.
        perhaps: A name like it that there is, if any.
    """

    def __init__(self, name: str, version: int | None, newest: int, *perhaps: str) -> None:
        super().__init__(name, version, newest, *perhaps)

    def __str__(self) -> str:
        name, version, newest, *perhaps = self.args
        if newest:
            accepted = "1" if newest == 1 else f"1 to {newest}"
            return f"criteria {name!r} have no version {version} in this ledger; accepted: {accepted}"
        near = f", perhaps {perhaps[0]!r}" if perhaps else ""
        return f"no criteria {name!r} in this ledger{near}; 'dicom-sieve criteria list' lists them"


class SavedElsewhereError(DicomSieveError):
    """Named criteria of which a newer version was saved than the one that somebody changed.

    Args:
        name: Of the criteria.
        newest: The newest version that there is.
    """

    def __init__(self, name: str, newest: int) -> None:
        super().__init__(name, newest)

    def __str__(self) -> str:
        name, newest = self.args
        return f"criteria {name!r}: version {newest} was saved elsewhere"


class NothingToReportError(DicomSieveError):
    """A run that had not decided on everything that it could read.

    Args:
        run_id: Which.
        state: How it stands.
    """

    def __init__(self, run_id: str, state: str) -> None:
        super().__init__(run_id, state)

    def __str__(self) -> str:
        run_id, state = self.args
        return f"run {run_id} is {state}: there is no report of it; accepted: COMPLETED, INCOMPLETE"


class NoServerError(DicomSieveError):
    """A Prefect server that is not there.

    Args:
        observed: What was seen, in words, without the server's address: it may hold a password.
    """

    def __init__(self, observed: str) -> None:
        super().__init__(observed)

    def __str__(self) -> str:
        return f"no Prefect server: {self.args[0]}; accepted: PREFECT_API_URL, as http://prefect.example.org:4200/api"


class SpentCredentialsError(DicomSieveError):
    """A run started again whose credentials were removed when it first started."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)

    def __str__(self) -> str:
        return (
            f"{self.args[0]}.credentials were removed from this run when it first started: trigger a new run, "
            "or pass a reference to an AwsCredentials block, which can be started again"
        )


class WorkersError(DicomSieveError):
    """Workers that cannot be reached, did not bring a shard home, or read something else than the run does.

    Args:
        observed: What happened, without values.
        advice: What to do about it.
    """

    def __init__(self, observed: str, *advice: str) -> None:
        super().__init__(observed, *advice)

    def __str__(self) -> str:
        return "; ".join(self.args)
