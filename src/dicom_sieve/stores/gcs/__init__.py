"""Google Cloud Storage as a store, by its JSON API (ADR 49)."""
