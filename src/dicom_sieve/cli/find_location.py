"""From a URI on the command line to a location that the ledger knows."""

from pathlib import Path

from dicom_sieve.errors import LedgerError
from dicom_sieve.inert import inert
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.forget import find_locations
from dicom_sieve.objects import FILE, S3, Location, prefix_of, split_uri
from dicom_sieve.stores.open import CLOUDS, own_endpoint

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
    scheme, bucket, prefix = _read(uri)
    server = endpoint and endpoint.rstrip("/")
    found = find_locations(ledger.engine, bucket, prefix, server if scheme == S3 else None)
    # Buckets of two clouds may have one name. Another cloud's endpoint stands behind its scheme.
    places = [place for place in found if scheme is None or place.scheme == scheme]
    if scheme in CLOUDS and (own := own_endpoint(endpoint)):
        places = [place for place in places if place.endpoint == f"{scheme}:{own}"]
    if len(places) == 1:
        return places[0]
    if not places:
        raise LedgerError(f"the ledger holds nothing of {inert(uri)}; {advice}")
    servers = ", ".join(place.endpoint for place in places)
    raise LedgerError(f"{inert(uri)} is known at several servers: say which with --endpoint; known: {servers}")


def _read(uri: str) -> tuple[str | None, str, str]:
    """Give scheme, bucket and prefix; of a directory its path, and no scheme."""
    parts = split_uri(uri)
    if parts is None or parts[0] == FILE:
        return None, str(Path(uri.removeprefix(f"{FILE}://")).resolve()), ""
    scheme, bucket, key = parts
    return scheme, bucket, prefix_of(scheme, key)
