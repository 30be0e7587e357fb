"""Rule by dataset, criteria say what the tool says where nothing is left out; elsewhere more pass."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_sieve.importers import import_rules
from tests.rules.datasets import read, to_file
from tests.support import other_tools
from tests.support.imported import assert_says

pytestmark = pytest.mark.filterwarnings("ignore")
CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000")) // 15
examples = settings(
    max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
WORDS = ["T1", "t1", "TSE", "tse", "a", "A b", "loc_3", "T1 tse", "x.y", "GE MEDICAL SYSTEMS", "ge medical", "2"]
CODES = ["ORIGINAL", "PRIMARY", "M", "ND", "SAVE", "SE", "GR", "SK", "SP", "A B"]
LO, CS, CSN = ("SeriesDescription", "ProtocolName", "Manufacturer"), ("Modality", "BurnedInAnnotation"), ("ImageType",)
NUMBERS = ["-101", "-2.5", "1", "2", "2.5", "2.50", "8", "99", "100", "101", "0", "1200"]

texts = st.one_of(
    st.none(), st.just(""), st.sampled_from(WORDS), st.builds("{}{}".format, *[st.sampled_from(WORDS)] * 2)
)
codes = st.one_of(st.none(), st.just(""), st.sampled_from(["CT", "MR", "YES", "GE", "T1"]))
several = st.one_of(st.none(), st.lists(st.sampled_from(CODES), min_size=2, max_size=4))
numbers = st.one_of(st.none(), st.just(""), st.sampled_from(NUMBERS))
whole = st.one_of(st.none(), st.just(""), st.sampled_from([text for text in NUMBERS if "." not in text]))
dates = st.one_of(st.none(), st.just(""), st.sampled_from(["20211231", "20220101", "20220102"]))


def dataset_of(values: dict[str, Any]) -> Dataset:
    return read(to_file(values))


values = (
    dict.fromkeys(LO, texts)
    | dict.fromkeys(CS, codes)
    | {"ImageType": several, "SequenceVariant": st.one_of(several, st.sampled_from(CODES))}
    | {"SliceThickness": numbers, "EchoTime": numbers, "SeriesNumber": whole, "StudyDate": dates}
    | {"Rows": st.one_of(st.none(), st.sampled_from([0, 2, 512]))}
)
datasets = st.fixed_dictionaries(values).map(dataset_of)
of_makers = st.fixed_dictionaries(
    values
    | {"Modality": st.sampled_from(["CT", "MR", "US"]), "SeriesNumber": st.one_of(whole, st.sampled_from(["2", "99"]))}
    | {"Manufacturer": st.one_of(texts, st.sampled_from(["GE MEDICAL SYSTEMS", "GE", "Tse", "age"]))}
).map(dataset_of)
pieces = st.sampled_from(
    ["T1", "tse", "TSE", "a", " ", "_", ".*", ".?", ".", "(T1|tse)", "[Tt]1", "b?", r"\.", "(?:A|a) b", ".+", "a{2}"]
)
inner = st.lists(pieces, min_size=1, max_size=4).map("".join)
expressions = st.one_of(
    st.builds(
        "{}{}{}{}".format, st.sampled_from(["", "(?i)"]), st.sampled_from(["", "^"]), inner, st.sampled_from(["", "$"])
    ),
    st.builds("{}|{}".format, inner, inner),
    st.builds("(?i)((?!{}).)*".format, inner),
    st.builds("^(?!.*({})).*$".format, inner),
    st.sampled_from([".*", ".+", "", "2", "8", "CT"]),
)


def check(tool: str, file: str, dataset: Dataset, *, takes: bool) -> None:
    [rule] = import_rules(tool, file)
    event("said whole" if rule.is_whole else "in part" if rule.criteria else "not at all")
    assert_says(rule, dataset, takes=takes)


file_patterns = st.one_of(
    st.lists(st.sampled_from(["T1", "tse", "*", "?", "[Tt]", "a", " ", "_"]), min_size=1, max_size=5).map("".join),
    st.sampled_from(WORDS),
)
in_seconds = st.sampled_from([0.001, 0.0025, 0.008, "0.1", 0.1, 0, "0.0"])
in_millimetres = st.sampled_from([1, 2.5, "2.5", 8, "99", 0])


def compared(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        bounds.filter(bool),
        st.builds(lambda kind, bound: {kind: bound}, st.sampled_from(["lt", "gt", "le", "ge"]), bounds),
        st.builds(lambda kind, bound: {kind: [bound]}, st.sampled_from(["lt", "gt", "le", "ge"]), bounds),
        st.builds(lambda kind, one, two: {kind: [one, two]}, st.sampled_from(["btw", "btwe"]), bounds, bounds),
    )


lists = st.lists(st.sampled_from([*CODES[:5], "*", "M*", "m"]), min_size=1, max_size=4)
sidecar_criteria = st.dictionaries(
    st.sampled_from(["SeriesDescription", "ProtocolName", "Modality"]),
    st.one_of(
        file_patterns, st.just(""), st.lists(file_patterns, min_size=1, max_size=3).map(lambda each: {"any": each})
    ),
    max_size=2,
)
more_criteria = st.fixed_dictionaries(
    {},
    optional={
        "EchoTime": compared(in_seconds),
        "SliceThickness": compared(in_millimetres),
        "SeriesNumber": compared(st.sampled_from([1, 2, "99", 100])),
        "ImageType": st.one_of(lists, st.lists(lists, min_size=1, max_size=2).map(lambda each: {"any": each})),
        "SequenceVariant": st.sampled_from(["SK", r"SK\SP", "*SP*", "*", "SE"]),
        "Manufacturer": st.sampled_from(["GE", "Siemens", "*", "S*"]),
    },
)


@given(sidecar_criteria, more_criteria, st.booleans(), datasets)
@examples
def test_dcm2bids(first: dict[str, Any], more: dict[str, Any], is_exact: bool, dataset: Dataset) -> None:
    criteria = {**first, **more} or {"Modality": "CT"}
    config = {"case_sensitive": is_exact, "descriptions": [{"datatype": "anat", "suffix": "T1w", "criteria": criteria}]}

    takes = other_tools.dcm2bids_takes(config, criteria, other_tools.sidecar_of(dataset))

    check("dcm2bids", json.dumps(config), dataset, takes=takes)


@given(
    st.dictionaries(st.sampled_from(["SeriesDescription", "ProtocolName"]), expressions.filter(bool), min_size=1),
    datasets,
)
@examples
def test_dcm2bids_by_regular_expressions(criteria: dict[str, str], dataset: Dataset) -> None:
    config = {"search_method": "re", "descriptions": [{"criteria": criteria}]}

    takes = other_tools.dcm2bids_takes(config, criteria, other_tools.sidecar_of(dataset))

    check("dcm2bids", json.dumps(config), dataset, takes=takes)


several_patterns = st.one_of(
    st.sampled_from(
        [
            ".*'M'.*",
            ".*M.*",
            "(?i).*'m'.*",
            "['SK', 'SP']",
            "['ORIGINAL', 'PRIMARY']",
            "SE",
            "S.*",
            "((?!M).)*",
            "((?!M).)+",
        ]
    ),
    st.sampled_from(["SK", ".*", ".*'A B'.*", ".*S.*P.*", ".+"]),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "SeriesDescription": expressions,
            "ProtocolName": expressions,
            "Modality": st.sampled_from(["CT", "(?i)c.", "ct", "", "C."]),
            "ImageType": several_patterns,
            "SequenceVariant": several_patterns,
            "SeriesNumber": st.sampled_from(["2", "99", "1|2", ".*"]),
        },
    ),
    datasets,
)
@examples
def test_bidscoin(attributes: dict[str, str], dataset: Dataset) -> None:
    run_item = {"attributes": {**attributes, "PatientID": None}, "bids": {"suffix": "T1w"}}
    rules = import_rules("bidscoin", json.dumps({"DICOM": {"anat": [run_item]}}))

    takes = other_tools.bidscoin_takes(attributes, dataset)

    assert bool(rules) == any(attributes.values())
    for rule in rules:
        event("said whole" if rule.is_whole else "in part" if rule.criteria else "not at all")
        assert_says(rule, dataset, takes=takes)


tags = st.sampled_from(
    ["tags.SeriesDescription", "tags.ProtocolName", "@Manufacturer@", "tags.Modality", 'tags["ImageType"]']
)
folded = st.builds("{}{}".format, tags, st.sampled_from(["", ".lower()", ".upper()"]))
quoted = st.sampled_from([repr(word) for word in [*WORDS[:8], "CT", "ct", "", "PRIMARY", "ORIGINAL\\PRIMARY", "M"]])
simple = st.one_of(
    st.builds("{} == {}".format, folded, quoted),
    st.builds("{} != {}".format, folded, quoted),
    st.builds("{} in {}".format, quoted, folded),
    st.builds("{} not in {}".format, quoted, folded),
    st.builds("{} in ({}, {})".format, folded, quoted, quoted),
    st.builds("{}.startswith({})".format, folded, quoted),
    st.builds(
        "float({}) {} {}".format,
        st.sampled_from(["tags.SliceThickness", "tags.SeriesNumber"]),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["2", "2.5", "100", "0"]),
    ),
    st.builds("{} < float(tags.SeriesNumber) <= {}".format, *[st.sampled_from(["1", "2", "100"])] * 2),
    st.builds("tags.StudyDate {} '20220101'".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="])),
    st.sampled_from(["tags.SeriesDescription", "not tags.Modality", "True", "False"]),
    st.sampled_from(
        ["float(tags.SeriesNumber)", "float(tags.SeriesNumber) in (1, 2)", "-1 < float(tags.SeriesNumber)"]
    ),
    st.sampled_from(["tags.Modality.strip() == 'CT'", "str(tags.Modality) != 'CT'", "int(tags.SeriesNumber) > -1"]),
    st.sampled_from(["('CT' == tags.Modality) | ('T1' in tags.ProtocolName)", "tags.Modality.endswith(('T', 'R'))"]),
)
python = st.recursive(
    simple,
    lambda part: st.one_of(
        st.builds("({} and {})".format, part, part),
        st.builds("({} or {})".format, part, part),
        st.builds("(not {})".format, part),
    ),
    max_leaves=4,
)


@given(python, datasets)
@examples
def test_mercure(expression: str, dataset: Dataset) -> None:
    check("mercure", expression, dataset, takes=other_tools.mercure_takes(expression, dataset))


bounds = st.sampled_from([0, 1, 2, 2.5, 3, 99, 100])
on_numbers = st.one_of(
    st.tuples(bounds, st.sampled_from([">", ">=", "<", "<=", "!="])).map(list),
    st.tuples(bounds, bounds).map(list),
    bounds,
    st.sampled_from(["2", "8|99", ".*"]),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "SeriesDescription": expressions,
            "Modality": st.sampled_from(["(?i)CT", "CT", "ct", "C", "^MR$"]),
            "SliceThickness": on_numbers,
            "SeriesNumber": on_numbers,
            "ImageType": st.lists(
                st.sampled_from(["PRIMARY", "original", "!M", "!SAVE", "AV"]), min_size=1, max_size=3
            ),
        },
    ),
    datasets,
)
@examples
def test_monai(conditions: dict[str, Any], dataset: Dataset) -> None:
    conditions = conditions or {"Modality": "CT"}

    takes = other_tools.monai_takes(conditions, dataset)

    check("monai", json.dumps({"selections": [{"name": "one", "conditions": conditions}]}), dataset, takes=takes)


elements = st.sampled_from(
    ["SeriesDescription", "[0008,103e]", "Manufacturer", "Modality", "[ImageType]", "SequenceVariant"]
)
methods = st.sampled_from(["equals", "contains", "startsWith", "endsWith"])
operands = st.one_of(
    st.builds(
        '{}.{}{}("{}")'.format,
        elements,
        methods,
        st.sampled_from(["", "IgnoreCase"]),
        st.sampled_from([*WORDS, "CT", "SAVE", "", "SK"]),
    ),
    st.builds(
        'SeriesDescription.matches("{}")'.format, st.sampled_from(["T1.*", ".*tse", ".*TSE.*", "[Tt]1", "a.?b", ""])
    ),
    st.builds(
        '{}.{}("{}")'.format,
        st.sampled_from(["SliceThickness", "SeriesNumber", "Rows"]),
        st.sampled_from(["isLessThan", "isGreaterThan"]),
        st.sampled_from(["2.5", "3mm", "100", "512"]),
    ),
    st.builds('StudyDate.{}("20220101")'.format, st.sampled_from(["isLessThan", "isGreaterThan", "equals"])),
    st.builds('Rows.equals("{}")'.format, st.sampled_from(["512", "2", ""])),
    st.sampled_from(["true.", "false."]),
)
scripts = st.recursive(
    operands,
    lambda part: st.one_of(
        st.builds("({} * {})".format, part, part),
        st.builds("({} + {}) // or\n".format, part, part),
        st.builds("!({})".format, part),
    ),
    max_leaves=4,
)


@given(scripts, datasets)
@examples
def test_ctp(script: str, dataset: Dataset) -> None:
    check("ctp", script, dataset, takes=other_tools.ctp_takes(script, dataset))


makers = st.fixed_dictionaries(
    {"regex": st.sampled_from(["^ge medical", "ge", "t1|tse", "a", "x\\.y", "no manufacturers allowed ^"])},
    optional={"exclude_series_numbers": st.lists(st.sampled_from([1, 2, 99, 1200]), max_size=3)},
)


@given(
    st.lists(makers, min_size=1, max_size=3),
    st.lists(st.sampled_from(["t1", "TSE", "loc", " b"]), max_size=2),
    of_makers,
)
@examples
def test_pixl(allowed: list[dict[str, Any]], filters: list[str], dataset: Dataset) -> None:
    config = {
        "project": {"name": "study", "modalities": ["CT", "MR"]},
        "min_instances_per_series": 1,
        "allowed_manufacturers": allowed,
        "series_filters": filters,
    }

    takes = other_tools.pixl_takes(config, dataset)

    check("pixl", json.dumps(config), dataset, takes=takes)
