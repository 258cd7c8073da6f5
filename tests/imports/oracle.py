"""What SheetJS, ssf and numfmt show of the same files and numbers (frontend/scripts/oracle.mjs)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _ask(question: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "scripts/oracle.mjs"],
        cwd=ROOT / "frontend",
        input=json.dumps(question),
        text=True,
        capture_output=True,
        check=True,
        timeout=300,
    )
    return dict(json.loads(done.stdout))


def texts_of(files: Sequence[Path]) -> dict[str, dict[str, dict[str, str]]]:
    """The text of each cell by file, sheet and address, as SheetJS shows it."""
    return dict(_ask({"files": [str(file) for file in files]})["files"])


def formatted(formats: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """What ``ssf`` and ``numfmt`` show for each format and number."""
    return list(_ask({"formats": list(formats)})["formats"])
