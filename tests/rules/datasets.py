"""Datasets to select from, and how an oracle reads one: with pydicom, a few lines each."""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

Values = Mapping[str, Any]
"""By keyword; None: the dataset does not have it. A list of mappings is a sequence."""


@dataclass(frozen=True)
class Case:
    """A rule as plain Python, and datasets that show each way to pass it and to fail.

    Attributes:
        passes: The oracle, written from the rule's sentence.
        good: A dataset that passes.
        others: By keyword, values in whose place the dataset is another row.
        more: Further rows: what differs from `good`.
    """

    passes: Callable[[Dataset], bool]
    good: Values
    others: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    more: Sequence[Values] = ()

    def rows(self) -> Iterator[Values]:
        """Give all rows."""
        yield self.good
        yield from ({**self.good, keyword: value} for keyword, values in self.others.items() for value in values)
        yield from ({**self.good, **changed} for changed in self.more)


def to_file(values: Values) -> bytes:
    """Write a DICOM file with some values."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=["instance"])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = values.get("TransferSyntaxUID", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    fill(dataset, {keyword: value for keyword, value in values.items() if keyword != "TransferSyntaxUID"})
    dataset.file_meta = meta
    written = io.BytesIO()
    pydicom.dcmwrite(written, dataset, enforce_file_format=True)
    return written.getvalue()


def fill(dataset: Dataset, values: Values) -> None:
    """Set values. A private one is named ``GGGG,EE CREATOR VR``."""
    for keyword, value in values.items():
        if "," in keyword:
            tag, creator, vr = keyword.split(" ")
            group, element = (int(part, 16) for part in tag.split(","))
            if value is not None:
                dataset.private_block(group, creator, create=True).add_new(element, vr, value)
        elif value is None:
            if keyword in dataset:
                del dataset[keyword]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            setattr(dataset, keyword, [item(nested) for nested in value])
        else:
            setattr(dataset, keyword, value)


def item(values: Values) -> Dataset:
    """Make an item of a sequence."""
    dataset = Dataset()
    fill(dataset, values)
    return dataset


def read(file: bytes) -> Dataset:
    """Read the whole file, as an oracle sees it."""
    return pydicom.dcmread(io.BytesIO(file))


def text(dataset: Dataset, keyword: str) -> str:
    """Give a value as text; empty where there is none."""
    value = dataset.get(keyword)
    return "" if value is None else str(value)


def low(dataset: Dataset, keyword: str) -> str:
    """Give a value as text in lower case."""
    return text(dataset, keyword).lower()


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """Give all values as texts."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return [str(single) for single in value] if isinstance(value, pydicom.multival.MultiValue) else [str(value)]


def number(dataset: Dataset, keyword: str) -> Fraction | float:
    """Give a single number, exactly; where there is none, one that nothing is equal to, greater or less than."""
    found = texts(dataset, keyword)
    try:
        return Fraction(Decimal(found[0])) if len(found) == 1 else math.nan
    except InvalidOperation:
        return math.nan


def nested(dataset: Dataset, *path: str) -> Iterator[Dataset]:
    """Give the items of sequences within sequences."""
    items = [dataset]
    for keyword in path:
        items = [found for outer in items for found in outer.get(keyword) or ()]
    yield from items
