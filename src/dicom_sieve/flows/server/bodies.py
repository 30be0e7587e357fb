"""What a body may not hold: what could be stored but never be sent again, and secrets where they would stay.

Prefect stores a run and then answers. A body that it can store but not answer with is answered 500, stays, and makes
each later answer with the same run fail, first of all the one that gives waiting runs to those who execute them.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_sieve.flows.redaction import LOCATIONS, may_hold_secret

MOST_BYTES = 64 * 1024 * 1024
DEEPEST = 64
"""Levels of nesting. Prefect stores more than 200, and fails to send them."""
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**64 - 1
"""Integers that Prefect can send in a list of runs: the least, and the greatest."""
KEEPS_PARAMETERS = ("/deployments/", "/automations/")
"""Paths of what keeps parameters for good, to make runs with; paths of single runs lie below the first, too."""
MAKES_A_RUN = "/create_flow_run"
SCHEMA = "parameter_openapi_schema"
"""What describes parameters, by the same names."""
PARAMETERS, TEMPLATE = "parameters", "__prefect_kind"
"""A member with which Prefect makes a value of a text or a variable, later."""

Json: TypeAlias = dict[str, Any] | list[Any] | str | float | bool | None
_HAS_BODY = {"POST", "PUT", "PATCH", "DELETE"}


class UnacceptableBodyError(Exception):
    """A body that is refused; says why, and never quotes it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason


class SoundBodies:
    """Refuses bodies that cannot be kept. What it hands on has been read, and is read again from memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the body, or hand it on."""
        if scope["type"] != "http" or scope["method"] not in _HAS_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(receive)
            check(body, scope["path"])
        except UnacceptableBodyError as refusal:
            await JSONResponse({"exception_message": refusal.reason}, refusal.status)(scope, receive, send)
            return
        await self._app(scope, replay(body, receive), send)


def check(body: bytes, path: str) -> None:
    """Look into a body.

    Raises:
        UnacceptableBodyError: It is no UTF-8, has half a surrogate pair or a number that is too large, nests too
            deeply, or would have credentials stored for good.
    """
    if not body:
        return
    content = _parse(body)
    for leaf in _leaves(content):
        _check_leaf(leaf)
    if any(kind in path for kind in KEEPS_PARAMETERS) and MAKES_A_RUN not in path and _has_secret(content):
        accepted = 'accepted: {"$ref": "<id of an AwsCredentials block>"}, or none; addresses without user and query'
        reason = "credentials as a text, or a location that may hold them, would be stored in clear for good"
        raise UnacceptableBodyError(422, f"{reason}; {accepted}")


def _parse(body: bytes) -> Json:
    """Parse the bytes, as the server does: what is no JSON here is none there."""
    if body.startswith(codecs.BOM_UTF8) or b"\0" in body or not _is_utf_8(body):
        raise UnacceptableBodyError(422, "the body is no UTF-8; accepted: JSON in UTF-8, without a byte order mark")
    try:
        content: Json = json.loads(body)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        return None  # no JSON: Prefect's own answer says so better
    return content


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_leaf(leaf: Json) -> None:
    if isinstance(leaf, int) and not LEAST_INTEGER <= leaf <= MOST_INTEGER:
        raise UnacceptableBodyError(422, "a number does not fit into 64 bits; accepted: smaller ones")
    if isinstance(leaf, str):
        try:
            leaf.encode()
        except UnicodeEncodeError:
            raise UnacceptableBodyError(422, "a text has half a surrogate pair; accepted: Unicode") from None


def _leaves(content: Json) -> Iterator[Json]:
    """Give all texts and numbers of a body, names of members among them, level by level."""
    level: list[Json] = [content]
    for _ in range(DEEPEST):
        inner: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend([*value, *value.values()])
            elif isinstance(value, list):
                inner.extend(value)
            else:
                yield value
        if not inner:
            return
        level = inner
    raise _too_deep()


def _too_deep() -> UnacceptableBodyError:
    return UnacceptableBodyError(422, f"the body nests too deeply; accepted: {DEEPEST} levels")


def _has_secret(content: Json) -> bool:
    if isinstance(content, list):
        return any(map(_has_secret, content))
    if not isinstance(content, dict):
        return False
    return any(
        (name in LOCATIONS and may_hold_secret(value))
        or (name == PARAMETERS and _is_made_later(value))
        # Of a schema, what has a location's name describes one.
        or (name != SCHEMA and _has_secret(value))
        for name, value in content.items()
    )


def _is_made_later(parameters: Json) -> bool:
    return isinstance(parameters, dict) and TEMPLATE in parameters


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise UnacceptableBodyError(400, "the caller has gone")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > MOST_BYTES:
            raise UnacceptableBodyError(413, f"the body is too large; accepted: {MOST_BYTES} bytes")
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then whatever comes after it."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more
