"""Another worker: says on its output when a token begins or ceases to let somebody in.

Run as ``python -m tests.access.watcher`` with the token on standard input and the application's
settings in the environment.
"""

import asyncio
import sys
import time

from tracetrack.access import sessions, tokens
from tracetrack.platform import db
from tracetrack.platform.problems import Problem
from tracetrack.settings import get_settings


async def main() -> None:
    settings = get_settings()
    assert settings.database_url is not None
    assert settings.redis_url is None
    db.open_database(settings.database_url.get_secret_value(), settings)
    tokens.open_tokens(settings)
    token = (await asyncio.to_thread(sys.stdin.readline)).strip()
    said = ""
    while True:
        try:
            who = await sessions.signed_in(token)
            seen = f"{who.role} {who.area_name}"
        except Problem as problem:
            seen = problem.code
        if seen != said:
            print(time.time(), seen, flush=True)
            said = seen
        await asyncio.sleep(0.01)


asyncio.run(main())
