"""What other tools say of a dataset by their rules: a few lines of plain Python each, written from their sources.

They read no criteria, and share nothing with the importers. Sources as in `dicom_sieve.importers`.
"""

import json
import operator
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

_IN_SECONDS = {"EchoTime", "RepetitionTime", "InversionTime", "ExposureTime"}
_MAKERS = {"SI": "Siemens", "CP": "Siemens", "GE": "GE", "PH": "Philips", "TO": "Toshiba", "CA": "Canon"}


def texts(dataset: Dataset, keyword: str) -> list[str]:
    """Give the values of an attribute as texts."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(map(str, value)) if isinstance(value, MultiValue | list) else [str(value)]


def sidecar_of(dataset: Dataset) -> dict[str, Any]:
    """Give the fields that dcm2niix would write, those that tests ask for among them."""
    fields: dict[str, Any] = {}
    for element in dataset:
        values = texts(dataset, element.keyword)
        if not values:
            continue
        if element.keyword == "ImageType":
            fields["ImageType"] = [part for part in "_".join(values).split("_") if part]
        elif element.keyword == "Manufacturer":
            if values[0][:2].upper() in _MAKERS:
                fields["Manufacturer"] = _MAKERS[values[0][:2].upper()]
        elif element.VR in ("DS", "IS", "FD"):
            number = float(values[0]) / (1000 if element.keyword in _IN_SECONDS else 1)
            if number > 0:
                fields[element.keyword] = json.loads(
                    f"{number:.10g}" if element.keyword == "ImagingFrequency" else f"{number:g}"
                )
        elif element.VR in ("LO", "SH", "CS"):
            fields[element.keyword] = "\\".join(values)
    return fields


def dcm2bids_takes(config: Mapping[str, Any], criteria: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Tell whether dcm2bids links a sidecar with a description."""

    def is_like(text: Any, pattern: Any) -> bool:
        text = str(text)
        if config.get("search_method") == "re":
            return re.match(pattern, text) is not None
        fold = str if config.get("case_sensitive", True) else str.lower
        return fnmatchcase(fold(text), fold(str(pattern)))

    def is_list_like(values: Any, patterns: Any) -> bool:
        if not isinstance(patterns, list) or len(patterns) != len(values):
            return False
        return all(is_like(value, pattern) for value, pattern in zip(values, patterns, strict=True))

    def is_met(value: Any, pattern: Any) -> bool:
        if isinstance(pattern, dict):
            [(kind, inner)] = pattern.items()
            if kind == "any":
                return any((is_list_like if isinstance(value, list) else is_like)(value, each) for each in inner)
            bounds = [float(each) for each in (inner if isinstance(inner, list) else [inner])]
            if value == "":
                return False
            compared = {
                "lt": lambda: float(value) < bounds[0],
                "gt": lambda: float(value) > bounds[0],
                "le": lambda: float(value) <= bounds[0],
                "ge": lambda: float(value) >= bounds[0],
                "btw": lambda: bounds[0] < float(value) < bounds[1],
                "btwe": lambda: bounds[0] <= float(value) <= bounds[1],
            }
            return compared[kind]()
        if isinstance(value, list):
            return is_list_like(value, pattern)
        return is_like(value, pattern) if value and pattern else not value and not pattern

    return all(is_met(fields.get(field, ""), pattern) for field, pattern in criteria.items())


def bidscoin_takes(attributes: Mapping[str, Any], dataset: Dataset) -> bool:
    """Tell whether a run-item of BIDScoin matches: an expression for the whole text of each attribute."""
    asked = {keyword: pattern for keyword, pattern in attributes.items() if pattern not in (None, "")}

    def is_met(keyword: str, pattern: Any) -> bool:
        value = dataset.get(keyword, "")
        text = "" if value is None else str(value).strip()
        return text == str(pattern) or re.fullmatch(str(pattern).strip(), text) is not None

    return bool(asked) and all(is_met(keyword, pattern) for keyword, pattern in asked.items())


class _Tags:
    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getattr__(self, name: str) -> str:
        return "\\".join(texts(self._dataset, name))

    __getitem__ = __getattr__


def mercure_takes(expression: str, dataset: Dataset) -> bool:
    """Tell whether a rule of mercure triggers: a Python expression, which takes nothing where it fails."""
    expression = re.sub("@([A-Za-z]+)@", r'tags["\1"]', expression)
    names = {"tags": _Tags(dataset), "float": float, "int": int, "str": str}
    try:
        return bool(eval(expression, {"__builtins__": {}}, names))
    except (ValueError, TypeError):
        return False


def monai_takes(conditions: Mapping[str, Any], dataset: Dataset) -> bool:
    """Tell whether MONAI Deploy selects a series by the conditions of a selection."""

    def is_number_met(value: float, condition: Any) -> bool:
        if isinstance(condition, str):
            return re.fullmatch(condition, str(value)) is not None
        if not isinstance(condition, list):
            return bool(value == condition)
        relations = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "!=": operator.ne}
        if condition[1] in relations:
            return bool(relations[condition[1]](value, float(condition[0])))
        return bool(condition[0] <= value <= condition[1])

    def is_met(keyword: str, condition: Any) -> bool:
        value = dataset[keyword].value if keyword in dataset else None
        if value is None or value in ("", 0):
            return False
        if isinstance(value, float | int):
            return is_number_met(value, condition)
        if isinstance(value, str) and isinstance(condition, str):
            return value.casefold() == condition.casefold() or re.search(condition, value, re.IGNORECASE) is not None
        if dataset[keyword].VM < 2:
            return False  # it stops with an error
        written = str([dataset[keyword].repval]).lower()
        terms = [str(term).lower() for term in (condition if isinstance(condition, list) else [condition])]
        return all((term[1:] not in written) if term.startswith("!") else term in written for term in terms)

    return all(is_met(keyword, condition) for keyword, condition in conditions.items() if condition)


_CTP_OPERAND = re.compile(r'(\[[^\]]*\]|[A-Za-z]+)\.(\w+)\("([^"]*)"\)')


def ctp_takes(script: str, dataset: Dataset) -> bool:
    """Tell whether an expression of CTP is true: each operand is replaced by its truth, and the rest is Python."""

    def digits(text: str) -> float:
        return float(re.sub("[^0-9.]", "", text))

    def is_true(element: str, method: str, argument: str) -> bool:
        tag = element.strip("[]")
        key: Any = (int(tag[:4], 16), int(tag[-4:], 16)) if re.fullmatch("[0-9a-fA-F]{4},?[0-9a-fA-F]{4}", tag) else tag
        found = dataset.get(key)
        keyword = found.keyword if hasattr(found, "keyword") else tag
        text = "\\".join(texts(dataset, keyword))
        if method.endswith("IgnoreCase"):
            return is_true_of(text.lower(), method.removesuffix("IgnoreCase"), argument.lower())
        return is_true_of(text, method, argument)

    def is_true_of(text: str, method: str, argument: str) -> bool:
        if method in ("isLessThan", "isGreaterThan"):
            try:
                low, high = digits(text), digits(argument)
            except ValueError:
                return False
            return low < high if method == "isLessThan" else low > high
        if method == "matches":
            return re.fullmatch(argument, text) is not None
        tests = {
            "equals": text == argument,
            "contains": argument in text,
            "startsWith": text.startswith(argument),
            "endsWith": text.endswith(argument),
        }
        return tests[method]

    script = re.sub("//.*", "", script)
    replaced = _CTP_OPERAND.sub(lambda found: str(is_true(*found.groups())), script)
    replaced = re.sub(r"\b(true|false)\.", lambda found: found[1].capitalize(), replaced)
    python = replaced.replace("*", " and ").replace("+", " or ").replace("!", " not ")
    return bool(eval(f"({python})", {"__builtins__": {}}))


def pixl_takes(config: Mapping[str, Any], dataset: Dataset) -> bool:
    """Tell whether PIXL keeps an instance by its project's config; how many instances a series has is not asked."""
    maker, number = dataset.get("Manufacturer"), dataset.get("SeriesNumber")
    description = dataset.get("SeriesDescription")
    if maker is None or number is None:
        return False
    allowed: Sequence[Mapping[str, Any]] = config["allowed_manufacturers"]
    fitting = [each for each in allowed if re.search(each["regex"], maker, re.IGNORECASE)]
    if not fitting or number in fitting[0].get("exclude_series_numbers", []):
        return False
    filters = config.get("series_filters") or []
    if description is not None and any(word.upper() in description.upper() for word in filters):
        return False
    return dataset.get("Modality") in config["project"]["modalities"]
