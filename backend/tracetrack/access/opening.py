"""What access needs before the first request, and gives back after the last."""

from __future__ import annotations

from tracetrack.access.again import open_again
from tracetrack.access.limits import close_limits, open_limits
from tracetrack.access.passwords import close_passwords, open_passwords
from tracetrack.access.tokens import open_tokens
from tracetrack.settings import Settings


def open_access(settings: Settings) -> None:
    """Load the signing keys, test the password library, prepare the limits.

    Raises:
        ValueError: a signing key is too short.
        RuntimeError: the password library fails its self-test.
    """
    open_tokens(settings)
    open_passwords(settings)
    open_limits(settings)
    open_again(settings)


def close_access() -> None:
    """Stop the threads."""
    close_limits()
    close_passwords()
