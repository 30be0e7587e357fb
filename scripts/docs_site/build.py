"""Stage the pages, those that the code makes among them, and have them built."""

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.docs_site import commands, contract, python
from scripts.docs_site.pages import decisions, stage

CONFIGURATION = Path(__file__).with_name("zensical.toml")


def build(folder: Path) -> int:
    """Build the site into ``site`` of a folder; its pages lie in ``pages`` there. Gives an exit code."""
    pages = folder / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    stage(pages)
    _write_reference(pages)
    return render(folder)


def render(folder: Path) -> int:
    """Build the site from pages that are staged; a warning is an error."""
    shutil.copy(CONFIGURATION, folder)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    return subprocess.run(command, cwd=folder, check=False).returncode


def _write_reference(pages: Path) -> None:
    reference = pages / "reference"
    reference.mkdir()
    (pages / "decisions.md").write_text(decisions(), encoding="utf-8")
    (reference / "commands.md").write_text(commands.page(), encoding="utf-8")
    (reference / "python.md").write_text(python.page(), encoding="utf-8")
    contract.write(reference)
