"""The API against its own OpenAPI document, by a machine that makes up requests: no server error,
and no answer that the document does not describe. ``make soak`` lets it run for longer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api import operations
from tests.lengths import SOAK, figure, length
from tests.serving import Served, fill, worker
from tracetrack.platform.embedded import postgres
from tracetrack.platform.http import API
from tracetrack.settings import ROOT

SECONDS = length(9, 300)
"""For each role; ten times as many where too few requests were made up in these."""
ENOUGH = 30
"""Requests that a machine that does other things too makes up in this while."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
async def served(server: postgres.Postgres) -> AsyncIterator[Served]:
    """A real worker process on a warehouse of its own."""
    server.create_database("tracetrack_fuzzed", "tracetrack_template")
    await fill(server.url(postgres.OWNER, "tracetrack_fuzzed"))
    with worker(server, "tracetrack_fuzzed", TRACETRACK_POOL_SIZE="20") as running:
        await running.sign_in()
        async with running.client("dispatcher") as client:
            # Made at the first request, and the fuzzer waits no longer than ten seconds for it.
            assert (await client.get(f"{running.url}/openapi.json")).status_code == 200
            for parent in ("P1", "P2"):
                await client.post("/scans/parent", json={"code": parent})
                for child in range(3):
                    body = {"parent_code": parent, "code": f"{parent}-C{child}"}
                    await client.post("/scans/child", json=body)
        async with running.client("admin") as client:
            # So that there is somebody to decide about.
            assert (await client.patch("/settings", json={"registration": True})).status_code == 200
        yield running
    server.drop_database("tracetrack_fuzzed")


async def made_up(served: Served, role: str, seconds: int, folder: Path) -> tuple[int, str]:
    """Let Schemathesis make up requests for so long; its exit code and what it printed."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
        *("run", f"{served.url}/openapi.json", "--no-color", "--continue-on-failure"),
        *("--header", f"Authorization: Bearer {served.tokens[role]}"),
        *("--phases", "examples,coverage,fuzzing,stateful" if SOAK else "coverage,fuzzing"),
        *("--max-time", str(seconds), "--max-examples", "2000" if SOAK else "10"),
        *("--checks", ",".join(CHECKS), "--warnings", "off", "--no-shrink"),
        # What ends the session that all the others need: it learns the ids of sessions as it goes.
        *("--exclude-path", "/api/v1/auth/logout"),
        *("--exclude-path", "/api/v1/auth/sessions/{session_id}"),
        *(part for one in operations() if one.streams for part in ("--exclude-path", API + one.path)),
        *("--suppress-health-check", "all", "--generation-database", "none", "--request-timeout", "30"),
        *(() if SOAK else ("--seed", "20261124")),
    ]
    (folder / "schemathesis.toml").write_text("")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.properties.known", "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode("utf-8", "replace")
    return process.returncode or 0, said


@pytest.mark.parametrize("role", ["dispatcher", "biller", "admin"])
async def test_made_up_requests_are_answered_as_the_document_says(
    served: Served, role: str, tmp_path: Path
) -> None:
    for seconds in (SECONDS, 10 * SECONDS):
        # A token lives for ten minutes, and the roles before may have taken longer.
        await served.sign_in()
        code, said = await made_up(served, role, seconds, tmp_path)
        made = re.search(r"(\d[\d,]*) generated", said)
        generated = int(made[1].replace(",", "")) if made else 0
        # A busy machine gets to none in the shorter time, which ends with an error of its own.
        if generated > ENOUGH:
            break
    assert code == 0, said[-20_000:]
    assert generated > ENOUGH, said[-2_000:]
    if SOAK:
        print(said[-1_500:])
    # Whoever fuzzed was in to the end, and the server wrote down no error of its own.
    async with served.client(role) as client:
        assert (await client.get("/auth/me")).status_code == 200
    log = served.log.read_text("utf-8")
    assert '"level":"error"' not in log, [line for line in log.splitlines() if '"level":"error"' in line][:3]


def test_most_operations_were_reached(served: Served) -> None:
    """What is never answered with success was never tested beyond its refusals."""
    log = [json.loads(line) for line in served.log.open("rb") if line.startswith(b"{")]
    asked = [line for line in log if line.get("event") == "request"]
    reached = {f"{line['method']} {line['route']}" for line in asked if line["status"] < 300}
    never = [str(one) for one in operations() if f"{one.method} {API}{one.path}" not in reached]
    share = 1 - len(never) / len(operations())
    figure(
        "made-up requests",
        f"{len(asked):,} requests; {share:.0%} of {len(operations())} operations reached; never: {never}",
    )
    if SOAK:
        assert len(asked) >= 10_000
        assert share >= 0.8
