"""Traces by OpenTelemetry: a run is a trace, each of its steps and shards a span; so is a computation, and its series.

They are sent where the extra ``dicom-sieve[telemetry]`` is installed and the environment names a receiver
(OTEL_EXPORTER_OTLP_ENDPOINT); else nothing is loaded and nothing done (ADR 57). Spans have counts, states and ids of
runs: no key, no place, no value of a patient, and of an error its type alone.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dicom_sieve.version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

RECEIVERS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "dicom-sieve"
PREFIX = "dicom_sieve."
Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Current:
    """A span under way; without a receiver it does nothing."""

    _span: "Span | None" = None

    def tell(self, **attributes: Attribute) -> None:
        """Add attributes."""
        if self._span is not None:
            self._span.set_attributes(_named(attributes))


def is_asked() -> bool:
    """Tell whether the environment names a receiver of traces, by the names that OpenTelemetry has for it."""
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return any(os.environ.get(name) for name in RECEIVERS) and not is_off and exporter == "otlp"


@contextmanager
def span(name: str, *, within: Any = None, **attributes: Attribute) -> Iterator[Current]:
    """Have a span for what is done inside.

    Args:
        name: The same for all of a kind.
        within: Given by `here`, in another thread; None: the span that is under way in this one.
        attributes: Counts, states, ids of runs.
    """
    tracer = _tracer()
    if tracer is None:
        yield Current()
        return
    from opentelemetry.trace import use_span  # noqa: PLC0415 - only where it is asked for

    made = tracer.start_span(name, within, attributes=_named(attributes))
    try:
        with use_span(made, record_exception=False, set_status_on_exception=False):
            yield Current(made)
    except BaseException as error:
        _tell_error(made, error)
        raise
    finally:
        made.end()


def here() -> Any:
    """Give what `span` is told in another thread, so that its span belongs to the one that is under way here."""
    if _tracer() is None:
        return None
    from opentelemetry.context import get_current  # noqa: PLC0415

    return get_current()


def record(name: str, began: int, ended: int, **attributes: Attribute) -> None:
    """Tell of what was done elsewhere, as by a worker that sends nothing itself.

    Args:
        name: As for `span`.
        began: Nanoseconds since 1970, by the clock there.
        ended: Likewise.
        attributes: As for `span`.
    """
    if (tracer := _tracer()) is not None:
        tracer.start_span(name, attributes=_named(attributes), start_time=began).end(end_time=ended)


def _named(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {f"{PREFIX}{name}": value for name, value in attributes.items()}


def _tell_error(made: "Span", error: BaseException) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    made.set_attribute("error.type", type(error).__name__)
    made.set_status(StatusCode.ERROR, type(error).__name__)


@lru_cache(maxsize=1)
def _tracer() -> "Tracer | None":
    """Give what makes spans, None where nobody asks for them. What a program has set up for itself is used as it is."""
    if not is_asked():
        return None
    # It would log headers that it cannot read, which hold credentials.
    logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL + 1)
    try:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        return None
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        resource = Resource.create()
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": SERVICE}))
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    return trace.get_tracer(SERVICE, __version__)
