"""Making a page: templates, what each of them is given, and who asks."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment

from dicom_sieve.errors import DicomSieveError, InvalidRequestError
from dicom_sieve.objects import FILE, Location
from dicom_sieve.reports.charts import make_environment
from dicom_sieve.version import __version__
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Person, Role
from dicom_sieve.web.texts import gettext, later, translated, translated_by_number
from dicom_sieve.web.words import counted, state_in_words

SESSION = "dicom_sieve_session"
A_YEAR = 31_536_000
"""In seconds."""
THEME, LANGUAGE = "theme", "language"
"""Cookies that keep what somebody chose."""
NAVIGATION = (
    ("places", later("Places"), "/places"),
    ("explore", later("Explore"), "/explore"),
    ("build", later("Build"), "/build"),
    ("runs", later("Runs"), "/runs"),
    ("compare", later("Compare"), "/compare"),
    ("criteria", later("Criteria"), "/criteria"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """What every page says around its own.

    Attributes:
        title: Of the page.
        at: Where in the navigation.
        place: The id of the location that it is about; None: of none.
    """

    title: str
    at: str = ""
    place: int | None = None


class NotAllowedError(DicomSieveError):
    """Somebody asked for what their role does not allow."""

    def __init__(self, role: Role) -> None:
        super().__init__(
            gettext("This needs the role %(role)s. Ask those who run this server.", role=role.name.lower())
        )


def find_person(context: Context, request: Request) -> Person | None:
    """Tell who asks; None: nobody who is known."""
    if context.sessions.of_anyone is not None:
        return context.sessions.of_anyone
    if context.proxy.header:
        address = request.client.host if request.client else None
        named = context.proxy.find(address, request.headers.getlist(context.proxy.header))
        if named is not None:
            return named
    return context.sessions.find(request.cookies.get(SESSION))


def person_of(request: Request, role: Role = Role.VIEWER) -> Person:
    """Give who asks.

    Raises:
        NotAllowedError: Their role does not allow it.
    """
    person: Person = request.state.person
    if not person.may(role):
        raise NotAllowedError(role)
    return person


def context_of(request: Request) -> Context:
    """Give what all pages need."""
    context: Context = request.app.state.context
    return context


def form_of(request: Request) -> dict[str, list[str]]:
    """Give the form that a request sent."""
    form: dict[str, list[str]] = request.state.form
    return form


def here_of(request: Request) -> str:
    """Give the address that was asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def remember(request: Request, answer: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Give the browser a cookie: for this server alone, and over TLS alone where it came by TLS.

    Args:
        request: Theirs.
        answer: With which it goes.
        name: Of the cookie.
        value: Of the cookie.
        seconds: That it is kept; None: until the browser ends.
    """
    is_https = is_secure(context_of(request), request)
    answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=is_https)


def is_secure(context: Context, request: Request) -> bool:
    """Tell whether a request came by TLS: to this server, or to the proxy before it."""
    address = request.client.host if request.client else None
    is_forwarded = request.headers.getlist("x-forwarded-proto") == ["https"] and context.proxy.is_trusted(address)
    return request.url.scheme == "https" or is_forwarded


def problems_of(error: Exception) -> tuple[str, ...]:
    """Give what an error says, a sentence a problem."""
    return error.problems if isinstance(error, InvalidRequestError) else (str(error),)


def show(request: Request, template: str, page: Page, status: int = 200, **given: Any) -> Response:
    """Make a page.

    Args:
        request: Who asks, and for what.
        template: In ``templates/``.
        page: What stands around it.
        status: Of the answer.
        given: To the template.
    """
    person = getattr(request.state, "person", None)
    theme = request.cookies.get(THEME)
    text = (
        environment()
        .get_template(template)
        .render(
            page=page,
            person=person,
            navigation=[(key, gettext(name), address) for key, name, address in NAVIGATION],
            language=request.state.language,
            languages=context_of(request).languages.names,
            theme=theme if theme in {"dark", "light"} else "",
            here=here_of(request) if request.method == "GET" else "/",
            version=__version__,
            **given,
        )
    )
    return HTMLResponse(text, status)


def name_of_place(place: Location) -> str:
    """Give a location as people call it."""
    if place.endpoint.startswith(FILE):
        return str(place)
    return f"{place.bucket}/{place.prefix}".rstrip("/")


@cache
def environment() -> Environment:
    """Give the templates; everything in them is escaped."""
    made = make_environment("dicom_sieve.web", translated, translated_by_number)
    made.filters.update(place=name_of_place, counted=counted, state=state_in_words)
    return made
