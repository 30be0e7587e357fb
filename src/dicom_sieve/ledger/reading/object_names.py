"""From a URI or a path to the keys of objects in the ledger."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

from dicom_sieve.ledger.database.tables import location, object_
from dicom_sieve.objects import DIRECTORY_ENDPOINT, Location, part_of_key, split_s3


def is_text(text: str) -> bool:
    """Tell whether a database can hold a text: PostgreSQL takes no NUL, neither takes bytes that are no UTF-8."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def paths_of(text: str) -> list[str]:
    """Give the absolute paths that a path or a ``file:`` URI stands for: as written, and where its links lead."""
    if split_s3(text) or "\0" in text or not text:
        return []
    written = [text]
    if text.startswith(DIRECTORY_ENDPOINT):
        path = text.removeprefix(DIRECTORY_ENDPOINT)
        path = f"/{path.lstrip('/')}"
        written = [unquote(path, errors="surrogateescape"), path]
    paths: dict[str, None] = {}
    for path in written:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - without links: Path.resolve follows them
        parent = os.path.realpath(absolute.parent)
        paths |= dict.fromkeys((str(absolute), f"{parent.rstrip('/')}/{absolute.name}", os.path.realpath(path)))
    return list(paths)


def find_objects(connection: sa.Connection, text: str) -> list[sa.ColumnElement[bool]]:
    """Give the conditions for the objects that a URI or a path leads to, in every location that the ledger knows."""
    places = connection.execute(sa.select(location.c.id, location.c.endpoint, location.c.bucket)).all()
    paths = [os.fsencode(path) for path in paths_of(text)]
    return [
        sa.and_(object_.c.location_id == place.id, object_.c.key == key)
        for place in places
        for key in _keys(place.endpoint, place.bucket, text, paths)
        if is_text(key)
    ]


def _keys(endpoint: str, bucket: str, text: str, paths: list[bytes]) -> Iterator[str]:
    if endpoint == DIRECTORY_ENDPOINT:
        root = os.fsencode(bucket).rstrip(b"/") + b"/"
        for path in paths:
            if path.startswith(root) and path != root:
                yield "/".join(map(part_of_key, path.removeprefix(root).split(b"/")))
    elif text.startswith(begin := Location(endpoint, bucket).uri("")):
        yield text.removeprefix(begin)
