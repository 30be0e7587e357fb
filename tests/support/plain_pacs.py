"""A PACS of no make: QIDO-RS and WADO-RS over real sockets, as the standard allows it and as servers differ."""

import json
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

from dicom_sieve.objects import Location
from dicom_sieve.stores.dicomweb.access import DicomWebAccess, HttpCredentials
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from dicom_sieve.stores.retries import Retries
from tests.support.loopback import Silent, serving
from tests.support.orthanc import AT_ONCE

Row = dict[str, Any]
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
SERVICES = "/pacs/rs"
JSON = "application/dicom+json"
_OF_LEVEL = {"studies": STUDY, "series": SERIES, "instances": INSTANCE}
_LISTED = frozenset({"00080005", "00080016", "00080020", "00080060", "00100010", "00100020", STUDY, SERIES, INSTANCE})


@dataclass
class Reply:
    """One answer; status 0 closes the connection without one."""

    status: int = 200
    kind: str = JSON
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    drip_seconds: float = 0.0
    """Between any two bytes of the body."""


@dataclass
class PlainPacs:
    """What it holds, and how it behaves.

    Attributes:
        root: URL of the server.
        most_rows: Of a page, whatever is asked for.
        takes_limit: Whether it takes notice of the limit.
        takes_offset: Whether it takes notice of the offset.
        counts: Whether it says how many there are below.
        lists_all: Whether it lists all attributes where all are asked for; else it refuses that.
        spoil: Gives another answer to a path, or None.
    """

    root: str
    most_rows: int | None = None
    takes_limit: bool = True
    takes_offset: bool = True
    counts: bool = True
    lists_all: bool = True
    spoil: Callable[[str], Reply | None] = lambda _: None
    requests: list[str] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    held: dict[tuple[str, str, str], bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> None:
        """Store an instance."""
        found = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
        self.held[found.StudyInstanceUID, found.SeriesInstanceUID, found.SOPInstanceUID] = data

    def store(
        self, prefix: str = "", *, credentials: str = "", by_metadata: bool = False, retries: Retries = AT_ONCE
    ) -> DicomWebStore:
        """Give it as a store."""
        url = f"{self.root}{SERVICES}"
        place = Location("dicomweb+http:", url.removeprefix("http://"), prefix)
        access = DicomWebAccess(url, HttpCredentials.parse(credentials), retries, by_metadata=by_metadata)
        return DicomWebStore(access, place)

    def answer(self, path: str, query: dict[str, list[str]]) -> Reply:
        """Answer as the standard says."""
        parts = path.removeprefix(f"{SERVICES}/").split("/")
        if not path.startswith(f"{SERVICES}/"):
            return Reply(404)
        if parts[-1] == "metadata":
            rows = [_row(data) for uids, data in sorted(self.held.items()) if _is_below(parts[:-1], uids)]
            return _json(rows) if rows else Reply(404)
        if len(parts) == 6:
            return self._instance((parts[1], parts[3], parts[5]))
        if not self.lists_all and "includefield" in query:
            return Reply(400)
        return _json(self._page(self._rows(parts, query), query))

    def _rows(self, parts: list[str], query: dict[str, list[str]]) -> list[Row]:
        level, tag = parts[-1], _OF_LEVEL[parts[-1]]
        found: dict[str, Row] = {}
        for uids, data in sorted(self.held.items()):
            uid = uids[list(_OF_LEVEL).index(level)]
            if _is_below(parts[:-1], uids) and uid == query.get(tag, [uid])[0]:
                row = _row(data)
                found[uid] = row if "includefield" in query else {key: row[key] for key in row if key in _LISTED}
                if self.counts:
                    found[uid] |= self._counts(uids)
        return list(found.values())

    def _counts(self, uids: tuple[str, str, str]) -> Row:
        series = {each[1] for each in self.held if each[0] == uids[0]}
        instances = [each for each in self.held if each[:2] == uids[:2]]
        counted = {"00201206": len(series), "00201209": len(instances)}
        return {key: {"vr": "IS", "Value": [count]} for key, count in counted.items()}

    def _page(self, rows: list[Row], query: dict[str, list[str]]) -> list[Row]:
        offset = int(query.get("offset", ["0"])[0]) if self.takes_offset else 0
        limit = int(query.get("limit", [len(rows)])[0]) if self.takes_limit else len(rows)
        return rows[offset:][: min(limit, self.most_rows or limit)]

    def _instance(self, uids: tuple[str, str, str]) -> Reply:
        if uids not in self.held:
            return Reply(404)
        body = b"--xX\r\nContent-Type: application/dicom\r\n\r\n" + self.held[uids] + b"\r\n--xX--\r\n"
        return Reply(kind='multipart/related; type="application/dicom"; boundary=xX', body=body)


def _is_below(parts: list[str], uids: tuple[str, str, str]) -> bool:
    return parts[1::2] == list(uids[: len(parts) // 2])


def _row(data: bytes) -> Row:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        row: Row = pydicom.dcmread(BytesIO(data), stop_before_pixels=True).to_json_dict()
    return row


def _json(rows: list[Row]) -> Reply:
    return Reply(body=json.dumps(rows).encode()) if rows else Reply(204)


@contextmanager
def run_plain_pacs() -> Iterator[PlainPacs]:
    """Run one on a free port of this machine."""
    lock = threading.Lock()

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            with lock:
                pacs.requests.append(self.path)
                pacs.authorizations.add(self.headers.get("Authorization"))
            parts = urlsplit(self.path)
            reply = pacs.spoil(self.path) or pacs.answer(re.sub("/+$", "", parts.path), parse_qs(parts.query))
            self.close_connection = not reply.status or reply.announced is not None
            if not reply.status:
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.announced is None else reply.announced))
            self.end_headers()
            if reply.drip_seconds:
                self._drip(reply)
            else:
                self.wfile.write(reply.body)
                self.wfile.flush()

        def _drip(self, reply: Reply) -> None:
            for number in range(len(reply.body)):
                self.wfile.write(reply.body[number : number + 1])
                self.wfile.flush()
                time.sleep(reply.drip_seconds)

    with serving(Handler, tells_errors=False) as url:
        pacs = PlainPacs(url)
        yield pacs
