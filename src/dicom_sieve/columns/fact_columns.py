"""Facts of series as columns: each distinct value once, as attributes have theirs."""

from dicom_sieve.columns.chunk import Column, Entry, as_entry
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure_geometry import LENGTHS
from dicom_sieve.columns.measured import UNKNOWN_ENTRY, written_length
from dicom_sieve.columns.numbers import distinct_numbers
from dicom_sieve.columns.planes import Plane
from dicom_sieve.columns.series_pass import ABSENT, UNKNOWN
from dicom_sieve.criteria.measures import Measure


def column_of_whole(measure: Measure, whole: Numbers) -> Column:
    """Give whole numbers, see `SeriesPass.finish`, as a column."""
    distinct, codes = distinct_numbers(whole)
    return Column(tuple(_entry(measure, number) for number in distinct.tolist()), codes)


def _entry(measure: Measure, number: int) -> Entry:
    if number == ABSENT:
        return None
    if number == UNKNOWN:
        return UNKNOWN_ENTRY
    if measure is Measure.PLANE:
        return as_entry([Plane(number).name])
    return as_entry([written_length(number) if measure in LENGTHS else str(number)])
