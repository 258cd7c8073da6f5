"""Lighthouse's word on the screens: ``make lighthouse`` (ONLY="sign-in, slow 3G" for one of them).

Sign-in as a stranger finds it, with nothing kept; the scan screen of somebody signed in whose phone keeps
nothing else (first load), and of one who has it all (again); on a phone with a processor four times
slower, over Lighthouse's slow mobile network (150 ms, 1.6 Mbit/s, once called fast 3G), over its 3G (300 ms,
700 kbit/s) and over what browsers' tools call slow 3G (400 ms, 400 kbit/s).
Lighthouse is fetched by npm for the run: it is no part of what is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from tests.e2e import chromium
from tests.e2e.screens import PHONE, Screens
from tests.e2e.site import serve
from tracetrack.platform.embedded.processes import free_port

LIGHTHOUSE = "lighthouse@13"
CATEGORIES = ("accessibility", "best-practices", "performance")
NETWORKS = {
    "slow mobile": (),
    "3G": ("--throttling.rttMs=300", "--throttling.throughputKbps=700"),
    "slow 3G": ("--throttling.rttMs=400", "--throttling.throughputKbps=400"),
}
FIGURES = ("first-contentful-paint", "largest-contentful-paint", "interactive", "total-blocking-time")


async def judge(url: str, port: int, *more: str) -> dict[str, Any]:
    """Lighthouse's report on one page of the browser that listens at this port."""
    command = [
        *("npx", "--yes", LIGHTHOUSE, url, f"--port={port}", "--output=json", "--quiet"),
        f"--only-categories={','.join(CATEGORIES)}",
        "--throttling-method=simulate",
        *more,
    ]
    running = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await running.communicate()
    report: dict[str, Any] = json.loads(output)
    return report


def tell(name: str, report: dict[str, Any]) -> None:
    scores = {key: round(found["score"] * 100) for key, found in report["categories"].items()}
    audits = report["audits"]
    times = {key: audits[key]["displayValue"] for key in FIGURES if "displayValue" in audits.get(key, {})}
    sent = sum(one.get("transferSize", 0) for one in audits["network-requests"]["details"]["items"])
    print(f"{name}: {scores} {times} {sent / 1_000:.0f} KB", flush=True)
    for audit in audits.values():
        kept = any(
            ref["id"] == audit["id"]
            for key in ("accessibility", "best-practices")
            for ref in report["categories"][key]["auditRefs"]
        )
        if kept and audit["score"] is not None and audit["score"] < 1:
            print(f"  {audit['id']}: {audit['title']}", flush=True)


async def measure(folder: Path) -> None:
    with serve(folder) as site:
        name = site.dispatcher("bench")
        async with async_playwright() as playwright:
            port = free_port()
            context = await playwright.chromium.launch_persistent_context(
                str(folder / "profile"),
                executable_path=chromium.ensure(),
                args=[*chromium.flags(), f"--remote-debugging-port={port}"],
                viewport=PHONE,
                has_touch=True,
            )

            async def look(screen: str, url: str, *more: str) -> None:
                for network, flags in NETWORKS.items():
                    name = f"{screen}, {network}"
                    if os.environ.get("ONLY", name) == name:
                        tell(name, await judge(url, port, *more, *flags))

            await look("sign-in", site.url)
            screens = Screens(await context.new_page())
            await screens.page.goto(site.url)
            await screens.start_scanning(name)
            await screens.page.close()
            # Lighthouse leaves cookies and the queue alone, and throws away what was kept of the pages.
            await look("scan for the first time", f"{site.url}/scan")
            await look("scan again", f"{site.url}/scan", "--disable-storage-reset")
            await context.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
