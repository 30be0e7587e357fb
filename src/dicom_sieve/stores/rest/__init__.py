"""Stores that are asked by REST: one client and one store, held to what each service says of itself (ADR 49)."""
