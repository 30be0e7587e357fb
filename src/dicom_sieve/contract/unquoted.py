"""Conditions in JSON Schema whose refusal quotes nothing of what was given: it may hold a secret.

A refusal quotes the value that it refuses, and a location that is refused under ``anyOf`` is quoted as a whole. That a
member is missing quotes nothing. So what is wrong with credentials, or with a location as a whole, asks for a member
that nobody gives, and whose name says what is accepted. Where there are several refusals Prefect answers with one that
lies nearest to the root: the conditions lie above what would be quoted.
"""

from collections.abc import Sequence

from pydantic import JsonValue

JsonSchema = dict[str, JsonValue]
Rule = tuple[JsonSchema, str]
"""What is refused of a location, and what is accepted."""

_KEYS: JsonSchema = {"type": "string", "pattern": r"^([^:]+:[\s\S]+)?(?![\s\S])"}
_BLOCK: JsonSchema = {"type": "object", "required": ["$ref"], "maxProperties": 1}
_CREDENTIALS: JsonSchema = {"anyOf": [{"type": "null"}, _KEYS, _BLOCK]}
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


def by_name_or_list(name: str) -> Rule:
    """Give what is refused of a member that is a list, or names a saved one: else its refusal would name neither."""
    accepted: JsonSchema = {"anyOf": [{"type": "array"}, {"type": "object", "required": ["name"]}]}
    return _is(name, {"not": accepted}, f"{name} as a list, or as the name of saved ones and perhaps a version")


def _is(name: str, refused: JsonSchema, accepted: str) -> Rule:
    return {"properties": {name: refused}, "required": [name]}, accepted
