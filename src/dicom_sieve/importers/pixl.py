"""Project configs of PIXL: modalities, manufacturers, series that are left out.

Source: SAFEHR-data/PIXL@407861a0: pixl_core/src/core/project_config/pixl_config_model.py (PixlConfig),
pixl_dcmd/src/pixl_dcmd/main.py (anonymise_dicom, get_series_to_skip).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.documents import read_yaml, refuse
from dicom_sieve.importers.expressions import Mode, reduce_expression
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Leaf, Test, all_of, any_of, negate
from dicom_sieve.importers.rules import Rule
from dicom_sieve.importers.texts import attribute_named, exactly, has_in_it, matches, present

ACCEPTED = "a project config of PIXL: a mapping with 'project', which has 'modalities'"
_LEAST_INSTANCES = 2
"""Of a series, where a config says nothing."""


def import_pixl(text: str) -> Sequence[Imported]:
    """Import a project config; see `dicom_sieve.importers.interface.Importer`."""
    config = read_yaml(text)
    project = config.get("project") if isinstance(config, dict) else None
    modalities = project.get("modalities") if isinstance(project, dict) else None
    if not isinstance(modalities, list) or not isinstance(project, dict):
        raise refuse("has no modalities of a project", ACCEPTED)
    rule = Rule()
    rule.add("modalities", lambda: _is_one_of(modalities))
    manufacturers = config.get("allowed_manufacturers", [])
    if not isinstance(manufacturers, list) or not all(isinstance(each, dict) for each in manufacturers):
        raise refuse("allowed_manufacturers is no list of mappings", ACCEPTED)
    rule.add("allowed_manufacturers", lambda: _manufacturer_is_allowed(manufacturers))
    rule.add("SeriesNumber", lambda: present(attribute_named("SeriesNumber")))
    for number, manufacturer in enumerate(manufacturers):
        if numbers := manufacturer.get("exclude_series_numbers"):
            what = f"exclude_series_numbers of {manufacturer.get('regex')}"
            rule.add(what, partial(_number_is_not_excluded, manufacturers[: number + 1], numbers))
    if filters := config.get("series_filters"):
        rule.add("series_filters", lambda: _description_has_none_of(filters))
    least = config.get("min_instances_per_series", _LEAST_INSTANCES)
    if not isinstance(least, int) or least > 1:
        said = "min_instances_per_series" in config
        what = f"min_instances_per_series {least}" + ("" if said else " (which PIXL has where a config says nothing)")
        rule.leave_out(what, "it counts the instances of a series: a measure, which criteria do not have yet")
    return [rule.imported(str(project.get("name") or "project"))]


def _is_one_of(modalities: Sequence[Any]) -> Test:
    attribute = attribute_named("Modality")
    return any_of(matches(attribute, exactly(str(modality)), of_absent=False) for modality in modalities)


def _manufacturer_is(manufacturer: Mapping[str, Any]) -> Test:
    """Test a regular expression, found anywhere and in any case; an absent manufacturer is never allowed.

    An empty one PIXL does allow where the expression matches nothing at all, as ``.*`` does; it is not told apart here.
    """
    expression = manufacturer.get("regex")
    if not isinstance(expression, str):
        return False
    reduced = reduce_expression(expression, Mode.SEARCH, is_exact=False)
    return matches(attribute_named("Manufacturer"), reduced, of_absent=False)


def _manufacturer_is_allowed(manufacturers: Sequence[Mapping[str, Any]]) -> Test:
    return any_of(map(_manufacturer_is, manufacturers))


def _number_is_not_excluded(manufacturers: Sequence[Mapping[str, Any]], numbers: Any) -> Test:
    """Test that a series has none of some numbers, where the last of some manufacturers is the first that fits."""
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise CannotSayError("it is no list of whole numbers")
    *earlier, manufacturer = manufacturers
    attribute = attribute_named("SeriesNumber")
    is_excluded = Leaf(attribute, Operation.IN, tuple(map(str, dict.fromkeys(numbers))))
    is_first = all_of([_manufacturer_is(manufacturer), *(negate(_manufacturer_is(other)) for other in earlier)])
    return negate(all_of([is_first, is_excluded]))


def _description_has_none_of(filters: Any) -> Test:
    if not isinstance(filters, list) or not all(isinstance(word, str) for word in filters):
        raise CannotSayError("it is no list of texts")
    return negate(matches(attribute_named("SeriesDescription"), has_in_it(filters, is_exact=False), of_absent=False))
