"""What one side of a comparison says of headers: what a run decided, or what criteria would decide."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.judge import Block, BlockJudge
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.criteria import CompiledItem, Damaged, Decider, Decision, Finding, Verdict
from dicom_sieve.headers import Defect
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.reading.measured import NOTHING, Measured


class Said(NamedTuple):
    """What one side says of a header: nothing where it does not hold it.

    The defect is why there are no findings.
    """

    is_judged: bool
    passed: bool
    findings: tuple[Finding, ...]
    defect: Defect | None


class Says(Protocol):
    """Says what a side says of headers."""

    @property
    def keys(self) -> Sequence[str]:
        """The columns that it asks for."""

    def say(self, values: Block, series: Numbers, decided: Coded[Outcome | None] | None) -> Coded[Said]:
        """Say it of each, by its values, the number of its series, and what a run decided."""


@dataclass(frozen=True, slots=True)
class RunSays:
    """Says what a run decided."""

    keys: Sequence[str] = ()

    def say(self, values: Block, series: Numbers, decided: Coded[Outcome | None] | None) -> Coded[Said]:
        """See `Says`."""
        del series
        extents = Coded(values.extents.entries, values.extents.codes)
        nothing: Coded[Outcome | None] = Coded((None,), np.zeros(len(values), np.uint8))
        sides: list[Coded[Any]] = [decided or nothing, extents]
        return combine(sides, len(values)).map(lambda of_header: _read_decision(*of_header))


def _read_decision(decided: Outcome | None, extent: str | None) -> Said:
    if decided is None:
        return Said(is_judged=False, passed=False, findings=(), defect=None)
    found = tuple(map(Finding, json.loads(decided.findings)))
    return Said(True, decided.verdict == Verdict.PASSED, found, None if found else read_extent(extent).defect)


class CriteriaSay:
    """Says what criteria would decide."""

    def __init__(
        self,
        criteria: tuple[CompiledItem, ...],
        damaged: Damaged,
        secret: bytes | None = None,
        measured: Measured = NOTHING,
    ) -> None:
        self._decider, self._damaged, self._measured = Decider(criteria, secret), damaged, measured
        self._judge = BlockJudge(self._decider.asked, self._whole, self._partly_read)
        self.keys: Sequence[str] = measured.columns(self._judge.keys)

    def say(self, values: Block, series: Numbers, decided: Coded[Outcome | None] | None) -> Coded[Said]:
        """See `Says`."""
        del decided
        return self._judge.judge(self._measured.beside(values, series))

    def _whole(self, findings: tuple[Finding, ...]) -> Said:
        return _said(self._decider.decision(findings), None)

    def _partly_read(self, text: str, values: Mapping[str, tuple[str, ...]]) -> Said:
        extent = read_extent(text)
        return _said(judge_header(self._decider, extent, values, self._damaged), extent.defect)


def _said(decision: Decision, defect: Defect | None) -> Said:
    has_passed, findings = decision.verdict is Verdict.PASSED, decision.findings
    return Said(True, has_passed, findings, None if findings else defect)
