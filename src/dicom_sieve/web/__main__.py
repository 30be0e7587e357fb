"""``python -m dicom_sieve.web``: the pages, as ``dicom-sieve up`` starts them beside Prefect's server."""

import argparse
import os

from dicom_sieve.settings import load_settings
from dicom_sieve.web.serve import serve_pages

PASSWORD = "PREFECT_API_AUTH_STRING"  # noqa: S105 - the name of a variable


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME")
    asked = parser.parse_args()
    serve_pages(load_settings(), asked.host, asked.port, asked.allow_host, os.environ.get(PASSWORD) or None)


if __name__ == "__main__":
    main()
