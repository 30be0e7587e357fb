"""Fill buckets, and read them back."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import Reads
from tests.conftest import S3Server


def fill(server: S3Server, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Put objects, several at a time."""
    client = server.client()
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(client.put_object, Bucket=bucket, Key=key, Body=body) for key, body in objects.items()]
        for future in done:
            future.result()
    client.close()


def contents(server: S3Server, bucket: str, folder: str) -> dict[str, bytes]:
    """Give every object under a folder, by the rest of its key."""
    client = server.client()
    prefix = f"{folder}/"
    return {
        info.key.removeprefix(prefix): client.get_object(Bucket=bucket, Key=info.key)["Body"].read()
        for info in server.store(bucket, prefix).list()
    }


def read_all(store: Reads, listed: list[ObjectInfo]) -> dict[str, bytes]:
    """Read each object from its first byte to its last."""

    async def read() -> list[bytes]:
        return await asyncio.gather(*(store.read(info, start=0, end=info.size) for info in listed))

    return dict(zip((info.key for info in listed), asyncio.run(read()), strict=True))


def read(store: Reads, listed: ObjectInfo, start: int, end: int) -> bytes:
    """Read one range."""
    return asyncio.run(store.read(listed, start=start, end=end))
