"""``make bench``: the site measured from the outside. ``make bench ONLY=scans`` runs one part."""

from __future__ import annotations

import importlib
import os

PARTS = ("start", "scans", "feedback", "imports", "import_while_scanning")


def main() -> None:
    for part in filter(None, os.environ.get("ONLY", "").split(",")) or PARTS:
        print(f"== {part}", flush=True)
        importlib.import_module(f"tests.bench.{part}").main()


if __name__ == "__main__":
    main()
