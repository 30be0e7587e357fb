"""Prefect's server with our door before it."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from prefect.server.api.server import create_app
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.server.utilities.database import get_dialect
from prefect.settings import get_current_settings
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from dicom_sieve.flows.server import known_schemas, queue
from dicom_sieve.flows.server.bodies import SoundBodies
from dicom_sieve.flows.server.busy_database import RetriesWhileBusy, TakingTurns
from dicom_sieve.flows.server.callers import OwnNamesOnly


def make_app(names: Collection[str]) -> ASGIApp:
    """Make Prefect's server as ``prefect server start`` does, by its settings, and put the door before it.

    Prefect's own services call its application within the process, under a name that is none: they do so behind the
    door, which therefore is no part of that application.

    Args:
        names: Host names of the server, beside ``localhost`` and addresses.
    """
    settings = get_current_settings().server
    url: str = settings.database.connection_url.get_secret_value()  # type: ignore[union-attr]
    is_sqlite = get_dialect(url).name == "sqlite"
    if is_sqlite:
        MODELS_DEPENDENCIES["database_config"] = TakingTurns(connection_url=url)
    known_schemas.check_each_once()
    app = create_app(final=True)
    origins = [origin.strip() for origin in settings.api.cors_allowed_origins.split(",")]
    # Innermost: behind the password, and where Prefect's errors have not become answers yet.
    inside = app.api_app.user_middleware  # type: ignore[attr-defined]
    inside.extend([Middleware(SoundBodies), Middleware(RetriesWhileBusy, is_sqlite=is_sqlite, mend=queue.mend)])
    prefects = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[None]:
        async with prefects(started):
            await queue.mend()
            redacting = asyncio.create_task(queue.keep_redacting())
            yield
            redacting.cancel()
            with suppress(asyncio.CancelledError):
                await redacting

    app.router.lifespan_context = lifespan
    return OwnNamesOnly(app, names=names, origins=origins)
