"""How fast files are read, in pairs of two checkouts: ``python -m tests.bench.import_paired``.

``--against DIR`` is another checkout with its own ``.venv``; without it this one is compared with itself,
which shows how much is noise. The two take turns, so that what else the machine does hits both. What is
counted is the processor time of the reader's whole work, from the stored file to the rows for COPY, in a
process of its own.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.imports import as_csv, as_xlsx, table
from tests.imports.workbooks import MAIN, number, sheet_xml, workbook

HERE = Path(__file__).parents[2]

_WORK = """
import json, sys, time
from tracetrack.imports.reader import __main__ as reader
job = json.loads(sys.argv[1])
began = time.process_time()
reader.run(job)
with open(sys.argv[2], "w") as out:
    out.write(str(time.process_time() - began))
"""


def _formatted(rows: int) -> bytes:
    """Numbers of which only the format shows the zeros."""
    data = [["Parent", "Child"], *([number(str(n // 30), 1), number(str(n), 1)] for n in range(rows))]
    return workbook({"S": data}, formats=["0000000"])


def _prefixed(rows: int) -> bytes:
    """As ClosedXML and the OpenXML SDK write it."""
    data = [["Parent", "Child"], *([f"P{n // 30}", f"C{n}"] for n in range(rows))]
    text = sheet_xml(data).replace(f'xmlns="{MAIN}"', f'xmlns:x="{MAIN}"')
    for tag in ("worksheet", "sheetData", "row", "c", "is", "t"):
        text = text.replace(f"<{tag}>", f"<x:{tag}>").replace(f"<{tag} ", f"<x:{tag} ")
        text = text.replace(f"</{tag}>", f"</x:{tag}>")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook({"S": []}))) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, text if name.endswith("sheet1.xml") else old.read(name))
    return out.getvalue()


FILES: dict[str, Callable[[int], bytes]] = {
    "plain.xlsx": lambda rows: as_xlsx(table(rows, "A")),
    "plain.csv": lambda rows: as_csv(table(rows, "A")),
    "formatted.xlsx": _formatted,
    "prefixed.xlsx": _prefixed,
}


def seconds(checkout: Path, path: Path) -> float:
    """Processor seconds that the reader of a checkout takes for a file."""
    job = {
        "mode": "rows",
        "path": str(path),
        "file_name": path.name,
        "kind": "bags",
        "mapping": None,
        "labels": {"hosts": [], "patterns": [], "types": []},
        "areas": {},
        "types": {},
    }
    result = path.with_suffix(".seconds")
    subprocess.run(
        [str(checkout / ".venv/bin/python"), "-c", _WORK, json.dumps(job), str(result)],
        env=os.environ | {"PYTHONPATH": str(checkout / "backend"), "POLARS_MAX_THREADS": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return float(result.read_text())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--against", type=Path, default=HERE)
    options.add_argument("--rows", type=int, default=80_000)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            path = Path(folder) / name
            path.write_bytes(make(given.rows))
            pairs = [(seconds(HERE, path), seconds(given.against, path)) for _ in range(given.rounds)]
            ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(one / other for one, other in pairs)
            print(
                f"{name}: {given.rows / ours:,.0f} rows a CPU second here, {given.rows / theirs:,.0f} there;"
                f" here/there {ratio:.2f} (median of {given.rounds} pairs)",
                flush=True,
            )


if __name__ == "__main__":
    main()
