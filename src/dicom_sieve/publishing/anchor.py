"""An anchor: a place of the operator's choosing that keeps the seals of a ledger, to compare it with (ADR 24).

Only ids, numbers and digests are pushed: nothing of a patient, no key and no name of a bucket.
"""

import datetime
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_sieve.errors import AlreadyPublishedError, DicomSieveError, SettingsError
from dicom_sieve.explain import explain
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.entries import Entry, read_chain
from dicom_sieve.objects import DIRECTORY_ENDPOINT, split_s3
from dicom_sieve.settings import Settings
from dicom_sieve.stores import DefaultChain, EndpointRules, Retries, S3Access, StaticCredentials, check_endpoint
from dicom_sieve.stores.append_only import AppendOnly, AppendOnlyBucket, AppendOnlyFile

FORMAT = "dicom-sieve anchor 1"
_RECORD = re.compile(r"[0-9a-f]{32}/[0-9]{12}")
_ADVICE = "'dicom-sieve anchor', or the end of the next run, pushes it again"


@dataclass(slots=True)
class AnchorComparison:
    """What an anchor says about a ledger.

    Attributes:
        entries: Number of the ledger's entries at the anchor.
        differences: How ledger and anchor differ, in sentences.
        unanchored: Number of entries behind the last one at the anchor: they are pushed next.
    """

    entries: int = 0
    differences: list[str] = field(default_factory=list)
    unanchored: int = 0


def open_anchor(settings: Settings, uri: str | None = None) -> AppendOnly | None:
    """Open an anchor.

    Args:
        settings: The deployment's, never a request's: the address of the anchor, and its credentials.
        uri: ``file:/path`` or ``s3://bucket/prefix``; None: as the settings say.

    Returns:
        The place; None where the settings name none.

    Raises:
        SettingsError: It is neither, or cannot be reached so.
    """
    address = settings.anchor if uri is None else uri
    if not address:
        return None
    if address.startswith(f"{DIRECTORY_ENDPOINT}/"):
        return AppendOnlyFile(Path(address.removeprefix(DIRECTORY_ENDPOINT)))
    bucket, prefix = split_s3(address) or ("", "")
    if not bucket:
        raise SettingsError(("DICOM_SIEVE_ANCHOR: is no place; accepted: file:/path or s3://bucket/prefix",))
    endpoint = settings.anchor_endpoint.rstrip("/") or None
    if endpoint and (wrong := check_endpoint(endpoint)):
        raise SettingsError((f"DICOM_SIEVE_ANCHOR_ENDPOINT: {wrong}",))
    secret = settings.anchor_credentials.get_secret_value()
    credentials = StaticCredentials.parse(secret) if secret else DefaultChain()
    if credentials is None:
        raise SettingsError(("DICOM_SIEVE_ANCHOR_CREDENTIALS: not of the form key_id:access_key",))
    rules = EndpointRules(ca_bundle=settings.ca_bundle)
    access = S3Access(bucket, settings.anchor_region, endpoint, credentials, Retries.from_settings(settings), rules)
    return AppendOnlyBucket(access, prefix.rstrip("/"), settings.anchor_retain_days)


def push_seals(ledger: Ledger, place: AppendOnly) -> int:
    """Push all seals that an anchor has not yet, the oldest first.

    Returns:
        Number of seals that were pushed.

    Raises:
        AlreadyPublishedError: The anchor has another seal under the number of one.
        StoreError: The anchor cannot be read or written.
        LedgerError: The ledger cannot be read.
    """
    ledger_id, entries = read_chain(ledger.engine)
    anchored = _records(place)
    _refuse_other_end(ledger_id, entries, place, anchored)
    new = [entry for entry in entries if _name(ledger_id, entry.id) not in anchored]
    for entry in new:
        name = _name(ledger_id, entry.id)
        try:
            place.add(name, _line(ledger_id, entry))
        except AlreadyPublishedError:  # perhaps by another run that ends now
            place.names()
            if _compare(name, place.read(name), ledger_id, {entry.id: entry.seal}):
                raise
    return len(new)


def push_or_say(ledger: Ledger, place: AppendOnly | None, say: Callable[[str], None]) -> None:
    """Push the seals at the end of a run or computation. A failure is reported, and fails nothing else."""
    if place is None:
        return
    try:
        push_seals(ledger, place)
    except AlreadyPublishedError as error:
        say(f"the anchor holds other seals of this ledger: {error}; was an older copy of the ledger put back?")
    except DicomSieveError as error:
        say(f"the last seals are not at the anchor: {error}; {_ADVICE}")
    except Exception as error:  # what was sealed stays sealed; the text of a foreign error may quote values
        observed = explain(error) or f"unexpected {type(error).__name__}"
        say(f"the last seals are not at the anchor: {observed}; {_ADVICE}")


def compare_with_anchor(ledger: Ledger, place: AppendOnly) -> AnchorComparison:
    """Compare a ledger with all that was pushed to its anchor. Nothing in the ledger is trusted.

    Raises:
        StoreError: The anchor cannot be read.
    """
    ledger_id, entries = read_chain(ledger.engine)
    seals = {entry.id: entry.seal for entry in entries}
    names = _records(place)
    own_names = sorted(name for name in names if name.startswith(f"{ledger_id}/") and ledger_id)
    comparison = AnchorComparison(len(own_names))
    others = sorted({name.partition("/")[0] for name in names.difference(own_names)})
    if not own_names:
        comparison.differences.append(
            f"the anchor {place.address} holds nothing of this ledger ({ledger_id or 'it has no id'})"
        )
    if others:
        comparison.differences.append(
            f"the anchor {place.address} holds seals of another ledger: {', '.join(others)}; "
            "was this one made again? two ledgers need two anchors"
        )
    anchored = {int(number) for name in own_names if (number := name.partition("/")[2]).isdigit()}
    for name in own_names:
        comparison.differences += _compare(name, place.read(name), ledger_id, seals)
    last = max(anchored, default=0)
    if last > max(seals, default=0):
        comparison.differences.append(
            f"the ledger ends at entry {max(seals, default=0)}, the anchor knows {last}: "
            "its end was cut off, or this is an older copy"
        )
    lost = last - len([number for number in anchored if number <= last])
    if lost:
        comparison.differences.append(f"the anchor has lost {lost} of the first {last} entries")
    comparison.unanchored = sum(number > last for number in seals)
    return comparison


def _compare(name: str, bodies: Iterable[bytes], ledger_id: str, seals: dict[int, str]) -> list[str]:
    records = [_read(body) for body in bodies]
    number = name.partition("/")[2].lstrip("0")
    if not records or any(f"{ledger_id}/{record.get('entry', 0):012}" != name for record in records):
        return [f"entry {number} of the anchor is not as it was pushed"]
    pushed = {str(record.get("seal")) for record in records}
    if len(pushed) > 1:
        return [f"entry {number} was pushed with several seals: two copies of this ledger went on apart"]
    entry_id = int(records[0]["entry"])
    if entry_id in seals and seals[entry_id] not in pushed:
        return [f"entry {number} of the ledger has another seal than the one that was pushed: it was sealed again"]
    return []


def _refuse_other_end(ledger_id: str, entries: list[Entry], place: AppendOnly, names: set[str]) -> None:
    """Refuse to push behind seals that are not this ledger's: they would appear to be."""
    anchored = [entry for entry in entries if _name(ledger_id, entry.id) in names]
    seals = {entry.id: entry.seal for entry in entries}
    last = max((name for name in names if name.startswith(f"{ledger_id}/")), default=None)
    if last is not None and (not anchored or _name(ledger_id, anchored[-1].id) != last):
        raise AlreadyPublishedError(f"{place.address} {last}")
    if last is not None and any(_compare(last, place.read(last), ledger_id, seals)):
        raise AlreadyPublishedError(f"{place.address} {last}")


def _records(place: AppendOnly) -> set[str]:
    """Give the names of records; an incomplete line that a full disk left is none."""
    return {name for name in place.names() if _RECORD.fullmatch(name)}


def _name(ledger_id: str, number: int) -> str:
    return f"{ledger_id}/{number:012}"


def _line(ledger_id: str, entry: Entry) -> bytes:
    content = {
        "format": FORMAT,
        "ledger": ledger_id,
        "entry": entry.id,
        "kind": entry.kind,
        "subject": entry.subject,
        "seal": entry.seal,
        "pushed_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(content, sort_keys=True).encode()


def _read(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    is_ours = isinstance(content, dict) and content.get("format") == FORMAT and isinstance(content.get("entry"), int)
    return content if is_ours else {}
