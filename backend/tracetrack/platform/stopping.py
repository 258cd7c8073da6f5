"""Whether this worker has been asked to stop, for what would otherwise go on for ever."""

from __future__ import annotations

_asked = False


def stop() -> None:
    """Say that the worker is to stop; may be called from a signal handler."""
    global _asked
    _asked = True


def stopping() -> bool:
    """Whether open streams should end, so that the worker can."""
    return _asked
