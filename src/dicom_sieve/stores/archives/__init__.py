"""ZIP and tar archives in a store: their members are objects, read where they lie (ADR 53)."""
