"""``python -m dicom_sieve.web``: the pages, as ``dicom-sieve up`` starts them beside Prefect's server."""

import os

from dicom_sieve import garbage, logs
from dicom_sieve.flows.server.arguments import read_arguments

PASSWORD = "PREFECT_API_AUTH_STRING"  # noqa: S105 - the name of a variable


def main() -> None:
    """Serve until stopped."""
    garbage.search_seldom()
    from dicom_sieve.settings import load_settings
    from dicom_sieve.web.serve import serve_pages

    logs.set_up()
    asked = read_arguments(__doc__)
    serve_pages(load_settings(), asked.host, asked.port, asked.allow_host, os.environ.get(PASSWORD) or None)


if __name__ == "__main__":
    main()
