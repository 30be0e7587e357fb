"""Serving the pages, until stopped."""

import os
from collections.abc import Collection

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from dicom_sieve import garbage, logs
from dicom_sieve.allocator import tune_allocator
from dicom_sieve.ledger import open_ledger
from dicom_sieve.settings import Settings
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Sessions, read_roles
from dicom_sieve.web.prefect_api import PrefectApi


def serve_pages(settings: Settings, host: str, port: int, names: Collection[str], password: str | None) -> None:
    """Serve until stopped.

    Args:
        settings: Of the deployment.
        host: Where to listen.
        port: On which port.
        names: Further host names by which the pages may be called.
        password: ``user:password`` of the API; None: everyone who comes may do everything.

    Raises:
        LedgerError: The ledger cannot be opened.
        SettingsError: Roles are not as they should be.
    """
    tune_allocator()
    proxy = Proxy(settings.web_user_header, roles=read_roles(settings.web_roles))
    prefect = PrefectApi(os.environ.get("PREFECT_API_URL", ""), password)
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        context = Context(ledger, prefect, Sessions(password), proxy, settings)
        app = make_app(context, names)
        garbage.leave_out()
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_config=None if logs.is_json() else LOGGING_CONFIG,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        context.close()
    prefect.close()
