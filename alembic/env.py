"""Alembic's entry: migrations run over asyncpg, each in its own transaction."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from tracetrack.platform.db import sqlalchemy_url

config = context.config


def run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    url = config.attributes.get("url") or sqlalchemy_url(os.environ["DATABASE_URL"])
    # A migration must not queue behind running work and make everybody wait behind it: it gives up
    # and is tried again, see tracetrack.platform.migrate.
    engine = create_async_engine(
        url,
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"lock_timeout": "1000", "timezone": "UTC"}},
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
