"""The page of what requests and results may hold, from the JSON Schemas that the code makes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dicom_sieve.contract.parameters import ComputeParameters, Parameters, SegmentParameters
from dicom_sieve.flows import result

Schema = Mapping[str, Any]
INTRODUCTION = """# Requests and results

What the parameters of each flow may hold, and what a run leaves for programs. These are the rules by which Prefect's
server refuses a request. How a run is started: [requests](../requests.md); how a result is read:
[consumers](../consumer.md).
"""
FLOWS: dict[str, tuple[type[BaseModel], str]] = {
    "clean-dicom": (Parameters, "Screens a location by criteria."),
    "compute-series": (ComputeParameters, "Computes on the series that a run let pass."),
    "segment-series": (SegmentParameters, "What `compute-series` was called before there were other computations."),
}
SHARED = {"items", "maxItems", "properties"}
"""What each of several kinds may have of the field that they are kinds of."""


def write(folder: Path) -> None:
    """Write the page and each schema as a file into a folder."""
    sections = [INTRODUCTION]
    for name, (model, about) in FLOWS.items():
        file = f"{name}.schema.json"
        schema = _written(folder, file, model.model_json_schema())
        sections += Section(f"Parameters of {name}", schema).parts(about, file)
    about = "The artifact `result` of each run, as JSON."
    file = "result-1.schema.json"
    sections += Section("The result", _written(folder, file, result.json_schema())).parts(about, file)
    (folder / "contract.md").write_text("\n".join(sections), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Section:
    """One schema, as a section of the page.

    Attributes:
        title: Its heading.
        schema: With the definitions that its fields refer to.
    """

    title: str
    schema: Schema

    def parts(self, about: str, file: str) -> Iterator[str]:
        """Give the section, a piece of text at a time."""
        yield f"## {self.title}\n\n{about} As a file: [{file}]({file}).\n"
        yield self._table(self.schema)
        for name, member in self.schema.get("$defs", {}).items():
            yield f"### {self._title(name)} {{: #{self._anchor(name)} }}\n\n{member.get('description', '')}\n"
            if "properties" in member:
                yield self._table(member)
            elif "enum" in member:
                yield f"One of {self._kind(member)}.\n"

    def _table(self, schema: Schema) -> str:
        required = schema.get("required", [])
        rows = [
            f"| `{name}` | {self._kind(member)} | {_default(member, is_required=name in required)} "
            f"| {_text(member.get('description', ''))} |"
            for name, member in schema.get("properties", {}).items()
        ]
        return "\n".join(["| field | is | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])

    def _kind(self, member: Schema) -> str:
        """Say in a few words what is accepted."""
        if "$ref" in member:
            name = member["$ref"].rsplit("/", 1)[-1]
            return f"[{self._title(name)}](#{self._anchor(name)})"
        if "const" in member or "enum" in member:
            return ", ".join(f"`{json.dumps(value)}`" for value in member.get("enum", [member.get("const")]))
        for several in ("anyOf", "oneOf"):
            if several in member:
                shared = {key: value for key, value in member.items() if key in SHARED}
                return " or ".join(dict.fromkeys(self._kind({**shared, **each}) for each in member[several]))
        return self._kind_by_type(member)

    def _kind_by_type(self, member: Schema) -> str:
        match member.get("type", "anything"):
            case "array":
                return f"list of {self._kind(member.get('items', {}))}{_at_most(member, 'maxItems')}"
            case "string":
                return f"string{_at_most(member, 'maxLength')}"
            case "object" if "block_type_slug" in member:
                return f"block of type `{member['block_type_slug']}`"
            case "object" if "properties" in member:
                return f"object of {', '.join(f'`{name}`' for name in member['properties'])}"
            case kind:
                return str(kind)

    def _title(self, name: str) -> str:
        return str(self.schema["$defs"][name].get("title", name))

    def _anchor(self, name: str) -> str:
        return f"{self.title}-{name}".lower().replace(" ", "-")


def _default(member: Schema, *, is_required: bool) -> str:
    if is_required:
        return "required"
    return f"`{json.dumps(member['default'])}`" if "default" in member else ""


def _at_most(member: Schema, bound: str) -> str:
    return f", at most {member[bound]:,}" if bound in member else ""


def _text(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _written(folder: Path, file: str, schema: Schema) -> Schema:
    (folder / file).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    return schema
