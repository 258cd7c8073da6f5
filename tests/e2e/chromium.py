"""Finds the Chromium that the browser tests drive, and installs one where there is none.

``python tests/e2e/chromium.py`` makes sure of it before the tests start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def flags() -> list[str]:
    """What Chromium must be told here: quiet, and without its sandbox where we are root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def find() -> Path | None:
    """Chromium on the PATH, else the one that Playwright downloaded, else None."""
    for name in NAMES:
        found = shutil.which(name)
        # On Ubuntu the package is a stub that only asks for a snap.
        if found and runs(found):
            return Path(found)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() and runs(str(own)) else None


def runs(program: str) -> bool:
    """Whether it starts at all: all its libraries are there."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> None:
    """Try the system's packages where we may, then Playwright's download; silent about failures."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not root or quietly("sudo", "-n", "true")):
        quietly(*root, "apt-get", "update", "-qq")
        if quietly(*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qqy", "chromium"):
            return
    quietly(sys.executable, "-m", "playwright", "install", "chromium")


def quietly(*command: str) -> bool:
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def ensure() -> Path:
    """Chromium's path, installed if need be; one sentence and exit code 1 where it cannot be had."""
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
