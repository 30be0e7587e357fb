"""Deciding by header: what is counted and recorded is what a plain loop over the objects finds."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion, compile_criteria
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.audit import seals
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.reading import headers_to_decide as deciding
from dicom_sieve.ledger.reading import pages
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, decide, screen
from tests.ledger.contents import as_list
from tests.screening.screenings import ct, decisions_of, mr, screen_ct, sql
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

numbers = count(1)
made = st.tuples(
    st.sampled_from(["1.5.1", "1.5.2", "1.5.3"]),
    st.sampled_from(["CT", "MR", "", None]),
    st.sampled_from(["20240101", "2024.01.01", "20260101", "soon", "", None]),
)
DATE = {"dicom_tag": ("0008", "0020"), "operation": "LESS", "reference": "2025-01-01"}
MODALITY = {"dicom_tag": ("0008", "0060"), "operation": "EQUALS", "reference": "CT"}


class TestCounts:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(
        instances=st.lists(st.one_of(made, st.sampled_from([b"", b"no DICOM"])), min_size=1, max_size=12),
        criteria=st.lists(st.sampled_from([DATE, MODALITY]), min_size=1, max_size=3),
        broken=st.booleans(),
    )
    def test_counts_are_those_of_the_view(
        self, ledger: Ledger, instances: Sequence[Any], criteria: list[dict[str, Any]], broken: bool
    ) -> None:
        run_id = f"run-{next(numbers)}"
        store = SimulatedStore(location=Location("https://simulated", run_id))
        for number, dataset in enumerate(instances):
            store.put(str(number), dataset if isinstance(dataset, bytes) else instance(*dataset))
        store.faults = {"0": -1} if broken else {}
        asked = [Criterion.model_validate(criterion) for criterion in criteria]
        try:
            screen(Screening(run_id, store, asked), ledger)
        except IncompleteRunError:
            assert broken

        counts = ledger.run(run_id).row.counts
        assert counts is not None
        rows = sql(ledger, "SELECT verdict, findings, defect FROM instance_decision WHERE run_id = :id", id=run_id)
        verdicts = Counter(verdict for verdict, _, _ in rows)
        judged = [as_list(findings) for verdict, findings, defect in rows if verdict and not defect]
        series = sql(ledger, "SELECT selection, count(*) FROM series_decision WHERE run_id = :id GROUP BY 1", id=run_id)
        assert {name: counts[name] for name in ("listed", "passed", "discarded", "unread")} == {
            "listed": len(instances),
            "passed": verdicts["PASSED"],
            "discarded": verdicts["DISCARDED"],
            "unread": verdicts[None],
        }
        assert counts["bytes"] == sum(info.size for info in store.objects().values())
        assert counts["defects"] == Counter(defect for _, _, defect in rows if defect)
        assert counts["findings"] == [Counter(column) for column in zip(*judged, strict=True)]
        assert counts["series"] == dict(series)

    def test_counts_do_not_depend_on_the_size_of_a_page(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        store = SimulatedStore({f"{n:02}": ct(f"1.5.{n}") if n % 3 else mr(f"1.5.{n}") for n in range(1, 400)})
        whole = screen_ct(store, ledger, "whole").counts
        monkeypatch.setattr(pages, "PAGE_IDS", 250)
        monkeypatch.setattr(seals, "BLOCK_IDS", 7)
        monkeypatch.setattr(seals, "BLOCK_PAGES", 1)
        monkeypatch.setattr(bulk, "ROWS_AT_A_TIME", 2)
        monkeypatch.setattr(decide, "CACHE_SIZE", 1)
        paged = screen_ct(store, ledger, "paged").counts

        assert {**paged, **dict.fromkeys(("added", "indexed", "reads", "bytes_read"), 0)} == {
            **whole,
            **dict.fromkeys(("added", "indexed", "reads", "bytes_read"), 0),
        }
        first, second = ([row[1:] for row in decisions_of(ledger, number)] for number in (1, 2))
        assert first == second
        assert len(second) == 399
        assert sql(ledger, "SELECT count(*) FROM decision_page WHERE run_number = 2") == [(2,)]

    def test_headers_of_another_location_are_not_judged(self, ledger: Ledger) -> None:
        here, there = (Location("https://simulated", name) for name in ("here", "there"))
        screen_ct(SimulatedStore({str(n): ct(f"1.5.{n + 1}") for n in range(5)}, location=there), ledger, "there")
        screen_ct(SimulatedStore({"1": ct("1.5.2"), "2": ct("1.6.1")}, location=here), ledger, "here")

        [(number,)] = sql(ledger, "SELECT number FROM run WHERE id = 'here'")
        assert len(decisions_of(ledger, number)) == 2


class TestValues:
    def test_values_of_any_number_of_attributes_are_those_that_were_stored(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct(PatientSex="", ImageType=["A", 'B"\\é'], PatientAge="018M")}), ledger, "a")
        stored = {
            tag: tuple(values)
            for (text,) in sql(ledger, "SELECT attributes FROM header")
            for tag, values in (json.loads(text) if isinstance(text, str) else text).items()
        }
        absent = [f"0011{number:04X}" for number in range(130)]
        assert len(stored) >= 4

        for tags in (sorted(stored), [*absent, *stored], ["00101010"], ["00101010", "00080008"], absent):
            [[(_, _, _, instances, _, defect, text)]] = map(list, deciding.headers_to_decide(ledger.engine, 1, 1, tags))
            assert (instances, defect) == (1, None)
            assert deciding.read_values(text, tags) == {tag: stored[tag] for tag in tags if tag in stored}


class TestJudge:
    def test_remembers_no_long_values_and_no_more_than_it_may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decide, "CACHE_SIZE", 10)
        judge = decide.Judge(compile_criteria([Criterion.model_validate(MODALITY)]))
        codes = [*(f"C{number}" for number in range(95)), "CT", *("X" * 600 + str(number) for number in range(4))]

        decided = judge.judge((row, "", None, 1, 1, None, json.dumps([[[code]]])) for row, code in enumerate(codes))

        assert len(judge._cache) <= 10
        outcomes = decided.outcomes
        assert Counter(outcomes.things[code].findings for code in outcomes.codes.tolist()) == {
            '["MALFORMED"]': 4,
            '["MET"]': 1,
            '["NOT_MET"]': 95,
        }

    def test_gives_headers_in_the_order_of_their_ids(self) -> None:
        judge = decide.Judge(compile_criteria([Criterion.model_validate(MODALITY)]))
        rows = [(7, "c", "CT"), (2, "a", "MR"), (5, "b", "CT")]

        decided = judge.judge((row, digest, None, 1, 1, None, json.dumps([[[code]]])) for row, digest, code in rows)

        verdicts = [decided.outcomes.things[code].verdict for code in decided.outcomes.codes.tolist()]
        assert (decided.ids.tolist(), decided.digests) == ([2, 5, 7], ["a", "b", "c"])
        assert verdicts == ["DISCARDED", "PASSED", "PASSED"]


def instance(series: str, modality: str | None, date: str | None) -> bytes:
    """Make an instance; None leaves an attribute out."""
    wanted = {"Modality": modality, "StudyDate": date}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    return make_instance(series_instance_uid=series, SOPInstanceUID=f"{series}.1", **given)
