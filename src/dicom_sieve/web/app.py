"""The pages as a web application: who may ask, and which page answers."""

import logging
import traceback
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dicom_sieve.errors import (
    DicomSieveError,
    LedgerError,
    UnknownCriteriaError,
    UnknownPlaceError,
    UnknownRunError,
)
from dicom_sieve.flows.server.callers import OwnNamesOnly
from dicom_sieve.reports.charts import style_of
from dicom_sieve.web import (
    actions,
    build,
    compare,
    criteria,
    explore,
    hand_on,
    importing,
    listing,
    near,
    pictures,
    places,
    runs,
    save,
    start,
    watching,
)
from dicom_sieve.web.asked import Form, first_of
from dicom_sieve.web.context import Context
from dicom_sieve.web.every_answer import EveryAnswer
from dicom_sieve.web.pages import (
    A_YEAR,
    LANGUAGE,
    SESSION,
    THEME,
    NotAllowedError,
    Page,
    find_person,
    here_of,
    problems_of,
    remember,
    show,
)
from dicom_sieve.web.people import LONGEST_NAME
from dicom_sieve.web.prefect_api import NotThereError, PrefectAwayError
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.watching import METRICS

LARGEST_FORM = 4 * 1024 * 1024
AWAY = 503
STATUS = {
    NotAllowedError: 403,
    UnknownRunError: 404,
    UnknownCriteriaError: 404,
    UnknownPlaceError: 404,
    NotThereError: 404,
    LedgerError: AWAY,
    PrefectAwayError: AWAY,
}
"""Of answers to what cannot be done; the first that an error is, counts."""
SECONDS_AWAY = 3.0
"""That a page waits for a ledger that does not answer; a run waits longer."""
_LOG = logging.getLogger(__name__)
OPEN = ("/sign-in", "/static/", "/health", METRICS)
"""What is shown to those who are not signed in; metrics look at a password themselves."""


def make_app(context: Context, names: Collection[str] = ()) -> ASGIApp:
    """Make the application, with its doors.

    Args:
        context: What all pages need.
        names: Host names of the server, beside ``localhost`` and addresses.
    """
    context.ledger.wait_at_most(SECONDS_AWAY)
    return EveryAnswer(OwnNamesOnly(make_pages(context), names=names, origins=()))


def make_pages(context: Context) -> FastAPI:
    """Make what is behind the doors: every page, and who may see it."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.context = context
    folder = str(Path(str(files("dicom_sieve.web") / "static")))
    app.add_api_route("/static/charts.css", _charts, methods=["GET"])
    app.mount("/static", StaticFiles(directory=folder), name="static")
    pages = (places, listing, explore, build, near, start, runs, pictures, hand_on)
    for module in (*pages, save, criteria, compare, importing, actions, watching):
        app.include_router(module.router)
    app.add_api_route("/", _first, methods=["GET"])
    app.add_api_route("/sign-in", _ask_to_sign_in, methods=["GET"])
    app.add_api_route("/sign-in", _sign_in, methods=["POST"])
    app.add_api_route("/sign-out", _sign_out, methods=["POST"])
    app.add_api_route("/theme", _theme, methods=["POST"])
    app.add_api_route("/language", _language, methods=["POST"])
    app.add_exception_handler(DicomSieveError, _tell)
    app.add_exception_handler(404, _not_found)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_speak)
    return app


async def _speak(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Answer in the language that somebody chose, or their browser asks for."""
    languages = request.app.state.context.languages
    chosen, accepted = request.cookies.get(LANGUAGE), request.headers.get("accept-language", "")
    request.state.language = language = languages.choose(chosen, accepted)
    with languages.speaking(language):
        return await _guard(request, call_next)


async def _guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Let those in who are signed in, and refuse forms from elsewhere."""
    context: Context = request.app.state.context
    request.state.person = person = find_person(context, request)
    path = request.url.path
    if person is None and not path.startswith(OPEN):
        return _to_sign_in(request)
    if request.method not in {"GET", "HEAD"} and not await _is_own_form(request):
        return HTMLResponse(gettext("This form is not from this page, or too large. Open the page again."), 403)
    try:
        return await call_next(request)
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s in %s\n%s", type(error).__name__, request.scope.get("path", ""), where)
        failed = gettext("This page failed, which is a defect. The log of this server says where.")
        return _problem(request, gettext("Not possible"), 500, (failed,))


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("x-part"):
        return HTMLResponse(gettext("You are not signed in any more."), 401)
    return RedirectResponse(f"/sign-in?to={quote(here_of(request) if request.method == 'GET' else '/', safe='')}", 303)


async def _is_own_form(request: Request) -> bool:
    """Read a form, once, and tell whether it is one of ours: it knows the token of its person's session."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LARGEST_FORM:
        return False
    body = (await request.body()).decode("utf-8", "replace")
    try:
        request.state.form = parse_qs(body, keep_blank_values=True, max_num_fields=5_000)
    except ValueError:
        return False
    person = request.state.person
    token = first_of(request.state.form, "token")
    return request.url.path == "/sign-in" or (person is not None and token == person.token)


def _charts() -> Response:
    return Response(style_of("charts"), media_type="text/css")


def _first(request: Request) -> Response:
    return RedirectResponse(places.first_address(request), 303)


def _ask_to_sign_in(request: Request) -> Response:
    return show(
        request, "sign_in.html", Page(gettext("Sign in")), to=_own_address(request.query_params.get("to")), problem=""
    )


def _sign_in(request: Request) -> Response:
    context: Context = request.app.state.context
    form: Form = request.state.form
    name, password = (first_of(form, member).strip() for member in ("name", "password"))
    to = _own_address(first_of(form, "to", "/"))
    is_name = 0 < len(name) <= LONGEST_NAME and name.isprintable()
    key = context.sessions.sign_in(name, password) if is_name else None
    if key is None:
        wrong = gettext("The password is not right, or was wrong too often: wait a minute.")
        problem = wrong if is_name else gettext("Say who you are.")
        return show(request, "sign_in.html", Page(gettext("Sign in")), status=403, to=to, problem=problem)
    context.sessions.sign_out(request.cookies.get(SESSION))
    answer = RedirectResponse(to, 303)
    remember(request, answer, SESSION, key)
    return answer


def _sign_out(request: Request) -> Response:
    context: Context = request.app.state.context
    context.sessions.sign_out(request.cookies.get(SESSION))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(SESSION)
    return answer


def _theme(request: Request) -> Response:
    form = request.state.form
    theme = "dark" if form.get("theme") == ["dark"] else "light"
    answer = RedirectResponse(_own_address(first_of(form, "to", "/")), 303)
    remember(request, answer, THEME, theme, seconds=A_YEAR)
    return answer


def _language(request: Request) -> Response:
    form, context = request.state.form, request.app.state.context
    answer = RedirectResponse(_own_address(first_of(form, "to", "/")), 303)
    remember(request, answer, LANGUAGE, context.languages.choose(first_of(form, "language")), seconds=A_YEAR)
    return answer


def _own_address(to: str | None) -> str:
    """Give an address of these pages: never one of another server."""
    is_own = to is not None and to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if to is not None and is_own else "/"


async def _tell(request: Request, error: Exception) -> Response:
    """Say what is, and what to do."""
    status = next((number for kind, number in STATUS.items() if isinstance(error, kind)), 400)
    return _problem(request, gettext("Not possible"), status, problems_of(error))


async def _not_found(request: Request, error: Exception) -> Response:
    del error
    return _problem(request, gettext("Not here"), 404, (gettext("There is no such page."),))


def _problem(request: Request, title: str, status: int, problems: Sequence[str]) -> Response:
    """Say what is the matter; what is away is asked for again."""
    return show(request, "problem.html", Page(title), status, problems=problems, is_away=status == AWAY)
