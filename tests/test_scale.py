"""The model behind docs/scale.md: the document shows its figures, and it says what was measured."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from benchmarks.__main__ import RESULTS
from benchmarks.queues import Resource, Step, always, simulate
from benchmarks.scale import DOCUMENT, MANIFEST_BYTES, PRICES, TOLERANCE, fill, on_s3, points, read_costs

from dicom_sieve.publishing.parts import INSTANCES, write_parts


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return read


class TestQueues:
    def test_what_has_one_server_gives_its_rate(self) -> None:
        flow = simulate([always(Resource("gate"), 0.01)], 50, rounds=1_000)

        assert flow.rate == pytest.approx(100)
        assert flow.limit == "gate"

    def test_what_has_room_for_all_lets_each_wait_for_its_answer_alone(self) -> None:
        flow = simulate(
            [Step(Resource("far", servers=None), 0.1, 0.3), always(Resource("core"), 0.001)], 20, rounds=5_000
        )

        assert flow.rate == pytest.approx(20 / 0.2, rel=0.05)
        assert flow.limit == "requests in flight"
        assert flow.busy == {"core": pytest.approx(0.1, rel=0.05)}

    @pytest.mark.parametrize(("servers", "groups"), [(4, 1), (1, 4), (2, 2)])
    def test_servers_and_groups_of_them_multiply(self, servers: int, groups: int) -> None:
        flow = simulate([always(Resource("cores", servers, groups), 0.01)], 64, rounds=2_000)

        assert flow.rate == pytest.approx(400, rel=0.02)
        assert flow.busy["cores"] == pytest.approx(1, rel=0.02)

    def test_steps_that_need_the_same_share_it(self) -> None:
        cores = Resource("cores", servers=2)

        flow = simulate([always(cores, 0.001), always(cores, 0.003)], 64, rounds=5_000)

        assert flow.rate == pytest.approx(2 / 0.004, rel=0.02)


class TestTheModel:
    def test_it_says_every_measured_point_within_the_stated_tolerance(self, results: dict[str, Any]) -> None:
        found = points(results, read_costs(results))

        assert len(found) >= 11
        assert {point.what: point.off for point in found if abs(point.off) > TOLERANCE} == {}

    def test_s3_s_rate_of_a_prefix_is_never_passed(self, results: dict[str, Any]) -> None:
        flow = on_s3(read_costs(results), workers=32, prefixes=1)

        assert (round(flow.rate, -2), flow.limit) == (5_500, "S3's rate of a prefix")

    def test_two_workers_do_twice_as_much_until_something_else_is_the_limit(self, results: dict[str, Any]) -> None:
        costs = read_costs(results)
        worker, two, many = (on_s3(costs, workers, prefixes=64) for workers in (1, 2, 64))

        assert two.rate == pytest.approx(2 * worker.rate, rel=0.05)
        assert many.rate == pytest.approx(1 / costs.record, rel=0.02)
        assert many.limit == "the flow's recording"


class TestTheDocument:
    def test_it_shows_the_model_s_figures(self, results: dict[str, Any]) -> None:
        document = DOCUMENT.read_text(encoding="utf-8")
        assert fill(document, results) == document

    def test_its_words_are_the_model_s(self) -> None:
        document = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
        for price in (
            f"GET ${PRICES.get * 1_000:g} and LIST ${PRICES.list * 1_000:g} for a thousand",
            f"${PRICES.machine:g} an hour",
            f"${PRICES.ledger:g} for a GB and month",
        ):
            assert price in document
        assert TOLERANCE == 1 / 3
        assert "within a third" in document


def rows_of(series: int) -> Iterator[pa.RecordBatch]:
    """Make rows in which nothing repeats that does not in a bucket: UIDs are made from UUIDs, etags are digests."""
    chance = random.Random(1)

    def uid() -> str:
        return f"2.25.{chance.getrandbits(127)}"

    for _ in range(series):
        study, one_series = uid(), uid()
        yield pa.RecordBatch.from_pylist(
            [
                {
                    "bucket": "images",
                    "object_key": f"{study}/{one_series}/{instance}.dcm",
                    "etag": f"{chance.getrandbits(128):032x}",
                    "size": chance.randrange(526_000, 528_000),
                    "study_instance_uid": study,
                    "series_instance_uid": one_series,
                    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
                    "sop_instance_uid": instance,
                    "findings": ["MET", "MET"],
                }
                for instance in (uid() for _ in range(100))
            ],
            schema=INSTANCES,
        )


def test_a_manifest_takes_as_many_bytes_an_object_as_the_model_says(tmp_path: Path) -> None:
    batch = pa.Table.from_batches(rows_of(100)).combine_chunks().to_batches()

    [part] = write_parts(iter(batch), schema=INSTANCES, path="part-{}", directory=tmp_path, advance=lambda _: None)

    assert part.rows == 10_000
    assert part.bytes / part.rows == pytest.approx(MANIFEST_BYTES, rel=0.1)
