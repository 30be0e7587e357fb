"""What objects hold, and a query's answer as a list."""

import json
from typing import Any

from tests.screening.screenings import ct, mr
from tests.support.builders import make_instance

CONTENTS = {
    "ct": ct(),
    "ct of another series": ct("1.2.9", "1.2.9.1"),
    "mr": mr(),
    "no modality": make_instance(Modality="", SOPInstanceUID="1.2.8.1"),
    "text": b"no DICOM at all",
    "cut": ct()[:180],
    "nothing": b"",
}
KEYS = ("a", "a/b", "a//b", "é", "\U0001f600")


def as_list(findings: Any) -> list[str]:
    """Read findings as a plain SQL client gets them: JSON text from SQLite, a list from PostgreSQL."""
    return list(json.loads(findings) if isinstance(findings, str) else findings or [])
