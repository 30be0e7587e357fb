"""What an export can be told."""

from dataclasses import dataclass

from dicom_sieve.errors import InvalidRequestError

SELECTIONS = ("WHOLE", "PARTIAL", "NONE")
MR_SUFFIXES = ("T1w", "T2w", "FLAIR", "PDw", "T2starw", "T2star", "T1map", "T2map", "inplaneT1", "inplaneT2", "angio")
"""Of anatomical MR, as the Brain Imaging Data Structure 1.10 names it."""
LONGEST_SECONDS = 30 * 86_400
MOST_GIB = 65_536


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export can be told; what does not concern a format is ignored by it.

    Attributes:
        selection: Of tables and study lists: only series with it, ``WHOLE``, ``PARTIAL`` or ``NONE``; None: all.
        suffix: Of BIDS: what all MR of the run is, of `MR_SUFFIXES`; None: the description of each series tells.
        base_url: Of study lists: where objects are served over HTTP, before their keys; None: at the S3 endpoint.
        timeout_seconds: Of the conversion of one series.
        memory_gib: Of the same.
    """

    selection: str | None = None
    suffix: str | None = None
    base_url: str | None = None
    timeout_seconds: float = 3600.0
    memory_gib: float = 16.0

    def check(self) -> None:
        """Refuse what no export can be told.

        Raises:
            InvalidRequestError: Every problem, a sentence each.
        """
        problems = []
        if self.selection not in {None, *SELECTIONS}:
            problems.append(f"selection: not known; accepted: {', '.join(SELECTIONS)}")
        if self.suffix not in {None, *MR_SUFFIXES}:
            problems.append(f"suffix: not known; accepted: {', '.join(MR_SUFFIXES)}")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            problems.append("base-url: no address of HTTP; accepted: as https://images.hospital.org/study/")
        elif self.base_url is not None and {"@", "?", "#"} & set(self.base_url):
            problems.append(
                "base-url: it stands before keys and is recorded: without user, password, query or fragment"
            )
        if not 0 < self.timeout_seconds <= LONGEST_SECONDS:
            problems.append(f"timeout: accepted: more than 0 and at most {LONGEST_SECONDS:,} seconds")
        if not 0 < self.memory_gib <= MOST_GIB:
            problems.append(f"memory: accepted: more than 0 and at most {MOST_GIB:,} GiB")
        if problems:
            raise InvalidRequestError(tuple(problems))
