"""The manifest of a run: parts first, ``manifest.json`` last, each written once.

Where there is no ``manifest.json`` the run was not published, whatever parts lie there.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from dicom_sieve import private
from dicom_sieve.criteria import Verdict
from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.ledger import Ledger, RecordedRun
from dicom_sieve.ledger.audit.seals import published_seals
from dicom_sieve.ledger.database.entries import chain_end
from dicom_sieve.ledger.reading.conflicts import series_to_publish
from dicom_sieve.ledger.reading.rows import to_batches
from dicom_sieve.ledger.reading.runs import instances_to_publish, objects_to_copy
from dicom_sieve.ledger.writing.runs import Manifest
from dicom_sieve.objects import Selection
from dicom_sieve.publishing.copies import COPIES, copy_objects, wants
from dicom_sieve.publishing.copies import to_batches as copies_to_batches
from dicom_sieve.publishing.parts import INSTANCES, SERIES, SERIES_AND_FACTS, Part, write_parts, write_text
from dicom_sieve.publishing.series_facts import facts_to_publish, with_facts
from dicom_sieve.reports import ENDINGS, Report, make_report, render
from dicom_sieve.stores.interface import Copies, Downloads

FORMAT = "dicom-sieve manifest"
FORMAT_VERSION = 2
"""In 1 the column ``object_key`` of the parts was called ``key``."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What was published.

    Attributes:
        manifest: Address and digest of the manifest; None where nothing was to be published.
        counts: The run's counts; with ``copies``, by outcome, if objects were to be copied.
        report: The run's report; None where nothing was to be published.
    """

    manifest: Manifest | None
    counts: Mapping[str, Any]
    report: Report | None = None


def publish(
    ledger: Ledger,
    *,
    run_id: str,
    snapshot_id: int,
    location_id: int,
    counts: Mapping[str, Any],
    output: Copies,
    copies_of: Downloads | None,
    copied: Selection = Selection.ANY,
    former_runs: Sequence[str],
    check_lease: Callable[[], None],
    advance: Callable[[int], None],
) -> Published:
    """Publish what a run decided under ``<prefix>/<run id>/``.

    Args:
        ledger: The ledger that holds the decisions.
        run_id: Id of the run.
        snapshot_id: Id of the run's snapshot.
        location_id: Id of the run's location.
        counts: The run's counts.
        output: Store that is published to.
        copies_of: Store of the objects, if those that passed are to be copied; else None.
        copied: Which of the passed objects are copied.
        former_runs: Ids of the run's earlier starts, which may have left copies.
        check_lease: Called before ``manifest.json`` is written; raises when the run may not write any more.
        advance: Called with the number of instances that were written.

    Raises:
        AlreadyPublishedError: Something was published under this run's id.
        StoreError: The output cannot be written.
    """
    copies: Counter[str] = Counter()
    folder, *formers = (_folder(output, start_id) for start_id in (run_id, *former_runs))
    manifest_key = f"{folder}/{MANIFEST}"
    if output.find(manifest_key) is not None:
        raise AlreadyPublishedError(output.location.uri(manifest_key))
    recorded = ledger.run(run_id)
    with private.temporary_folder() as directory:
        parts: list[Part] = []
        described = _parts(
            ledger,
            recorded,
            snapshot_id=snapshot_id,
            location_id=location_id,
            directory=directory,
            advance=advance,
        )
        copies_part: Iterator[Part] = iter(())
        if copies_of is not None:
            objects = objects_to_copy(ledger.engine, recorded.row.number, snapshot_id, location_id, Verdict.PASSED)
            is_wanted = wants(recorded, copied)
            done = copy_objects(
                ((info, is_wanted(series)) for info, series in objects),
                copies_of,
                output,
                f"{folder}/objects",
                [f"{former}/objects" for former in formers],
            )
            copies_part = write_parts(
                copies_to_batches(done, copies),
                schema=COPIES,
                path="copies.parquet",
                directory=directory,
                advance=advance,
            )
        report = make_report(recorded, counts=counts)
        for part in chain(described, copies_part, _reports(report, directory)):
            output.write_once(f"{folder}/{part.path}", part.file)
            part.file.unlink()
            parts.append(part)
        if copies_of is not None:
            counts = {**counts, "copies": dict(sorted(copies.items()))}
        anchored = {**published_seals(ledger.engine, recorded.row.number), **chain_end(ledger.engine)}
        content = describe_run(recorded, parts, counts, anchored, copied)
        written = write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", MANIFEST, directory)
        check_lease()
        output.write_once(manifest_key, written.file)
    return Published(Manifest(output.location.uri(manifest_key), str(content["digest"])), counts, report)


def _folder(output: Copies, run_id: str) -> str:
    return "/".join(part for part in (output.location.prefix.rstrip("/"), run_id) if part)


def digest_manifest(content: Mapping[str, Any]) -> str:
    """Give the digest of a manifest: SHA-256 over its canonical JSON without the member ``digest``, as hex.

    Canonical: members sorted by name, no white space, all but ASCII escaped.
    """
    without = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(without, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe_run(
    recorded: RecordedRun,
    parts: list[Part],
    counts: Mapping[str, Any],
    anchored: Mapping[str, Any],
    copied: Selection = Selection.ANY,
) -> dict[str, Any]:
    """Describe a run: its criteria, its location and counts, the parts with its result, and the ledger's seals."""
    row = recorded.row
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "run_id": row.id,
        "location": {"endpoint": row.endpoint, "bucket": row.bucket, "prefix": row.prefix},
        "snapshot_listed_at": row.listed_at and row.listed_at.isoformat(),
        "criteria": row.criteria,
        "criteria_digest": row.criteria_digest,
        **({} if row.named is None else {"criteria_name": row.named.name, "criteria_version": row.named.version}),
        **({} if row.damaged is None else {"damaged": row.damaged}),
        **({} if copied is Selection.ANY else {"copied": copied.value}),
        "counts": counts,
        "software": {"name": "dicom-sieve", "version": row.software_version},
        "parts": [part.as_json() for part in parts],
        "ledger": anchored,
    }
    return {**content, "digest": digest_manifest(content)}


def _parts(
    ledger: Ledger,
    recorded: RecordedRun,
    *,
    snapshot_id: int,
    location_id: int,
    directory: Path,
    advance: Callable[[int], None],
) -> Iterator[Part]:
    for verdict in Verdict:
        yield from write_parts(
            to_batches(
                ledger.engine,
                instances_to_publish(recorded.row.number, snapshot_id, location_id, verdict),
                INSTANCES,
            ),
            schema=INSTANCES,
            path=f"instances/verdict={verdict}/part-{{:05}}.parquet",
            directory=directory,
            advance=advance,
        )
    of_series = series_to_publish(ledger.engine.dialect, recorded.row.number, recorded.row.id)
    facts = facts_to_publish(ledger, (snapshot_id, location_id), recorded.row.damaged)
    yield from write_parts(
        with_facts(to_batches(ledger.engine, of_series, SERIES), facts),
        schema=SERIES_AND_FACTS,
        path="series.parquet",
        directory=directory,
        advance=lambda _: None,
    )


def _reports(report: Report, directory: Path) -> Iterator[Part]:
    for how, ending in ENDINGS.items():
        yield write_text(render(report, how), f"report.{ending}", directory)
