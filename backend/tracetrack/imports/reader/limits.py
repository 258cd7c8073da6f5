"""What the reader may take: address space, CPU time, open files; and that it dies with its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

from tracetrack.platform.limits import limit_resources

ADDRESS_SPACE = 3 * 2**30
"""Bytes. A workbook of 1,048,576 rows x 3 columns needs under 1 GiB of memory; the rest is reserved only."""

CPU_SECONDS = 120
OPEN_FILES = 64


def die_with(parent: int) -> None:
    """End this process when the one that started it is gone, even by kill -9."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def confine(parent: int) -> None:
    """Bind this process, before it looks at the file.

    Args:
        parent: the process that started us; when it is gone already, so are we.
    """
    die_with(parent)
    limit_resources(address_space=ADDRESS_SPACE, cpu_seconds=CPU_SECONDS, open_files=OPEN_FILES)
    with contextlib.suppress(OSError):
        os.nice(10)
