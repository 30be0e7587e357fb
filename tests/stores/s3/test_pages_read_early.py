"""A page of a listing that is written as usual is read without its elements, and says the same."""

import random
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from dicom_sieve.stores.s3 import pages
from dicom_sieve.stores.s3.pages import read_page_early

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
OWNER = "<Owner><ID>o</ID><DisplayName>&lt;o&gt;</DisplayName></Owner>"
WAYS = {
    "AWS": "{key}{modified}{etag}<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType>{size}<StorageClass>STANDARD</StorageClass>",
    "Ceph": "{key}{modified}{etag}{size}<StorageClass>STANDARD</StorageClass>" + OWNER + "<Type>Normal</Type>",
    "MinIO": "{key}{modified}{etag}{size}" + OWNER + "<StorageClass>STANDARD</StorageClass>",
    "size first": "{size}{key}{modified}{etag}",
    "no etag": "{key}{modified}{size}",
}

QUOTED = ("&quot;{}&quot;", "{}", '"{}"')


def page_of(way: str, chance: random.Random, count: int, odd: str = "") -> bytes:
    """Write a page; one object of it has another way, if one is given."""
    listed = []
    for number in range(count):
        key = "".join(chance.choice("ab/%2F.é<&+ ") for _ in range(chance.randrange(1, 20)))
        parts = {
            "key": f"<Key>{escape(key)}</Key>",
            "modified": f"<LastModified>2026-01-01T01:02:03.{chance.randrange(1000):03}Z</LastModified>",
            "etag": f"<ETag>{chance.choice(QUOTED).format(f'{number:032x}')}</ETag>",
            "size": f"<Size>{chance.randrange(10**12)}</Size>",
        }
        listed.append(f"<Contents>{WAYS[odd if odd and number == count // 2 else way].format(**parts)}</Contents>")
    return f"{HEAD}{''.join(listed)}<IsTruncated>false</IsTruncated></ListBucketResult>".encode()


def usual() -> random.Random:
    """Give a chance that makes keys without anything to escape."""
    chance = random.Random(1)
    chance.choice = lambda seq: seq[0]  # type: ignore[method-assign]
    return chance


def read(body: bytes) -> tuple[bytes, list[dict[str, object]] | None]:
    answer: dict[str, Any] = {"body": body, "status_code": 200, "headers": {}}
    early: dict[str, Any] = {}
    read_page_early(answer, early)
    return answer["body"], early.get("Contents")


def plain(entries: list[dict[str, object]] | None) -> list[dict[str, object]] | None:
    return entries and [{**entry, "ETag": str(entry.get("ETag")).strip('"')} for entry in entries]


@pytest.mark.parametrize("odd", ["", "size first", "no etag"])
@pytest.mark.parametrize("way", ["AWS", "Ceph", "MinIO", "size first"])
def test_both_ways_say_the_same(way: str, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [page_of(way, random.Random(seed), seed + 1, odd) for seed in range(40)]
    found = [read(body) for body in bodies]
    assert any(entries for _, entries in found)

    monkeypatch.setattr(pages, "_usual_entries", lambda _body: [])

    assert [(rest, plain(entries)) for rest, entries in found] == [
        (rest, plain(entries)) for rest, entries in map(read, bodies)
    ]


def test_what_is_written_as_usual_needs_no_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_entries", lambda _body: pytest.fail("it was read element by element"))
    for way in ("AWS", "Ceph", "MinIO"):
        rest, entries = read(page_of(way, usual(), 5))
        assert entries is not None
        assert len(entries) == 5
        assert b"Contents" not in rest


@pytest.mark.parametrize("cut", range(0, 700, 7))
def test_a_page_that_was_cut_is_one_that_the_client_refuses(cut: int) -> None:
    body = page_of("Ceph", usual(), 3)[: -cut or None]

    rest, entries = read(body)

    if cut:
        with pytest.raises(ElementTree.ParseError):
            ElementTree.fromstring(rest)
    else:
        assert entries is not None
        ElementTree.fromstring(rest)


def test_another_document_is_left_to_the_client() -> None:
    body = page_of("Ceph", random.Random(3), 3).replace(b"ListBucketResult", b"ListOtherResult")

    assert read(body) == (body, None)
