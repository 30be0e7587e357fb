"""What a cloud's service says of itself: how it is asked for each thing, and what its answers mean."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.listing import Asks, Cursor, Page
from dicom_sieve.stores.rest.messages import Call, Reply
from dicom_sieve.stores.retries import Retries

Sends = Callable[[Call], Reply]
"""Signs a request and sends it, again where that may help; raises `AnswerError` and urllib3's errors."""


class Signs(Protocol):
    """Gives requests what authorizes them. It sends nothing of it anywhere itself, but where tokens are given out."""

    @property
    def is_ready(self) -> bool:
        """Whether `sign` can be called, without asking a server first."""
        ...

    def renew(self) -> None:
        """Make it ready; may ask a server.

        Raises:
            CredentialsError: There are none, or they are refused.
        """
        ...

    def sign(self, call: Call) -> Call:
        """Give the request with what authorizes it."""
        ...


class Service(Protocol):
    """One bucket or container of a service, and how it is reached. Values alone: it can be sent to other processes."""

    @property
    def endpoint(self) -> str:
        """URL of the server, without a slash at its end."""
        ...

    @property
    def signer(self) -> Signs:
        """What authorizes requests."""
        ...

    @property
    def rules(self) -> EndpointRules:
        """Which addresses may be connected to."""
        ...

    @property
    def retries(self) -> Retries:
        """Timeouts and attempts."""
        ...

    @property
    def refusals(self) -> frozenset[str]:
        """Codes by which it refuses one object permanently."""
        ...

    @property
    def missing_places(self) -> frozenset[str]:
        """Codes that say that the bucket is not there."""
        ...

    @property
    def lists_behind(self) -> bool:
        """Whether a listing may begin behind any text."""
        ...

    def location(self, prefix: str) -> Location:
        """Give the location of what lies under a prefix."""
        ...

    def code_of(self, reply: Reply) -> str:
        """Give the code of an answer that is no success."""
        ...

    def list_objects(self, ask: Asks, location: Location) -> Iterator[ObjectInfo]:
        """Give every object, in the order of the keys' UTF-8 bytes, by asking for pages."""
        ...

    def listing(self, prefix: str, cursor: Cursor) -> Call:
        """Ask for a page of a listing."""
        ...

    def read_page(self, cursor: Cursor, reply: Reply) -> Page:
        """Read a page.

        Raises:
            MalformedAnswerError: It is none.
        """
        ...

    def reading(self, listed: ObjectInfo, start: int, end: int) -> Call:
        """Ask for bytes of an object, if it is still the one that was listed."""
        ...

    def etag_in(self, headers: Mapping[str, str]) -> str:
        """Give what identifies the object's bytes, by the headers of an answer (names in small letters)."""
        ...

    def looking(self, key: str) -> Call:
        """Ask what an object is now."""
        ...

    def read_info(self, key: str, reply: Reply) -> ObjectInfo:
        """Read what an object is.

        Raises:
            MalformedAnswerError: The answer does not say.
        """
        ...

    def check_key(self, key: str) -> None:
        """Refuse a key that no object can have.

        Raises:
            UnwritableKeyError: It is one.
        """
        ...

    def write(self, send: Sends, key: str, body: Path, *, replaces: bool) -> None:
        """Write a file as an object.

        Args:
            send: Sends a request.
            key: Of the object.
            body: The file.
            replaces: Whether an object of that key is replaced; else the service refuses (409, 412).

        Raises:
            MalformedAnswerError: A success that does not name what was written.
        """
        ...

    def copy_within(self, send: Sends, source: Any, listed: ObjectInfo, key: str) -> bool:
        """Let the service copy an object from another bucket of its own; False: it did not, or not surely these bytes.

        Args:
            send: Sends a request.
            source: The service of the other bucket.
            listed: The object, with the etag that its bytes must have.
            key: Of the copy.
        """
        ...
