"""Bounds on what an archive may ask of this machine: archives come from anywhere (ADR 53)."""

from dicom_sieve.settings import MIB

MOST_MEMBERS = 200_000
"""Members of one archive: some 70 MB of memory while it is listed."""
MOST_DIRECTORY_BYTES = 64 * MIB
"""Of the central directory of a ZIP archive: 320 bytes a member."""
MOST_NAME_BYTES = 1_000
"""Of a member's name in its key; a longer one ends in a digest. Databases index keys of less than 2,700 bytes."""
MOST_EXTENDED_BYTES = 1 * MIB
"""Of the headers of a tar archive that stand before a member: long names, and what PAX says."""
MOST_RATIO = 1_040
"""Bytes that one byte inflates to: deflate makes no more than 1,032 of it."""
MOST_SKIPPED_BYTES = 1024 * MIB
"""That are inflated to read what lies behind them, in one read."""
MOST_UNPACKED_BYTES = 64 * 1024 * MIB
"""Of a tar.gz archive, in a temporary file."""
MOST_UNPACKED_RATIO = 200
"""Of a tar.gz archive, beside `FREE_UNPACKED_BYTES`."""
FREE_UNPACKED_BYTES = 64 * MIB
"""That any tar.gz archive may unpack to."""
LARGEST_SIZE = 1 << 50
"""In bytes, that a member is listed with, whatever its archive says."""
ARCHIVES_AHEAD = 4
"""Archives that are opened at the same time while a place is listed."""
OBJECTS_AHEAD = 1_000
"""Objects that wait while an archive before them is opened."""
SPOOLS_KEPT = 4
"""Unpacked tar.gz archives that a process keeps."""
MEMBERS_KEPT = 128
"""Members of which a process keeps how far they were inflated: some 100 KB each."""
LISTINGS_KEPT = 4
"""Archives of which a process keeps the members: to look one up."""
