"""What an import of pairs does to a warehouse, row by row, in forty lines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Warehouse:
    """Bags by code in lower case: ``kind``, and for a child the parent it is in."""

    kinds: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str | None] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)

    def take(self, parent: str | None, child: str | None) -> str:
        """One row: ``linked``, ``registered``, ``skipped`` or ``refused``; a refused row changes nothing."""
        if parent is None or self.kinds.get(parent.lower()) == "child":
            return "refused"
        p = parent.lower()
        if child is None:
            known = p in self.kinds
            self.kinds[p] = "parent"
            return "skipped" if known else "registered"
        c = child.lower()
        if c == p or self.kinds.get(c) == "parent":
            return "refused"
        if self.inside.get(c) is not None:
            return "skipped" if self.inside[c] == p else "refused"
        if p in self.locked:
            return "refused"
        self.kinds[p] = "parent"
        self.kinds[c] = "child"
        self.inside[c] = p
        return "linked"


def expected(house: Warehouse, rows: list[tuple[str | None, str | None]]) -> dict[str, int]:
    """The counts of an import of these rows, and the warehouse after it."""
    counts = {"linked": 0, "registered": 0, "skipped": 0, "refused": 0}
    for parent, child in rows:
        if parent is not None or child is not None:
            counts[house.take(parent, child)] += 1
    return counts
