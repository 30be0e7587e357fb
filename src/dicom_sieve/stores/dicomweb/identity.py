"""By what it is known that an instance of a PACS has changed, as it has no ETag (ADR 50)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from dicom_sieve.stores.dicomweb.answers import INSTANCE_UID, SERIES_UID, STUDY_UID, MalformedAnswerError, Row, uid_in
from dicom_sieve.stores.dicomweb.query import Queries
from dicom_sieve.stores.dicomweb.session import CheckedSession
from dicom_sieve.stores.interface import ObjectGoneError, TransportError

UNKNOWN_SIZE = 0
_SERVICES = "/dicom-web"
"""Where Orthanc has DICOMweb, beside its own interface."""
_NAMES = frozenset({"ApiVersion", "DicomAet", "Version"})
_OF_TRANSFER = frozenset({"00080005", "00080054", "00080056", "00080061", "00080062", "00081190", "00083001"})
"""What says how and where a server gives something, and what else belongs to the same study: no part of what it is."""
_COUNTS = frozenset(f"002012{number:02X}" for number in range(0x10))


@dataclass(frozen=True, slots=True)
class Identity:
    """What an instance is known by.

    Attributes:
        etag: Another one where the instance is another.
        size: In bytes; 0 where the server does not tell it.
        is_single: Whether the UID is that of one instance; else it names none.
    """

    etag: str
    size: int = UNKNOWN_SIZE
    is_single: bool = True


class Identifies(Protocol):
    """Tells what the instances of a series are known by."""

    @property
    def needs_rows(self) -> bool:
        """Whether it goes by what is listed of study and series, and not by their UIDs alone."""
        ...

    def of_series(self, study: Row, series: Row, instance_uid: str | None = None) -> Mapping[str, Identity]:
        """Give the identities of the instances of a series, or of one of them, by their UIDs.

        Args:
            study: As the server lists it, and likewise the series.
            series: Of the study.
            instance_uid: Of the instance that is asked for; None: all.

        Raises:
            TransportError: The server does not tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByAnswers:
    """What a server without names of its own for instances lists of one: a digest of all of it.

    Attributes:
        queries: Ask for it.
    """

    queries: Queries
    needs_rows: ClassVar[bool] = True

    def of_series(self, study: Row, series: Row, instance_uid: str | None = None) -> dict[str, Identity]:
        """See `Identifies.of_series`; one request a page."""
        above = [_lasting(study), _lasting(series)]
        rows = self.queries.instances(study, series, instance_uid)
        return {uid: Identity("q" + _digest([*above, _lasting(row)])[:40]) for uid, row in rows.items()}


@dataclass(frozen=True, slots=True)
class ByMetadata:
    """All that metadata tells of an instance: a digest of it.

    Attributes:
        queries: Ask for it.
    """

    queries: Queries
    needs_rows: ClassVar[bool] = False

    def of_series(self, study: Row, series: Row, instance_uid: str | None = None) -> dict[str, Identity]:
        """See `Identifies.of_series`; one request for the metadata."""
        study_uid, series_uid = uid_in(study, STUDY_UID), uid_in(series, SERIES_UID)
        try:
            return self.of_rows(self.queries.metadata_of(study_uid, series_uid, instance_uid))
        except ObjectGoneError:
            return {}

    def of_rows(self, rows: Sequence[Row]) -> dict[str, Identity]:
        """Give the identities of instances by their metadata."""
        return {uid_in(row, INSTANCE_UID): Identity("m" + _digest(_told(row))[:40]) for row in rows}


@dataclass(frozen=True, slots=True)
class ByOrthanc:
    """The names that Orthanc gives the files of instances: with each that it stores again, another one.

    Attributes:
        url: Of its own interface.
        session: Asks there.
    """

    url: str
    session: CheckedSession
    needs_rows: ClassVar[bool] = False

    def of_series(self, study: Row, series: Row, instance_uid: str | None = None) -> dict[str, Identity]:
        """See `Identifies.of_series`; one request."""
        query = {"StudyInstanceUID": uid_in(study, STUDY_UID), "SeriesInstanceUID": uid_in(series, SERIES_UID)}
        if instance_uid is not None:
            query["SOPInstanceUID"] = instance_uid
        found = self.session.find(f"{self.url}/tools/find", {"Level": "Instance", "Expand": True, "Query": query})
        files: dict[str, list[tuple[str, int]]] = {}
        for entry in found if isinstance(found, list) else [None]:
            uid, file = _file_of(entry)
            files.setdefault(uid, []).append(file)
        return {uid: _of_files(sorted(those)) for uid, those in files.items()}


def find_orthanc(url: str, session: CheckedSession) -> ByOrthanc | None:
    """Give what Orthanc's own names are asked by; None where a server is no Orthanc, or does not let the user ask.

    Raises:
        TransportError: The server does not answer.
    """
    above = url.removesuffix(_SERVICES)
    if above == url:
        return None
    try:
        said = session.get(f"{above}/system").json()
        if isinstance(said, dict) and said.keys() >= _NAMES:
            session.find(f"{above}/tools/find", {"Level": "Instance", "Limit": 1, "Query": {"StudyInstanceUID": "0"}})
            return ByOrthanc(above, session)
    except ObjectGoneError:
        pass
    except TransportError as error:
        if not _is_refusal(error):
            raise
    return None


def _is_refusal(error: TransportError) -> bool:
    return isinstance(error, MalformedAnswerError) or str(error.args[0]) in {"HTTP 401", "HTTP 403", "HTTP 405"}


def _file_of(entry: Any) -> tuple[str, tuple[str, int]]:
    try:
        uid, name, size = entry["MainDicomTags"]["SOPInstanceUID"], entry["FileUuid"], int(entry["FileSize"])
    except (KeyError, TypeError, ValueError):
        raise MalformedAnswerError("the answer is not Orthanc's") from None
    if not (isinstance(uid, str) and isinstance(name, str) and 0 < len(name) <= 64):
        raise MalformedAnswerError("the answer is not Orthanc's")
    return uid, (name, size)


def _of_files(files: Sequence[tuple[str, int]]) -> Identity:
    """Give the identity of an instance; there are several files of a UID where they name several patients."""
    if len(files) == 1:
        return Identity(*files[0])
    return Identity("s" + _digest(files)[:40], is_single=False)


def _lasting(row: Row) -> dict[str, Any]:
    """Leave out what differs from one answer to the next: addresses, counts, and what servers note for themselves."""
    left_out = _OF_TRANSFER | _COUNTS
    return {key: value for key, value in row.items() if key not in left_out and not _is_private(key)}


def _told(row: Row) -> dict[str, Any]:
    """Leave out where a server has what it does not tell, which may be another place each time."""
    return {
        key: {name: member for name, member in attribute.items() if name != "BulkDataURI"}
        for key, attribute in row.items()
        if key not in _OF_TRANSFER
    }


def _is_private(key: str) -> bool:
    return key[3:4] in "13579BDFbdf"


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
