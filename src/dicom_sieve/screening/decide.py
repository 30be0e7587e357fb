"""Judge the headers of a snapshot in columns, a block at a time: each criterion once for each distinct value."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.judge import BlockJudge
from dicom_sieve.criteria import CompiledItem, Damaged, Decider, Decision, Finding, Verdict
from dicom_sieve.errors import NothingReadableError
from dicom_sieve.headers import Defect
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.decisions import BY_OBJECT, Outcome
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.header_counts import count_refused
from dicom_sieve.ledger.reading.held_rows import HeldRows, held_rows
from dicom_sieve.ledger.reading.measured import NOTHING, Measured, measure
from dicom_sieve.ledger.reading.secret import secret_for
from dicom_sieve.ledger.reading.snapshots import Snapshot
from dicom_sieve.ledger.writing.decisions import Decided, Recorder
from dicom_sieve.screening.observer import Observer
from dicom_sieve.screening.series_counts import SeriesCounts


@dataclass(slots=True, eq=False)
class _Judgement:
    """One of the few things that can come of a header, and what it came of.

    Attributes:
        decision: What was decided.
        defect: What the headers have, or None; a damaged one may have been judged all the same.
        damage_is_known: Whether it is known where they are damaged.
        is_all_before: Whether all that is asked lies before that.
        verdict: The decision's, as text.
        outcome: What of it is recorded.
        instances: Of all headers that were judged so.
    """

    decision: Decision
    defect: Defect | None
    damage_is_known: bool
    is_all_before: bool
    verdict: str
    outcome: Outcome
    instances: int = 0


@dataclass(slots=True)
class Judge:
    """Judges headers, or objects, and counts instances.

    Attributes:
        criteria: In the order of the findings.
        damaged: What becomes of damaged objects.
        secret: Of the ledger, where a criterion compares what identifies.
        measured: What the criteria measure of series, studies and patients.
        keys: The columns that they ask for.
        keys_of_numbers: Those of them that are read as numbers.
    """

    criteria: tuple[CompiledItem, ...]
    damaged: Damaged = Damaged.DISCARD
    secret: bytes | None = field(default=None, repr=False)
    measured: Measured = NOTHING
    keys: Sequence[str] = field(init=False)
    keys_of_numbers: frozenset[str] = field(init=False)
    _block_judge: BlockJudge[_Judgement] = field(init=False, repr=False)
    _decider: Decider = field(init=False)
    _bytes: int = field(init=False, default=0)
    _series: SeriesCounts = field(init=False, default_factory=SeriesCounts, repr=False)
    _judgements: dict[tuple[Any, ...], _Judgement] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._decider = Decider(self.criteria, self.secret)
        self._block_judge = BlockJudge(self._decider.asked, self._judge_whole, self._judge_partly_read)
        self.keys = self.measured.columns(self._block_judge.keys)
        self.keys_of_numbers = self._block_judge.keys_of_numbers

    def judge(self, held: HeldRows) -> Decided:
        """Judge some rows."""
        block = held.block
        if held.kind is PageKind.HEADER:
            self._bytes += int(block.bytes.sum())  # those of its objects among them
        if not held.are_judged:
            by_object = Coded((_BY_OBJECT,), np.zeros(len(block.ids), np.uint8))
            return Decided(block.ids, block.digests, by_object, held.kind, block.complete_below)
        outcomes = self._block_judge.judge(self.measured.beside_held(block).values)
        instances = None if held.kind is PageKind.OBJECT else block.instances
        for judgement, count in outcomes.count(instances).items():
            judgement.instances += count
        passed = outcomes.flags(lambda judgement: judgement.decision.verdict is Verdict.PASSED)
        self._series.add(block.series, passed, instances)
        recorded = outcomes.map(lambda judgement: judgement.outcome)
        return Decided(block.ids, block.digests, recorded, held.kind, block.complete_below)

    def counts(self) -> dict[str, Any]:
        """Count what was judged so far.

        Returns:
            ``bytes``, ``passed``, ``discarded``; ``defects`` of objects that were not judged, by name; ``findings``,
            one mapping a criterion, by name, over the objects that were; ``series``, by selection, and ``passed_in``,
            the instances that passed, by the selection of their series; and ``damaged``, see `_count_damaged`, where
            any damage is known.
        """
        counts = {"bytes": self._bytes, **{verdict.value.lower(): 0 for verdict in Verdict}}
        defects: dict[str, int] = {}
        findings: list[dict[str, int]] = []
        for judgement in self._judgements.values():
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
            **self._series.counts(),
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

    def _judge_whole(self, findings: tuple[Finding, ...]) -> _Judgement:
        return self._judgement((None, False, False), self._decider.decision(findings))

    def _judge_partly_read(self, text: str, values: Mapping[str, tuple[str, ...]]) -> _Judgement:
        extent = read_extent(text)
        decision = judge_header(self._decider, extent, values, self.damaged)
        is_known = extent.damage is not None
        kind = extent.defect, is_known, is_known and not extent.behind(self.criteria, values)
        return self._judgement(kind, decision)

    def _judgement(self, kind: tuple[Defect | None, bool, bool], decision: Decision) -> _Judgement:
        judgement = self._judgements.get((*kind, decision.findings))
        if judgement is None:
            outcome = Outcome(decision.verdict.value, json.dumps(decision.findings))
            judgement = _Judgement(decision, *kind, decision.verdict.value, outcome)
            self._judgements[*kind, decision.findings] = judgement
        return judgement


_BY_OBJECT = Outcome(BY_OBJECT, "[]")
Keep = Callable[[Decided], None]
"""Is given what was decided on some headers, in ascending order of their ids."""


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
    observer.begin("decide", None)
    of_snapshot, secret = (snapshot.id, snapshot.location_id), secret_for(ledger.engine, criteria)
    measured = measure(ledger.engine, of_snapshot, criteria, damaged, secret=secret)
    judge = Judge(criteria, damaged, secret, measured)
    rows = held_rows(
        ledger.engine, of_snapshot, judge.keys, damaged, with_digests=True, as_numbers=judge.keys_of_numbers
    )
    for held in rows:
        keep(judge.judge(held))
        observer.advance(len(held.block.ids))
    counts = judge.counts()
    listed = snapshot.counts
    unread = listed.listed - counts["passed"] - counts["discarded"]
    return {"listed": listed.listed, **counts, "bytes": listed.bytes if unread else counts["bytes"], "unread": unread}


@contextmanager
def recording(lease: Lease, run_number: int) -> Iterator[Keep]:
    """Give what records the decisions of a run, a transaction for the headers of some pages; the last at the end."""
    recorder = Recorder(lease, run_number)
    yield recorder.record
    recorder.flush()
