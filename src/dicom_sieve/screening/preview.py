"""What a run would say, without one: no decision is recorded, and nothing is published."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dicom_sieve.advice import describe_causes, describe_nothing_listed
from dicom_sieve.criteria import Asked, Damaged, attributes_read_for, compile_criteria
from dicom_sieve.ending import ending_in_order
from dicom_sieve.headers.edition import refuse_not_kept
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.forget import refuse_forgotten
from dicom_sieve.ledger.reading.secret import read_secret
from dicom_sieve.ledger.reading.snapshots import last_snapshot, refuse_read_for_less
from dicom_sieve.objects import Location
from dicom_sieve.reports.words import WOULD_PASS, describe_outcome
from dicom_sieve.screening.decide import Keep, decide
from dicom_sieve.screening.observer import Observer, Silent
from dicom_sieve.screening.refresh import RunOptions, hold_location, refresh
from dicom_sieve.screening.tables import with_their_tables
from dicom_sieve.stores.find_table import HoldsTables
from dicom_sieve.stores.interface import Store


@dataclass(frozen=True)
class Preview(RunOptions):
    """What is to be previewed, and with which options.

    Attributes:
        store: Where the objects lie.
        criteria: What is asked, as given; checked before anything is listed.
        damaged: What becomes of damaged objects.
        tables_in: Where the tables of criteria may lie, the first first.
    """

    store: Store
    criteria: Sequence[Asked]
    damaged: Damaged = Damaged.DISCARD
    tables_in: Sequence[HoldsTables | None] = ()


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What a run would say.

    Attributes:
        counts: As an `Outcome` has them; without what was done to know them where nothing was listed.
        listed_at: When the location was listed.
        warning: What is worth a look before the result is trusted; may be empty.
    """

    counts: Mapping[str, Any]
    listed_at: datetime.datetime
    warning: str = ""

    def describe(self) -> str:
        """Say it in a sentence."""
        counts, sentence = self.counts, f"Preview: {describe_outcome(self.counts, WOULD_PASS)}"
        if self.warning:
            return f"{sentence}; {self.warning}"
        if not counts["unread"]:
            return sentence
        why = describe_causes(counts.get("unread_causes", {}))
        return f"{sentence}; objects that are not read: {counts['unread']:,}" + (f" ({why})" if why else "")


@ending_in_order()
def preview(asked: Preview, ledger: Ledger, *, keep: Keep = lambda _: None) -> PreviewResult:
    """List a location, index what is new, and tell what a run would decide.

    The ledger keeps what it learns of the location, under the location's lease. There is no run and no decision.

    Args:
        asked: What is to be previewed.
        ledger: What is known already.
        keep: Is given what a run would record.

    Raises:
        InvalidRequestError: The criteria make no sense; nothing was asked of the store.
        StoreError: The location cannot be listed.
        NothingReadableError: The credentials may list, but not read.
        LeaseLostError: The preview was away for too long.
    """
    criteria = compile_criteria(asked.criteria)
    refuse_not_kept(criteria)
    _, criteria = with_their_tables(asked.criteria, asked.tables_in, partial(read_secret, ledger.engine))
    with hold_location(asked.store, asked, ledger) as lease:
        refuse_forgotten(lease)
        known = refresh(asked.store, asked, ledger, lease, criteria)
    counts = decide(ledger, known.snapshot, criteria, asked.observer, keep, damaged=asked.damaged)
    counts = {**counts, **known.effort(), **known.why_unread(counts["unread"])}
    return PreviewResult(counts, known.snapshot.listed_at, _warn(counts, asked.store.location))


def preview_known(
    place: Location,
    criteria: Sequence[Asked],
    ledger: Ledger,
    *,
    observer: Observer | None = None,
    damaged: Damaged = Damaged.DISCARD,
    tables_in: Sequence[HoldsTables | None] = (),
) -> PreviewResult:
    """Tell what a run would decide on a location as it was listed last.

    Nothing is written, and nothing asked of any store but the tables of the criteria, if they name any.

    Args:
        place: Which location.
        criteria: What is asked, as given.
        ledger: What is known.
        observer: Who watches.
        damaged: What becomes of damaged objects.
        tables_in: Where the tables of criteria may lie, the first first.

    Raises:
        InvalidRequestError: The criteria make no sense, or a table is not there.
        LedgerError: The location was never listed to the end, or not all was read for what the criteria ask for.
        NothingReadableError: Nothing of it could be read.
    """
    compiled = compile_criteria(criteria)
    refuse_not_kept(compiled)
    snapshot = last_snapshot(ledger.engine, place)
    refuse_read_for_less(ledger.engine, snapshot, attributes_read_for(compiled))
    _, compiled = with_their_tables(criteria, tables_in, partial(read_secret, ledger.engine))
    counts = decide(ledger, snapshot, compiled, observer or Silent(), damaged=damaged)
    return PreviewResult(counts, snapshot.listed_at, _warn(counts, place))


def _warn(counts: Mapping[str, Any], place: Location) -> str:
    return "" if counts["listed"] else describe_nothing_listed(place)
