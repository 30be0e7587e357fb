"""Prefect's server behind a door: foreign pages, bodies that would block the queue, and a busy SQLite (ADR 22)."""
