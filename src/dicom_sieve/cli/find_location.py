"""From a URI on the command line to a location that the ledger knows."""

from pathlib import Path

from dicom_sieve.errors import LedgerError
from dicom_sieve.inert import inert
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.forget import find_locations
from dicom_sieve.objects import FILE, Location, prefix_of, split_uri

LIST_FIRST = "'dicom-sieve preview' without --no-listing, or a run, lists it first"


def find_known(
    ledger: Ledger, uri: str, endpoint: str | None, advice: str = "'dicom-sieve runs' shows locations"
) -> Location:
    """Find the location.

    Args:
        ledger: What is known.
        uri: As it was screened.
        endpoint: Decides where several servers have such a bucket.
        advice: What to do where the ledger knows none.

    Raises:
        LedgerError: The ledger knows none, or several.
    """
    places = find_locations(ledger.engine, *_bucket_and_prefix(uri), endpoint and endpoint.rstrip("/"))
    if len(places) == 1:
        return places[0]
    if not places:
        raise LedgerError(f"the ledger holds nothing of {inert(uri)}; {advice}")
    servers = ", ".join(place.endpoint for place in places)
    raise LedgerError(f"{inert(uri)} is known at several servers: say which with --endpoint; known: {servers}")


def _bucket_and_prefix(uri: str) -> tuple[str, str]:
    parts = split_uri(uri)
    if parts is None or parts[0] == FILE:
        return str(Path(uri.removeprefix(f"{FILE}://")).resolve()), ""
    scheme, bucket, key = parts
    return bucket, prefix_of(scheme, key)
