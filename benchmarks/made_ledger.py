"""A ledger of very many headers and objects, made without reading any: seeded, and with the repetition of real buckets.

Of ten headers six are one object each (projection images), four are series of up to sixty slices. A few series have two
headers, because a value changed half-way. It is written as the database takes it fastest, its indexes last.
"""

import datetime
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any

import sqlalchemy as sa

from benchmarks.made_slices import BLOCK_OBJECTS, write_slices
from dicom_sieve import Ledger, open_ledger
from dicom_sieve.columns.chunk import as_entry, column_of
from dicom_sieve.headers import Header
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.headers.header import digest_patient
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import BlockKind, owner_numbers, write_block
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.tables import header, location, object_, snapshot
from dicom_sieve.ledger.writing.editions import record_edition
from dicom_sieve.objects import Location, ObjectInfo

_BY_DEFAULT = ("damage", "unreadable_from", "edition")
HEADER_COLUMNS = [column.name for column in header.columns if column.name not in _BY_DEFAULT]
PLACE = Location("https://simulated", "made")
LISTED = Location("https://simulated", "listed")
CLOCK = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OBJECTS_OF_HEADERS = (1, 1, 1, 24, 1, 1, 60, 1, 6, 4)
"""Ten on average."""
COUNT = """
INSERT INTO header_change (location_id, header_id, snapshot_id, instances, bytes)
SELECT location_id, header_id, added_in, COUNT(*), SUM(size) FROM object GROUP BY location_id, header_id, added_in
ORDER BY location_id, header_id
"""
"""In the order in which runs write them; PostgreSQL's own would be that of a hash."""
BLOCK_HEADERS = 16_384
SECRET = b"of made ledgers"
_MODALITIES = ("CR", "DX", "US", "CT", "MG", "CR", "MR", "DX", "CT", "MR")
_PARTS = ("CHEST", "ABDOMEN", "HEAD", "KNEE", "BREAST", "HAND")


@dataclass(frozen=True, slots=True)
class MadeHeader:
    """One header, and how its objects are called.

    Attributes:
        id: Its row's.
        header: What it says.
        folder: Of the keys of its objects.
        objects: How many it has.
    """

    id: int
    header: Header
    folder: str
    objects: int

    def key(self, number: int) -> str:
        """Give the key of one of its objects, from 0."""
        return f"{self.folder}/{number:06d}.dcm"

    def sop_instance_uid(self, number: int) -> str:
        """Give its SOP Instance UID."""
        return f"{self.header.series_instance_uid}.{self.id}.{number}"


def make_headers(count: int, seed: int = 20_260_101, *, images: int | None = None) -> Iterator[MadeHeader]:
    """Make N distinct headers; of series with N images each, or of those of real buckets."""
    chance = random.Random(seed)
    of_headers = OBJECTS_OF_HEADERS if images is None else (images,) * len(_MODALITIES)
    for number, (objects, modality) in zip(range(1, count + 1), cycle(zip(of_headers, _MODALITIES, strict=True))):
        if number % 3 == 1:
            born, sex = _day(chance, 1930, 2018), chance.choice("MF")
            study = f"1.2.840.113619.2.{chance.getrandbits(56)}"
            day, age = _day(chance, 2020, 2026), chance.randrange(1, 95)
        if number % 10 != 5 or images is not None:  # else it is the series of the header before
            series = f"{study}.{chance.getrandbits(32)}"
        attributes = {
            "00080008": ("ORIGINAL", "PRIMARY", "AXIAL"),
            "00080020": (day,),
            "00080021": (day,),
            "00080022": (day,),
            "00080023": (_day(chance, 2020, 2026) if number % 10 == 5 else day,),
            "00080060": (modality,),
            "00100030": (born,),
            "00100040": (sex,),
            "00101010": (f"{age:03d}Y",),
            "00180015": (chance.choice(_PARTS),),
            "00185100": ("HFS",),
            "00200060": (),
            "00281040": (f"HEADER {number}",),  # what makes it distinct
        }
        patient = (f"{(number - 1) // 6:08d}", "MADE")
        made = Header(study, series, "1.2.840.10008.5.1.4.1.1.2", attributes, patient=patient)
        yield MadeHeader(number, made, f"archive/{(number - 1) // 3:07d}/{number:08d}", objects)


def make_objects(headers: Iterable[MadeHeader]) -> Iterator[tuple[MadeHeader, int, ObjectInfo]]:
    """Make their objects in the order of keys: header, number within it, and as it is listed."""
    for made in headers:
        for number in range(made.objects):
            yield made, number, ObjectInfo(made.key(number), f"{made.id:024x}{number:08x}", 524_288 + number, CLOCK)


def listed_object(number: int, version: int = 0) -> ObjectInfo:
    """Give an object of the location `LISTED`; keys come in the order of numbers."""
    return ObjectInfo(f"archive/{number // 100:07d}/{number:09d}.dcm", f"{version:08x}{number:024x}", 524_288, CLOCK)


def make_ledger(url: str, headers: int, listed: int, *, with_place: bool = True, images: int | None = None) -> None:
    """Fill an empty database: every object is known.

    Args:
        url: The database's.
        headers: Distinct headers of location 1, `PLACE`, which has ten times as many objects.
        listed: Objects of location 2, `LISTED`, with the same headers.
        with_place: Whether location 1 has objects at all.
        images: Of each header, which is that of a series with slices; None: as real buckets have them, without slices.
    """
    with open_ledger(url) as ledger, ledger.engine.connect() as connection:
        relax(connection)
        objects = sum(islice(cycle(OBJECTS_OF_HEADERS), headers)) if images is None else images * headers
        for number, (place, count) in enumerate(((PLACE, objects), (LISTED, listed)), 1):
            counts = {"listed": count, "bytes": 0, "added": count, "removed": 0}
            values = {"endpoint": place.endpoint, "bucket": place.bucket, "prefix": place.prefix}
            connection.execute(sa.insert(location).values(id=number, **values))
            append_entry(connection, EntryKind.LOCATION, number, {"location": list(values.values())})
            of = {"id": number, "location_id": number, "state": "COMPLETE"}
            connection.execute(sa.insert(snapshot).values(**of, counts=counts, started_at=CLOCK, listed_at=CLOCK))
        statistics = _statistics(connection)
        indexes = sorted(object_.indexes, key=str) + sorted(header.indexes, key=str)
        for index in indexes:
            index.drop(connection)
        edition = 1 if images is None else record_edition(connection, current_edition())
        made = partial(make_headers, headers, images=images)
        bulk.append(connection, header, [*HEADER_COLUMNS, "edition"], ((*header_row(each), edition) for each in made()))
        as_moment = bulk.stored(connection, object_.c.last_modified)
        modified = as_moment(CLOCK)
        columns = [column.name for column in object_.columns if column.name not in {"id", "removed_in"}]
        write_blocks(connection, made(), edition, BLOCK_HEADERS if images is None else BLOCK_OBJECTS // images)
        if images is not None:
            write_slices(connection, 1, edition, ((each.id, each.objects) for each in made()))
        everything = make_objects(made() if with_place else ())
        bulk.append(connection, object_, columns, _object_rows(everything, modified))
        bulk.append(connection, object_, columns, _listed_rows(headers, listed, modified))
        connection.execute(sa.text(COUNT))
        for index in indexes:
            index.create(connection)
        for of_index in statistics:  # they went with the indexes
            connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", of_index)
        set_sequences(connection)
        connection.commit()
        tidy(ledger)


def relax(connection: sa.Connection) -> None:
    """Leave out checks of what is known to be right, for the filling alone."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    else:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("PRAGMA cache_size = -200000")


def _statistics(connection: sa.Connection) -> list[tuple[Any, ...]]:
    """Give what SQLite is to take for granted of the indexes."""
    if connection.dialect.name == "postgresql":
        return []
    query = "SELECT * FROM sqlite_stat1 WHERE tbl IN ('object', 'header') AND idx NOT LIKE 'sqlite%'"
    return [tuple(row) for row in connection.exec_driver_sql(query)]


def tidy(ledger: Ledger) -> None:
    """Bring the database to rest, as it is after an hour: what was written is in its place, and counted."""
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        postgresql = connection.dialect.name == "postgresql"
        connection.exec_driver_sql("VACUUM" if postgresql else "PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.analyze("object", "header", "header_change")


def set_sequences(connection: sa.Connection) -> None:
    """Let PostgreSQL number new rows behind those that were written with their ids."""
    if connection.dialect.name == "postgresql":
        for name in ("location", "snapshot", "header", "block"):
            connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))")


def header_row(made: MadeHeader) -> tuple[Any, ...]:
    """Give the row of a header, in the order of `HEADER_COLUMNS`."""
    known = made.header
    uids = (known.study_instance_uid, known.series_instance_uid, known.sop_class_uid)
    return (made.id, known.digest(SECRET), *uids, None, digest_patient(known.patient, SECRET))


def write_blocks(connection: sa.Connection, headers: Iterator[MadeHeader], edition: int, together: int) -> None:
    """Write the values of headers, in blocks: as many together as a migration writes, or a run."""
    while some := list(islice(headers, together)):
        contents = [made.header for made in some]
        tags = sorted({tag for content in contents for tag in content.attributes})
        write_block(
            connection,
            BlockKind.HEADER,
            edition,
            [made.id for made in some],
            columns={tag: column_of([as_entry(content.attributes.get(tag)) for content in contents]) for tag in tags},
            numbers=owner_numbers(
                (content.series_instance_uid, content.study_instance_uid, digest_patient(content.patient, SECRET))
                for content in contents
            ),
            digests=[content.digest(SECRET) for content in contents],
        )


def _object_rows(objects: Iterable[tuple[MadeHeader, int, ObjectInfo]], modified: Any) -> Iterator[tuple[Any, ...]]:
    for made, number, info in objects:
        yield 1, info.key, info.etag, info.size, modified, made.id, made.sop_instance_uid(number), 1


def _listed_rows(headers: int, count: int, modified: Any) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        info = listed_object(number)
        yield 2, info.key, info.etag, info.size, modified, number % headers + 1, f"1.2.840.113619.3.{number}", 2


def _day(chance: random.Random, first_year: int, end_year: int) -> str:
    return f"{chance.randrange(first_year, end_year)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
