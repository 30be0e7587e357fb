"""Build the site of the documents into ``build/site``: ``python -m scripts.docs_site``."""

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.docs_site import commands, contract, python
from scripts.docs_site.pages import ROOT, stage

BUILD = ROOT / "build"
PAGES, SITE = BUILD / "pages", BUILD / "site"


def main() -> None:
    """Stage the pages, those of the code among them, and build the site; a warning is an error."""
    shutil.rmtree(PAGES, ignore_errors=True)
    stage(PAGES)
    _write_reference(PAGES / "reference")
    command = [Path(sys.executable).with_name("zensical"), "build", "--clean", "--strict"]
    ended = subprocess.run(command, cwd=ROOT, check=False)
    if ended.returncode == 0:
        print(f"built {SITE.relative_to(ROOT)}/index.html")
    sys.exit(ended.returncode)


def _write_reference(folder: Path) -> None:
    folder.mkdir()
    (folder / "commands.md").write_text(commands.page(), encoding="utf-8")
    (folder / "python.md").write_text(python.page(), encoding="utf-8")
    contract.write(folder)


if __name__ == "__main__":
    main()
