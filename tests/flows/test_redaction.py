"""What is taken out of the parameters that Prefect stores, and what errors are let out: without a server."""

import copy
import logging
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.logging import disable_run_logger

from dicom_sieve.errors import DicomSieveError, LedgerError, SpentCredentialsError
from dicom_sieve.flows.deployments import contract_schema
from dicom_sieve.flows.redaction import LOCATIONS, UnexpectedError, has_secret, only_our_words, redact, refuse_spent
from dicom_sieve.flows.screen import index_shard_task
from dicom_sieve.screening import ShardResult

MEMBERS = ["bucket", "endpoint", "inventory", "credentials", "prefix", "dicom_tag", "operation", "reference", "x"]
MEMBER = st.sampled_from(MEMBERS)
LEAF = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["s3://a:b@c/d?e", "IN", "http://["])
JSON = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*MEMBERS, "$ref"]), inner))
PLACE = {"bucket": "b", "prefix": "", "region": "r", "endpoint": "https://localhost:9000"}


class TestRedacting:
    @pytest.mark.parametrize("credentials", [None, "", {"$ref": "c0ffee"}])
    def test_redacting_leaves_what_is_no_secret(self, credentials: Any) -> None:
        given = {
            "input_s3_parameters": {**PLACE, "credentials": credentials},
            "criteria": [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}],
            "output_s3_parameters": None,
            "preview": True,
            "damaged": "JUDGE",
            "listing": "LAST",
            "divide": 4,
        }

        assert redact(given) == given

    @pytest.mark.parametrize(
        "credentials",
        ["key:secret", "secret", ["key", "secret"], {"key": "secret"}, {"$ref": "c0ffee", "key": "secret"}, 7],
    )
    def test_redacting_replaces_credentials_of_any_shape(self, credentials: Any) -> None:
        given = {
            name: {**PLACE, "credentials": credentials} for name in ("input_s3_parameters", "output_s3_parameters")
        }

        assert redact(given) == {name: {**PLACE, "credentials": "***"} for name in given}

    @pytest.mark.parametrize("preview", ["key:secret", ["key:secret"], None])
    def test_redacting_replaces_what_stands_where_a_preview_should(self, preview: Any) -> None:
        assert redact({"preview": preview}) == {"preview": "***"}

    @pytest.mark.parametrize("damaged", ["key:secret", ["JUDGE"], "judge", True, None])
    def test_redacting_replaces_what_stands_where_damaged_objects_should(self, damaged: Any) -> None:
        assert redact({"damaged": damaged}) == {"damaged": "***"}

    @pytest.mark.parametrize("listing", ["key:secret", ["LAST"], "last", False, None])
    def test_redacting_replaces_what_stands_where_a_listing_should(self, listing: Any) -> None:
        assert redact({"listing": listing}) == {"listing": "***"}

    @pytest.mark.parametrize("divide", ["key:secret", ["4"], "4", True])
    def test_redacting_replaces_what_stands_where_a_number_of_parts_should(self, divide: Any) -> None:
        assert redact({"divide": divide}) == {"divide": "***"}

    @pytest.mark.parametrize("location", ["key:secret", ["key:secret"], 7])
    def test_redacting_replaces_what_stands_where_a_location_should(self, location: Any) -> None:
        assert redact({"input_s3_parameters": location}) == {"input_s3_parameters": "***"}

    @pytest.mark.parametrize(
        "member",
        [
            {"access_key": "secret"},
            {"bucket": {"key": "secret"}},
            {"bucket": "key:secret@bucket"},
            {"endpoint": "key:secret"},
            {"endpoint": "https://[secret"},
            {"inventory": "secret"},
            {"credentials": {"$ref": "key:secret"}},
            {"credentials": {"$ref": {"block_document_id": "key:secret"}}},
            {"endpoint": "https://AKIAEX:wJalrXU/K7MDENG/bPx@localhost:9000"},
            {"endpoint": "https://AK:12/secret@host"},
            {"endpoint": "https://AK:se?cret@host"},
            {"endpoint": "https://AK:12?secret@host"},
            {"endpoint": "https://AK:se#cret@host"},
            {"endpoint": "https://AK:secret"},
            {"endpoint": "https://AK:"},
            {"inventory": "s3://AK:se/cret@bucket/manifest.json"},
        ],
    )
    def test_redacting_replaces_members_that_may_hold_a_secret(self, member: dict[str, Any]) -> None:
        redacted = redact({"input_s3_parameters": {**PLACE, **member}})

        assert redacted == {"input_s3_parameters": {**PLACE, **dict.fromkeys(member, "***")}}

    @pytest.mark.parametrize(
        ("name", "given", "kept"),
        [
            ("endpoint", "https://key:secret@host:9000", "https://host:9000"),
            ("endpoint", "https://[::1]:9000", "https://[::1]:9000"),
            ("endpoint", "https://host:9000/path?sig=secret#secret", "https://host:9000/path"),
            ("inventory", "s3://inventories/of/bucket/manifest.json", "s3://inventories/of/bucket/manifest.json"),
            ("inventory", "s3://key:secret@inventories/manifest.json?sig=secret", "s3://inventories/manifest.json"),
        ],
    )
    def test_redacting_keeps_of_an_address_what_is_no_secret(self, name: str, given: str, kept: str) -> None:
        assert redact({"input_s3_parameters": {**PLACE, name: given}}) == {"input_s3_parameters": {**PLACE, name: kept}}

    def test_redacting_keeps_an_inventory_so_that_a_run_with_a_block_can_be_started_again(self) -> None:
        block = {"$ref": {"block_document_id": "3f0c2f5e-0b5c-4f7e-9f53-3f6a1a0c9d11"}}
        given = {"input_s3_parameters": {**PLACE, "credentials": block, "inventory": "s3://inventories/manifest.json"}}

        assert redact(given) == given
        refuse_spent(redact(given))

    def test_redacting_replaces_members_that_a_criterion_does_not_have(self) -> None:
        criterion = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}

        strange = [{**criterion, "credentials": "secret"}, "secret", {**criterion, "reference": "s3://key:secret@host"}]
        redacted = redact({"criteria": [*strange, criterion]})

        replaced = [{**criterion, "credentials": "***"}, "***", {**criterion, "reference": "***"}]
        assert redacted == {"criteria": [*replaced, criterion]}

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("3f0c2f5e-0b5c-4f7e-9f53-3f6a1a0c9d11.2", "3f0c2f5e-0b5c-4f7e-9f53-3f6a1a0c9d11.2"),
            ("key:secret", "***"),
            (7, "***"),
            (["key"], "***"),
        ],
    )
    def test_redacting_leaves_of_a_run_s_id_what_can_be_one(self, given: Any, kept: Any) -> None:
        assert redact({"run_id": given}) == {"run_id": kept}

    def test_redacting_replaces_parameters_that_are_not_known(self) -> None:
        assert redact({"secret": "key:secret"}) == {"secret": "***"}

    @pytest.mark.slow
    @given(
        st.dictionaries(
            st.sampled_from([*LOCATIONS, "criteria", "run_id", "preview", "comment"]),
            JSON | st.dictionaries(st.sampled_from(MEMBERS), JSON) | st.lists(st.dictionaries(MEMBER, JSON)),
        )
    )
    def test_redacting_of_whatever_shape_ends_and_changes_nothing_the_second_time(
        self, parameters: dict[str, Any]
    ) -> None:
        once = redact(parameters)

        assert redact(once) == once
        assert not has_secret(once)

    def test_redacting_of_what_is_redacted_changes_nothing(self) -> None:
        once = redact({"input_s3_parameters": {**PLACE, "credentials": "key:secret"}, "comment": "x"})

        assert redact(once) == once


class TestTellingOfASecret:
    @pytest.mark.parametrize("name", LOCATIONS)
    @pytest.mark.parametrize(
        "location",
        [
            {**PLACE, "credentials": "key:secret"},
            {**PLACE, "credentials": {"aws_secret_access_key": "secret"}},
            {**PLACE, "credentials": {"$ref": "key:secret"}},
            {**PLACE, "endpoint": "https://key:secret@host"},
            {**PLACE, "endpoint": "https://host/?sig=secret"},
            {**PLACE, "access_key": "secret"},
            {"__prefect_kind": "json", "value": '{"credentials": "key:secret"}'},
            {"__prefect_kind": "workspace_variable", "variable_name": "place"},
            {**PLACE, "bucket": {"__prefect_kind": "jinja", "template": "key:secret"}},
            "key:secret",
        ],
    )
    def test_telling_of_a_secret_sees_each_place_that_may_hold_one(self, name: str, location: Any) -> None:
        assert has_secret({name: location})

    @pytest.mark.parametrize("credentials", [None, "", "***", {"$ref": "c0ffee"}])
    def test_telling_of_a_secret_sees_none_where_there_is_none(self, credentials: Any) -> None:
        location = {**PLACE, "credentials": credentials, "inventory": "s3://inventories/manifest.json"}

        assert not has_secret(dict.fromkeys(LOCATIONS, location))
        assert not has_secret({**dict.fromkeys(LOCATIONS), "run_id": {"__prefect_kind": "jinja", "template": "x"}})


class TestStartingAgain:
    @pytest.mark.parametrize("name", LOCATIONS)
    @pytest.mark.parametrize("location", ["***", {**PLACE, "credentials": "***"}])
    def test_starting_again_is_refused_where_credentials_were_replaced(self, name: str, location: Any) -> None:
        with pytest.raises(SpentCredentialsError, match=rf"^{name}\.credentials were removed"):
            refuse_spent({name: location})

    def test_starting_again_is_not_refused_else(self) -> None:
        given = {"input_s3_parameters": {**PLACE, "credentials": {"$ref": "c0ffee"}}, "output_s3_parameters": None}
        before = copy.deepcopy(given)

        refuse_spent(given)

        assert given == before


class TestOnlyOurWords:
    def test_only_our_words_lets_our_errors_out_without_their_causes(self) -> None:
        with pytest.raises(LedgerError, match="ours") as caught, only_our_words(logging.getLogger("test")):
            raise LedgerError("ours") from ValueError("DOE^JOHN")

        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_only_our_words_keeps_the_text_of_other_errors_in(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(UnexpectedError) as caught, only_our_words(logging.getLogger("test")):
            raise ValueError("DOE^JOHN")

        assert isinstance(caught.value, DicomSieveError)
        assert str(caught.value) == "unexpected ValueError; the log tells where"
        assert "test_redaction.py:" in caplog.text
        assert "DOE^JOHN" not in caplog.text

    def test_only_our_words_come_out_of_a_task(self) -> None:
        def index() -> ShardResult:
            raise ValueError("DOE^JOHN")

        with disable_run_logger(), pytest.raises(UnexpectedError) as caught:
            index_shard_task.fn(1, index)

        shown = "".join(traceback.format_exception(caught.value))
        assert "ValueError: DOE^JOHN" not in shown
        assert "unexpected ValueError; the log tells where" in shown

    def test_only_our_words_lets_a_stop_through(self) -> None:
        with pytest.raises(KeyboardInterrupt), only_our_words(logging.getLogger("test")):
            raise KeyboardInterrupt


class TestTheContractsSchema:
    def test_the_contracts_schema_knows_nothing_but_the_contract(self) -> None:
        schema = contract_schema().model_dump(exclude_unset=True)

        assert schema["additionalProperties"] is False
        assert schema["required"] == ["criteria"]  # which input is given, a rule says
        assert [schema["properties"][name]["position"] for name in schema["properties"]] == list(range(10))

    def test_the_contracts_schema_has_a_title_and_a_line_of_description_for_every_field(self) -> None:
        schema = contract_schema().model_dump()
        fields = dict(schema["properties"])
        for model in ("InputParameters", "InputS3Parameters", "TopItem", "ChooseParameters", "PreferenceParameters"):
            fields |= schema["definitions"][model]["properties"]

        assert len(fields) == 44
        for name, field in fields.items():
            assert 0 < len(field["description"]) <= 120, name
            assert "_" not in field.get("title", ""), name

    def test_the_contracts_schema_puts_no_pattern_on_credentials(self) -> None:
        credentials = contract_schema().definitions["InputS3Parameters"]["properties"]["credentials"]

        assert "pattern" not in str(credentials)
        assert credentials["anyOf"][0] == {"title": "Keys", "type": "string"}
        assert "default" not in credentials or credentials["default"] is None
