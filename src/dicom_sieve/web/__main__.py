"""``python -m dicom_sieve.web``: the pages, until stopped."""

import argparse
import os

import uvicorn

from dicom_sieve.ledger import open_ledger
from dicom_sieve.settings import load_settings
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Sessions, read_roles
from dicom_sieve.web.prefect_api import PrefectApi

PASSWORD = "PREFECT_API_AUTH_STRING"  # noqa: S105 - the name of a variable


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME")
    asked = parser.parse_args()
    settings = load_settings()
    password = os.environ.get(PASSWORD) or None
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        proxy = Proxy(settings.web_user_header, roles=read_roles(settings.web_roles))
        prefect = PrefectApi(os.environ.get("PREFECT_API_URL", ""), password)
        context = Context(ledger, prefect, Sessions(password), proxy, settings)
        app = make_app(context, asked.allow_host)
        uvicorn.run(app, host=asked.host, port=asked.port, log_level="warning", access_log=False, proxy_headers=False)
        prefect.close()
        context.pictures.draughtsman.close()


if __name__ == "__main__":
    main()
