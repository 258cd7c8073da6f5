"""A worker process of its own, to be killed: ``python -m tests.imports.worker URL DATA [split]``.

With ``split`` the transaction is cut after each page, which the tests must notice.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tracetrack.imports import job, merge
from tracetrack.platform import db
from tracetrack.settings import Settings


async def _split(plain: Any, row: Any, facts: Any, progress: Any, counts: Any) -> None:
    fetchrow = plain.fetchrow

    async def cut(query: str, *values: Any) -> Any:
        answer = await fetchrow(query, *values)
        if "import_children" in query:
            await plain.execute("commit; begin")
        return answer

    class Cut:
        def __getattr__(self, name: str) -> Any:
            return cut if name == "fetchrow" else getattr(plain, name)

    await _whole(Cut(), row, facts, progress, counts)  # type: ignore[arg-type]


_whole = merge._merge_bags


async def main(url: str, data: str, split: bool) -> None:
    settings = Settings(database_url=SecretStr(url), data=Path(data), _env_file=None)
    db.open_database(url, settings)
    job.open_imports(settings, work=False)
    if split:
        merge._merge_bags = _split
    merge.ROWS_AT_ONCE = 5_000
    print("ready", flush=True)
    assert await job.work_once(uuid.uuid4())
    print("done", flush=True)
    await job.close_imports()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], "split" in sys.argv[3:]))
