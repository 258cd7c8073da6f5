"""Limits of child processes that read or make files: what they may take of the machine, at most."""

from __future__ import annotations

import contextlib


def limit_resources(*, address_space: int, cpu_seconds: int, open_files: int | None = None) -> None:
    """Set limits for this process, as far as the system has them; a core dump is never written.

    Windows has none, and macOS has none for the address space; the caller's own time limit holds there.

    Args:
        address_space: bytes.
        cpu_seconds: seconds of CPU time.
        open_files: how many files may be open at once; None: as many as before.
    """
    try:
        import resource
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        if most is not None:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (most, most))
