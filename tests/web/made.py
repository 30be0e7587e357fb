"""A web application over a real ledger, for tests: what the demo's bucket holds, screened once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.demo import bucket
from dicom_sieve.ledger.reading.places import Place, list_places
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.web.address import Given, pack, unpack
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Role, Sessions
from dicom_sieve.web.prefect_api import PrefectApi
from tests.support.simulated_store import SimulatedStore

CT_OR_MR: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]}
PASSWORD = "dicom-sieve:a-password-of-tests"
HEADER = "X-Forwarded-User"
ROLES = {"ann": Role.MANAGER, "bob": Role.ADMIN, "eve": Role.VIEWER}


def screen_demo(ledger: Ledger, run_id: str = "demo") -> Place:
    """Screen the demo's objects, and give their place."""
    store = SimulatedStore(dict(bucket.objects()))
    screen(Screening(run_id, store, load_criteria([CT_OR_MR])), ledger)
    return next(place for place in list_places(ledger.engine) if place.location == store.location)


@contextmanager
def demo_ledger(folder: Path) -> Iterator[Ledger]:
    """Give a ledger in which the demo's objects were screened."""
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        screen_demo(ledger)
        yield ledger


def context_of(ledger: Ledger, password: str | None = PASSWORD, prefect: str = "") -> Context:
    """Give what all pages need; the proxy names people by `ROLES`."""
    proxy = Proxy(HEADER, frozenset({"127.0.0.1"}), ROLES) if password is not None else Proxy()
    return Context(ledger, PrefectApi(prefect, password), Sessions(password), proxy, Settings())


def client_of(context: Context, name: str = "") -> TestClient:
    """Give a client; with a name one that the proxy names."""
    made = TestClient(
        make_app(context), base_url="http://localhost", client=("127.0.0.1", 50_000), follow_redirects=False
    )
    if name:
        made.headers[HEADER] = name
    return made


def token_of(page: str) -> str:
    """Give the token that a page's forms send back."""
    return page.partition('name="token" value="')[2].partition('"')[0]


def criteria_of(address: str) -> list[Given]:
    """Give the criteria that an address holds."""
    return unpack(parse_qs(urlsplit(address).query).get("criteria", [""])[0])


def build_address(place: int, criteria: list[Given], **more: str) -> str:
    """Give the address of Build."""
    stated = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/build?place={place}&criteria={pack(criteria)}{stated}"
