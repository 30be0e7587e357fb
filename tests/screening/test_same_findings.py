"""Judging headers in columns says of each what judging it alone says, whatever is asked and whatever it holds."""

import json
import os
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from dicom_sieve.columns.chunk import as_entry, column_of
from dicom_sieve.columns.judge import Block
from dicom_sieve.criteria import CompiledItem, Damaged, Decider, compile_criteria
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.reading.held_headers import HeldBlock
from dicom_sieve.ledger.reading.held_rows import HeldRows
from dicom_sieve.screening.decide import Judge

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))
"""Random headers; 100,000 in the slow mode."""
HEADERS = 60
"""Of one list of criteria, in blocks."""
SEED = 20_260_102
NOT_KEPT = "\ufdd0"
TEXTS = {
    "00080008": ["ORIGINAL", "PRIMARY", "AXIAL", "", "a b", NOT_KEPT],
    "00080020": ["20220101", "2022.01.02", "20221301", "soon", "", " "],
    "00080021": ["20220101", "20240101", "", "x"],
    "0008002A": ["20220101120000", "20220101120000+0100", "2022", "", "never"],
    "00080060": ["CT", "mr ", "PT", "X-RAY?", ""],
    "00080201": ["+0100", "-0500", "x", ""],
    "00101010": ["018M", "002Y", "45", ""],
    "00180050": ["2.5", "2.50 ", "3", "nan", "-1E2", "", NOT_KEPT],
    "0008103E": ["T1 axial", "t1 AXIAL", "Prüfung", ""],
    "0043xx39 GEMS_PARM_01": ["1400", "0", "1.5", ""],
}
SEQUENCE, OTHER, INNER = "00082218", "00081032", "00082220"
"""Anatomic Region Sequence, Procedure Code Sequence, and Anatomic Region Modifier Sequence in one of them."""
CODES = {"00080100": ["M-1", "M-2", "", "x\\y"], "00080102": ["SRT", "99X"]}
FRAMES = ("52009229", "52009230")
EXTENTS = [
    "GONE",
    "CORRUPT",
    "NO_SERIES",
    *(f"- - {tag} series" for tag in ("00080000", "00080060", "00190000", "52000000")),
    *(f"CORRUPT CUT {tag} {series}" for tag in ("00080021", "00101010", "00430039") for series in ("series", "-")),
    "CORRUPT REPEATED 00080060 series",
    "CORRUPT CONTRADICTORY 00180050 series",
]
LEAVES: list[dict[str, Any]] = [
    {"dicom_tag": "ImageType", "operation": "EQUALS", "reference": "PRIMARY"},
    {"dicom_tag": "ImageType", "operation": "NOT_IN", "reference": ["AXIAL", "LOCALIZER"], "value": 3},
    {"dicom_tag": "ImageType", "operation": "MATCHES", "reference": "*A*", "value": "ALL"},
    {"dicom_tag": "StudyDate", "operation": "LESS", "reference": "2022-01-02"},
    {"dicom_tag": "StudyDate", "operation": "NOT_EQUALS", "reference": "2022-01-01", "if_absent": "MET"},
    {"dicom_tag": "StudyDate", "operation": "AT_MOST", "reference": "030D", "minus": "SeriesDate"},
    {"dicom_tag": "AcquisitionDateTime", "operation": "GREATER", "reference": "2022-01-01T11:30:00+00:00"},
    {"dicom_tag": "AcquisitionDateTime", "operation": "LESS", "reference": "2022-01-01T12:30:00"},
    {"dicom_tag": "Modality", "operation": "IN", "reference": ["CT", "MR"]},
    {"dicom_tag": "Modality", "operation": "PRESENT"},
    {"dicom_tag": "Modality", "operation": "ABSENT"},
    {"dicom_tag": "PatientAge", "operation": "GREATER", "reference": "018M", "if_absent": "NOT_MET"},
    {"dicom_tag": "SliceThickness", "operation": "BETWEEN", "reference": ["2", "3"]},
    {"dicom_tag": "SliceThickness", "operation": "EQUALS", "reference": "2.5", "tolerance": "10 %"},
    {"dicom_tag": "SeriesDescription", "operation": "CONTAINS", "reference": "axial", "case": "EXACT"},
    {"dicom_tag": "SeriesDescription", "operation": "NOT_CONTAINS", "reference": ["t1", "ü"]},
    {"dicom_tag": ["0043", "0039"], "operation": "GREATER", "reference": "1", "private_creator": "GEMS_PARM_01",
     "vr": "IS"},
    {"dicom_tag": "CodeValue", "operation": "EQUALS", "reference": "M-1", "within": ["AnatomicRegionSequence"]},
    {"dicom_tag": "CodeValue", "operation": "ABSENT", "within": ["ProcedureCodeSequence"]},
    {
        "dicom_tag": "CodeValue",
        "operation": "NOT_EQUALS",
        "reference": "M-2",
        "within": ["AnatomicRegionSequence", "AnatomicRegionModifierSequence"],
    },
]  # fmt: skip
IN_ITEMS: list[dict[str, Any]] = [
    {"dicom_tag": "CodeValue", "operation": "EQUALS", "reference": "M-1"},
    {"dicom_tag": "CodingSchemeDesignator", "operation": "NOT_EQUALS", "reference": "SRT", "if_absent": "MET"},
    {"dicom_tag": "CodeValue", "operation": "PRESENT", "within": ["AnatomicRegionModifierSequence"]},
]
WITHIN = (
    ["AnatomicRegionSequence"],
    ["ProcedureCodeSequence"],
    ["AnatomicRegionSequence", "AnatomicRegionModifierSequence"],
)

Row = tuple[str | None, dict[str, tuple[str, ...]]]


def some_item(chance: random.Random, level: int = 2) -> dict[str, Any]:
    if not level or chance.random() < 0.6:
        return chance.choice(LEAVES)
    kind = chance.choice(["any", "all", "none"])
    if chance.random() < 0.4:
        return {kind: chance.choices(IN_ITEMS, k=chance.randrange(1, 4)), "within": chance.choice(WITHIN)}
    return {kind: [some_item(chance, level - 1) for _ in range(chance.randrange(1, 4))]}


def some_items(chance: random.Random, depth: int = 1) -> str:
    """Give the items of a sequence as a header holds them, or what it holds in their place."""
    if chance.random() < 0.1:
        return NOT_KEPT
    items = []
    for _ in range(chance.randrange(3)):
        item: dict[str, Any] = {key: [chance.choice(texts)] for key, texts in CODES.items() if chance.random() < 0.7}
        if depth and chance.random() < 0.5:
            nested = some_items(chance, depth - 1)
            item[INNER] = [NOT_KEPT] if nested == NOT_KEPT else json.loads(nested)
        items.append(item)
    return json.dumps(items)


def some_frames(chance: random.Random) -> str:
    texts = [chance.choice(["2.5", "3", "x"]) for _ in range(chance.randrange(1, 3))]
    return json.dumps([{"00289110": [{"00180050": texts}]}])


def some_header(chance: random.Random) -> Row:
    extent = chance.choice(EXTENTS) if chance.random() < 0.3 else None
    values = {
        key: tuple(chance.choices(texts, k=chance.choice([0, 1, 1, 1, 2, 3])))
        for key, texts in TEXTS.items()
        if chance.random() < 0.75
    }
    values |= {key: (some_items(chance),) for key in (SEQUENCE, OTHER) if chance.random() < 0.6}
    values |= {key: (some_frames(chance),) for key in FRAMES if chance.random() < 0.3}
    return extent, values


def block_of(rows: Sequence[Row], first_id: int, keys: Sequence[str]) -> HeldBlock:
    columns = {key: column_of([as_entry(values.get(key)) for _, values in rows]) for key in keys}
    ids = np.arange(first_id, first_id + len(rows))
    ones, digests = np.ones(len(rows), np.int64), np.zeros((len(rows), 32), np.uint8)
    return HeldBlock(ids, digests, ones, ones, ids, Block(columns, column_of([extent for extent, _ in rows])))


def judged_alone(criteria: tuple[CompiledItem, ...], row: Row, damaged: Damaged) -> tuple[str, list[str]]:
    extent, values = row
    decision = judge_header(Decider(criteria), read_extent(extent), values, damaged)
    return decision.verdict.value, [finding.value for finding in decision.findings]


class TestJudgingInColumns:
    def test_says_of_random_headers_and_criteria_what_judging_one_by_one_says(self) -> None:
        chance, seen = random.Random(SEED), set[str]()
        for _ in range(max(1, CASES // HEADERS)):
            given = [some_item(chance) for _ in range(chance.randrange(1, 5))]
            asked, problems = read_criteria(given)
            assert not problems
            criteria, damaged = compile_criteria(asked), chance.choice(list(Damaged))
            judge = Judge(criteria, damaged)
            rows = [some_header(chance) for _ in range(HEADERS)]
            for start in (0, HEADERS // 3):
                part = rows[start : HEADERS // 3 if not start else None]
                decided = judge.judge(HeldRows(PageKind.HEADER, block_of(part, start + 1, judge.keys)))
                for row, code in zip(part, decided.outcomes.codes.tolist(), strict=True):
                    outcome = decided.outcomes.things[code]
                    expected = judged_alone(criteria, row, damaged)
                    assert (outcome.verdict, json.loads(outcome.findings)) == expected, (given, row)
                    seen.update(expected[1])

        assert seen == {"MET", "NOT_MET", "ABSENT", "EMPTY", "MALFORMED", "UNREACHED", "UNDECIDED"}
