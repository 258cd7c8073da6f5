"""How the time of an import grows with its rows: ``python -m tests.bench.import_growth``.

Files in which the same code is parent and child, where each row depends on those before it. All
sizes run on one site, the smallest first; the ratio of times is compared with the ratio of rows.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.imports import Bench

FILES: dict[str, Callable[[int], str]] = {
    "each its own parent": lambda rows: "".join(f"SELF{n},SELF{n}\n" for n in range(rows)),
    "one long chain": lambda rows: "".join(f"B{n},B{n + 1}\n" for n in range(rows)),
    "pallet, box, bag": lambda rows: "".join(
        f"PALLET{n // 10},BOX{n}\n" + "".join(f"BOX{n},BAG{n}-{at}\n" for at in range(3))
        for n in range(rows // 4)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 20_000, 40_000, 80_000])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        bench = Bench(Path(name))
        # What runs for the first time takes longer.
        bench.measure(b"parent,child\nP1,C1\n", "first.csv")
        for shape, made in FILES.items():
            first: tuple[int, float] | None = None
            for rows in asked.rows:
                bench.empty(0)
                seconds, _ = bench.measure(("parent,child\n" + made(rows)).encode(), f"{rows}.csv")
                first = first or (rows, seconds)
                print(
                    f"{shape:20} {rows:>7,} rows  {seconds:6.2f} s  {rows / seconds:>8,.0f} rows/s"
                    f"  {rows / first[0]:.0f}x the rows, {seconds / first[1]:.1f}x the time",
                    flush=True,
                )
        bench.site.stop()


if __name__ == "__main__":
    main()
