"""From a URI on the command line to a store."""

from pathlib import Path

import typer

from dicom_sieve.objects import FILE, S3, split_uri
from dicom_sieve.stores import DirectoryStore, S3Store
from dicom_sieve.stores.archives.store import ArchivesOfInventory, ArchivesOpened
from dicom_sieve.stores.azure.service import AZURE
from dicom_sieve.stores.interface import ListsAsOf, Place
from dicom_sieve.stores.open import (
    CLOUDS,
    FORMS,
    OPENERS,
    PACS,
    READ_ONLY,
    describe_no_bucket,
    describe_unknown,
    describe_web,
    open_archives,
    open_location,
    own_endpoint,
    read_address,
)
from dicom_sieve.stores.opener import Access

INVENTORY = "--inventory"
ARCHIVES = "--archives"
ANONYMOUS, REQUESTER_PAYS = "--anonymous", "--requester-pays"


def open_input(
    uri: str,
    endpoint: str | None,
    region: str,
    *,
    anonymous: bool = False,
    requester_pays: bool = False,
    archives: bool = False,
) -> Place:
    """Open what is to be screened: ``s3://bucket/prefix``, one of another cloud, or a directory that is there.

    Args:
        uri: Which.
        endpoint: Of the server; None: the cloud itself.
        region: Of the bucket.
        anonymous: Whether no request is signed.
        requester_pays: Whether the credentials' owner pays.
        archives: Whether what lies in archives is listed in their place.
    """
    scheme = _scheme_of(uri, "URI")
    if scheme is None and not Path(uri).is_dir():
        accepted = f"neither s3://bucket/prefix, gs://bucket/prefix, {FORMS[AZURE]}, {FORMS[PACS[1]]} nor a directory"
        raise typer.BadParameter(f"{uri} is {accepted}", param_hint="URI")
    name = ANONYMOUS if anonymous else REQUESTER_PAYS
    if anonymous and requester_pays:
        raise typer.BadParameter(f"with {ANONYMOUS}: nobody would pay", param_hint=REQUESTER_PAYS)
    has_option = scheme == S3 or (scheme in CLOUDS and not requester_pays)
    if (anonymous or requester_pays) and not has_option:
        why = "a directory is read by this machine" if scheme in {None, FILE} else f"{scheme}:// has no such option"
        raise typer.BadParameter(f"{why}; accepted with s3://bucket", param_hint=name)
    if archives and scheme in READ_ONLY:
        raise typer.BadParameter(f"{scheme}:// holds no archives", param_hint=ARCHIVES)
    store = _open(uri, endpoint, region, "URI", anonymous=anonymous, requester_pays=requester_pays)
    return open_archives(store, lists=archives)


def open_inventory(uri: str | None, store: Place) -> ListsAsOf | None:
    """Open the inventory to read in place of listing a store; None where nothing is asked."""
    if uri is None:
        return None
    if isinstance(store, ArchivesOpened):
        inventory = open_inventory(uri, store.holder)
        return inventory and ArchivesOfInventory(inventory, store)
    if not isinstance(store, S3Store):
        what = "a directory" if isinstance(store, DirectoryStore) else f"{store.location.scheme}://"
        raise typer.BadParameter(f"{what} has no inventory; accepted with s3://bucket", param_hint=INVENTORY)
    try:
        return store.inventory(uri)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=INVENTORY) from None


def open_output(uri: str | None, endpoint: str | None, region: str) -> Place | None:
    """Open where to publish: ``s3://bucket/prefix``, or a directory that will be made; None where nothing is asked."""
    return None if uri is None else open_results(uri, endpoint, region)


def open_results(uri: str, endpoint: str | None, region: str) -> Place:
    """Open where results go: ``s3://bucket/prefix``, or a directory that will be made."""
    if _scheme_of(uri, "--output") in READ_ONLY:
        accepted = "accepted: s3://bucket/prefix, or a directory"
        raise typer.BadParameter(f"nothing is written to a PACS; {accepted}", param_hint="--output")
    return _open(uri, endpoint, region, "--output")


def _open(
    uri: str, endpoint: str | None, region: str, name: str, *, anonymous: bool = False, requester_pays: bool = False
) -> Place:
    scheme = _scheme_of(uri, name)
    address = str(Path(uri).resolve()) if scheme is None else uri
    called = ("--endpoint", f"{name}: the bucket")
    url = own_endpoint(endpoint) if scheme in CLOUDS else endpoint or None
    access = Access(url, region, None, anonymous, requester_pays, is_named=True, called=called)
    return open_location(read_address(address), access)


def _scheme_of(uri: str, name: str) -> str | None:
    """Give the scheme of an address, which is known and names a bucket; None where it is a path."""
    if wrong := describe_web(uri):
        raise typer.BadParameter(wrong, param_hint=name)
    if (parts := split_uri(uri)) is None:
        return None
    scheme, bucket, _ = parts
    if scheme not in OPENERS:
        raise typer.BadParameter(describe_unknown(scheme), param_hint=name)
    if scheme != FILE and not bucket:
        raise typer.BadParameter(describe_no_bucket(uri, scheme), param_hint=name)
    return scheme
