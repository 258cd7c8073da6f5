"""``make load``: 50 people on the floor, the office and two admins at once, with a million bags stored.

The site, PostgreSQL and the generators share this machine. Three parts of one run:

1. the mix of ``locustfiles/`` at a steady rate, times from when an act was due;
2. more and more scans a second, until p95 exceeds 50 ms or p99 100 ms;
3. as fast as it goes, beside the same SQL straight through asyncpg, three pairs.

The report goes to ``.make/load`` (``report.html``, Locust's own ``locust.html``, ``table.md``); with
``WRITE=1`` the table goes into ``docs/performance.md``, too. ``BAGS``, ``RATE`` (acts of the floor a second),
``SECONDS``, ``FLOOR``, ``OFFICE``, ``ADMINS`` and ``STEPS`` change the sizes.
"""

from __future__ import annotations

import asyncio
import csv
import html
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import orjson
import psutil

from tests.bench import fill
from tests.bench.scans import Scan, over_sql, saturated, scans_of, steady, urls
from tests.bench.wire import Wire
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres
from tracetrack.settings import ROOT

BAGS = int(os.environ.get("BAGS", "1000000"))
RATE = int(os.environ.get("RATE", "300"))
SECONDS = int(os.environ.get("SECONDS", "120"))
FLOOR = int(os.environ.get("FLOOR", "50"))
OFFICE = int(os.environ.get("OFFICE", "5"))
ADMINS = int(os.environ.get("ADMINS", "2"))
STEPS = [int(step) for step in os.environ.get("STEPS", "300,400,500,600,700,800,900,1000").split(",")]
STEP_SECONDS = int(os.environ.get("STEP_SECONDS", "15"))
WARM_SECONDS = 60
"""Until everybody has signed in, at most."""
CONNECTIONS = 16
"""Of the straight run."""
P95_MS, P99_MS = 50.0, 100.0
OUT = ROOT / ".make" / "load"
MARKS = ("<!-- load: made by `WRITE=1 make load` -->", "<!-- load ends -->")


class Meter:
    """CPU (cores) and memory (MiB, what is shared shared out) by kind of process, once a second."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.generator: int | None = None
        self.cpu: dict[str, list[float]] = defaultdict(list)
        self.memory: dict[str, list[float]] = defaultdict(list)
        self._before: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, generator: int) -> None:
        """Begin; ``generator`` is the process that makes the load."""
        self.generator = generator
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _kind(self, process: psutil.Process) -> str:
        words = " ".join(process.cmdline()) or process.name()
        if "postgres" in words:
            return "PostgreSQL"
        if "valkey" in words:
            return "Valkey"
        return "import's reader" if "imports.reader" in words else "web workers"

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(1):
            now = time.monotonic()
            cpu: dict[str, float] = defaultdict(float)
            memory: dict[str, float] = defaultdict(float)
            family = [(one, None) for one in self.site.family()]
            for process, kind in [*family, (psutil.Process(self.generator), "generator")]:
                try:
                    times = process.cpu_times()
                    kind = kind or self._kind(process)
                    used = times.user + times.system
                    cpu[kind] += max(0.0, used - self._before.get(process.pid, used)) / (now - last)
                    memory[kind] += process.memory_full_info().pss / 2**20
                    self._before[process.pid] = used
                except psutil.Error:
                    continue
            for kind in {*self.cpu, *cpu}:
                self.cpu[kind].append(cpu.get(kind, 0.0))
                self.memory[kind].append(memory.get(kind, 0.0))
            last = now


def row(name: str, times: Sequence[float], seconds: float, errors: int = 0) -> list[str]:
    """One line of the table: what, how often a second, p50, p95, p99, max, errors."""
    cuts = statistics.quantiles(times, n=1000) if len(times) > 1 else [times[0]] * 999
    shown = (cuts[499], cuts[949], cuts[989], max(times))
    return [name, f"{len(times) / seconds:.1f}", *(f"{one:.1f}" for one in shown), str(errors)]


HEAD = ["what", "a second", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors or refused"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plot(title: str, series: dict[str, list[float]], unit: str) -> str:
    """Lines over the seconds, as SVG."""
    colours = ["#2563eb", "#16a34a", "#d97706", "#db2777", "#7c3aed"]
    top = max((max(values, default=0.0) for values in series.values()), default=0.0) or 1.0
    lines = []
    for number, (name, values) in enumerate(sorted(series.items())):
        colour = colours[number % len(colours)]
        step = 700 / max(1, len(values) - 1)
        points = " ".join(f"{at * step:.0f},{200 - value / top * 190:.0f}" for at, value in enumerate(values))
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'
            f'<text x="710" y="{20 + 20 * number}" fill="{colour}">{html.escape(name)}</text>'
        )
    return (
        f"<h2>{html.escape(title)}</h2><p>Top line: {top:.1f} {unit}</p>"
        f'<svg viewBox="0 0 860 210" role="img" aria-label="{html.escape(title)}">'
        f'<path d="M0 10H700M0 200H700" stroke="#999" stroke-dasharray="4"/>{"".join(lines)}</svg>'
    )


def mix(site: Site, parents: int, meter: Meter) -> tuple[list[list[str]], dict[str, list[float]]]:
    """Part 1: Locust; the table's lines and each second's p95 of scans."""
    account = OUT / "times.csv"
    started = OUT / "times.csv.started"
    started.unlink(missing_ok=True)
    with (OUT / "locust.log").open("wb") as log:
        generator = subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles"), "--headless"),
                *("--host", site.url, "--users", str(FLOOR + OFFICE + ADMINS), "--spawn-rate", "20"),
                *("--stop-timeout", "5", "--html", str(OUT / "locust.html")),
            ],
            env={
                **os.environ,
                "PASSWORD": PASSWORD,
                "LOAD_TIMES": str(account),
                "STORED_PARENTS": str(parents),
                "RATE": str(RATE),
                "PEOPLE": str(FLOOR + OFFICE + ADMINS),
                "FLOOR": str(FLOOR),
                "OFFICE": str(OFFICE),
                "ADMINS": str(ADMINS),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        meter.start(generator.pid)
        until = time.monotonic() + WARM_SECONDS
        while not started.exists() and time.monotonic() < until:
            time.sleep(0.2)
        # Not --run-time, which ends too soon when the generator was slow to start.
        time.sleep(SECONDS)
        generator.terminate()
        generator.wait(60)
        meter.stop()
    assert account.exists(), (OUT / "locust.log").read_text()[-2000:]
    times: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, int] = defaultdict(int)
    seconds: dict[int, list[float]] = defaultdict(list)
    with account.open() as lines:
        for due, kind, milliseconds, wrong in csv.reader(lines):
            names = ["all scans", kind] if kind.startswith("scan") else [kind]
            for name in names:
                times[name].append(float(milliseconds))
                errors[name] += bool(wrong)
            if kind.startswith("scan"):
                seconds[int(float(due))].append(float(milliseconds))
    assert seconds, (OUT / "locust.log").read_text("utf-8")[-2000:]
    began, ended = min(seconds), max(seconds)
    p95 = [
        statistics.quantiles(seconds[at], n=20)[18] if len(seconds[at]) > 1 else 0.0
        for at in range(began, ended + 1)
    ]
    rate = [float(len(seconds[at])) for at in range(began, ended + 1)]
    rows = [row(name, times[name], ended + 1 - began, errors[name]) for name in sorted(times)]
    return rows, {"p95": p95, "scans": rate}


class Floor:
    """The floor's people on plain connections; what the site refuses for being busy is counted, not timed."""

    def __init__(self, site: Site, tokens: list[str]) -> None:
        self.refused = 0
        self.scans = [self._of(Wire(site.port, token), number) for number, token in enumerate(tokens)]

    def _of(self, wire: Wire, number: int) -> Scan:
        mine = scans_of(number, f"H{time.monotonic_ns() % 10**6}")

        async def scan() -> None:
            body = next(mine)
            action = body.pop("action")
            status, answer = await wire.call("POST", f"/scans/{action}", body)
            while status == 503:
                # The same scan again, as a phone does; its time goes on.
                self.refused += 1
                await asyncio.sleep(0.05)
                status, answer = await wire.call("POST", f"/scans/{action}", body)
            assert status == 200, answer

        return scan


async def tokens(site: Site) -> list[str]:
    """Access tokens of the floor's people."""
    found = []
    for number in range(FLOOR):
        wire = Wire(site.port)
        body = {"username": f"floor-{number}", "password": PASSWORD}
        status, answer = await wire.call("POST", "/auth/login", body)
        assert status == 200, answer
        wire.close()
        found.append(orjson.loads(answer)["access_token"])
    return found


async def further(site: Site, folder: Path, area: int, user: int) -> tuple[list[list[str]], list[list[str]]]:
    """Parts 2 and 3: the lines of more and more scans, and of as many as it goes beside asyncpg."""
    floor = Floor(site, await tokens(site))
    steps = []
    for rate in STEPS:
        floor.refused = 0
        times = await steady(floor.scans, rate, STEP_SECONDS)
        line = row(f"{rate} due a second", times, STEP_SECONDS, floor.refused)
        steps.append(line)
        print("  ".join(line), flush=True)
        if float(line[3]) > P95_MS or float(line[4]) > P99_MS:
            break
    address = urls(folder)[postgres.APP]
    straight = [
        over_sql(await asyncpg.connect(address), user, area, scans_of(n, "S")) for n in range(CONNECTIONS)
    ]
    pairs = []
    for _ in range(3):
        for name, scans in (("site", floor.scans), ("the same SQL straight through asyncpg", straight)):
            floor.refused = 0
            times = await saturated(scans, STEP_SECONDS)
            line = row(f"{name}, as fast as it goes", times, STEP_SECONDS, floor.refused)
            pairs.append(line)
            print("  ".join(line), flush=True)
    return steps, pairs


async def prepare(folder: Path) -> tuple[int, int, int]:
    """People and bags; the area, a person of it, and how many parents."""
    owner = await asyncpg.connect(urls(folder)[postgres.OWNER], timeout=10, command_timeout=3600)
    area = await owner.fetchval("insert into areas (name) values ('Load') returning id")
    await fill.people(owner, area, floor=FLOOR, office=OFFICE, admin=ADMINS)
    user = await owner.fetchval("select id from users where username = 'floor-0'")
    parents = await fill.bags(owner, BAGS, area, user)
    await owner.close()
    return area, user, parents


async def check(folder: Path) -> None:
    """No count differs from the links."""
    owner = await asyncpg.connect(urls(folder)[postgres.OWNER], command_timeout=600)
    await owner.execute("set statement_timeout = 0")
    wrong = await owner.fetchval("""
        with links as (select parent_id, count(*) as n from bags where parent_id is not null group by 1)
        select count(*) from bags p left join links l on l.parent_id = p.id
        where p.kind = 'parent' and p.child_count <> coalesce(l.n, 0)""")
    assert wrong == 0, f"{wrong} parents have a wrong count"
    await owner.close()


def main() -> None:
    """The whole run."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracetrack-load-") as name:
        folder = Path(name)
        site = Site(folder, TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            area, user, parents = asyncio.run(prepare(folder))
            meter = Meter(site)
            mixed, lines = mix(site, parents, meter)
            print(table(HEAD, mixed), flush=True)
            steps, pairs = asyncio.run(further(site, folder, area, user))
            asyncio.run(check(folder))
        finally:
            site.stop()
    write(mixed, lines, steps, pairs, meter)


def write(
    mixed: list[list[str]],
    lines: dict[str, list[float]],
    steps: list[list[str]],
    pairs: list[list[str]],
    meter: Meter,
) -> None:
    """The report, in three forms."""
    cores = psutil.cpu_count() or 1
    used = [
        [kind, f"{statistics.mean(meter.cpu[kind]):.2f}", f"{max(meter.memory[kind]):.0f}"]
        for kind in sorted(meter.cpu)
    ]
    pace = [float(line[1]) for line in pairs]
    ratio = statistics.median(site / straight for site, straight in zip(pace[::2], pace[1::2], strict=True))
    good = [line[0] for line in steps if float(line[3]) <= P95_MS and float(line[4]) <= P99_MS]
    intro = (
        f"{time.strftime('%d %B %Y')}, {BAGS:,} bags stored, {FLOOR} people on the floor, {OFFICE} in the"
        f" office, {ADMINS} admins with open dashboards and imports of 5,000 rows, {SECONDS} s; site,"
        f" PostgreSQL and generator on the same {cores} cores. Times run from when an act was due."
    )
    outcome = (
        f"Most scans with p95 <= {P95_MS:.0f} ms and p99 <= {P99_MS:.0f} ms:"
        f" {good[-1] if good else 'no step'}."
        f" Site to straight: {ratio:.2f} (median of three pairs)."
    )
    parts = [
        table(HEAD, mixed),
        outcome + "\n",
        table(HEAD, [*steps, *pairs]),
        table(["process, during the mix", "CPU, cores", "most memory, MiB"], used),
    ]
    text = "\n".join([intro + "\n", *parts])
    (OUT / "table.md").write_text(text, "utf-8")
    figures = {"cpu": meter.cpu, "memory": meter.memory, **lines}
    (OUT / "figures.json").write_text(json.dumps(figures), "utf-8")
    page = "".join(
        (
            "<!doctype html><meta charset=utf-8><title>TraceTrack under load</title>",
            "<style>body{font:16px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}",
            "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right}",
            "td:first-child,th:first-child{text-align:left}svg{width:100%}</style>",
            f"<h1>TraceTrack under load</h1><p>{html.escape(intro)}</p>",
            as_html(HEAD, mixed),
            f"<p>{html.escape(outcome)}</p>",
            as_html(HEAD, [*steps, *pairs]),
            plot("p95 of scans, each second", {"p95": lines["p95"]}, "ms"),
            plot("Scans a second", {"scans": lines["scans"]}, "scans"),
            plot("CPU", dict(meter.cpu), "cores"),
            plot("Memory", dict(meter.memory), "MiB"),
            '<p><a href="locust.html">Locust\'s own report</a></p>',
        )
    )
    (OUT / "report.html").write_text(page, "utf-8")
    print(text, f"\nReport: {OUT / 'report.html'}", flush=True)
    if os.environ.get("WRITE"):
        page_of = ROOT / "docs" / "performance.md"
        before, _, rest = page_of.read_text("utf-8").partition(MARKS[0])
        _, _, after = rest.partition(MARKS[1])
        page_of.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}", "utf-8")


def as_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in one) for one in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


if __name__ == "__main__":
    main()
