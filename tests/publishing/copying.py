"""Copies all objects of a listing, as a run that passed them all."""

from collections.abc import Iterable, Iterator

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.publishing.copies import Copied, copy_objects
from dicom_sieve.stores.interface import Copies, Downloads


def copy_listed(objects: Iterable[ObjectInfo], source: Downloads, target: Copies, folder: str) -> Iterator[Copied]:
    return copy_objects(((info, True) for info in objects), source, target, folder)
