"""Measuring where the images of series lie, block by block: a series is worked out as soon as all of it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, as_entry, same_for_all, values_of
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.complete import CompleteSeries
from dicom_sieve.columns.facts import Fact, FactState, join_arrays
from dicom_sieve.columns.geometry import Geometry, Images, ImageState, geometry_of
from dicom_sieve.columns.grouped import Sums
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.columns.measure import FRAMES, NO, YES, Collector, States, frames_in
from dicom_sieve.columns.measured import (
    UNKNOWN_ENTRY,
    MeasuredValues,
    ReadsExtent,
    Rows,
    column_of_counts,
    column_of_lengths,
)
from dicom_sieve.columns.placed_frames import parts_of, read_frames, with_frames
from dicom_sieve.columns.planes import Plane, normals_of
from dicom_sieve.columns.vectors import parse_vectors
from dicom_sieve.criteria.items import CompiledMeasure
from dicom_sieve.criteria.measures import VOLUME_KEYWORDS, Measure
from dicom_sieve.dicom.dictionary import PER_FRAME_GROUPS, SHARED_GROUPS, key_of
from dicom_sieve.dicom.vr.value_type import trim

POSITION, ORIENTATION, IMAGE_TYPE = (
    key_of(name) for name in ("ImagePositionPatient", "ImageOrientationPatient", "ImageType")
)
VOLUME_KEYS = tuple(key_of(name) for name in VOLUME_KEYWORDS)
_MOSAIC = "MOSAIC"
OF_GEOMETRY: Mapping[Measure, str] = {
    Measure.SLICES: "slices",
    Measure.VOLUMES: "volumes",
    Measure.DUPLICATES: "duplicates",
    Measure.SPACING: "spacing",
    Measure.SPACING_VARIATION: "spacing_variation",
    Measure.TILT: "tilt",
}
"""What the geometry of a series has of each measure."""
LENGTHS = (Measure.SPACING, Measure.SPACING_VARIATION, Measure.TILT)
"""Lengths in millimetres, and an angle in degrees: written to `PLACES` digits behind the point."""


def images_of(rows: Rows, states: States, *, with_volumes: bool) -> Images:
    """Give where the images of rows lie: the frames of an enhanced object are as many images.

    Args:
        rows: Each an instance.
        states: Which of them count; one that perhaps does makes its series undecided.
        with_volumes: Whether what tells volumes apart is asked for.
    """
    block = rows.block
    position, orientation = block.columns[POSITION], block.columns[ORIENTATION]
    places, digits, of_places = parse_vectors(position.entries, 3)
    cosines, _, of_cosines = parse_vectors(orientation.entries, 6)
    normals, are_planes = normals_of(cosines)
    place_states, cosine_states = of_places[position.codes], of_cosines[orientation.codes]
    either = np.maximum(place_states, cosine_states)  # without one of the two, an image lies nowhere
    frames, is_read = frames_in(rows.block.columns[FRAMES])
    are_enhanced, is_unknown = _has(rows, SHARED_GROUPS) | _has(rows, PER_FRAME_GROUPS), _is_unknown(rows, states)
    is_unknown |= ~are_enhanced & ((frames != 1) | ~is_read)
    images = Images(
        rows.series,
        places[position.codes],
        normals[orientation.codes],
        are_planes[orientation.codes],
        digits[position.codes],
        np.where(is_unknown, ImageState.UNKNOWN, either).astype(np.uint8),
        _volumes(rows) if with_volumes else np.zeros(len(rows.series), np.int64),
    )
    enhanced = np.flatnonzero(are_enhanced & ~is_unknown)
    if not len(enhanced):
        return images
    shared, per_frame = (rows.block.columns[key].take(enhanced).rows() for key in (SHARED_GROUPS, PER_FRAME_GROUPS))
    groups = list(zip(shared, per_frame, strict=True))
    return with_frames(images, enhanced, read_frames(groups, np.where(is_read, frames, 0)[enhanced]))


def _is_unknown(rows: Rows, states: States) -> Flags:
    """Tell of which instances it is not known where they lie, whatever they say of it."""
    image_types, extents = rows.block.columns[IMAGE_TYPE], rows.block.extents
    are_mosaics = np.array([is_mosaic(entry) for entry in image_types.entries], np.bool_)[image_types.codes]
    is_partly: Flags = np.array([entry is not None for entry in extents.entries], np.bool_)[extents.codes]
    return np.asarray(are_mosaics | is_partly | (states != YES))


def is_mosaic(entry: Entry) -> bool:
    """Tell by its Image Type whether an image holds many slices."""
    return any(trim(value).upper() == _MOSAIC for value in values_of(entry) or ())


def _has(rows: Rows, key: str) -> Flags:
    column = rows.block.columns[key]
    has: Flags = np.array([entry is not None for entry in column.entries], np.bool_)[column.codes]
    return has


def _volumes(rows: Rows) -> Numbers:
    """Give a number for what tells volumes of one series apart; it is the same within this process."""
    combined = combine([rows.block.coded(key) for key in VOLUME_KEYS], len(rows.series))
    return np.array([hash(entries) for entries in combined.things], np.int64)[combined.codes]


def _geometry_of(*arrays: Any) -> Geometry:
    return geometry_of(Images(*arrays))


class GeometryValues(Collector):
    """Measures where the images of each series lie: several measures at once that count the same images.

    Args:
        items: The measures.
        secret: Of the ledger, where anything is compared by keyed digest.
        read_extent: Reads how far a row was read.
    """

    def __init__(self, items: Sequence[CompiledMeasure], secret: bytes | None, read_extent: ReadsExtent) -> None:
        super().__init__(items[0], secret, read_extent)
        self._items = items
        self._with_volumes = any(item.measure is Measure.DUPLICATES for item in items)
        self._stacks, self._broken, self._all = CompleteSeries(_geometry_of), Sums(1), Sums(1)

    @property
    def keys(self) -> tuple[str, ...]:
        """See `Collector.keys`."""
        made_of = {attribute.hex_tag for item in self._items for attribute in item.attributes}
        return tuple(sorted({*super().keys, *made_of}))

    def expect(self, series: Numbers, instances: Numbers) -> None:
        """See `CompleteSeries.expect`."""
        self._stacks.expect(series, instances)

    def add(self, rows: Rows) -> None:
        """Take rows in; a series of which one could not be judged is undecided."""
        super().add(rows)
        broken = np.flatnonzero(~rows.is_judged & (rows.series != 0))
        self._broken.add(rows.series[broken], rows.weights[broken])

    def _add(self, groups: Numbers, rows: Rows, states: States) -> None:
        self._all.add(groups, np.zeros(len(groups), np.int64))
        frames, _ = frames_in(rows.block.columns[FRAMES])
        for part in parts_of(np.where(states != NO, frames, 1)):
            counted = np.flatnonzero(states[part] != NO) + part.start
            images = images_of(rows.take(counted), states[counted], with_volumes=self._with_volumes)
            self._stacks.add([getattr(images, each.name) for each in fields(images)], groups[part])

    def finish(self) -> Mapping[str, MeasuredValues]:
        """See `Collector.finish`."""
        parts = self._stacks.finish()
        series, (_,) = self._all.finish()
        broken, _ = self._broken.finish()
        is_broken, _ = look_up(series, broken)
        measured = join_arrays([part.series for part in parts], np.int64)
        order = np.argsort(measured)
        is_measured, places = look_up(series, measured[order])
        rows = order[places] if len(order) else places
        values: dict[str, MeasuredValues] = {}
        for item in self._items:
            if not parts:
                column = same_for_all(None, len(series))
            else:
                states = np.where(is_measured, _states_of(item.measure, parts)[rows], FactState.ABSENT)
                is_unknown = (states == FactState.UNDECIDED) | is_broken
                column = _column_of(item, parts, rows, is_unknown, (states == FactState.ABSENT) & ~is_unknown)
            values[item.key] = MeasuredValues(series, column, self._groups_of, self._read_extent, item)
        return values

    def _finish(self) -> tuple[Numbers, Column]:
        raise NotImplementedError  # `finish` gives the values of all measures


def _states_of(measure: Measure, parts: Sequence[Geometry]) -> NDArray[np.uint8]:
    name = OF_GEOMETRY.get(measure)
    return np.concatenate([part.plane.states if name is None else getattr(part, name).states for part in parts])


def _column_of(
    item: CompiledMeasure, parts: Sequence[Geometry], rows: NDArray[np.intp], is_unknown: Flags, is_absent: Flags
) -> Column:
    """Give the values of one measure."""
    if item.measure is Measure.PLANE:
        tolerance = float(item.plane_tolerance)
        names = np.concatenate([part.plane.names(tolerance) for part in parts])[rows]
        return _column_of_planes(names, is_unknown, is_absent)
    facts: list[Fact] = [getattr(part, OF_GEOMETRY[item.measure]) for part in parts]
    values = np.nan_to_num(np.concatenate([fact.values for fact in facts]))[rows]
    if item.measure in LENGTHS:
        return column_of_lengths(values, is_unknown, is_absent)
    counts = values.astype(np.int64)
    return column_of_counts(counts, counts, is_unknown, is_absent)


def _column_of_planes(names: NDArray[np.uint8], is_unknown: Flags, is_absent: Flags) -> Column:
    entries = (*(as_entry([plane.name]) for plane in Plane), UNKNOWN_ENTRY, None)
    codes = np.where(is_unknown, len(Plane), np.where(is_absent, len(Plane) + 1, names)).astype(np.uint8)
    return Column(entries, codes).compact()
