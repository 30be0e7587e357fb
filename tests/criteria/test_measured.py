"""The language of measures: sentences, refusals, JSON Schema, digests, advice."""

import hashlib
import random
from typing import Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from dicom_sieve.contract.items import TopItem
from dicom_sieve.criteria import Criterion, advise, compile_criteria, criteria_digest
from dicom_sieve.criteria.reading import load_criteria, read_criteria
from tests.screening.made_series import some_criteria

JSON = dict[str, Any]
INSTANCES: JSON = {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "2"}
DISTINCT: JSON = {"measure": "DISTINCT", "dicom_tag": "Modality", "operation": "EQUALS", "reference": "1"}
AGE: JSON = {"measure": "AGE", "operation": "LESS", "reference": "18Y"}
PLANE: JSON = {"measure": "PLANE", "operation": "EQUALS", "reference": "AXIAL"}
CT: JSON = {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}
OWN: JSON = {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "030D", "minus": "OWN"}
IN_ITEM = ["RequestAttributesSequence"]
SCHEMA = jsonschema.Draft202012Validator(TypeAdapter(list[TopItem]).json_schema())


def problems(item: JSON) -> tuple[str, ...]:
    return read_criteria([item])[1]


def nested(levels: int, innermost: JSON) -> JSON:
    """Put a measure into the `where` of others."""
    return INSTANCES | {"where": [nested(levels - 1, innermost)]} if levels else innermost


def said(item: JSON) -> str:
    [compiled] = compile_criteria(load_criteria([item]))
    return compiled.describe()


def advice(item: JSON) -> list[str]:
    return [each.text for each in advise(compile_criteria(load_criteria([item])))]


class TestSentences:
    @pytest.mark.parametrize(
        ("item", "sentence"),
        [
            (INSTANCES, "number of instances of its series is at least 2"),
            (INSTANCES | {"scope": "STUDY"}, "number of instances of its study is at least 2"),
            (DISTINCT, "number of different values of Modality (0008,0060) in its series is 1"),
            (AGE | {"if_absent": "MET"}, "age is younger than 18Y, or is absent"),
            (
                INSTANCES | {"operation": "NOT_EQUALS", "tolerance": "10 %", "where": [CT, DISTINCT]},
                (
                    "number of instances of its series where (Modality (0008,0060) is CT; and number of different "
                    "values of Modality (0008,0060) in its series is 1) is not 2 ± 10 %"
                ),
            ),
            (
                {"measure": "STUDIES", "operation": "BETWEEN", "reference": ["1", "3"], "where": [OWN]},
                (
                    "number of studies of its patient where (StudyDate (0008,0020) minus that of the instance "
                    "itself is more than 030D) is between 1 and 3"
                ),
            ),
            (
                {"none": [{"measure": "SERIES", "operation": "PRESENT"}, CT], "name": "mine"},
                (
                    "mine, that is none of these is so: (number of series of its study has a value; nor Modality "
                    "(0008,0060) is CT)"
                ),
            ),
            (PLANE | {"reference": "axial"}, "plane of its series is AXIAL"),
        ],
    )
    def test_a_measure_is_said_in_words(self, item: JSON, sentence: str) -> None:
        assert said(item) == sentence


REFUSED: list[tuple[JSON, str]] = [
    ({**INSTANCES, "measure": "SERIES", "scope": "SERIES"}, ".scope: SERIES with measure SERIES; accepted: STUDY, "),
    ({**INSTANCES, "measure": "STUDIES", "scope": "STUDY"}, ".scope: STUDY with measure STUDIES; accepted: PATIENT"),
    ({**INSTANCES, "measure": "MISSING", "scope": "PATIENT"}, ".scope: PATIENT with measure MISSING; accepted: SERIES"),
    (AGE | {"scope": "STUDY"}, ".scope: STUDY with measure AGE; accepted: none: it is the instance's own"),
    (INSTANCES | {"scope": "ALL"}, ".scope: 'ALL' is not known; accepted: 'SERIES', 'STUDY' or 'PATIENT'"),
    (INSTANCES | {"dicom_tag": "Modality"}, ".dicom_tag: with measure INSTANCES; accepted: with DISTINCT"),
    ({**INSTANCES, "measure": "DISTINCT"}, ".dicom_tag: missing; accepted: the attribute of which values are counted"),
    (DISTINCT | {"dicom_tag": IN_ITEM[0]}, "(0040,0275) is a sequence; accepted: an attribute with values"),
    (DISTINCT | {"dicom_tag": "PixelData"}, "is not in the header: accepted are groups 0002 to 51FF"),
    (DISTINCT | {"dicom_tag": ["0009", "0010"]}, "is a private tag: it has no VR in the DICOM dictionary"),
    (INSTANCES | {"tolerance": "1"}, ".tolerance: accepted: with a number, and EQUALS, IN, NOT_EQUALS or NOT_IN"),
    (INSTANCES | {"operation": "EQUALS", "tolerance": "-1"}, ".tolerance: '-1' is no tolerance; accepted: a number"),
    (AGE | {"operation": "EQUALS", "tolerance": "1"}, ".tolerance: accepted: with a number, and EQUALS, IN, "),
    (INSTANCES | {"reference": "3 mm"}, ".reference: '3 mm' has the unit mm; accepted: a number without a unit"),
    (
        {**INSTANCES, "measure": "SPACING", "reference": "3 ms"},
        ".reference: '3 ms' has the unit ms; accepted: a length",
    ),
    (INSTANCES | {"reference": "few"}, ".reference: 'few' is not a number; accepted: decimals, as 2.5"),
    (AGE | {"reference": "18"}, ".reference: '18' is not an age; accepted: one to four digits and D, W, M or Y"),
    (
        INSTANCES | {"operation": "CONTAINS"},
        "criteria[0]: number of instances of its series: operation CONTAINS is not defined for it; accepted: EQUALS, ",
    ),
    (INSTANCES | {"operation": "PRESENT"}, ".reference: with operation PRESENT; accepted: none"),
    (AGE | {"where": [CT]}, ".where: with measure AGE, which is the instance's own; accepted: without it"),
    (INSTANCES | {"where": "CT"}, ".where: a value of type str; accepted: a list of criteria"),
    (INSTANCES | {"where": [CT] * 101}, ".where: 101 criteria; accepted: 100 in a list"),
    (
        INSTANCES | {"where": [{**CT, "operation": "LESS"}]},
        "criteria[0].where[0]: Modality (0008,0060) is a Code String",
    ),
    (nested(4, CT), "criteria[0].where[0].where[0].where[0]: a group in 3 others; accepted: 3 levels of groups"),
    ({"any": [{"all": [{"none": [nested(1, CT)]}]}]}, "criteria[0].any[0].all[0].none[0]: a group in 3 others"),
    (OWN, ".minus: OWN; accepted: in 'where' of a measure, and not within sequences"),
    ({"any": [OWN]}, "criteria[0].any[0].minus: OWN; accepted: in 'where' of a measure"),
    (INSTANCES | {"where": [OWN | {"within": IN_ITEM}]}, "criteria[0].where[0].minus: OWN; accepted: in 'where'"),
    (INSTANCES | {"where": [CT | {"minus": "OWN"}]}, ".minus: Modality (0008,0060) is a Code String (CS), Modality"),
    (
        {**INSTANCES, "measure": "FRAMES", "where": [OWN]},
        "criteria[0].where: minus OWN with measure FRAMES; accepted: INSTANCES, SERIES, STUDIES",
    ),
    (
        {"any": [INSTANCES], "within": IN_ITEM},
        "a measure, or minus OWN or a table, in an item of a sequence; accepted: outside it",
    ),
    (
        INSTANCES | {"where": [{"any": [OWN], "within": IN_ITEM}]},
        "a measure, or minus OWN or a table, in an item of a sequence",
    ),
    (INSTANCES | {"measure": "COUNT"}, ".measure: 'COUNT' is not known; accepted: 'INSTANCES', 'SERIES', 'STUDIES', "),
    (INSTANCES | {"measure": None}, ".measure: is not known; accepted: 'INSTANCES', "),
    (INSTANCES | {"were": [CT]}, "has a member 'were' that is not known, perhaps where; accepted: measure, scope, "),
    (INSTANCES | {"case": "EXACT"}, "has a member 'case' that is not known; accepted: measure, scope, "),
    (INSTANCES | {"value": "ANY"}, "criteria[0].value: input should be a valid integer"),
    (INSTANCES | {"value": 1}, "criteria[0].value: with measure INSTANCES; accepted: with DISTINCT"),
    (INSTANCES | {"within": IN_ITEM}, "has a member 'within' that is not known; accepted: measure, scope, "),
    (CT | {"where": [CT]}, "criteria[0].measure: missing; accepted: a value"),
    (PLANE | {"reference": "TOP"}, ".reference: 'TOP' is no plane; accepted: AXIAL, CORONAL, SAGITTAL, OBLIQUE"),
    (PLANE | {"operation": "MATCHES"}, ".operation: MATCHES with PLANE; accepted: EQUALS, IN, NOT_EQUALS, NOT_IN, "),
    (PLANE | {"tolerance": "60"}, ".tolerance: '60'; accepted: 0 to 45 degrees"),
]


class TestRefusals:
    @pytest.mark.parametrize(("item", "words"), REFUSED)
    def test_what_makes_no_sense_is_refused_in_words(self, item: JSON, words: str) -> None:
        found = problems(item)

        assert len(found) == 1
        assert words in found[0]

    def test_all_problems_are_told_at_once(self) -> None:
        asked = INSTANCES | {"scope": "ALL", "reference": ""}

        assert [problem.partition(":")[0] for problem in problems(asked)] == [
            "criteria[0].scope",
            "criteria[0].reference",
        ]

    def test_measures_may_lie_three_deep(self) -> None:
        assert problems(nested(3, CT)) == problems({"any": [{"all": [{"none": [INSTANCES]}]}]}) == ()


class TestTheSchema:
    def test_takes_what_reading_takes_of_made_criteria(self) -> None:
        chance = random.Random(20_261_129)
        for _ in range(60):
            criteria = some_criteria(chance)
            assert read_criteria(criteria)[1] == ()
            assert SCHEMA.is_valid(criteria), criteria

    @pytest.mark.parametrize(
        "item",
        [
            INSTANCES | {"measure": "COUNT"},
            INSTANCES | {"measure": None},
            INSTANCES | {"scope": "ALL"},
            INSTANCES | {"name": "mine"},
            INSTANCES | {"any": [CT]},
            INSTANCES | {"where": "CT"},
            INSTANCES | {"where": [CT] * 101},
            INSTANCES | {"reference": ["1", "2"]},
            INSTANCES | {"operation": "PRESENT"},
            INSTANCES | {"if_absent": "NO"},
            nested(4, CT),
            {"any": [{"all": [{"none": [nested(1, CT)]}]}]},
            CT | {"scope": "SERIES"},
            CT | {"where": [CT]},
            *(INSTANCES | {name: "x"} for name in ("value", "case", "private_creator", "vr", "minus", "within")),
            {"measure": "INSTANCES", "reference": "2"},
            {"measure": "INSTANCES", "operation": "EQUALS"},
        ],
    )
    def test_refuses_what_reading_refuses(self, item: JSON) -> None:
        assert not SCHEMA.is_valid([item])
        assert problems(item)

    def test_names_the_member_that_is_wrong(self) -> None:
        errors = SCHEMA.iter_errors([INSTANCES | {"where": [INSTANCES | {"scope": "ALL"}]}])

        assert [error.json_path for error in errors] == ["$[0].where[0].scope"]


class TestDigests:
    @pytest.mark.parametrize(
        "same",
        [
            INSTANCES | {"scope": "SERIES"},
            INSTANCES | {"scope": None, "if_absent": None, "tolerance": None},
            INSTANCES | {"where": []},
            dict(reversed(INSTANCES.items())),
        ],
    )
    def test_criteria_that_say_the_same_have_one_digest(self, same: JSON) -> None:
        assert criteria_digest(load_criteria([same])) == criteria_digest(load_criteria([INSTANCES]))

    def test_digests_do_not_tell_keywords_and_the_case_of_digits_apart(self) -> None:
        keyword = DISTINCT | {"dicom_tag": "ContourData", "where": [DISTINCT | {"dicom_tag": "ContourData"}]}
        lower = DISTINCT | {"dicom_tag": ["3006", "0050"], "where": [DISTINCT | {"dicom_tag": ["3006", "0050"]}]}

        assert criteria_digest(load_criteria([keyword])) == criteria_digest(load_criteria([lower]))

    @pytest.mark.parametrize(
        "other", [INSTANCES | {"scope": "STUDY"}, INSTANCES | {"where": [CT]}, INSTANCES | {"if_absent": "MET"}]
    )
    def test_criteria_that_differ_have_others(self, other: JSON) -> None:
        assert criteria_digest(load_criteria([other])) != criteria_digest(load_criteria([INSTANCES]))

    def test_what_is_recorded_is_read_again_as_the_same(self) -> None:
        chance = random.Random(20_261_130)
        for _ in range(60):
            items = load_criteria(some_criteria(chance))
            again = load_criteria([item.as_given() for item in items])
            assert [item.as_given() for item in again] == [item.as_given() for item in items]
            assert compile_criteria(again) == compile_criteria(items)

    def test_the_first_contract_keeps_its_digest(self) -> None:
        given = {"dicom_tag": ("0008", "0060"), "operation": "EQUALS", "reference": "CT"}

        written = b'[{"dicom_tag":["0008","0060"],"operation":"EQUALS","reference":"CT"}]'
        assert criteria_digest([Criterion.model_validate(given)]) == hashlib.sha256(written).hexdigest()


class TestAdvice:
    def test_a_negation_of_what_every_series_has_needs_no_word_of_absence(self) -> None:
        assert advice(INSTANCES | {"operation": "NOT_EQUALS"}) == []
        assert advice({"none": [INSTANCES | {"measure": "FRAMES"}]}) == []

    @pytest.mark.parametrize("item", [DISTINCT, INSTANCES | {"operation": "EQUALS", "scope": "PATIENT"}])
    def test_a_negation_of_what_may_be_absent_is_worth_a_look(self, item: JSON) -> None:
        [text] = advice(item | {"operation": "NOT_EQUALS"})

        assert text.startswith("a negation without if_absent: where number of ")

    def test_what_members_must_meet_is_looked_at(self) -> None:
        assert advice(INSTANCES | {"where": [CT | {"reference": "MRI"}]}) == [
            "MRI: no Defined Term of Modality (0008,0060) (PS3.3 C.7.3.1.1.1), perhaps MR."
        ]

    def test_a_length_without_unit_is_worth_a_look(self) -> None:
        assert advice({"measure": "SPACING", "operation": "LESS", "reference": "3"}) == [
            "the reference has no unit: it is read as mm; write it, as 3 mm."
        ]
