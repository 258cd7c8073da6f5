"""TraceTrack: bag tracking for warehouses."""
