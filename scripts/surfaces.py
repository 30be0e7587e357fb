"""What others rely on, each as names with what they are: the contract, results, views, manifests, the Python API.

    python -m scripts.surfaces     # writes tests/compatibility/*.json, as of the version in version.py

`scripts/version_steps.py` says what a change of one of them means for the version; docs/compatibility.md, in words.
"""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from dicom_sieve.contract.parameters import ComputeParameters, Parameters, SegmentParameters
from dicom_sieve.flows import result
from dicom_sieve.ledger.database import views
from dicom_sieve.publishing import copies, manifest, parts
from dicom_sieve.version import __version__

FOLDER = Path(__file__).parents[1] / "tests" / "compatibility"
ASKED, TOLD, CALLED = "asked", "told", "called"
"""What one does with a surface: asks by it, reads it, calls it."""
KINDS = {"contract": ASKED, "result": TOLD, "views": TOLD, "manifest": TOLD, "python": CALLED}
MODULES = (
    "dicom_sieve",
    "dicom_sieve.computations",
    "dicom_sieve.criteria",
    "dicom_sieve.ledger",
    "dicom_sieve.lineage",
    "dicom_sieve.reports",
    "dicom_sieve.screening",
    "dicom_sieve.stores",
)
"""Whose ``__all__`` is the Python API."""
NO_LIMITS = frozenset(
    {
        *("$defs", "$ref", "anyOf", "const", "enum", "items", "properties", "required", "type"),  # told as such
        *("$schema", "block_type_slug", "default", "description", "examples", "position", "title"),
        *("else", "if", "not", "then"),  # they make errors readable; the model behind them is what refuses
    }
)
Surface = dict[str, str]


def contract() -> Surface:
    """Give the fields, values and limits of what requests hold."""
    flows: dict[str, type[BaseModel]] = {
        "clean-dicom": Parameters,
        "compute-series": ComputeParameters,
        "segment-series": SegmentParameters,
    }
    return dict(line for flow, model in flows.items() for line in of_schema(flow, model.model_json_schema()))


def results() -> Surface:
    """Give the fields of what a run ends with."""
    return dict(of_schema(f"result-{result.VERSION}", result.json_schema()))


def columns_of_views() -> Surface:
    """Give the columns of the ledger's views."""
    tables = [table for table in vars(views).values() if hasattr(table, "c")]
    return {f"{table.name}.{column.name}": str(column.type) for table in tables for column in table.c}


def of_manifest() -> Surface:
    """Give the columns of a manifest's parts, and the names in ``manifest.json``."""
    written: Mapping[str, pa.Schema] = {
        "instances": parts.INSTANCES,
        "series": parts.SERIES_AND_FACTS,
        "copies": copies.COPIES,
    }
    columns = {f"{name}.{field.name}": str(field.type) for name, schema in written.items() for field in schema}
    return {"format": f"{manifest.FORMAT} {manifest.FORMAT_VERSION}", **columns, **_names_of_manifest()}


def _names_of_manifest() -> Surface:
    """Read the names where they are written: the literal keys of the function that describes a run."""
    source = inspect.getsource(manifest.describe_run)
    return {f"manifest.json.{name}": "name" for name in _keys_in(source)}


def _keys_in(source: str) -> list[str]:
    tree = ast.parse(source)
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    return sorted({str(key.value) for key in keys if isinstance(key, ast.Constant)})


def python() -> Surface:
    """Give the names of the Python API, how its functions are called, and what its classes hold."""
    found: Surface = {}
    for module in MODULES:
        loaded = import_module(module)
        for name in loaded.__all__:
            found |= dict(_of_object(f"{module}.{name}", getattr(loaded, name)))
    return found


def _of_object(path: str, what: Any) -> Iterator[tuple[str, str]]:
    if inspect.isclass(what):
        yield path, "class"
        yield from _of_class(path, what)
    elif callable(what):
        yield path, "function"
        yield from _of_call(path, what)
    else:
        yield path, "value"


def _of_class(path: str, what: type) -> Iterator[tuple[str, str]]:
    if issubclass(what, Enum):
        yield from ((f"{path}.{member.name}", "member") for member in what)
        return
    if is_dataclass(what):
        yield from ((f"{path}.{field.name}", "attribute") for field in fields(what) if not field.name.startswith("_"))
    if not getattr(what, "_is_protocol", False) and not issubclass(what, BaseException):
        yield from _of_call(path, what)
    for name, member in inspect.getmembers_static(what):
        if name.startswith("_") or not getattr(getattr(member, "fget", member), "__module__", "").startswith("dicom_"):
            continue
        if isinstance(member, property):
            yield f"{path}.{name}", "attribute"
        elif callable(function := getattr(what, name)):
            yield f"{path}.{name}", "method"
            yield from _of_call(f"{path}.{name}", function)


def _of_call(path: str, what: Any) -> Iterator[tuple[str, str]]:
    try:
        parameters = inspect.signature(what).parameters
    except (TypeError, ValueError):  # it is made by a base class in C
        return
    for place, (name, parameter) in enumerate(item for item in parameters.items() if item[0] != "self"):
        is_by_name = parameter.kind is parameter.KEYWORD_ONLY
        is_required = parameter.default is parameter.empty and parameter.kind not in {
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        }
        how = "by name" if is_by_name else f"at {place}"
        yield f"{path}({name})", f"{'required' if is_required else 'optional'}, {how}"


def of_schema(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the fields, values and limits of a JSON Schema."""
    yield from _of_fields(path, schema)
    for name, part in schema.get("$defs", {}).items():
        yield from _of_fields(f"{path}#{name}", part)


def _of_fields(path: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _of_values(path, part)
    for name, below in part.get("properties", {}).items():
        need = "required" if name in part.get("required", ()) else "optional"
        yield f"{path}.{name}", f"{need}, {_kind(below)}"
        yield from _of_fields(f"{path}.{name}", below)


def _of_values(path: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what a value may be, and its limits."""
    for value in part.get("enum", ()):
        yield f"{path} = {value}", "value"
    for number, below in enumerate(part.get("anyOf", ())):
        yield f"{path} | {_kind(below)}", "kind"
        yield from _of_fields(f"{path} |{number}", below)
    if isinstance(items := part.get("items"), Mapping):
        yield from _of_fields(f"{path}[]", items)
    for name in sorted(set(part) - NO_LIMITS):
        yield f"{path} {name}", f"limit {json.dumps(part[name], sort_keys=True)}"


def _kind(part: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if "const" in part:
        return f"{part['const']}"
    if part.get("type") == "array":
        return f"array of {_kind(part['items'])}" if isinstance(part.get("items"), Mapping) else "array"
    return str(part.get("type", "one of several" if "anyOf" in part else "anything"))


SURFACES = {
    "contract": contract,
    "result": results,
    "views": columns_of_views,
    "manifest": of_manifest,
    "python": python,
}


def read(name: str) -> tuple[str, Surface]:
    """Read a surface as it was kept, and the version that it is of."""
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    return kept["version"], kept["surface"]


def main() -> None:
    """Write all surfaces as they are now."""
    FOLDER.mkdir(exist_ok=True)
    for name, give in SURFACES.items():
        text = json.dumps({"version": __version__, "surface": give()}, indent=1, sort_keys=True, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
