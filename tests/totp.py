"""Codes of an authenticator app, for tests that must not meet the end of a code's time."""

from __future__ import annotations

import time

import pyotp

STEP_SECONDS = 30
LEFT_SECONDS = 10
"""So long at least the code holds after it was given."""


def earlier_code(secret: str) -> str:
    """The code before the present one, which leaves the present one unused; may wait for the next step."""
    left = STEP_SECONDS - time.time() % STEP_SECONDS
    if left < LEFT_SECONDS:
        time.sleep(left)
    return pyotp.TOTP(secret).at(int(time.time()) - STEP_SECONDS)
