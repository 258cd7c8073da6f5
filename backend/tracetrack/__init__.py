"""TraceTrack: bag tracking for warehouses."""

__version__ = "1.0.0"
"""The version, in this place alone: the package, the command and the API read it here."""
