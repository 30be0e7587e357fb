"""Deciding by header: what is counted and recorded is what a plain loop over the objects finds."""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.columns import judge
from dicom_sieve.criteria import Criterion
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.audit import seals
from dicom_sieve.ledger.database import bulk, chunks
from dicom_sieve.ledger.writing import decisions
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen, series_counts
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
        monkeypatch.setattr(decisions, "READ_IDS", 250)
        monkeypatch.setattr(chunks, "CHUNKS_TOGETHER", 1)
        monkeypatch.setattr(series_counts, "FEWEST_WAITING", 10)
        monkeypatch.setattr(seals, "BLOCK_IDS", 7)
        monkeypatch.setattr(seals, "BLOCK_PAGES", 1)
        monkeypatch.setattr(bulk, "ROWS_AT_A_TIME", 2)
        monkeypatch.setattr(judge, "MOST_CACHED", 1)
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


def instance(series: str, modality: str | None, date: str | None) -> bytes:
    """Make an instance; None leaves an attribute out."""
    wanted = {"Modality": modality, "StudyDate": date}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    return make_instance(series_instance_uid=series, SOPInstanceUID=f"{series}.1", **given)
