"""Outcomes of many rows at once, and how they are packed. Pure; no storage."""
