"""Answers of HTTP/1.1 to GETs of ranges, bounded in size; llhttp, by httptools, takes them apart.

llhttp refuses what is read in two ways: two lengths, a length beside chunks, folded or misspelt headers, line feeds
alone.
"""

from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LONGEST_HEAD = 64 * 1024
"""Bytes of an answer beside those asked for: its headers, its chunks' sizes, or the text of an error."""
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})
_KEPT = _LENGTHS | {b"content-range", b"etag", b"x-goog-generation"}
_OK = 200


class UnclearAnswerError(Exception):
    """An answer that is not HTTP/1.1, or longer than what was asked for: what it means, boto3 tells."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came as a whole.

    Attributes:
        status: Of HTTP.
        content_range: The header, empty where there is none.
        etag: The header, empty where there is none.
        body: The bytes.
        generation: The header of Google Cloud Storage, empty where there is none.
    """

    status: int
    content_range: bytes
    etag: bytes
    body: bytes
    generation: bytes = b""


class AnswerParser:
    """Takes the answers of a connection apart while they come, one after another.

    Attributes:
        is_begun: Whether a byte of the answer has come.
        is_last: Whether the connection carries no further request.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.expect(0)

    def expect(self, longest: int) -> None:
        """Begin an answer.

        Args:
            longest: Bytes of the longest body that is wanted.
        """
        self.is_begun = False
        self.is_last = True
        self._room = longest + LONGEST_HEAD
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._problem: str | None = None
        self._answer: Answer | None = None

    def feed(self, data: bytes) -> Answer | None:
        """Take what has come; gives the answer when that was its end.

        Raises:
            UnclearAnswerError: It is none, or too long.
        """
        self.is_begun = True
        self._room -= len(data)
        if self._room < 0:
            raise UnclearAnswerError("longer than what was asked for")
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):  # the first one's text may quote the answer
            raise UnclearAnswerError("no answer of HTTP/1.1") from None
        if self._problem is not None:
            raise UnclearAnswerError(self._problem)
        return self._answer

    def on_message_begin(self) -> None:
        """Note whether something follows the answer: nothing was asked that it could answer."""
        if self._answer is not None:
            self._problem = "more than one answer"

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header that is looked at."""
        name = name.lower()
        if name not in _KEPT:
            return
        if name in self._headers:
            self._problem = "a header twice"
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Refuse an answer whose end only the end of the connection tells: it might be cut short."""
        if self._parser.get_status_code() >= _OK and not _LENGTHS & self._headers.keys():
            self._problem = "an answer without a length"

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Make the answer, unless it is one in between (1xx, RFC 9110, 15.2)."""
        status, headers, body = self._parser.get_status_code(), self._headers, self._body
        self._headers, self._body = {}, []
        if status >= _OK:
            self.is_last = not self._parser.should_keep_alive()
            content_range, etag = headers.get(b"content-range", b""), headers.get(b"etag", b"")
            generation = headers.get(b"x-goog-generation", b"")
            self._answer = Answer(status, content_range, etag, b"".join(body), generation)
