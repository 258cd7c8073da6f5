"""Empty files to fill in, with the headings that the import knows and two rows as an example."""

from __future__ import annotations

from collections.abc import AsyncIterator

ROWS: dict[str, list[list[str | None]]] = {
    "bags": [
        ["Serial No", "Parent Bag", "Child Bag", "Area", "Type", "Lot", "Variety", "Tag"],
        ["1", "PB000001", "CB00001", None, None, None, None, None],
        ["2", "PB000001", "CB00002", None, None, None, None, None],
    ],
    "bills": [
        ["Serial No", "Bill No", "Parent Bag"],
        ["1", "BILL-0001", "PB000001"],
        ["2", "BILL-0001", "PB000002"],
    ],
}


async def template(kind: str) -> AsyncIterator[list[list[str | None]]]:
    """The template of a kind of import."""
    yield ROWS[kind]
