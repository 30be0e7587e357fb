"""OHIF, as it is released: where it lies, and how it is told to read study lists."""

import json
import os
from pathlib import Path

from tests.conftest import not_present

FOLDER = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "dicom-sieve" / "ohif" / "dist"
_SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomjson",
    "sourceName": "dicomjson",
    "configuration": {"friendlyName": "study lists", "name": "json"},
}
_SAID = {
    "routerBasename": "/",
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 1,
    "useCPURendering": True,
    "dataSources": [_SOURCE],
    "defaultDataSourceName": "dicomjson",
}
CONFIGURATION = f"window.config = {json.dumps(_SAID)};".encode()
"""Its ``app-config.js``: the data source is none that it has by itself; pixels are drawn without a graphics card."""


def find_ohif() -> Path:
    """Give where the viewer lies; the test is skipped where there is none."""
    if not (FOLDER / "index.html").is_file():
        not_present("OHIF", "scripts/install_real_servers.sh")
    return FOLDER
