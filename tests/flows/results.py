"""Reads the result that a flow run leaves for programs, and holds it to its schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from dicom_sieve.flows import result as results
from tests.flows import planted
from tests.support.prefect_server import PrefectServer

SCHEMA = json.loads(Path(results.__file__).with_name("result-1.schema.json").read_text())


def result_of(prefect: PrefectServer, run: str) -> dict[str, Any]:
    """Give the newest result of a run; none of the values and secrets that were planted is in it."""
    mine = {"flow_run_id": {"any_": [run]}, "key": {"any_": ["result"]}}
    body = {"artifacts": mine, "sort": "CREATED_DESC"}
    found = prefect.api.post("/artifacts/filter", json=body).raise_for_status().json()
    assert {artifact["type"] for artifact in found} == {"result"}
    data: dict[str, Any] = json.loads(found[0]["data"])  # a text, as Prefect keeps what an artifact holds
    jsonschema.validate(data, SCHEMA)
    assert not [text for text in (*planted.VALUES, *planted.SECRETS) if text in json.dumps(data)]
    return data
