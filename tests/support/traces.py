"""A receiver of traces by OTLP over HTTP, on a real socket: what came stands here as a tree of spans."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.loopback import Silent, serving


@dataclass(frozen=True)
class ReceivedSpan:
    """One span, as it came.

    Attributes:
        trace: Its trace's id.
        id: Its own.
        parent: The id of the one above it; empty: it is a root.
        name: Its name.
        attributes: Without our prefix.
        error: The description of its error; None: it has none.
        began: In nanoseconds since 1970.
        ended: Likewise.
        events: How many it has, as recorded exceptions.
    """

    trace: str
    id: str
    parent: str
    name: str
    attributes: dict[str, Any]
    error: str | None
    began: int
    ended: int
    events: int


@dataclass
class TraceReceiver:
    """A running receiver.

    Attributes:
        url: Where it is.
        status: What it answers.
        spans: What came.
        resources: The attributes of those who sent.
        headers: Of the requests.
        bodies: Of the requests, unpacked.
    """

    url: str
    status: int = 200
    spans: list[ReceivedSpan] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What names it, by OpenTelemetry's own variables."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=planted-header"}

    def named(self, name: str) -> list[ReceivedSpan]:
        """Give the spans of a name, in the order in which they began."""
        return sorted((span for span in self.spans if span.name == name), key=lambda span: span.began)

    def children(self, parent: ReceivedSpan) -> list[ReceivedSpan]:
        """Give the spans right below one."""
        return [span for span in self.spans if span.parent == parent.id and span.trace == parent.trace]

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Unpack a request."""
        plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.headers.append(headers)
        self.bodies.append(plain)
        for resource in ExportTraceServiceRequest.FromString(plain).resource_spans:
            self.resources.append(_attributes(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans.extend(_read(span) for span in scope.spans)


def _read(span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        {name.removeprefix("dicom_sieve."): value for name, value in _attributes(span.attributes).items()},
        span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else None,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        len(span.events),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def receiving_traces(status: int = 200) -> Iterator[TraceReceiver]:
    """Receive them."""

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            if receiver.status == 200:
                receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        receiver = TraceReceiver(url, status)
        yield receiver
