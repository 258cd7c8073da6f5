"""Why a file as a whole cannot be read."""

from __future__ import annotations


class UnreadableError(Exception):
    """The file cannot be read.

    Args:
        code: one of the file problems in :mod:`tracetrack.imports.reasons`.
        values: for the sentence.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values
