"""Conditions in JSON Schema whose refusal quotes nothing of what was given: it may hold a secret.

A refusal quotes the value that it refuses, and a location that is refused under ``anyOf`` is quoted as a whole. That a
member is missing quotes nothing. So what is wrong with credentials, or with a location as a whole, asks for a member
that nobody gives, and whose name says what is accepted. Where there are several refusals Prefect answers with one that
lies nearest to the root: the conditions lie above what would be quoted.
"""

from collections.abc import Sequence

from pydantic import JsonValue

JsonSchema = dict[str, JsonValue]
LONGEST_URI = 2_048
_NOT_PLAIN = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
"""What cannot be stored or sent, in a class of characters."""
Rule = tuple[JsonSchema, str]
"""What is refused of a location, and what is accepted."""

_KEYS: JsonSchema = {"type": "string", "pattern": r"^([^:]+:[\s\S]+)?(?![\s\S])"}
_BLOCK: JsonSchema = {"type": "object", "required": ["$ref"], "maxProperties": 1}
_CREDENTIALS: JsonSchema = {"anyOf": [{"type": "null"}, _KEYS, _BLOCK]}
_TEXT_OR_BLOCK: JsonSchema = {"anyOf": [{"type": ["null", "string"]}, _BLOCK]}
_URI: JsonSchema = {
    "type": "string",
    "maxLength": LONGEST_URI,
    "pattern": rf"^(?:(?:s3|gs|dicomweb\+https?)://[^/]|az://[^/]+/[^/]|file:///|/)[^{_NOT_PLAIN}]*(?![\s\S])",
}
ACCEPTED_URI = (
    "as s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix, dicomweb+https://host/dicom-web or "
    "file:///directory"
)
_OF_ADDRESS = "as a location: uri, and optionally credentials"
ACCEPTED = "credentials as key_id:access_key, with a colon, or as a block"

OF_CREDENTIALS: Rule = ({"properties": {"credentials": {"not": _CREDENTIALS}}, "required": ["credentials"]}, ACCEPTED)
_OF_BOTH = "as a location: bucket, region, and optionally endpoint, credentials, prefix"


def in_turn(*rules: Rule) -> JsonSchema:
    """Give a schema that refuses what the first rule refuses, else what the next one does."""
    schema: JsonSchema = {}
    for refused, accepted in reversed(rules):
        schema = {"if": refused, "then": {"required": [accepted]}, **({"else": schema} if schema else {})}
    return schema


def of_locations(*names: str, optional: str | None = None, more: Sequence[Rule] = ()) -> JsonSchema:
    """Give a schema for what holds locations.

    Args:
        names: Of locations.
        optional: Of one that may be null, which is validated under ``anyOf``.
        more: What is refused besides, where the locations are accepted.
    """
    rules = [_is(name, {"not": {"type": "object"}}, f"{name} {_OF_BOTH}") for name in names]
    if optional is not None:
        rules.append(_is(optional, {"not": {"type": ["object", "null"]}}, f"{optional} {_OF_BOTH}, or null"))
        for member in ("bucket", "region"):
            lacks: JsonSchema = {"type": "object", "not": {"required": [member]}}
            rules.append(_is(optional, lacks, f"{optional}.{member}"))
        refused, accepted = OF_CREDENTIALS
        rules.append(_is(optional, {"type": "object", **refused}, f"{optional}.{accepted}"))
    return in_turn(*rules, *more)


def of_either(plain: str, other: str) -> tuple[Rule, ...]:
    """Give what is refused of two parameters of which exactly one is given; null is not given.

    Args:
        plain: The one that is no more than required.
        other: The one that may be null, whose members are validated under ``anyOf``.
    """
    one: JsonSchema = {"required": [plain]}
    both: JsonSchema = {"required": [plain, other]}
    given: JsonSchema = {"properties": {other: {"not": {"type": "null"}}}, "required": [other]}
    return (
        ({"allOf": [both, given]}, f"one of {plain} and {other}, not both"),
        ({"not": {"anyOf": [one, given]}}, f"{plain}, or {other}"),
        _is(other, {"not": {"type": ["object", "null"]}}, f"{other} {_OF_ADDRESS}, or null"),
        _is(other, {"type": "object", "not": {"required": ["uri"]}}, f"{other}.uri"),
        _is(other, _lacks("uri", _URI), f"{other}.uri {ACCEPTED_URI}"),
        _is(other, _lacks("credentials", _TEXT_OR_BLOCK), f"{other}.credentials as a text, or as a block"),
    )


def _lacks(member: str, accepted: JsonSchema) -> JsonSchema:
    """Give what is refused of an object: a member that is not as it is accepted."""
    return {"type": "object", "properties": {member: {"not": accepted}}, "required": [member]}


def by_name_or_list(name: str) -> Rule:
    """Give what is refused of a member that is a list, or names a saved one: else its refusal would name neither."""
    accepted: JsonSchema = {"anyOf": [{"type": "array"}, {"type": "object", "required": ["name"]}]}
    return _is(name, {"not": accepted}, f"{name} as a list, or as the name of saved ones and perhaps a version")


def _is(name: str, refused: JsonSchema, accepted: str) -> Rule:
    return {"properties": {name: refused}, "required": [name]}, accepted
