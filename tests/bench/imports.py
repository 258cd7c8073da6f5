"""How fast imports are, from the first byte sent to committed, through the running site.

``python -m tests.bench.imports [--rows 80000 1000000] [--rounds 5] [--before 0 1000000]``.
Beside each figure stand the floor (fastexcel alone + psql COPY + the same SQL) and, for 80,000
rows, the usual way (openpyxl read-only + batched INSERT ... ON CONFLICT through psycopg).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.processes import Remembered
from tracetrack.platform.spreadsheet import Workbook, row_xml

CHILDREN = 30
HEAD = ("Sr No", "Parent Bag", "Child Bag")


def table(rows: int, mark: str) -> list[tuple[str, str, str]]:
    return [(str(n + 1), f"PB{mark}{n // CHILDREN:06}", f"SB{mark}{n:07}") for n in range(rows)]


def as_xlsx(rows: list[tuple[str, str, str]]) -> bytes:
    """With addresses and shared strings, as Excel itself writes it."""
    import zipfile

    base = Workbook("Bags", row_xml(HEAD))
    skeleton = io.BytesIO(base.close())
    strings: dict[str, int] = {}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(skeleton) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as new,
    ):
        for name in old.namelist():
            text = old.read(name)
            if name == "[Content_Types].xml":
                text = text.replace(
                    b"</Types>",
                    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
                    b'officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
                )
            elif name == "xl/_rels/workbook.xml.rels":
                text = text.replace(
                    b"</Relationships>",
                    b'<Relationship Id="rs" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
                    b'relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
                )
            elif name.startswith("xl/worksheets/"):
                parts = [
                    '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/'
                    'spreadsheetml/2006/main"><sheetData>'
                ]
                for at, row in enumerate([HEAD, *rows], 1):
                    cells = []
                    for letter, cell in zip("ABC", row, strict=True):
                        if letter == "A" and at > 1:
                            cells.append(f'<c r="A{at}"><v>{cell}</v></c>')
                        else:
                            index = strings.setdefault(cell, len(strings))
                            cells.append(f'<c r="{letter}{at}" t="s"><v>{index}</v></c>')
                    parts.append(f'<row r="{at}" spans="1:3">{"".join(cells)}</row>')
                text = ("".join(parts) + "</sheetData></worksheet>").encode()
            new.writestr(name, text)
        shared = "".join(f"<si><t>{text}</t></si>" for text in strings)
        new.writestr(
            "xl/sharedStrings.xml",
            '<?xml version="1.0" encoding="UTF-8"?><sst xmlns="http://schemas.openxmlformats.org/'
            f'spreadsheetml/2006/main" count="{len(rows) * 2 + 3}" uniqueCount="{len(strings)}">'
            f"{shared}</sst>",
        )
    return out.getvalue()


def as_csv(rows: list[tuple[str, str, str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in [HEAD, *rows]).encode()


class Bench:
    """A site, and its database as the superuser."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o711)
        # Unlike in the tests, the log files are made in advance, as on a real site.
        self.site = Site(
            folder,
            TRACETRACK_WORKERS="2",
            TRACETRACK_LOG_LEVEL="WARNING",
            TRACETRACK_WAL_KEPT_MB=os.environ.get("TRACETRACK_WAL_KEPT_MB", "1024"),
        ).until_ready()
        self.http = httpx.Client(base_url=self.site.url + "/api/v1", timeout=600)
        self.sign_in()
        self.remembered = Remembered(folder / "data" / "secrets.json")
        urls = postgres.attach(folder / "data", self.remembered)
        assert urls is not None
        self.owner = urls[postgres.OWNER]
        self.binaries = postgres.find_binaries(None)

    def sign_in(self) -> None:
        answer = self.http.post("/auth/login", json={"username": "admin", "password": PASSWORD})
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def sql(self, script: str) -> str:
        return subprocess.run(
            [self.binaries / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.owner, "-f", "-"],
            input=script,
            text=True,
            capture_output=True,
            check=True,
        ).stdout

    def empty(self, before: int) -> None:
        self.sql(
            "truncate bags, retired_codes, packing, bills, imports, audit_events, scans"
            " restart identity cascade"
        )
        for at in range(0, before, 100_000):
            self.sql(f"""
                insert into bags (kind, code, bag_type_id, created_by)
                select 'parent', 'OLDP' || n, (select id from bag_types where is_default), 1
                from generate_series({at // CHILDREN}, {(at + 100_000) // CHILDREN}) n on conflict do nothing;
                insert into bags (kind, code, parent_id, linked_by, linked_at, created_by)
                select 'child', 'OLDC' || n, p.id, 1, now(), 1
                from generate_series({at}, {at + 99_999}) n
                join bags p on p.code = 'OLDP' || (n / {CHILDREN});
            """)
        self.sql("vacuum analyze bags")

    def measure(self, content: bytes, name: str) -> tuple[float, dict]:
        began = time.monotonic()
        answer = self.http.post("/imports", files={"file": (name, content)}, params={"confirm": "true"})
        assert answer.status_code == 202, answer.text
        import_id = answer.json()["id"]
        while True:
            shown = self.http.get(f"/imports/{import_id}").json()
            if shown["state"] not in ("queued", "running"):
                break
            time.sleep(0.02)
        seconds = time.monotonic() - began
        assert shown["state"] == "completed", shown
        assert shown["links_created"] + shown["rejected"] == shown["rows_total"], shown
        return seconds, shown

    def server_memory(self) -> float:
        """MiB of the web workers."""
        total = 0
        for process in self.site.family():
            with contextlib.suppress(psutil.Error):
                if "tracetrack.platform.worker" in " ".join(process.cmdline()):
                    total += process.memory_info().rss
        return total / 2**20


class Watch:
    """The peak memory of the web workers and of the reader, sampled from outside."""

    def __init__(self, bench: Bench) -> None:
        self.code = f"""
import psutil, sys, time
root = psutil.Process({bench.site.process.pid}); server = reader = 0
import threading
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
while not stop.is_set():
    s = 0
    for p in root.children(recursive=True):
        try:
            line = " ".join(p.cmdline())
            if "tracetrack.platform.worker" in line: s += p.memory_info().rss
            elif "tracetrack.imports.reader" in line: reader = max(reader, p.memory_info().rss)
        except psutil.Error: pass
    server = max(server, s); time.sleep(0.05)
print(server / 2**20, reader / 2**20)
"""
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def stop(self) -> tuple[float, float]:
        out, _ = self.process.communicate("")
        server, reader = out.split()
        return float(server), float(reader)


def floor(bench: Bench, path: Path, rows: int, csv: bool) -> float:
    """fastexcel (or polars) alone, psql COPY of the same data, the same SQL; no checks, no report."""
    import polars as pl

    read = (
        "import polars as pl; t=__import__('time').monotonic();"
        " d=pl.read_csv(sys.argv[1], infer_schema=False)"
        if csv
        else "import fastexcel; t=__import__('time').monotonic();"
        " d=fastexcel.read_excel(sys.argv[1]).load_sheet(0, dtypes='string').to_polars()"
    )
    out = subprocess.run(
        [sys.executable, "-c", f"import sys; {read}; print(__import__('time').monotonic() - t)", path],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = float(out.stdout)
    data = table(rows, path.stem)
    holders, staged = bench.folder / "holders.csv", bench.folder / "stage.csv"
    parents = list(dict.fromkeys(row[1] for row in data))
    place = {code: p for p, code in enumerate(parents, 1)}
    pl.DataFrame({"p": list(place.values()), "code": parents}).write_csv(holders, include_header=False)
    pl.DataFrame(
        {
            "n": range(1, rows + 1),
            "p": [place[row[1]] for row in data],
            "sheet": [0] * rows,
            "line": range(2, rows + 2),
            "code": [row[2] for row in data],
            "cells": ["\x1f".join(row) for row in data],
        }
    ).write_csv(staged, include_header=False)
    import_id = bench.sql(
        "insert into imports (kind, file_name, file_bytes, file_sha256, created_by)"
        " values ('bags', 'floor', 0, sha256('x'), 1) returning id"
    ).strip()
    step = 40_000
    script = f"""
        set plan_cache_mode = force_custom_plan; set work_mem = '128MB'; set temp_buffers = '64MB';
        begin;
        select import_begin();
        \\copy import_holders (p, code) from '{holders}' csv
        \\copy import_stage (n, p, sheet, line, code, cells) from '{staged}' csv
        select import_parents({import_id}, 1, null, true);
        select import_repeats(true);
        select pg_relation_size('import_stage') / 8192 as pages \\gset
        select import_children({import_id}, row(1, null, null, null, null)::floor_actor, s,
                               s + greatest(1, :pages * {step} / {rows}), false)
        from generate_series(0, :pages, greatest(1, :pages * {step} / {rows})) s;
        select import_lone_parents({import_id}, row(1, null, null, null, null)::floor_actor);
        commit;
    """
    began = time.monotonic()
    bench.sql(script)
    return seconds + time.monotonic() - began


def usual(bench: Bench, path: Path) -> float:
    """As most such programs do it: openpyxl row by row, INSERT ... VALUES in batches of 1,000."""
    import openpyxl
    import psycopg

    began = time.monotonic()
    sheet = openpyxl.load_workbook(path, read_only=True).active
    rows = [(str(p), str(c)) for _, p, c in sheet.iter_rows(min_row=2, values_only=True)]
    with psycopg.connect(bench.owner) as db, db.cursor() as cursor:
        parents = list(dict.fromkeys(p for p, _ in rows))
        for at in range(0, len(parents), 1000):
            batch = parents[at : at + 1000]
            cursor.execute(
                "insert into bags (kind, code, bag_type_id, created_by) values "
                + ", ".join(["('parent', %s, 1, 1)"] * len(batch))
                + " on conflict (lower(code)) do nothing",
                batch,
            )
        cursor.execute("select code, id from bags where code = any(%s) and kind = 'parent'", [parents])
        ids = dict(cursor.fetchall())
        for at in range(0, len(rows), 1000):
            batch = rows[at : at + 1000]
            cursor.execute(
                "insert into bags (kind, code, parent_id, linked_by, linked_at, created_by) values "
                + ", ".join(["('child', %s, %s, 1, now(), 1)"] * len(batch))
                + " on conflict (lower(code)) do nothing",
                [value for p, c in batch for value in (c, ids[p])],
            )
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[80_000, 1_000_000])
    parser.add_argument("--before", type=int, nargs="+", default=[0, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=["xlsx", "csv"])
    parser.add_argument("--no-usual", action="store_true")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores; {asked.rounds} rounds; rows a second, medians")
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        folder = Path(name)
        bench = Bench(folder)
        bench.sql("insert into areas (name) values ('Bench') on conflict do nothing")
        for rows in asked.rows:
            for kind in asked.kinds:
                mark = f"{rows % 99_991}{kind[0]}"
                path = folder / f"{mark}.{kind}"
                content = (as_xlsx if kind == "xlsx" else as_csv)(table(rows, mark))
                path.write_bytes(content)
                for before in asked.before:
                    ours, floors, usuals, peaks = [], [], [], []
                    for _ in range(asked.rounds):
                        bench.empty(before)
                        idle = bench.server_memory()
                        watch = Watch(bench)
                        time.sleep(0.3)
                        bench.sign_in()
                        seconds, _ = bench.measure(content, path.name)
                        server, reader = watch.stop()
                        ours.append(seconds)
                        peaks.append((server - idle, reader))
                        bench.empty(before)
                        floors.append(floor(bench, path, rows, kind == "csv"))
                        if kind == "xlsx" and rows <= 80_000 and not asked.no_usual:
                            bench.empty(before)
                            usuals.append(usual(bench, path))
                    ours_m, floor_m = statistics.median(ours), statistics.median(floors)
                    line = {
                        "rows": rows,
                        "file": kind,
                        "bags before": before,
                        "import": round(rows / ours_m),
                        "seconds": [round(s, 2) for s in ours],
                        "floor": round(rows / floor_m),
                        "x floor": round(ours_m / floor_m, 2),
                        "server MB grown": round(max(p[0] for p in peaks)),
                        "reader MB": round(max(p[1] for p in peaks)),
                    }
                    if usuals:
                        usual_m = statistics.median(usuals)
                        line |= {"usual": round(rows / usual_m), "x usual": round(usual_m / ours_m, 1)}
                    print(json.dumps(line), flush=True)
        bench.http.close()
        bench.site.stop()


if __name__ == "__main__":
    main()
