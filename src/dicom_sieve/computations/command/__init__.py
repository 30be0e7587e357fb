"""Programs as computations: each reads a folder with the files of a series, and writes a folder of results."""

from dicom_sieve.computations.command.kind import kind_of, kind_of_line, read_commands
from dicom_sieve.computations.command.spec import Command

__all__ = ["Command", "kind_of", "kind_of_line", "read_commands"]
