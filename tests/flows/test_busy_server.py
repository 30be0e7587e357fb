"""What a Prefect server does once, and in turn, so that many can ask it at the same time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.utilities.schema_tools import validation
from sqlalchemy.exc import OperationalError

from dicom_sieve.flows.deployments import contract_schema
from dicom_sieve.flows.server.busy_database import MILLISECONDS_IN_SQLITE, TakingTurns
from dicom_sieve.flows.server.known_schemas import check_each_once
from tests.support.up import request

WRITERS = 20


async def _add_one_each(database: AioSqliteConfiguration) -> int:
    """Let several read a number at the same time, and write the next one; give the number in the end."""
    engine = await database.engine()

    async def add() -> None:
        session = await database.session(engine)
        async with session, database.begin_transaction(session):
            number = (await session.execute(sa.text("SELECT number FROM counter"))).scalar_one()
            await asyncio.sleep(0.01)
            await session.execute(sa.text("UPDATE counter SET number = :next"), {"next": number + 1})

    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE counter AS SELECT 0 AS number"))
    await asyncio.gather(*(add() for _ in range(WRITERS)))
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("PRAGMA busy_timeout"))).scalar_one() == MILLISECONDS_IN_SQLITE
        return int((await connection.execute(sa.text("SELECT number FROM counter"))).scalar_one())


def test_transactions_that_read_and_then_write_take_turns(tmp_path: Path) -> None:
    assert asyncio.run(_add_one_each(TakingTurns(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}"))) == WRITERS


def test_prefects_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(_add_one_each(AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")))


def test_a_transaction_within_another_does_not_wait_for_it(tmp_path: Path) -> None:
    database = TakingTurns(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")

    async def nest() -> int:
        engine = await database.engine()
        outer, inner = await database.session(engine), await database.session(engine)
        async with outer, database.begin_transaction(outer), inner, database.begin_transaction(inner):
            return int((await inner.execute(sa.text("SELECT 7"))).scalar_one())

    assert asyncio.run(asyncio.wait_for(nest(), 30)) == 7


def test_a_schema_is_checked_once_and_one_that_is_none_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    validator: Any = validation._VALIDATOR
    check, checked = validator.check_schema, []

    def check_and_count(schema: Any, **more: Any) -> None:
        checked.append(schema)
        check(schema, **more)

    monkeypatch.setattr(validator, "check_schema", check_and_count)
    monkeypatch.setattr(validator, "check_schema", validator.check_schema)  # put back what comes now, too
    check_each_once()
    schema = contract_schema().model_dump()

    for _ in range(3):
        validation.validate(request(), schema, raise_on_error=True)
        with pytest.raises(validation.ValidationError):
            validation.validate({**request(), "criteria": 1}, schema, raise_on_error=True)
    assert len(checked) == 1

    for _ in range(2):
        with pytest.raises(ValueError, match="Invalid schema"):
            validation.is_valid_schema({"type": 1})
    assert len(checked) == 3
