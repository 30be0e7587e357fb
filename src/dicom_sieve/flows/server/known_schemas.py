"""A deployment's schema is checked once, not with each request.

Prefect holds the schema itself to JSON Schema's own before it holds parameters to it, each time, and in a transaction.
For the contract that takes 190 ms a request, in which the server answers nobody; to make a run takes 20 ms without it.
"""

import json
from functools import lru_cache
from typing import Any

from prefect.utilities.schema_tools import validation

MOST_SCHEMAS = 256
"""That are remembered, of those used last."""


def check_each_once() -> None:
    """Let Prefect, in this process, check equal schemas once. Those that are refused are checked each time."""
    validator: Any = validation._VALIDATOR
    check = validator.check_schema

    @lru_cache(MOST_SCHEMAS)
    def check_text(schema: str, more: tuple[tuple[str, Any], ...]) -> None:
        check(json.loads(schema), **dict(more))

    def check_once(schema: Any, **more: Any) -> None:
        check_text(json.dumps(schema, sort_keys=True), tuple(more.items()))

    validator.check_schema = check_once
