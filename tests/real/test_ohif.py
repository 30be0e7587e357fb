"""The study list in the viewer that it is for: OHIF as it is released, in a browser, shows what passed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from playwright.sync_api import Route

from dicom_sieve import Ledger
from dicom_sieve.computations.export import ExportOptions, Format, export
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.segmentation.bucket import whole
from tests.screening.screenings import one_of
from tests.support.browser import chromium
from tests.support.loopback import serving
from tests.support.ohif import CONFIGURATION, find_ohif

pytestmark = pytest.mark.timeout(600)


class _Site(SimpleHTTPRequestHandler):
    """The viewer at the root, what it is to show below ``/study/``; every other address is the viewer's, too."""

    def __init__(self, *given: Any, viewer: Path, study: Path, asked: list[str]) -> None:
        self.viewer, self.study, self.asked = viewer, study, asked
        super().__init__(*given, directory=str(viewer))

    def translate_path(self, path: str) -> str:
        name = unquote(path.partition("?")[0])
        if name.startswith("/study/"):
            self.asked.append(name.removeprefix("/study/"))
            return str(self.study / name.removeprefix("/study/"))
        found = self.viewer / name.lstrip("/")
        return str(found if found.is_file() else self.viewer / "index.html")

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/app-config.js":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", str(len(CONFIGURATION)))
        self.end_headers()
        self.wfile.write(CONFIGURATION)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def served(viewer: Path, study: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a viewer and a study; gives the address, and a list of what is asked of the study."""
    asked: list[str] = []
    with serving(partial(_Site, viewer=viewer, study=study, asked=asked)) as url:
        yield url, asked


def test_the_viewer_shows_what_passed(tmp_path: Path, ledger: Ledger) -> None:
    viewer = find_ohif()
    study = tmp_path / "study"
    for key, body in whole("phantom").items():
        (study / key).parent.mkdir(parents=True, exist_ok=True)
        (study / key).write_bytes(body)
    screen(Screening("run", DirectoryStore(study), one_of("CT")), ledger)
    with served(viewer, study) as (root, asked), chromium() as browser:
        options = ExportOptions(base_url=f"{root}/study/")
        exported = export(ledger, "run", Format.OHIF, outputs=DirectoryStore(tmp_path / "lists"), options=options)
        (study / "ohif.json").write_text(Path(exported.uri).read_text())
        [listed] = json.loads((study / "ohif.json").read_text())["studies"]
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.route("**/*", partial(_only_there, root=root))
        uid = listed["StudyInstanceUID"]

        page.goto(f"{root}/viewer/dicomjson?url={root}/study/ohif.json&StudyInstanceUIDs={uid}")
        page.wait_for_selector(".cornerstone-canvas", timeout=240_000)
        page.wait_for_function(_IS_DRAWN, timeout=240_000)
        grey = np.array(page.evaluate(_GREY))

    keys = {key for key in asked if key != "ohif.json"}
    assert keys
    assert keys <= set(whole("phantom"))
    assert grey.max() - grey.min() > 100


def _only_there(route: Route, root: str) -> None:
    """Let the browser ask this machine alone."""
    if route.request.url.startswith((root, "blob:", "data:")):
        route.continue_()
    else:
        route.abort()


_GREY = """() => {
    const canvas = document.querySelector('.cornerstone-canvas');
    const copy = document.createElement('canvas');
    copy.width = canvas.width; copy.height = canvas.height;
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0);
    return Array.from(context.getImageData(0, 0, copy.width, copy.height).data.filter((_, at) => at % 4 === 0));
}"""
_IS_DRAWN = f"() => {{ const grey = ({_GREY})(); return grey.reduce((a, b) => Math.max(a, b), 0) > 100; }}"
