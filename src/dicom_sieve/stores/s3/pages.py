"""A page of an S3 listing: how it is requested, and what is parsed before botocore does (ADR 14)."""

import datetime
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from dicom_sieve.objects import ObjectInfo, plain_etag
from dicom_sieve.stores.listing import Cursor, Page
from dicom_sieve.stores.s3.codes import refuse_what_is_not_s3s
from dicom_sieve.stores.s3.errors import MalformedListingError, NoEtagError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ListObjectsV2RequestTypeDef

_ECHO_THAT_IS_NO_XML = re.compile(
    rb"<(Prefix|StartAfter|ContinuationToken|NextContinuationToken)>"
    rb"[^<]*(?:&#x(?:0[0-8bcef]|1[0-9a-f]);|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf])[^<]*</\1>",
    re.IGNORECASE,
)
"""Where Ceph repeats a key as it is in a page of a listing, with characters that no XML may hold (XML 1.0, 2.2).

The keys that are listed come URL-encoded: without these elements the page is sound and whole.
"""

_USUAL = re.compile(
    rb"<Contents><Key>([^<&]*)</Key><LastModified>([^<&]*)</LastModified><ETag>(?:&quot;|\")?([^<&\"]*)(?:&quot;|\")?</ETag>"
    rb"(?:<Checksum\w+>[^<]*</Checksum\w+>)*<Size>([0-9]+)</Size>.*?</Contents>",
    re.DOTALL,
)
"""An object as S3, Ceph and MinIO write it: key, time of its last change, entity tag, size, and what is not read."""
_CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_ROOT_WITHIN = 200
_moment = datetime.datetime.fromisoformat


def list_page(client: "S3Client", bucket: str, prefix: str, cursor: Cursor) -> Page:
    """Ask for a page, once.

    Raises:
        MalformedListingError: The answer names neither objects nor the next page.
        NoEtagError: It has objects without an ETag.
        NotS3Error: It is a web page.
        BotoCoreError, ClientError: The server refuses, or does not answer.
    """
    request: ListObjectsV2RequestTypeDef = {"Bucket": bucket, "Prefix": prefix}
    if cursor.token is not None:
        request["ContinuationToken"] = cursor.token
    elif cursor.after is not None:
        request["StartAfter"] = cursor.after
    page = client.list_objects_v2(**request)
    return Page(_objects(page), _following(cursor, page))


def read_page_early(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Parse the objects of a page before botocore does, which takes ten times as long. An event handler.

    Whatever is not as expected is left to botocore.
    """
    body, count = _ECHO_THAT_IS_NO_XML.subn(b"", response_dict["body"])
    if count:  # botocore takes a page that is no XML for an error, and has just made its status 500
        response_dict.update(body=body, status_code=200)
    refuse_what_is_not_s3s(response_dict)
    if response_dict["status_code"] != 200:
        return
    try:
        entries = _usual_entries(body) or _entries(body)
    except (ElementTree.ParseError, ValueError):
        return
    rest, count = _CONTENTS.subn(b"", body)
    if entries and count == len(entries):
        response_dict["body"] = rest
        customized_response_dict["Contents"] = entries


def _usual_entries(body: bytes) -> list[dict[str, Any]]:
    """Read a page in which all objects are written as usual, without an element of each; none where one is not."""
    found = _USUAL.findall(body)
    if len(found) != body.count(b"<Contents") or b"<ListBucketResult" not in body[:_ROOT_WITHIN]:
        return []
    return [
        {"Key": key.decode(), "LastModified": _moment(modified.decode()), "ETag": etag.decode(), "Size": int(size)}
        for key, modified, etag, size in found
    ]


def _entries(body: bytes) -> list[dict[str, Any]]:
    """Read a page however it is written; no objects where it is something else."""
    root = ElementTree.fromstring(body)  # noqa: S314 - as botocore does
    is_listing = _name(root) == "ListBucketResult"
    return [_entry(element) for element in root if _name(element) == "Contents"] if is_listing else []


def _entry(element: ElementTree.Element) -> dict[str, Any]:
    texts = {_name(child): child.text or "" for child in element}
    entry: dict[str, Any] = {name: texts[name] for name in ("Key", "ETag") if name in texts}
    if "Size" in texts:
        entry["Size"] = int(texts["Size"])
    if "LastModified" in texts:
        entry["LastModified"] = _moment(texts["LastModified"])
    return entry


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _objects(page: "ListObjectsV2OutputTypeDef") -> Sequence[ObjectInfo]:
    try:
        return [
            ObjectInfo(entry["Key"], plain_etag(entry["ETag"]), entry["Size"], entry["LastModified"])
            for entry in page.get("Contents", ())
        ]
    except KeyError as error:
        raise (NoEtagError if error.args == ("ETag",) else MalformedListingError) from None


def _following(cursor: Cursor, page: "ListObjectsV2OutputTypeDef") -> Cursor | None:
    """Say where the page after this one begins; None behind the last.

    The server's token leads on, or, where the page has none that could be taken, the last key.
    """
    if page.get("IsTruncated") is False:
        return None
    if token := page.get("NextContinuationToken"):
        following = Cursor(token=token)
    elif contents := page.get("Contents"):
        following = Cursor(after=contents[-1]["Key"])
    else:
        raise MalformedListingError
    if following == cursor:  # or it would never end
        raise MalformedListingError
    return following
