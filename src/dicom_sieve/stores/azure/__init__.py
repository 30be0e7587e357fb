"""Azure Blob Storage as a store, by its REST API (ADR 49)."""
