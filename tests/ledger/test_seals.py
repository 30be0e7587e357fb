"""Seals, worked out again by what docs/ledger.md says alone: an auditor's verifier, with nothing of ours in it."""

import datetime
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Damaged
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.screening import steps
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

HOSTILE = 'ä/"quoted"\\back\x01\x7f\u2028\U0001f600 //.dcm'
FIELDS = [
    "number",
    "id",
    "endpoint",
    "bucket",
    "prefix",
    "snapshot_id",
    "criteria",
    "criteria_digest",
    "state",
    "counts",
    "started_at",
    "finished_at",
    "software_version",
    "manifest_uri",
    "manifest_digest",
    "failure",
    "sealed_after",
    "damaged",
    "criteria_name",
    "criteria_version",
    "milliseconds",
]
WITHOUT_A_LINE_WHERE_NULL = ("damaged", "criteria_name", "criteria_version", "milliseconds")
BLOCKS = {"PAGE": 80}


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def plain(value: Any) -> Any:
    """Give a moment as text in UTC, whichever way the driver gives it."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def loaded(value: Any) -> Any:
    """Give JSON as what it holds; PostgreSQL's driver has read it already."""
    return json.loads(value) if isinstance(value, str) else value


def number_of(part: str, row: list[Any]) -> int:
    """Give the number by which a row is put into a block."""
    match part:
        case "PAGE":
            return int(row[1])
        case "OUTCOME":
            return int(row[0]) * 256 + int(row[1], 16)
        case _:
            return int(row[0])


class Auditor:
    """Seals a ledger's runs again, the oldest first."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.seals: dict[int, str] = {}
        self.snapshots: dict[int, int] = {}
        self.objects: dict[int, int] = {}
        for (number,) in sql(ledger, "SELECT number FROM run WHERE seal IS NOT NULL ORDER BY number"):
            self.seals[number] = self.seal(number)

    def rows(self, query: str, **values: Any) -> list[list[Any]]:
        return [[plain(value) for value in row] for row in sql(self.ledger, query, **values)]

    def seal(self, number: int) -> str:
        [run] = self.rows(
            "SELECT run.*, endpoint, bucket, prefix FROM run JOIN location ON location.id = location_id "
            "WHERE number = :number",
            number=number,
        )
        with self.ledger.engine.connect() as connection:
            names = list(
                connection.execute(sa.text("SELECT run.*, endpoint, bucket, prefix FROM run, location")).keys()
            )
        fields = dict(zip(names, run, strict=True))
        place = fields["location_id"]
        for name in ("criteria", "counts", "milliseconds"):
            fields[name] = loaded(fields[name])
        parts = {
            "RUN": [
                [place_of, name, fields[name]]
                for place_of, name in enumerate(FIELDS, 1)
                if not (name in WITHOUT_A_LINE_WHERE_NULL and fields[name] is None)
            ],
            "SNAPSHOT": [
                [*row[:4], loaded(row[4])]
                for row in self.rows(
                    "SELECT id, state, started_at, listed_at, counts FROM snapshot "
                    "WHERE location_id = :place AND id > :after ORDER BY id",
                    place=place,
                    after=self.snapshots.get(place, 0),
                )
                if row[0] <= self.newest_of(number, place)
            ],
            "PAGE": [
                [kind, page, palette, codes.hex(), self.digest_of(page, codes)]
                for kind, page, palette, codes in self.rows(
                    "SELECT kind, number, palette, codes FROM decision_page WHERE run_number = :number ORDER BY number",
                    number=number,
                )
            ],
            "OUTCOME": [
                [palette, code.hex(), verdict, loaded(findings)]
                for palette, code, verdict, findings in self.rows(
                    "SELECT palette, code, verdict, findings FROM outcome WHERE run_number = :number "
                    "ORDER BY palette, code",
                    number=number,
                )
            ],
        }
        before = self.snapshots.get(place, 0)
        newest = max([row[0] for row in parts["SNAPSHOT"]], default=before)
        parts["OBJECT"] = self.rows(
            "SELECT object.id, key, etag, size, last_modified, digest, sop_instance_uid, added_in "
            "FROM object LEFT JOIN header ON header.id = header_id "
            "WHERE location_id = :place AND added_in > :before AND added_in <= :newest ORDER BY object.id",
            place=place,
            before=before,
            newest=newest,
        )
        parts["REMOVAL"] = self.rows(
            "SELECT id, removed_in FROM object WHERE location_id = :place AND removed_in > :before "
            "AND removed_in <= :newest ORDER BY id",
            place=place,
            before=before,
            newest=newest,
        )
        self.snapshots[place] = newest
        parts["BLOCK"] = self.new_blocks(number, place)
        parts["FACT"] = self.new_facts(number, place)
        blocks = []
        for part, rows in parts.items():
            for _, block in itertools.groupby(rows, key=lambda row: number_of(part, row) // BLOCKS.get(part, 1000)):
                lines = list(block)
                digest = sha256("".join(canonical(line) + "\n" for line in lines))
                blocks.append([part, number_of(part, lines[0]), number_of(part, lines[-1]), len(lines), digest])
        previous = self.seals.get(fields["sealed_after"])
        return sha256(canonical({"format": "dicom-sieve seal 1", "previous": previous, "blocks": sorted(blocks)}))

    def covered(self, part: str, number: int, place: int) -> dict[str, int]:
        """Give the rows of a part that a run's seal covers: those behind one, up to another."""
        covered = "SELECT max(last_id) FROM seal_block WHERE part = :part AND run_number IN {runs}"
        [[last]] = self.rows(covered.format(runs="(:number)"), part=part, number=number)
        earlier = "(SELECT number FROM run WHERE location_id = :place AND number < :number)"
        [[before]] = self.rows(covered.format(runs=earlier), part=part, number=number, place=place)
        return {"place": place, "before": before or 0, "last": last or 0}

    def new_facts(self, number: int, place: int) -> list[list[Any]]:
        """Give the snapshots whose facts a run's seal covers, each with the digest of the pages that it changed."""
        listed = self.rows(
            "SELECT snapshot_id, version FROM fact_snapshot WHERE location_id = :place "
            "AND snapshot_id > :before AND snapshot_id <= :last ORDER BY snapshot_id",
            **self.covered("FACT", number, place),
        )
        for row in listed:
            pages = self.rows(
                "SELECT location_id, fact, page, width, cells FROM fact_page WHERE snapshot_id = :id", id=row[0]
            )
            row.append(sha256("".join(sorted(canonical(page) + "\n" for page in pages))))
        return listed

    def new_blocks(self, number: int, place: int) -> list[list[Any]]:
        """Give the blocks of objects that a run's seal covers, each with the digest of what it holds."""
        listed = self.rows(
            "SELECT id, edition, first_id, last_id, row_count FROM block WHERE kind = 'OBJECT' "
            "AND location_id = :place AND id > :before AND id <= :last ORDER BY id",
            **self.covered("BLOCK", number, place),
        )
        for row in listed:
            chunks = sql(self.ledger, "SELECT tag, data FROM chunk WHERE block_id = :id", id=row[0])
            row.append(
                sha256(canonical(sorted([tag, hashlib.sha256(bytes(data)).hexdigest()] for tag, data in chunks)))
            )
        return listed

    def digest_of(self, page: int, codes: bytes) -> str:
        """Digest the digests of the headers that a page decides on."""
        every = codes * 250 if len(codes) == 1 else codes
        decided = {page * 250 + place for place, code in enumerate(every) if code != 255}
        rows = self.rows(
            "SELECT id, digest FROM header WHERE id >= :first AND id < :end ORDER BY id",
            first=page * 250,
            end=page * 250 + 250,
        )
        return sha256("".join(f"{digest}\n" for header, digest in rows if header in decided))

    def newest_of(self, number: int, place: int) -> int:
        """Give the last snapshot before those of the next run on the location, in which runs are bound to snapshots."""
        later = self.rows(
            "SELECT min(snapshot_id) FROM run WHERE location_id = :place AND number > :number",
            place=place,
            number=number,
        )
        return (later[0][0] or 2**62) - 1


def screen_hostile(ledger: Ledger) -> None:
    """Four runs, one of them incomplete, with keys and values that are hard to write down."""
    moments = (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(0, n, n % 3) for n in range(999))
    store = SimulatedStore({HOSTILE: ct("1.5.1", "1.6.1"), "2": mr("1.5.2", "1.6.2"), "3": b"no DICOM", "4": b""})
    screen_ct(store, ledger, "a", clock=lambda: next(moments))
    store.put("new", ct("1.5.3", "1.6.3", BodyPartExamined='"\\ÄÖ'))
    store.delete("2")
    store.faults["new"] = -1
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "b", clock=lambda: next(moments))
    store.faults.clear()
    screen_ct(store, ledger, "c", clock=lambda: next(moments))
    screen_ct(store, ledger, "d", clock=lambda: next(moments))


def test_an_auditor_s_own_verifier_comes_to_the_same_seals(ledger: Ledger) -> None:
    screen_hostile(ledger)

    recorded = dict(sql(ledger, "SELECT number, seal FROM run"))
    assert Auditor(ledger).seals == recorded
    assert len(set(recorded.values())) == 4


def test_that_a_run_judged_damaged_objects_is_sealed(ledger: Ledger) -> None:
    screen_ct(SimulatedStore({"1": ct()}), ledger, "a")
    screen_ct(SimulatedStore({"1": ct()}), ledger, "b", damaged=Damaged.JUDGE)

    assert Auditor(ledger).seals == dict(sql(ledger, "SELECT number, seal FROM run"))
    rows = "SELECT run_number, row_count FROM seal_block WHERE part = 'RUN' ORDER BY 1"
    assert sql(ledger, rows) == [(1, len(FIELDS) - 3), (2, len(FIELDS) - 2)]


def test_more_rows_than_a_block_holds_are_sealed_in_several(ledger: Ledger) -> None:
    store = SimulatedStore({f"{number:04}": ct(f"1.5.{number + 1}", f"1.6.{number + 1}") for number in range(1_100)})
    screen_ct(store, ledger, "a")

    assert Auditor(ledger).seals == dict(sql(ledger, "SELECT number, seal FROM run"))
    assert sql(
        ledger,
        "SELECT part, count(*), sum(row_count) FROM seal_block WHERE part IN ('PAGE', 'OBJECT') "
        "GROUP BY part ORDER BY part",
    ) == [("OBJECT", 2, 1_100), ("PAGE", 1, 5)]


def test_where_nothing_changed_only_snapshot_its_facts_and_decisions_are_sealed_again(ledger: Ledger) -> None:
    store = SimulatedStore({"1": ct(), "2": mr()})
    screen_ct(store, ledger, "a")
    screen_ct(store, ledger, "b")

    assert sql(ledger, "SELECT part FROM seal_block WHERE run_number = 2 ORDER BY part") == [
        ("FACT",),
        ("OUTCOME",),
        ("PAGE",),
        ("RUN",),
        ("SNAPSHOT",),
    ]


@pytest.mark.needs_postgresql
def test_both_databases_come_to_the_same_seals(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seals = []
    monkeypatch.setattr(steps, "monotonic", lambda: 0.0)
    for url in (f"sqlite:///{tmp_path / 'l.db'}", postgres_url):
        with open_ledger(url) as ledger:
            screen_hostile(ledger)
            seals.append(sql(ledger, "SELECT number, seal FROM run ORDER BY number"))

    assert seals[0] == seals[1]
