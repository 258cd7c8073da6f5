"""A thousand warehouses on a number of databases: how uneven the load gets, by how warehouses are placed.

A simulation, without a database. Warehouses differ in size as a power law says (``ALPHA``; the largest has
about a seventh of all), work two shifts in four time zones, and have a rush now and then. Each minute of a
week the load of each database is summed, and set against what one database was measured to take.

``WAREHOUSES``, ``SHARDS``, ``SCANS`` (a second, all warehouses in their busiest hour), ``CAPACITY`` (scans a
second of one database) change the sizes.
"""

from __future__ import annotations

import heapq
import math
import os
import random
import statistics
import zlib
from collections.abc import Callable

WAREHOUSES = int(os.environ.get("WAREHOUSES", "1000"))
SHARDS = int(os.environ.get("SHARDS", "32"))
SCANS = float(os.environ.get("SCANS", "5000"))
CAPACITY = float(os.environ.get("CAPACITY", "800"))
ALPHA = float(os.environ.get("ALPHA", "1.0"))
MINUTES = 7 * 24 * 60
ZONES = (0, 1, 2, 5)
RUSH = 3.0
"""How many times its usual load a warehouse has in a rush: a truck is late, a season begins."""

Part = tuple[int, float]
"""A warehouse, or a part of one: its number, and its scans a second in its busiest hour."""
Placement = Callable[[list[Part]], list[int]]


def sizes() -> list[Part]:
    """The warehouses, the largest first."""
    weights = [1 / (rank + 1) ** ALPHA for rank in range(WAREHOUSES)]
    return [(number, SCANS * weight / sum(weights)) for number, weight in enumerate(weights)]


def split(parts: list[Part], largest: int, into: int) -> list[Part]:
    """The largest warehouses in parts, by area."""
    return [(number, load / into) for number, load in parts[:largest] for _ in range(into)] + parts[largest:]


def by_hash(parts: list[Part]) -> list[int]:
    """By a hash of the warehouse's number, as Citus places a distribution column."""
    return [zlib.crc32(str(place).encode()) % SHARDS for place in range(len(parts))]


def by_size(parts: list[Part]) -> list[int]:
    """The largest first, each where there is least: a table says which database a warehouse has."""
    places = [(0.0, shard) for shard in range(SHARDS)]
    found = [0] * len(parts)
    for place in sorted(range(len(parts)), key=lambda one: -parts[one][1]):
        load, shard = heapq.heappop(places)
        found[place] = shard
        heapq.heappush(places, (load + parts[place][1], shard))
    return found


def shift(minute: int, zone: int) -> float:
    """The share of its busiest hour that a warehouse has in a minute of the week."""
    hour = (minute / 60 + zone) % 24
    sunday = 0.2 if minute // (24 * 60) == 6 else 1.0
    day = max(0.0, math.sin((hour - 6) / 16 * math.pi)) if 6 <= hour < 22 else 0.05
    return sunday * max(0.05, day)


def week(parts: list[Part], places: list[int], seed: int = 1) -> list[list[float]]:
    """The load of each database, in scans a second, each ten minutes of a week."""
    dice = random.Random(seed)
    zones = [dice.choice(ZONES) for _ in range(WAREHOUSES)]
    rushes = [[dice.randrange(MINUTES) for _ in range(2)] for _ in range(WAREHOUSES)]
    found = []
    for minute in range(0, MINUTES, 10):
        share = {zone: shift(minute, zone) for zone in ZONES}
        sums = [0.0] * SHARDS
        for (number, load), place in zip(parts, places, strict=True):
            rush = RUSH if any(0 <= minute - start < 60 for start in rushes[number]) else 1.0
            sums[place] += load * share[zones[number]] * rush
        found.append(sums)
    return found


def show(name: str, parts: list[Part], place: Placement) -> None:
    """One line: the fullest database, against the mean one and against what one can take."""
    moments = week(parts, place(parts))
    fullest = [max(sums) for sums in moments]
    peak = max(range(len(moments)), key=lambda at: fullest[at])
    over = sum(one > CAPACITY for one in fullest) / len(fullest)
    print(
        f"| {name} | {fullest[peak]:,.0f} | {fullest[peak] / CAPACITY:.2f} |"
        f" {fullest[peak] / statistics.mean(moments[peak]):.1f} | {100 * over:.1f} % |"
    )


def main() -> None:
    """The table."""
    parts = sizes()
    print(
        f"{WAREHOUSES:,} warehouses, {SCANS:,.0f} scans a second, {SHARDS} databases of {CAPACITY:,.0f} each;"
        f" the largest warehouse has {parts[0][1]:,.0f}, the middle one {parts[len(parts) // 2][1]:.1f}.\n"
    )
    print("| placement | fullest database, scans/s | of its capacity | of the mean | time over capacity |")
    print("| --- | --- | --- | --- | --- |")
    show("hash of the warehouse", parts, by_hash)
    show("largest first, where there is least", parts, by_size)
    show("the same, the 5 largest in 4 parts", split(parts, 5, 4), by_size)
    show("the same, the 20 largest in 8 parts", split(parts, 20, 8), by_size)


if __name__ == "__main__":
    main()
