"""What JSON Schema can say is refused by it, before a run exists."""

import json
import re

import jsonschema
import pydantic
import pytest
from jsonschema.exceptions import best_match
from pydantic import TypeAdapter

from dicom_sieve.contract.items import TopItem
from dicom_sieve.contract.parameters import Parameters
from dicom_sieve.criteria import Criterion, compile_criteria, criteria_digest
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError

JSON = dict[str, object]
GOOD: JSON = {"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}
VALID: list[JSON] = [
    GOOD,
    GOOD | {"dicom_tag": ["300e", "0002"]},
    GOOD | {"dicom_tag": ["300E", "0002"]},
    GOOD | {"operation": "IN", "reference": ["CT", "MR"]},
    GOOD | {"operation": "GREATER"},  # that a code has no order is for later
    GOOD | {"operation": "LESS", "reference": "no date"},
    GOOD | {"reference": "A" * 64},
    GOOD | {"operation": "IN", "reference": ["A"] * 1000},
]
REFUSED_BY_SCHEMA: list[JSON] = [
    {},
    *({name: value for name, value in GOOD.items() if name != missing} for missing in ("dicom_tag", "operation")),
    GOOD | {"note": "mine"},
    GOOD | {"operation": "equals"},
    GOOD | {"operation": "NOT"},
    GOOD | {"operation": None},
    GOOD | {"dicom_tag": "00080060"},
    GOOD | {"dicom_tag": ["0008"]},
    GOOD | {"dicom_tag": ["0008", "0060", "0070"]},
    GOOD | {"dicom_tag": ["008", "0060"]},
    GOOD | {"dicom_tag": ["00008", "0060"]},
    GOOD | {"dicom_tag": ["0x08", "0060"]},
    GOOD | {"dicom_tag": ["000G", "0060"]},
    GOOD | {"dicom_tag": ["0008", "0060\n"]},
    GOOD | {"dicom_tag": [8, 96]},
    GOOD | {"reference": ""},
    GOOD | {"reference": "A" * 65},
    GOOD | {"reference": 5},
    GOOD | {"reference": None},
    GOOD | {"operation": "IN", "reference": []},
    GOOD | {"operation": "IN", "reference": ["A"] * 1001},
    GOOD | {"operation": "IN", "reference": ["CT", 5]},
    GOOD | {"operation": "IN", "reference": [""]},
]
LISTS_ASTRAY: list[JSON] = [
    GOOD | {"operation": "BETWEEN"},
    GOOD | {"operation": "BETWEEN", "reference": ["CT"]},
    GOOD | {"operation": "NOT_IN"},
    GOOD | {"operation": "PRESENT"},
    GOOD | {"operation": "IN"},
    *(GOOD | {"operation": operation, "reference": ["CT"]} for operation in ("EQUALS", "GREATER", "LESS")),
]
NEWEST: JSON = {"name": "thin-axial-ct", "version": None}
validator = jsonschema.Draft202012Validator(Criterion.model_json_schema())
RUN = jsonschema.Draft202012Validator(Parameters.model_json_schema())


class TestTheSchema:
    def test_the_schema_is_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(Criterion.model_json_schema())

    @pytest.mark.parametrize("document", VALID)
    def test_the_schema_accepts(self, document: JSON) -> None:
        validator.validate(document)
        assert Criterion.model_validate(document).as_given() == document

    @pytest.mark.parametrize("document", REFUSED_BY_SCHEMA)
    def test_the_schema_refuses_what_the_model_refuses(self, document: JSON) -> None:
        assert not validator.is_valid(document)
        with pytest.raises(pydantic.ValidationError) as caught:
            Criterion.model_validate(document)
        assert "input_value" not in str(caught.value)

    @pytest.mark.parametrize("document", LISTS_ASTRAY)
    def test_the_schema_refuses_lists_without_in_and_in_without_a_list(self, document: JSON) -> None:
        assert not validator.is_valid(document)
        with pytest.raises(InvalidRequestError, match="with operation"):
            compile_criteria([Criterion.model_validate(document)])

    @pytest.mark.parametrize("reference", ["CT", ["CT", "MR"]])
    def test_blames_an_unknown_operation_and_not_what_stands_beside_it(self, reference: object) -> None:
        errors = list(validator.iter_errors(GOOD | {"operation": "OTHER", "reference": reference}))

        assert [list(error.path) for error in errors] == [["operation"]]

    def test_the_schema_shows_its_fields_in_order_with_titles_and_a_line_each(self) -> None:
        fields = Criterion.model_json_schema()["properties"]

        assert [field["position"] for field in fields.values()] == list(range(11))
        assert [field.get("title", "") for field in fields.values()][:3:2] == ["DICOM tag", "Reference"]
        assert all(field["description"].endswith(".") for field in fields.values())


class TestTheSchemaOfARun:
    @staticmethod
    def errors(*items: object) -> list[str]:
        schema = TypeAdapter(list[TopItem]).json_schema()
        return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(list(items))]

    def test_takes_groups_three_levels_deep_and_refuses_a_fourth(self) -> None:
        three: JSON = {"any": [{"all": [{"none": [GOOD]}], "name": "inner"}]}

        assert self.errors(three, GOOD) == []
        assert self.errors({"any": [three]})

    def test_names_the_member_that_is_wrong_in_a_group(self) -> None:
        assert self.errors({"any": [GOOD | {"operation": "OTHER"}]}) == ["$[0].any[0].operation"]
        assert self.errors({"any": []}) == ["$[0].any"]
        assert self.errors({"any": [GOOD], "operation": "EQUALS"}) == ["$[0].operation"]
        assert self.errors(GOOD | {"name": "mine"}) == ["$[0].name"]
        assert self.errors({"any": [GOOD], "none": [GOOD]}) == ["$[0]"]

    def test_has_no_recursion(self) -> None:
        definitions = TypeAdapter(list[TopItem]).json_schema()["$defs"]
        uses = {name: set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema))) for name, schema in definitions.items()}

        assert uses["LowestItem"] & {"LowestItem", "MiddleItem", "TopItem"} == set()
        assert uses["MiddleItem"] & {"LowestItem", "MiddleItem", "TopItem"} == {"LowestItem"}

    def test_takes_a_keyword_for_a_tag(self) -> None:
        assert self.errors(GOOD | {"dicom_tag": "Modality"}) == []
        assert criteria_digest(read_criteria([GOOD | {"dicom_tag": "Modality"}])[0]) == criteria_digest(
            [Criterion.model_validate(GOOD)]
        )

    def test_has_no_defaults_that_a_form_would_send(self) -> None:
        definitions = TypeAdapter(list[TopItem]).json_schema()["$defs"].values()
        members = (member for schema in definitions for member in schema.get("properties", {}).values())

        assert not [member for member in members if "default" in member]

    def test_means_the_same_with_what_would_be_so_without_it(self) -> None:
        plain, given = (Criterion.model_validate(asked) for asked in (GOOD, GOOD | {"value": "ANY", "minus": None}))

        assert given.as_given() == plain.as_given() == GOOD


class TestCriteriaByName:
    """A list, or the name of saved ones; each refusal names the member, and quotes no more than that."""

    @staticmethod
    def refusal(criteria: object) -> str:
        request = {"input_s3_parameters": {"bucket": "b", "region": "r"}, "criteria": criteria}
        error = best_match(RUN.iter_errors(request))
        return "" if error is None else f"{error.json_path}: {error.message}"

    @pytest.mark.parametrize("criteria", [[GOOD], {"name": "a"}, {"name": "a", "version": 3}, NEWEST])
    def test_takes_both(self, criteria: object) -> None:
        assert self.refusal(criteria) == ""

    @pytest.mark.parametrize("criteria", [GOOD, {}, {"version": 3}, "a", 7, None])
    def test_says_what_is_accepted_in_place_of_neither(self, criteria: object) -> None:
        accepted = "criteria as a list, or as the name of saved ones and perhaps a version"

        assert self.refusal(criteria) == f"$: '{accepted}' is a required property"

    @pytest.mark.parametrize(
        ("criteria", "place"),
        [
            ([], "$.criteria"),
            ([GOOD | {"operation": "NOT"}], "$.criteria[0].operation"),
            ([GOOD, {"any": [GOOD | {"reference": ["CT"]}]}], "$.criteria[1].any[0].reference"),
            ([{"tag": "Modality"}], "$.criteria[0]"),
            ({"name": "a b"}, "$.criteria.name"),
            ({"name": "-"}, "$.criteria.name"),
            ({"name": "a\n"}, "$.criteria.name"),
            ({"name": "a" * 65}, "$.criteria.name"),
            ({"name": 7}, "$.criteria.name"),
            ({"name": "a", "version": 0}, "$.criteria.version"),
            ({"name": "a", "version": "3"}, "$.criteria.version"),
            ({"name": "a", "version": 1.5}, "$.criteria.version"),
            ({"name": "a", "criteria": [GOOD]}, "$.criteria"),
        ],
    )
    def test_names_the_member_that_is_wrong(self, criteria: object, place: str) -> None:
        where, _, why = self.refusal(criteria).partition(": ")

        assert where == place
        if not where.endswith("version"):
            assert "under any of the given schemas" not in why
