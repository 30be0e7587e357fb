"""The collection of rules, and what a run is asked for each that can be said."""

import json
from pathlib import Path
from typing import Any

COLLECTION: list[dict[str, Any]] = json.loads(Path(__file__).with_name("collection.json").read_text(encoding="utf-8"))
_ASKED = ("criteria", "unit", "choose")
SAID: dict[str, Any] = {
    entry["rule"]: {name: entry[name] for name in _ASKED if name in entry}
    for entry in COLLECTION
    if "criteria" in entry
}
