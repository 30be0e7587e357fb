"""How rows are grouped: blocks of neighbouring ids, which are sealed and read as one."""

from dicom_sieve.columns.pages import PAGE_IDS

BLOCK_IDS = 1_000
"""A block covers rows whose ids are equal when divided by this."""
BLOCK_PAGES = 80
"""A block of pages of decisions, likewise: those of headers that are read as one."""
READ_IDS = BLOCK_PAGES * PAGE_IDS
"""Ids of headers that are read as one."""
