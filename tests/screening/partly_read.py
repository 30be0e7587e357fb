"""Objects of which the header was read in part, as a reader gives them, but made: for all that comes after reading."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from dicom_sieve.headers import Damage, Defect, Header, Instance
from dicom_sieve.ledger.writing.headers import IndexedObject
from dicom_sieve.screening import RunsShards, Shard, ShardResult

MODALITY, AGE, DATE = "00080060", "00101010", "00080020"
ROWS = "00280010"


def made_header(
    series: str | None,
    attributes: Mapping[str, tuple[str, ...]],
    unreadable_from: str | None = None,
    damage: Damage | None = None,
) -> Header:
    """Make the header of an object: damaged, or read up to a bound, or whole."""
    return Header(
        study_instance_uid=None if series is None else f"{series}.0",
        series_instance_uid=series,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        attributes=attributes,
        defect=None if damage is None else Defect.CORRUPT,
        damage=damage,
        unreadable_from=unreadable_from,
    )


def reading(headers: Mapping[str, Header]) -> RunsShards:
    """Give an executor that "reads" these headers, by key, in place of the objects."""

    def run(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        del index
        for shard in shards:
            indexed = tuple(
                IndexedObject(unread.id, unread.info, Instance(headers[unread.info.key], f"1.9.{unread.id}"))
                for unread in shard.objects
            )
            yield ShardResult(shard.number, indexed, (), 0, 0)

    return run


CT = {MODALITY: ("CT",), AGE: ("045Y",)}
DAMAGED = {
    "cut behind": made_header("1.5.1", CT, ROWS, Damage.CUT),
    "cut behind too": made_header("1.5.1", CT, ROWS, Damage.CUT),
    "cut before": made_header("1.5.2", {MODALITY: ("CT",)}, "00100020", Damage.CUT),
    "cut before, not met": made_header("1.5.2", {MODALITY: ("MR",)}, "00100020", Damage.CUT),
    "contradictory": made_header("1.5.3", CT, ROWS, Damage.CONTRADICTORY),
    "whole of its series": made_header("1.5.3", CT),
    "repeated, first kept": made_header("1.5.4", CT, MODALITY, Damage.REPEATED),
    "repeated, none kept": made_header("1.5.4", {AGE: ("045Y",)}, MODALITY, Damage.REPEATED),
    "without a series": made_header(None, CT, "0020000E", Damage.CUT),
    "of old": Header(defect=Defect.CORRUPT),
    "up to a bound": made_header("1.5.5", {MODALITY: ("CT",)}, "00090000"),
    "up to a bound behind": made_header("1.5.6", CT, "00700000"),
    "no DICOM": Header(defect=Defect.NOT_DICOM),
}
"""Every way in which a header was read in part, by the object's key; asked are Modality and Patient's Age."""
CRITERIA = [
    {"dicom_tag": ("0008", "0060"), "operation": "EQUALS", "reference": "CT"},
    {"dicom_tag": ("0010", "1010"), "operation": "LESS", "reference": "065Y"},
]
