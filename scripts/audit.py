"""Ask the advisory services about the locked packages: ``make audit``.

Exit code 0: every package was asked about and none has an advisory. 1: there are advisories. 2: a service
could not be asked, so nothing is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PYTHON_LOCKS = ("backend/requirements.lock", "backend/requirements-dev.lock", "tools/api/requirements.lock")
NPM_FOLDERS = ("frontend", "tools/api", "tests/e2e/browser")


class Verdict(NamedTuple):
    """What is known of one lock file."""

    code: int
    lines: list[str]


def of_python(name: str, printed: str) -> Verdict:
    """Judge what ``pip-audit --format json`` printed.

    A package that the service does not know is skipped, with exit code 0: where it knows none of them,
    it was not asked.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(printed)["dependencies"]
    except (ValueError, KeyError):
        return Verdict(2, [f"{name}: the advisory service could not be reached; nothing is known."])
    found = [
        f"{name}: {package['name']} {package['version']}: {advisory['id']}"
        f" (fixed in {', '.join(advisory['fix_versions']) or 'no version yet'})"
        for package in packages
        for advisory in package.get("vulns", [])
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return Verdict(2, [f"{name}: the advisory service knows none of the packages; nothing is known."])
    if skipped:
        found.append(f"{name}: not known to the advisory service: {', '.join(skipped)}")
        return Verdict(1 if len(found) > 1 else 2, found)
    return Verdict(1, found) if found else Verdict(0, [f"{name}: {len(packages)} packages, no advisory."])


def of_npm(name: str, printed: str) -> Verdict:
    """Judge what ``npm audit --json`` printed."""
    try:
        report: dict[str, Any] = json.loads(printed)
        vulnerabilities: dict[str, Any] = report["vulnerabilities"]
    except (ValueError, KeyError):
        return Verdict(2, [f"{name}: the advisory service could not be reached; nothing is known."])
    if not vulnerabilities:
        count = report["metadata"]["dependencies"]["total"]
        return Verdict(0, [f"{name}: {count} packages, no advisory."])
    return Verdict(
        1, [f"{name}: {package} ({about['severity']})" for package, about in vulnerabilities.items()]
    )


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, text=True, capture_output=True, timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def main() -> int:
    """Ask about every lock file; print what is known."""
    verdicts = []
    for lock in PYTHON_LOCKS:
        command = [str(ROOT / ".venv/bin/pip-audit"), "--disable-pip", "--no-deps", "--format", "json"]
        verdicts.append(of_python(lock, _run([*command, "--progress-spinner", "off", "-r", lock], ROOT)))
    for folder in NPM_FOLDERS:
        printed = _run(["npm", "audit", "--json", "--package-lock-only"], ROOT / folder)
        verdicts.append(of_npm(f"{folder}/package-lock.json", printed))
    for line in (line for verdict in verdicts for line in verdict.lines):
        sys.stdout.write(f"{line}\n")
    codes = {verdict.code for verdict in verdicts}
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
