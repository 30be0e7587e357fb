"""A bucket of a few keys, in pages of a few, that is listed from behind any text on."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.listing import Cursor, Page
from tests.stores.listed import LONG_AGO


@dataclass(frozen=True)
class Bucket:
    """Keys, and their sizes, in pages of a few."""

    sizes: Mapping[str, int]
    prefix: str = ""
    page_keys: int = 3
    honours_start_after: bool = True

    @property
    def location(self) -> Location:
        return Location("https://simulated", "divided", self.prefix)

    @property
    def can_list_behind(self) -> bool:
        return True

    def list(self) -> Iterator[ObjectInfo]:
        yield from (ObjectInfo(key, "e", self.sizes[key], LONG_AGO) for key in self._keys(self.prefix))

    def page_behind(self, prefix: str, after: str | None) -> Page:
        keys = self._keys(prefix)
        start = bisect_right(keys, after) if after is not None and self.honours_start_after else 0
        page = keys[start : start + self.page_keys]
        objects = [ObjectInfo(key, "e", self.sizes[key], LONG_AGO) for key in page]
        return Page(objects, Cursor(after=page[-1]) if start + self.page_keys < len(keys) else None)

    def _keys(self, prefix: str) -> Sequence[str]:
        return sorted(key for key in self.sizes if key.startswith(prefix))
