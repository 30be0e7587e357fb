"""Pages over a ledger, asked as a browser asks, and what tests read of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from dicom_sieve import Ledger
from dicom_sieve.settings import load_settings
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Role, Sessions
from dicom_sieve.web.prefect_api import PrefectApi

USER = "x-user"
MANAGER, VIEWER = {USER: "mary"}, {USER: "victor"}
ROLES = {"mary": Role.MANAGER, "victor": Role.VIEWER}


@contextmanager
def pages(ledger: Ledger, prefect: PrefectApi | None = None) -> Iterator[TestClient]:
    """Serve the pages behind a proxy that names people; by default a manager."""
    proxy = Proxy(USER, roles=ROLES)
    context = Context(ledger, prefect or PrefectApi(""), Sessions("user:secret"), proxy, load_settings())
    app = make_app(context)
    client = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50_000), headers=MANAGER)
    with client:
        yield client
    context.close()
    context.prefect.close()


def see(client: TestClient, address: str, **headers: str) -> str:
    """Give a page, when everything of it is there."""
    for _ in range(100):
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, answer.text
        if "data-again" not in answer.text:
            return answer.text
    raise AssertionError(address)


def words(page: str) -> str:
    """Give a page's text."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def uids(page: str) -> list[str]:
    """Give the series of the table, in their order."""
    return re.findall(r'<div title="([^"]+)"', page)
