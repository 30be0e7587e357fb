"""How rows are grouped: blocks of neighbouring ids, which are sealed and read as one."""

BLOCK_IDS = 1_000
"""A block covers rows whose ids are equal when divided by this."""
