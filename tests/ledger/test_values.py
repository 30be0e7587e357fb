"""What there is to ask for, held to other readings: pydicom on the corpus, and Python on what the ledger holds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.ledger.database import chunks
from dicom_sieve.ledger.database.header_values import values_of_headers
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import (
    AttributesHeld,
    AttributeUse,
    AttributeValues,
    ValueCount,
    attributes_held,
    values_held,
)
from dicom_sieve.objects import Location
from dicom_sieve.screening import Preview, preview
from tests.corpus import FILES
from tests.headers.corpus_answers import BEHIND_HEADER, DEFECTS, UIDS, read_with_pydicom
from tests.screening.screenings import one_of, sql
from tests.support.builders import make_instance
from tests.support.simulated_store import PLACE, SimulatedStore

Instance = tuple[str, Mapping[str, Iterable[str]]]
"""A Series Instance UID, and values by tag."""
MODALITY = "00080060"
HOSTILE = ['a], "b', '"], "', '], "00080060": ["CT', '", "', '[]"}{', "], ", " ]", "\t=1", "{", "null", "'"]


def counted(instances: list[Instance]) -> AttributesHeld:
    """Count attributes as anyone would who has all instances in memory."""
    present, empty, values = Counter[str](), Counter[str](), defaultdict[str, set[str]](set)
    for _, attributes in instances:
        for tag, raw in attributes.items():
            some = {value for value in raw if value}
            (present if some else empty)[tag] += 1
            values[tag] |= some
    uses = (AttributeUse(tag, present[tag], empty[tag], len(values[tag])) for tag in sorted(present | empty))
    return AttributesHeld(len(instances), tuple(uses))


def counted_values(instances: list[Instance], tag: str) -> AttributeValues:
    """Count the values of one attribute, likewise."""
    of_value, series = Counter[str](), defaultdict[str, set[str]](set)
    present = empty = 0
    for series_uid, attributes in instances:
        some = {value for value in attributes.get(tag, ()) if value}
        present += bool(some)
        empty += tag in attributes and not some
        for value in some:
            of_value[value] += 1
            series[value].add(series_uid)
    counts = [ValueCount(value, count, len(series[value])) for value, count in of_value.items()]
    counts.sort(key=lambda instance: (-instance.instances, instance.value))
    return AttributeValues(len(instances), present, empty, tuple(counts))


def held(ledger: Ledger, bucket: str = PLACE.bucket) -> list[Instance]:
    """Give what the ledger holds of each object that could be judged, one row an object."""
    rows = sql(
        ledger,
        "SELECT series_instance_uid, header.id FROM object JOIN header ON header.id = header_id "
        "JOIN location ON location.id = location_id WHERE bucket = :bucket AND removed_in IS NULL AND defect IS NULL",
        bucket=bucket,
    )
    with ledger.engine.connect() as connection:
        values = values_of_headers(connection, {header_id for _, header_id in rows})
    return [(series, values[header_id]) for series, header_id in rows]


def look(ledger: Ledger, store: SimulatedStore) -> None:
    """Let the ledger know a location."""
    preview(Preview(store, one_of("CT")), ledger)


def test_every_value_of_the_corpus_is_counted_as_pydicom_reads_it(ledger: Ledger) -> None:
    readable = {name: path for name, path in FILES.items() if path.name not in DEFECTS}
    look(ledger, SimulatedStore({name: path.read_bytes() for name, path in FILES.items()}))
    instances: list[Instance] = []
    for path in readable.values():
        values: dict[int, Any] = read_with_pydicom(path)
        (series,) = values[UIDS["series"]]
        in_header = {
            tag: raw for tag, raw in values.items() if tag not in UIDS.values() and 0x40000 <= tag < BEHIND_HEADER
        }
        instances.append((series, {f"{tag:08X}": raw for tag, raw in in_header.items()}))
    snapshot = last_snapshot(ledger.engine, PLACE)

    found = attributes_held(ledger.engine, snapshot)

    of_first_edition = {f"{tag:08X}" for tag in header_tags()}
    uses = tuple(use for use in found.attributes if use.tag in of_first_edition)
    assert replace(found, attributes=uses) == counted(instances)
    assert len(found.attributes) > 3 * len(uses) > 150
    for use in uses:
        of_one = values_held(ledger.engine, snapshot, use.tag)
        assert of_one == counted_values(instances, use.tag)
        assert (of_one.present, of_one.empty, len(of_one.values)) == (use.present, use.empty, use.distinct)


@pytest.fixture
def hostile(ledger: Ledger) -> Ledger:
    """A location of hostile values, alone and together, in two series each."""
    objects = {
        f"{number}{series}": make_instance(series_instance_uid=series, Modality=values, StudyDate="20230101")
        for number, values in enumerate([*HOSTILE, [HOSTILE[0], HOSTILE[1]], ["CT", "", "CT"], ["", ""], ""])
        for series in ("1.5.1", "1.5.2")
    }
    look(ledger, SimulatedStore(objects))
    return ledger


def test_no_value_is_taken_for_a_part_of_the_chunk_that_holds_it(hostile: Ledger) -> None:
    snapshot, instances = last_snapshot(hostile.engine, PLACE), held(hostile)

    assert len(instances) == 2 * (len(HOSTILE) + 4)
    assert attributes_held(hostile.engine, snapshot) == counted(instances)
    assert values_held(hostile.engine, snapshot, MODALITY) == counted_values(instances, MODALITY)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1.5.1", "1.5.2", "1.5.3"]),
            st.lists(st.text('a"],[ {}:\\', max_size=6) | st.sampled_from(HOSTILE), max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_values_are_counted_as_python_counts_them(made: list[tuple[str, list[str]]]) -> None:
    objects = {
        str(number): make_instance(series_instance_uid=series, Modality=values, BodyPartExamined=values[:1])
        for number, (series, values) in enumerate(made)
    }
    with open_ledger("sqlite:///:memory:") as ledger:
        look(ledger, SimulatedStore(objects))
        snapshot, instances = last_snapshot(ledger.engine, PLACE), held(ledger)
        assert attributes_held(ledger.engine, snapshot) == counted(instances)
        assert values_held(ledger.engine, snapshot, MODALITY) == counted_values(instances, MODALITY)


def test_values_are_of_what_a_location_holds_now_alone(ledger: Ledger) -> None:
    store = SimulatedStore({"1": make_instance(Modality="CT"), "2": make_instance(Modality="MR"), "3": b"no DICOM"})
    look(ledger, store)
    store.delete("1")
    look(ledger, store)

    found = values_held(ledger.engine, last_snapshot(ledger.engine, PLACE), MODALITY)

    assert found == AttributeValues(1, 1, 0, (ValueCount("MR", 1, 1),))


def test_where_blocks_end_makes_no_difference_to_values(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNKS_TOGETHER", 21)
    here = SimulatedStore()
    there = SimulatedStore({"1": make_instance(PatientSex="M")}, location=Location("https://simulated", "there"))
    for number in range(100):  # headers of two locations take turns
        store = there if number % 5 == 0 else here
        series = f"1.5.{number % 60}"
        store.put(f"{number:02}", make_instance(series_instance_uid=series, Modality=f"M{number % 7}"))
        if number % 10 == 9:
            look(ledger, here)
            look(ledger, there)

    for bucket, objects in ((PLACE.bucket, 80), ("there", 21)):
        snapshot, instances = last_snapshot(ledger.engine, Location("https://simulated", bucket)), held(ledger, bucket)
        assert len(instances) == objects
        assert attributes_held(ledger.engine, snapshot) == counted(instances)
