"""Build the site of the documents into ``build/site``: ``python -m scripts.docs_site``."""

import sys

from scripts.docs_site.build import build
from scripts.docs_site.pages import ROOT

if __name__ == "__main__":
    sys.exit(build(ROOT / "build"))
