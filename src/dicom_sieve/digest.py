"""What a file's bytes are told by."""

import hashlib
from pathlib import Path


def digest_of(file: Path) -> str:
    """Give the SHA-256 of a file's bytes, as hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
