"""Room on the disks that the site writes to: of its data, of imported files, and of the log's archive."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Gauge

from tracetrack.settings import Settings

FREE = Gauge(
    "tracetrack_disk_free_bytes",
    "Room on a disk of the site.",
    ("disk",),
    multiprocess_mode="mostrecent",
)
SIZE = Gauge("tracetrack_disk_bytes", "Size of such a disk.", ("disk",), multiprocess_mode="mostrecent")

_folders: dict[str, Path] = {}


@dataclass(frozen=True)
class Disk:
    """One disk, by what lies on it."""

    name: str
    free_bytes: int
    bytes: int

    @property
    def free_percent(self) -> float:
        """How much of it is free."""
        return 100 * self.free_bytes / self.bytes if self.bytes else 100.0


def open_disks(settings: Settings) -> None:
    """Remember where the site writes."""
    places = {"data": settings.data, "uploads": settings.uploads, "archive": settings.wal_archive}
    _folders.clear()
    _folders.update({name: place for name, place in places.items() if place is not None})


def disks() -> list[Disk]:
    """The room on each, as it is now; what cannot be looked at is left out."""
    found = []
    for name, place in _folders.items():
        try:
            usage = shutil.disk_usage(place)
        except OSError:
            continue
        found.append(Disk(name, usage.free, usage.total))
        FREE.labels(name).set(usage.free)
        SIZE.labels(name).set(usage.total)
    return found
