"""From a URI on the command line to a store."""

from pathlib import Path

import typer

from dicom_sieve.cli.options import SCHEME
from dicom_sieve.stores import (
    Anonymous,
    DefaultChain,
    DirectoryStore,
    GivesSession,
    Inventory,
    S3Store,
    open_bucket,
)

Place = DirectoryStore | S3Store
INVENTORY = "--inventory"
ANONYMOUS, REQUESTER_PAYS = "--anonymous", "--requester-pays"


def open_input(
    uri: str, endpoint: str | None, region: str, *, anonymous: bool = False, requester_pays: bool = False
) -> Place:
    """Open what is to be screened: ``s3://bucket/prefix``, or a directory that is there.

    Args:
        uri: Which.
        endpoint: Of the S3 server; None: AWS.
        region: Of the bucket.
        anonymous: Whether no request is signed.
        requester_pays: Whether the credentials' owner pays.
    """
    if not uri.startswith(SCHEME) and not Path(uri).is_dir():
        raise typer.BadParameter(f"{uri} is neither s3://bucket/prefix nor a directory", param_hint="URI")
    name = ANONYMOUS if anonymous else REQUESTER_PAYS
    if anonymous and requester_pays:
        raise typer.BadParameter(f"with {ANONYMOUS}: nobody would pay", param_hint=REQUESTER_PAYS)
    if (anonymous or requester_pays) and not uri.startswith(SCHEME):
        raise typer.BadParameter("a directory is read by this machine; accepted with s3://bucket", param_hint=name)
    credentials = Anonymous() if anonymous else DefaultChain()
    return _open(uri, endpoint, region, "URI", credentials, requester_pays=requester_pays)


def open_inventory(uri: str | None, store: Place) -> Inventory | None:
    """Open the inventory to read in place of listing a store; None where nothing is asked."""
    if uri is None:
        return None
    if not isinstance(store, S3Store):
        raise typer.BadParameter("a directory has no inventory; accepted with s3://bucket", param_hint=INVENTORY)
    try:
        return store.inventory(uri)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=INVENTORY) from None


def open_output(uri: str | None, endpoint: str | None, region: str) -> Place | None:
    """Open where to publish: ``s3://bucket/prefix``, or a directory that will be made; None where nothing is asked."""
    return None if uri is None else _open(uri, endpoint, region, "--output", DefaultChain())


def _open(
    uri: str,
    endpoint: str | None,
    region: str,
    name: str,
    credentials: GivesSession,
    *,
    requester_pays: bool = False,
) -> Place:
    if not uri.startswith(SCHEME):
        return DirectoryStore(Path(uri).resolve())
    bucket, _, prefix = uri.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise typer.BadParameter(f"{uri} names no bucket; accepted: s3://bucket/prefix", param_hint=name)
    called = ("--endpoint", f"{name}: the bucket")
    return open_bucket(
        bucket, prefix, endpoint or None, region, credentials, requester_pays=requester_pays, called=called
    )
