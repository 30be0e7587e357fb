"""An S3 server with a handful of objects, which answers as servers and proxies of public reports do; by https, too."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

from tests.stores.scripted_server import Answer, Request, ScriptedServer, serve

Spoils = Callable[[Request, Answer], Answer]
"""Makes another answer of the one that the server would give."""
MODIFIED, MODIFIED_BY_HTTP = "2024-01-01T00:00:00Z", "Mon, 01 Jan 2024 00:00:00 GMT"


class SmallS3(ScriptedServer):
    """It lists one page, and gives objects and ranges of them, to anyone."""

    def __init__(self, endpoint: str, objects: Mapping[str, bytes], spoil: Spoils) -> None:
        super().__init__(endpoint)
        self._objects = dict(sorted(objects.items()))
        self._spoil = spoil

    def take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
        return self._spoil(request, self._answer(request))

    def _answer(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        key = unquote(parts.path).partition("/bucket/")[2]
        if not key:
            return self._list(parse_qs(parts.query).get("prefix", [""])[0])
        if key not in self._objects:
            return error(404, "NoSuchKey")
        body, headers = self._objects[key], {"ETag": f'"{etag_of(key)}"', "Last-Modified": MODIFIED_BY_HTTP}
        if "range" not in request.headers:
            return Answer(200, body, headers)
        start, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
        end = min(int(last) + 1, len(body))
        return Answer(206, body[int(start) : end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(body)}"})

    def _list(self, prefix: str) -> Answer:
        entries = "".join(
            f"<Contents><Key>{key}</Key><ETag>&quot;{etag_of(key)}&quot;</ETag><Size>{len(body)}</Size>"
            f"<LastModified>{MODIFIED}</LastModified></Contents>"
            for key, body in self._objects.items()
            if key.startswith(prefix)
        )
        page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return Answer(200, page.encode(), {"Content-Type": "application/xml"})


def etag_of(key: str) -> str:
    """Give the etag under which an object is listed."""
    return f"etag-of-{key}"


def is_read(request: Request) -> bool:
    """Tell whether a request asks for bytes of an object."""
    return request.method == "GET" and "range" in request.headers


def error(status: int, code: str, more: str = "", **headers: str) -> Answer:
    """Make an error as S3 gives it, with further elements and headers."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said</Message>{more}</Error>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body.encode(), {"Content-Type": "application/xml", **named})


def denies_reads(status: int, code: str) -> Spoils:
    """Answer every read with an error."""
    return lambda request, answer: error(status, code) if is_read(request) else answer


def with_etag(make: Callable[[str], str], *, of: Callable[[Request], bool] = is_read) -> Spoils:
    """Answer some requests with another etag."""

    def spoil(request: Request, answer: Answer) -> Answer:
        etag = answer.headers.get("ETag")
        if etag is None or not of(request):
            return answer
        return replace(answer, headers={**answer.headers, "ETag": make(etag)})

    return spoil


@contextmanager
def small_s3(
    objects: Mapping[str, bytes], spoil: Spoils = lambda _, answer: answer, tls: ssl.SSLContext | None = None
) -> Iterator[SmallS3]:
    """Run such a server on a free port of this machine."""
    with serve(tls, lambda endpoint: SmallS3(endpoint, objects, spoil)) as server:
        assert isinstance(server, SmallS3)
        yield server
