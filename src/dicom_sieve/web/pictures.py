"""Pictures: one of a series, rendered on demand from an object of the run's snapshot; or why there is none."""

from asyncio import get_running_loop
from contextvars import copy_context
from functools import partial
from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.errors import UnknownRunError
from dicom_sieve.web.context import Context
from dicom_sieve.web.drawn import chosen_object
from dicom_sieve.web.of_run import find_run
from dicom_sieve.web.pages import context_of, person_of
from dicom_sieve.web.people import Role
from dicom_sieve.web.picture import NoPictureError, Reason
from dicom_sieve.web.texts import gettext

router = APIRouter()
SIDE = 160
"""Of the box that says why there is no picture."""


@router.get("/runs/{run_id}/picture/{series}")
async def show_picture(request: Request, run_id: str, series: str) -> Response:
    """Show the middle image of a series, or that of ``object``; a hatched box with the reason where that cannot be."""
    person_of(request, Role.MANAGER)
    context, key = context_of(request), request.query_params.get("object", "")
    make = partial(copy_context().run, _picture, context, run_id, series, key)  # in the language of who asks
    return await get_running_loop().run_in_executor(context.pictures.threads, make)


def _picture(context: Context, run_id: str, series: str, key: str) -> Response:
    run = find_run(context.ledger, run_id)
    if run is None:
        raise UnknownRunError(run_id)
    chosen = chosen_object(run, series, key)
    if chosen is None:
        return _box(Reason.NO_PIXELS)
    try:
        made = context.pictures.draw(run.location, chosen.info)
    except NoPictureError as error:
        return _box(error.reason)
    return Response(made, media_type="image/png")


def _box(reason: Reason) -> Response:
    return Response(hatched(gettext(reason)), media_type="image/svg+xml")


def hatched(reason: str) -> str:
    """Draw a hatched box with words in it."""
    words, lines = reason.replace(";", ",").split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 20:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    top = SIDE / 2 - 8 * (len(lines) - 1) + 4
    texts = "".join(
        f'<text x="{SIDE // 2}" y="{top + 16 * place:g}" text-anchor="middle" font-family="sans-serif" '
        f'font-size="12" fill="#1d2326">{escape(line)}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">'
        '<defs><pattern id="h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#e9edec"/><rect width="2" height="6" fill="#c3cccb"/></pattern></defs>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="url(#h)"/>'
        f'<rect x="8" y="{top - 16:g}" width="{SIDE - 16}" height="{16 * len(lines) + 8}" fill="#fdfdfc"/>{texts}</svg>'
    )
