"""Listing a PACS by QIDO-RS (PS3.18 10.6), page by page, whether the server has pages or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import requests
from dicomweb_client.uri import build_query_string
from dicomweb_client.web import DICOMwebClient

from dicom_sieve.stores.dicomweb.access import paths
from dicom_sieve.stores.dicomweb.answers import (
    INSTANCE_UID,
    SERIES_UID,
    STUDY_UID,
    MalformedAnswerError,
    Row,
    Rows,
    TooLongAnswerError,
    count_in,
    read_rows,
    row_of,
    uid_in,
)
from dicom_sieve.stores.dicomweb.session import CheckedSession, RefusedAnswerError
from dicom_sieve.stores.interface import ObjectGoneError

PAGE_ROWS = 1_000
MOST_ROWS = 4_000_000
"""Of one answer's subject: studies of a server, series of a study, instances of a series."""
SERIES_OF_STUDY, INSTANCES_OF_SERIES = "00201206", "00201209"
_Asks = Callable[..., list[dict[str, Any]]]


class _Client(DICOMwebClient):
    """Knows the protocol. The session repeats requests, errors of connections included, and no error is logged."""

    def _http_get(
        self,
        url: str,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        del stream
        return self._session.get(url + build_query_string(params), headers=headers)


@dataclass(slots=True)
class Queries:
    """What a server lists.

    Attributes:
        url: Of its services.
        session: Asks there.
        wants_all: Whether all attributes of a server's index are asked for, not only those it has to give.
    """

    url: str
    session: CheckedSession
    wants_all: bool = True
    client: "_Client" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # UIDs are checked, and quoted, before they stand in a path; objects have others than the standard allows.
        self.client = _Client(self.url, session=self.session, permissive_uid=True)

    def studies(self, uid: str | None = None) -> dict[str, Row]:
        """Give the studies of the server, or one of them, by their UIDs; raises as `instances`."""
        return self._list(self.client.search_for_studies, STUDY_UID, {} if uid is None else {STUDY_UID: uid})

    def series(self, study: Row, uid: str | None = None) -> dict[str, Row]:
        """Give the series of a study, or one of them, by their UIDs; raises as `instances`."""
        (path,) = paths([uid_in(study, STUDY_UID)])
        ask = partial(self.client.search_for_series, path)
        if uid is not None:
            return self._list(ask, SERIES_UID, {SERIES_UID: uid})
        return self._list(ask, SERIES_UID, {}, count_in(study, SERIES_OF_STUDY))

    def instances(self, study: Row, series: Row, uid: str | None = None) -> dict[str, Row]:
        """Give the instances of a series, or one of them, by their UIDs.

        Raises:
            TransportError: The server does not answer, or answers something else.
        """
        study_path, series_path = paths([uid_in(study, STUDY_UID), uid_in(series, SERIES_UID)])
        ask = partial(self.client.search_for_instances, study_path, series_path)
        if uid is not None:
            return self._list(ask, INSTANCE_UID, {INSTANCE_UID: uid})
        return self._list(ask, INSTANCE_UID, {}, count_in(series, INSTANCES_OF_SERIES))

    def metadata_of(self, study_uid: str, series_uid: str, instance_uid: str | None = None) -> Rows:
        """Give the metadata of a series, or of one of its instances; of a series that has too much, one by one."""
        try:
            return self.metadata(study_uid, series_uid, instance_uid)
        except TooLongAnswerError:
            if instance_uid is not None:
                raise
        listed = self.instances(row_of(STUDY_UID, study_uid), row_of(SERIES_UID, series_uid))
        each = [self.metadata(study_uid, series_uid, uid) for uid in listed]
        return Rows([row for rows in each for row in rows], sum(rows.size for rows in each))

    def metadata(self, study_uid: str, series_uid: str, instance_uid: str | None = None) -> Rows:
        """Give the metadata of the instances of a series, or of one of them (PS3.18 10.4.1.1.2); raises as `instances`.

        Raises:
            TooLongAnswerError: It has more bytes than are read of an answer.
            ObjectGoneError: There is no such series, or instance.
        """
        study, series, *instance = paths([study_uid, series_uid, *([] if instance_uid is None else [instance_uid])])
        if instance:
            ask: Callable[[], Any] = partial(self.client.retrieve_instance_metadata, study, series, instance[0])
        else:
            ask = partial(self.client.retrieve_series_metadata, study, series)
        try:
            answer = ask()
        except IndexError:  # dicomweb-client takes the first of none
            answer = []
        rows = read_rows([answer] if isinstance(answer, dict) else answer)
        return rows if isinstance(rows, Rows) else Rows(rows, 0)

    def _list(self, ask: _Asks, tag: str, filters: Mapping[str, str], count: int | None = None) -> dict[str, Row]:
        def page(limit: int, offset: int) -> list[Row]:
            try:
                return self._ask(ask, filters, limit, offset)
            except ObjectGoneError:
                if tag == STUDY_UID:  # where there are no services, nothing was deleted
                    raise RefusedAnswerError("HTTP 404") from None
                return []

        found = all_rows(page, tag, count, PAGE_ROWS)
        if filters:  # a server may list what it was not asked for
            found = {uid: row for uid, row in found.items() if uid == filters[tag]}
        return found

    def _ask(self, ask: _Asks, filters: Mapping[str, str], limit: int, offset: int) -> list[Row]:
        fields = {"includefield": "all"} if self.wants_all else None
        options = {"limit": limit, "offset": offset, "search_filters": dict(filters)}
        try:
            return read_rows(ask(**options, additional_params=fields))
        except RefusedAnswerError as error:
            if error.status != HTTPStatus.BAD_REQUEST or not self.wants_all:
                raise
            self.wants_all = False  # a server that knows no "all"
            return read_rows(ask(**options))


def all_rows(ask: Callable[[int, int], list[Row]], tag: str, count: int | None, page_rows: int) -> dict[str, Row]:
    """Ask for page after page, until nothing new comes.

    A short page is not the last: servers give fewer rows than they are asked for. One that takes no notice of the
    offset gives the same page again: it is asked for twice as many rows at once, until fewer come. One that takes no
    notice of the limit either gives all at once.

    Args:
        ask: Gives a page, by the number of its rows and of those before it.
        tag: Of the UID by which rows are told apart.
        count: How many there are, as the server said before; None where it did not.
        page_rows: Rows of a page.

    Raises:
        TransportError: From the server; or there are too many.
    """
    found: dict[str, Row] = {}
    limit, offset = page_rows, 0
    while len(found) <= MOST_ROWS:
        page = ask(limit, offset)
        new = {uid: row for row in page if (uid := uid_in(row, tag)) not in found}
        found |= new
        if len(page) > limit or (page and count is not None and len(found) >= count):
            return found
        if new:
            offset += len(page)
        elif len(page) < limit:
            return found
        else:
            limit, offset = 2 * limit, 0
    raise MalformedAnswerError("the answer exceeds the limit")
