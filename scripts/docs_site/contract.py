"""The page of what requests and results may hold, from the JSON Schemas that the code makes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dicom_sieve.contract.parameters import ComputeParameters, Parameters, SegmentParameters
from dicom_sieve.flows import result

Schema = Mapping[str, Any]
INTRODUCTION = """# Requests and results

What the parameters of each flow may hold, and what a run leaves for programs. These are the rules by which Prefect's
server refuses a request. How a run is started: [requests](../requests.md); how a result is read:
[consumers](../consumer.md).
"""
FLOWS = {
    "clean-dicom": (Parameters, "Screens a location by criteria."),
    "compute-series": (ComputeParameters, "Computes on the series that a run let pass."),
    "segment-series": (SegmentParameters, "What `compute-series` was called before there were other computations."),
}


def write(folder: Path) -> None:
    """Write the page and each schema as a file into a folder."""
    sections = [INTRODUCTION]
    for name, (model, about) in FLOWS.items():
        sections += _section(folder, f"Parameters of {name}", about, f"{name}.schema.json", model.model_json_schema())
    about = "The artifact `result` of each run, as JSON."
    sections += _section(folder, "The result", about, "result-1.schema.json", result.json_schema())
    (folder / "contract.md").write_text("\n".join(sections), encoding="utf-8")


def _section(folder: Path, title: str, about: str, file: str, schema: Schema) -> Iterator[str]:
    (folder / file).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    yield f"## {title}\n\n{about} As a file: [{file}]({file}).\n"
    yield _table(schema, title)
    for name, member in schema.get("$defs", {}).items():
        yield f"### {_heading(name, member)} {{: #{_anchor(title, name)} }}\n\n{member.get('description', '')}\n"
        yield _table(member, title) if "properties" in member else _values(member)


def _heading(name: str, schema: Schema) -> str:
    title = str(schema.get("title", name))
    return title if " " in title or title != name else name


def _table(schema: Schema, title: str) -> str:
    required = schema.get("required", [])
    rows = [
        f"| `{name}` | {_kind(member, title)} | {_default(member, is_required=name in required)} "
        f"| {_text(member.get('description', ''))} |"
        for name, member in schema.get("properties", {}).items()
    ]
    return "\n".join(["| field | is | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _values(schema: Schema) -> str:
    return f"One of {_kind(schema, '')}.\n" if "enum" in schema else ""


def _default(member: Schema, *, is_required: bool) -> str:
    if is_required:
        return "required"
    return f"`{json.dumps(member['default'])}`" if "default" in member else ""


def _kind(member: Schema, title: str) -> str:
    """Say in a few words what is accepted."""
    if "$ref" in member:
        name = member["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{_anchor(title, name)})"
    if "const" in member or "enum" in member:
        return ", ".join(f"`{json.dumps(value)}`" for value in member.get("enum", [member.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in member:
            return " or ".join(dict.fromkeys(_kind(each, title) for each in member[several]))
    kind = str(member.get("type", "anything"))
    if kind == "array":
        return f"list of {_kind(member.get('items', {}), title)}{_bounds(member, 'Items')}"
    if kind == "object" and member.get("block_type_slug"):
        return f"block of type `{member['block_type_slug']}`"
    return kind + (_bounds(member, "Length") if kind == "string" else "")


def _bounds(member: Schema, of: str) -> str:
    most = member.get(f"max{of}")
    return f", at most {most:,}" if most is not None else ""


def _anchor(title: str, name: str) -> str:
    return f"{title}-{name}".lower().replace(" ", "-")


def _text(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
