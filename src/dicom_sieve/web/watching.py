"""What those who watch the service ask for: whether it lives, whether it can work, and its figures."""

import base64
import binascii
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.ledger.reading.totals import is_there, read_totals
from dicom_sieve.reports.metrics import CONTENT_TYPE, metrics_text
from dicom_sieve.web.context import Context
from dicom_sieve.web.pages import context_of
from dicom_sieve.web.texts import gettext

router = APIRouter()
METRICS = "/metrics"


@router.get("/health")
@router.get("/health/live")
def is_alive() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/health/ready")
def is_ready(request: Request) -> Response:
    """Say whether pages can be answered: 503 where the ledger is away. Without Prefect they can; no run starts."""
    context = context_of(request)
    ledger = _answers(lambda: is_there(context.ledger.engine))
    prefect = _answers(context.prefect.is_there)
    said = {"status": ledger, "ledger": ledger, "prefect": prefect}
    return JSONResponse(said, 200 if ledger == "ok" else 503)


@router.get(METRICS)
def show_metrics(request: Request) -> Response:
    """Show the figures, to who is signed in, or sends the API's password as a consumer does (RFC 7617)."""
    context = context_of(request)
    if request.state.person is None and not _sends_password(context, request.headers.get("authorization", "")):
        return Response(
            gettext("Sign in, or send the password of the API."),
            401,
            {"WWW-Authenticate": 'Basic realm="dicom-sieve"'},
            "text/plain",
        )
    try:
        flow_runs = context.prefect.waiting()
    except DicomSieveError:
        flow_runs = None
    return Response(metrics_text(read_totals(context.ledger.engine), flow_runs), media_type=CONTENT_TYPE)


def _answers(ask: Callable[[], object]) -> str:
    try:
        ask()
    except DicomSieveError:
        return "away"
    return "ok"


def _sends_password(context: Context, header: str) -> bool:
    kind, _, sent = header.partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        given = base64.b64decode(sent.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return context.sessions.knows(given)
