"""Judge the headers of a snapshot: once per distinct combination of values, a page of headers at a time."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dicom_sieve.columns.coded import Coded
from dicom_sieve.criteria import CompiledItem, Damaged, Decider, Decision, Verdict, keys_of
from dicom_sieve.errors import NothingReadableError
from dicom_sieve.headers import Defect
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.headers_to_decide import (
    HeaderRow,
    count_refused,
    headers_to_decide,
    read_extent,
    read_values,
)
from dicom_sieve.ledger.reading.snapshots import Snapshot
from dicom_sieve.ledger.writing.decisions import Decided, Outcome, Recorder
from dicom_sieve.screening.observer import Observer

CACHE_SIZE = 65_536
MAX_CACHED_LENGTH = 512
"""Combinations of values, and characters of each. When there are more, the cache is emptied."""


@dataclass(slots=True, eq=False)
class _Judgement:
    """One of the few things that can come of a header, and what it came of.

    Attributes:
        decision: What was decided.
        defect: What the headers have, or None; a damaged one may have been judged all the same.
        damage_is_known: Whether it is known where they are damaged.
        is_all_before: Whether all that is asked lies before that.
        verdict: The decision's, as text.
        code: Place of its outcome among all outcomes.
        series: Instances of all headers of this verdict, by series; shared with its other judgements.
        instances: Of all headers that were judged so.
        bytes: Their size.
    """

    decision: Decision
    defect: Defect | None
    damage_is_known: bool
    is_all_before: bool
    verdict: str
    code: int
    series: dict[str | None, int]
    instances: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Judge:
    """Judges pages of headers, and counts their instances.

    Attributes:
        criteria: In the order of the findings.
        damaged: What becomes of damaged objects.
        tags: The attributes that they ask for.
    """

    criteria: tuple[CompiledItem, ...]
    damaged: Damaged = Damaged.DISCARD
    tags: tuple[str, ...] = field(init=False)
    _decider: Decider = field(init=False)
    _series: dict[Verdict, dict[str | None, int]] = field(init=False, repr=False)
    _cache: dict[tuple[str | None, str], _Judgement] = field(init=False, default_factory=dict, repr=False)
    _judgements: dict[tuple[Any, ...], _Judgement] = field(init=False, default_factory=dict)
    _outcomes: dict[Outcome, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.tags = keys_of(self.criteria)
        self._decider = Decider(self.criteria)
        self._series = {verdict: {} for verdict in Verdict}

    def judge(self, headers: Iterable[HeaderRow]) -> Decided:
        """Judge headers, in whatever order."""
        known = self._cache
        ids, digests, codes = list[int](), list[str](), list[int]()
        for header_id, digest, series, instances, size, extent, values in headers:
            judgement = known.get((extent, values)) or self._judge(extent, values)
            judgement.instances += instances
            judgement.bytes += size
            of_series = judgement.series
            of_series[series] = of_series.get(series, 0) + instances
            ids.append(header_id)
            digests.append(digest)
            codes.append(judgement.code)
        order = np.argsort(ids)
        outcomes = Coded(tuple(self._outcomes), np.array(codes, np.uint32)[order])
        return Decided(np.array(ids, np.int64)[order], [digests[place] for place in order.tolist()], outcomes)

    def counts(self) -> dict[str, Any]:
        """Count what was judged so far.

        Returns:
            ``bytes``, ``passed``, ``discarded``; ``defects`` of objects that were not judged, by name; ``findings``,
            one mapping a criterion, by name, over the objects that were; ``series``, by selection, and ``passed_in``,
            the instances that passed, by the selection of their series; and ``damaged``, see `_count_damaged`, where
            any damage is known.
        """
        counts = {"bytes": 0, **{verdict.value.lower(): 0 for verdict in Verdict}}
        defects: dict[str, int] = {}
        findings: list[dict[str, int]] = []
        for judgement in self._judgements.values():
            counts["bytes"] += judgement.bytes
            counts[judgement.verdict.lower()] += judgement.instances
            if judgement.defect is not None and not judgement.decision.findings:
                defects[judgement.defect.value] = defects.get(judgement.defect.value, 0) + judgement.instances
            findings.extend({} for _ in range(len(judgement.decision.findings) - len(findings)))
            for by_name, name in zip(findings, judgement.decision.findings, strict=False):
                by_name[name.value] = by_name.get(name.value, 0) + judgement.instances
        in_order = [dict(sorted(by_name.items())) for by_name in findings]
        return {
            **counts,
            "defects": dict(sorted(defects.items())),
            "findings": in_order,
            **self._count_series(),
            **self._count_damaged(),
        }

    def _count_damaged(self) -> dict[str, Any]:
        """Count damaged objects, where of any is known what the damage is.

        Returns:
            ``damaged``: ``objects``, all that are CORRUPT; ``all_before``, those of which all that is asked lies before
            the damage; ``passed``.
        """
        damaged = [judgement for judgement in self._judgements.values() if judgement.defect is Defect.CORRUPT]
        if not any(judgement.damage_is_known for judgement in damaged):
            return {}
        return {
            "damaged": {
                "objects": sum(judgement.instances for judgement in damaged),
                "all_before": sum(judgement.instances for judgement in damaged if judgement.is_all_before),
                "passed": sum(
                    judgement.instances for judgement in damaged if judgement.decision.verdict is Verdict.PASSED
                ),
            }
        }

    def _count_series(self) -> dict[str, dict[str, int]]:
        """Count series by selection, as the view ``series_decision`` has it, and what passed in them; what is not 0."""
        passed, discarded = self._series[Verdict.PASSED], self._series[Verdict.DISCARDED]
        for of_verdict in (passed, discarded):
            of_verdict.pop(None, None)
        partial = passed.keys() & discarded.keys()
        none, whole = len(discarded) - len(partial), len(passed) - len(partial)
        in_partial = sum(passed[series] for series in partial)
        return {
            "series": _positive({"NONE": none, "PARTIAL": len(partial), "WHOLE": whole}),
            "passed_in": _positive({"PARTIAL": in_partial, "WHOLE": sum(passed.values()) - in_partial}),
        }

    def _judge(self, text: str | None, values: str) -> _Judgement:
        extent, attributes = read_extent(text), read_values(values, self.tags)
        decision = judge_header(self._decider, extent, attributes, self.damaged)
        is_known = extent.damage is not None
        kind = extent.defect, is_known, is_known and not extent.behind(self.criteria, attributes)
        judgement = self._judgements.get((*kind, decision.findings))
        if judgement is None:
            verdict = decision.verdict
            outcome = Outcome(verdict.value, json.dumps(decision.findings))
            code = self._outcomes.setdefault(outcome, len(self._outcomes))
            judgement = _Judgement(decision, *kind, verdict.value, code, self._series[verdict])
            self._judgements[*kind, decision.findings] = judgement
        if len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
        if len(values) <= MAX_CACHED_LENGTH:
            self._cache[text, values] = judgement
        return judgement


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


Keep = Callable[[Decided], None]
"""Is given what was decided on a page of headers."""


def decide(
    ledger: Ledger,
    snapshot: Snapshot,
    criteria: tuple[CompiledItem, ...],
    observer: Observer,
    keep: Keep = lambda _: None,
    *,
    damaged: Damaged = Damaged.DISCARD,
) -> dict[str, Any]:
    """Judge every header of a snapshot. What was decided goes to `keep` alone: nothing else remembers it.

    Returns:
        What came of the snapshot's objects: ``listed``, what `Judge.counts` gives, and ``unread``: what was listed and
        has no header.

    Raises:
        NothingReadableError: Not one object can be read. That tells of the credentials, not of the objects.
    """
    refused = count_refused(ledger.engine, snapshot.id, snapshot.location_id)
    if refused:
        raise NothingReadableError(str(snapshot.place), refused)
    judge = Judge(criteria, damaged)
    observer.begin("decide", None)
    for page in headers_to_decide(ledger.engine, snapshot.id, snapshot.location_id, judge.tags):
        decided = judge.judge(page)
        keep(decided)
        observer.advance(len(decided.ids))
    counts = judge.counts()
    listed = snapshot.counts
    unread = listed.listed - counts["passed"] - counts["discarded"]
    return {"listed": listed.listed, **counts, "bytes": listed.bytes if unread else counts["bytes"], "unread": unread}


def recording(lease: Lease, run_number: int) -> Keep:
    """Give what records the decisions of a run, a transaction a page."""
    return Recorder(lease, run_number).record
