"""Draw the diagrams of the documents, which are written in Mermaid, for the site: it loads no program to draw them.

GitHub draws them itself. ``python -m scripts.diagrams`` needs Chromium (Debian's package) and npm, which brings Mermaid
(MIT licence); it writes the pictures into ``docs/images``. Each is called by what the diagram says.
"""

import subprocess
import tempfile
from pathlib import Path

from tests.support.browser import chromium

from scripts.docs_site.pages import ROOT, diagrams, picture_of

MERMAID = "mermaid@12.3.0"
CONFIGURATION = {
    "startOnLoad": False,
    "theme": "neutral",
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False},
    "fontFamily": "sans-serif",
}
DRAW = """async ([configuration, text]) => {
    mermaid.initialize(configuration)
    return (await mermaid.render("diagram", text)).svg
}"""
ON_WHITE = 'style="background-color: white; '


def main() -> None:
    """Draw them all; pictures of diagrams that are no more are deleted."""
    for former in (ROOT / "docs" / "images").glob("diagram-*.svg"):
        former.unlink()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = browser.new_page()
        page.add_script_tag(path=_mermaid(Path(folder)))
        for diagram in diagrams():
            drawn = str(page.evaluate(DRAW, [CONFIGURATION, diagram]))
            drawn = drawn.replace('style="', ON_WHITE, 1)
            (ROOT / "docs" / picture_of(diagram)).write_text(drawn + "\n", encoding="utf-8")


def _mermaid(folder: Path) -> Path:
    """Bring Mermaid, and give its file for browsers."""
    subprocess.run(["npm", "pack", MERMAID, "--silent"], cwd=folder, check=True, capture_output=True)
    [archive] = folder.glob("*.tgz")
    subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True)
    return folder / "package" / "dist" / "mermaid.min.js"


if __name__ == "__main__":
    main()
