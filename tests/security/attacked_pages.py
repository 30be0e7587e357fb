"""The pages over a real ledger in which values are planted: every route of the application, asked by anyone."""

import base64
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from dicom_sieve import Ledger
from dicom_sieve.ledger.reading.named_criteria import list_newest, list_versions
from dicom_sieve.ledger.reading.page_actions import list_actions
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.web.address import pack
from dicom_sieve.web.app import make_app, make_pages
from dicom_sieve.web.context import Context
from dicom_sieve.web.hand_on import FILES
from dicom_sieve.web.people import Proxy, Sessions
from tests.screening.screenings import ct, mr, one_of
from tests.support.simulated_store import SimulatedStore
from tests.web.site import HEADER, ROLES, RUN, SimulatedPrefect

PATIENT, DESCRIPTION, PART, STUDY_DATE = "PLANTED-PATIENT", "Planted description", "PLANTEDPART", "19310731"
SERIES, INSTANCE, STUDY, KEY = "1.2.7731.5", "1.2.7731.5.1", "1.2.7731", "planted-folder/planted-7731.dcm"
PLANTED = (PATIENT, DESCRIPTION, PART, STUDY_DATE, "1931-07-31", STUDY, "planted-7731")
"""Values of one patient, of whom there are two images: fewer than are shown to viewers."""
PASSWORD = "dicom-sieve:planted-password"
PLACE = Location("https://s3.example.org", "hospital", "images/")
RUNNING, LISTING = RUN.format(7), RUN.format(8)
CT = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}]
PEOPLE = ("", *ROLES)
"""Nobody, then those whom the proxy names: a viewer, a manager, an admin."""
VALUES = {
    "/runs/{run_id}/hand-on/{name}": {"name": sorted(FILES)},
    "/listing/{run_id}": {"run_id": [LISTING]},
    "/listing/{run_id}/stop": {"run_id": [LISTING]},
    "/runs/{run_id}/stop": {"run_id": [RUNNING]},
    "/runs/{run_id}": {"run_id": ["first", RUNNING]},
}
"""What stands in the paths of some routes; see `_USUAL` for all others."""
_USUAL = {"run_id": ["first"], "series": [SERIES], "name": ["kept"]}


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the application.

    Attributes:
        method: As ``GET``.
        path: As it is declared: ``/runs/{run_id}``.
        address: One address of it.
    """

    method: str
    path: str
    address: str

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


def routes() -> list[Route]:
    """Give every route of the application, with each address that its path stands for here."""
    found = []
    for route in _declared(make_pages(Context(None, None, Sessions(None), Proxy(), Settings()))):  # type: ignore[arg-type]
        for address in _filled(route.path):
            found += [Route(method, route.path, address) for method in sorted(route.methods or ())]
    return found


def _declared(app: FastAPI) -> Iterator[APIRoute]:
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        for each in [route] if inner is None else inner.routes:
            if isinstance(each, APIRoute):
                yield each
            else:
                assert getattr(each, "path", "") == "/static", f"a route that no attack knows: {each}"


def _filled(path: str) -> list[str]:
    addresses = [path]
    for name in re.findall(r"\{(\w+)\}", path):
        values = VALUES.get(path, {}).get(name) or _USUAL[name]
        addresses = [each.replace(f"{{{name}}}", quote(value)) for each in addresses for value in values]
    return addresses


ROUTES = routes()
GETS = [route for route in ROUTES if route.method == "GET"]
POSTS = [route for route in ROUTES if route.method == "POST"]


class Attacked:
    """The pages, and what they changed.

    Attributes:
        ledger: Beneath.
        prefect: Where runs are started.
        context: Of the application.
        app: The application.
    """

    def __init__(self, ledger: Ledger, password: str | None = PASSWORD) -> None:
        self.ledger, self.prefect = ledger, SimulatedPrefect()
        where = {"endpoint": PLACE.endpoint, "bucket": PLACE.bucket, "prefix": PLACE.prefix}
        running = {"state_type": "RUNNING", "name": "brave-fox", "parameters": {"input_s3_parameters": where}}
        self.prefect.flow_runs = {
            RUNNING: running,
            LISTING: {**running, "parameters": {**running["parameters"], "preview": True}},  # type: ignore[dict-item]
        }
        proxy = Proxy(HEADER, roles=ROLES)
        self.context = Context(ledger, self.prefect, Sessions(password), proxy, Settings())
        self.app = make_app(self.context)

    def client(self, name: str = "", **how: Any) -> TestClient:
        """Give the client of somebody whom the proxy names; an error that nobody catches is an answer, too."""
        how = {"client": ("127.0.0.1", 1), "raise_server_exceptions": False, **how}
        made = TestClient(self.app, "http://localhost", follow_redirects=False, **how)
        if name:
            made.headers[HEADER] = name
        return made

    def token(self, name: str) -> str:
        """Give the token of somebody's forms."""
        person = self.context.proxy.find("127.0.0.1", [name])
        assert person is not None
        return person.token

    def changed(self) -> tuple[Any, ...]:
        """Give all that a page may have changed: who did what, saved criteria, and what Prefect was told to do."""
        engine = self.ledger.engine
        saved = [(each.name, len(list_versions(engine, each.name))) for each in list_newest(engine)]
        return (list_actions(engine), saved, list(self.prefect.started), list(self.prefect.states))

    def close(self) -> None:
        """End what it started."""
        self.prefect.close()
        self.context.close()


def objects() -> dict[str, bytes]:
    """Make the objects of the place: many of one kind, and two of the planted patient."""
    made = {}
    for number in range(12):
        values = {"SeriesDescription": "Chest", "PatientID": f"P{number // 6}", "StudyInstanceUID": "1.2.3"}
        made[f"images/{number:02}.dcm"] = ct("1.2.3.1", f"1.2.3.1.{number}", **values)
    for number in range(6):
        made[f"images/mr/{number}.dcm"] = mr("1.2.3.2", f"1.2.3.2.{number}", StudyInstanceUID="1.2.3")
    for number in (1, 2):
        made[f"images/{KEY}" if number == 1 else "images/2.dcm"] = ct(
            SERIES,
            f"{SERIES}.{number}",
            PatientID=PATIENT,
            SeriesDescription=DESCRIPTION,
            BodyPartExamined=PART,
            StudyInstanceUID=STUDY,
            StudyDate=STUDY_DATE,
        )
    return made


def fill(ledger: Ledger, more: Mapping[str, bytes] | None = None) -> SimulatedStore:
    """Screen the place twice, and save criteria under a name."""
    store = SimulatedStore({**objects(), **(more or {})}, location=PLACE)
    saved, _ = save_criteria(ledger.engine, "kept", one_of("CT"), "why")
    save_criteria(ledger.engine, "kept", one_of("CT", "MR"), "wider")
    screen(Screening("first", store, saved.items(), named=saved.named), ledger)
    screen(Screening("second", store, one_of("CT", "MR")), ledger)
    return store


@contextmanager
def attacked(ledger: Ledger, password: str | None = PASSWORD) -> Iterator[Attacked]:
    """Serve the pages over a ledger."""
    made = Attacked(ledger, password)
    try:
        yield made
    finally:
        made.close()


def links_of(page: str) -> list[str]:
    """Give the addresses that a page leads to by GET: links, pictures, and forms that ask."""
    found = re.findall(r'(?:href|src)="([^"]*)"', page)
    found += re.findall(r'<form[^>]*method="get"[^>]*action="([^"]*)"', page)
    return [html.unescape(each).partition("#")[0] for each in found if html.unescape(each).startswith("/")]


def crawl(client: TestClient, starts: Sequence[str], most: int = 90) -> Iterator[tuple[str, Any]]:
    """Ask for every address that links lead to; of those that differ only in what they say, three."""
    waiting, seen, kinds = list(starts), set(starts), dict[str, int]()
    while waiting and most:
        address = waiting.pop(0)
        answer = client.get(address)
        most -= 1
        yield address, answer
        found = [answer.headers["location"]] if "location" in answer.headers else links_of(answer.text)
        for link in found:
            kind = f"{urlsplit(link).path} {' '.join(sorted(re.findall(r'[?&]([^=&]+)', link)))}"
            if link not in seen and kinds.get(kind, 0) < 3:
                kinds[kind] = kinds.get(kind, 0) + 1
                seen.add(link)
                waiting.append(link)


def packed_text(text: str | bytes) -> str:
    """Write any text where an address has criteria."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).rstrip(b"=").decode()


def starts() -> list[str]:
    """Give an address of each route, and some that say more."""
    packed = pack(CT)
    more = [
        f"/build?place=1&criteria={packed}&open=0",
        f"/build?place=1&criteria={packed}&tab=json",
        f"/near?place=1&criteria={packed}",
        f"/start?place=1&criteria={packed}",
        f"/criteria/save?place=1&criteria={packed}",
        f"/compare?place=1&criteria={packed}",
        "/runs/first?show=all&columns=slices,plane",
        "/runs/first?view=pictures&show=all",
        f"/runs/first?show=all&series={SERIES}",
        f"/runs/first/trace?uid={INSTANCE}",
        *(f"/explore?place=1&attribute={name}" for name in ("Modality", "SeriesDescription", "PatientID", "StudyDate")),
        "/explore?place=1&attribute=BodyPartExamined",
        "/explore?place=1&attribute=StudyInstanceUID",
    ]
    return [*dict.fromkeys(route.address for route in GETS), *more]


def json_text(value: object) -> str:
    """Write JSON as short as an address has it."""
    return json.dumps(value, separators=(",", ":"))
