"""From a URI on the command line to a store."""

import os
from dataclasses import replace
from pathlib import Path

import typer

from dicom_sieve.cli.options import SCHEME
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import (
    Anonymous,
    DefaultChain,
    DirectoryStore,
    EndpointRules,
    Inventory,
    Patience,
    S3Access,
    S3Store,
    check_bucket,
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
    store = _open(uri, endpoint, region, "URI")
    if not anonymous and not requester_pays:
        return store
    if not isinstance(store, S3Store):
        raise typer.BadParameter("a directory is read by this machine; accepted with s3://bucket", param_hint=name)
    access = replace(store.access, requester_pays=requester_pays)
    return replace(store, access=replace(access, credentials=Anonymous()) if anonymous else access)


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
    return None if uri is None else _open(uri, endpoint, region, "--output")


def _open(uri: str, endpoint: str | None, region: str, name: str) -> Place:
    if not uri.startswith(SCHEME):
        return DirectoryStore(Path(uri).resolve())
    bucket, _, prefix = uri.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise typer.BadParameter(f"{uri} names no bucket; accepted: s3://bucket/prefix", param_hint=name)
    settings = load_settings()
    rules, asked = EndpointRules.from_settings(settings, os.environ.get("PREFECT_API_URL")), endpoint or None
    # Whoever types a command sends credentials of their own: their word is enough.
    if wrong := rules.find_problem(asked, region, uses_default_chain=False):
        raise InvalidRequestError((f"--endpoint: {wrong}",))
    if wrong := check_bucket(bucket, asked):
        raise InvalidRequestError((f"{name}: the bucket {wrong}",))
    url = asked and asked.rstrip("/")
    return S3Store(S3Access(bucket, region, url, DefaultChain(), Patience.from_settings(settings), rules), prefix)
