"""Comparing a published manifest with the ledger: what it said then must still be there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.seals import published_seals
from dicom_sieve.ledger.database.entries import read_chain
from dicom_sieve.publishing.manifest import FORMAT, digest_manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a copy of a ``manifest.json``.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequestError((f"{path}: cannot be read: {error.strerror}",)) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT or "run_id" not in content:
        raise InvalidRequestError((f"{path}: is not the manifest.json of a run",))
    return content


def compare_manifest(content: Mapping[str, Any], ledger: Ledger) -> list[str]:
    """Say in sentences how a manifest and a ledger differ; the ledger itself is verified separately.

    Raises:
        UnknownRunError: The ledger has no such run.
    """
    differences = []
    if digest_manifest(content) != content.get("digest"):
        differences.append("the manifest is not as it was written: its digest is not that of its content")
    row = ledger.run(str(content["run_id"])).row
    if row.manifest_digest != content.get("digest"):
        differences.append("the ledger says that another manifest was published of this run")
    published = content.get("ledger", {})
    for name, words in (("previous_seal", "the seal of the run before it"), ("decisions", "its decisions")):
        if name in published and published_seals(ledger.engine, row.number)[name] != published[name]:
            differences.append(f"{words} in the ledger: not what was published")
    if "entry" in published:
        differences += _compare_chain(published, ledger)
    return differences


def _compare_chain(published: Mapping[str, Any], ledger: Ledger) -> list[str]:
    ledger_id, entries = read_chain(ledger.engine)
    if published.get("id") != ledger_id:
        return ["the manifest is of another ledger, or this one was made again"]
    if published["entry"] not in [[entry.id, entry.seal] for entry in entries]:
        return ["the chain of seals in the ledger: not what was published"]
    return []
