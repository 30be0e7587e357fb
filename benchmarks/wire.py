"""A bucket read in two ways from one server: by a screening run, and by a bare loop of the same ranged GETs."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import obstore
import uvloop
from obstore.store import S3Store as BareStore
from scripts.ceph_rgw import CephRgw

from benchmarks.made import CRITERIA
from benchmarks.measure import Phases, Spent, spend
from dicom_sieve import open_ledger
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import Limits, RunsShards, Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.stores import Retries, S3Access, S3Store, StaticCredentials, Store
from dicom_sieve.stores.s3.clients import make_boto3_client

REGION = "eu-west"
UPLOADS_AT_A_TIME = 16
SETTINGS = Settings()
Range = tuple[ObjectInfo, int, int]


@dataclass(frozen=True, slots=True)
class Server:
    """An S3 server, and how to reach it.

    Attributes:
        endpoint: Its URL.
        key_id: Of the credentials.
        access_key: Of the credentials; not shown.
    """

    endpoint: str
    key_id: str
    access_key: str = field(repr=False)

    @classmethod
    def of(cls, rgw: CephRgw) -> "Server":
        """Take a running Ceph RGW."""
        return cls(rgw.endpoint, rgw.access_key, rgw.secret_key)

    def access(self, bucket: str) -> S3Access:
        """Say how a bucket is reached, as a run does at default settings."""
        credentials = StaticCredentials(self.key_id, self.access_key)
        return S3Access(bucket, REGION, self.endpoint, credentials, Retries.from_settings(SETTINGS))

    def fill(self, bucket: str, objects: Iterable[tuple[str, bytes]]) -> int:
        """Make a bucket of objects; gives how many."""
        client = make_boto3_client(self.access(bucket))
        client.create_bucket(Bucket=bucket)

        def put(item: tuple[str, bytes]) -> None:
            client.put_object(Bucket=bucket, Key=item[0], Body=item[1])

        count, waiting = 0, iter(objects)
        with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
            while some := list(islice(waiting, 1_000)):
                count += len(list(pool.map(put, some)))
        return count


@dataclass(frozen=True, slots=True)
class Run:
    """A screening run.

    Attributes:
        whole: What it took, its ledger made and opened.
        index: What its index phase took.
        counts: The run's own.
    """

    whole: Spent
    index: Spent
    counts: dict[str, Any]

    @property
    def listed(self) -> int:
        """How many objects there are."""
        return int(self.counts["listed"])


@dataclass(frozen=True)
class Recording(S3Store):
    """A store that keeps what was asked of it.

    Attributes:
        asked: Every range, with its object.
    """

    asked: list[Range] = field(default_factory=list)

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read, and keep what was asked for."""
        self.asked.append((listed, start, end))
        return await super().read(listed, start=start, end=end)


def screen_all(store: Store, run_shards: RunsShards, settings: Settings = SETTINGS) -> Run:
    """Screen a bucket that a new ledger knows nothing of: it is listed, and every object read."""
    phases = Phases()
    counts: dict[str, Any] = {}

    def run() -> None:
        with TemporaryDirectory() as folder, open_ledger(f"sqlite:///{Path(folder) / 'ledger.db'}") as ledger:
            screening = Screening(
                execution_id=str(uuid.uuid4()),
                store=store,
                criteria=CRITERIA,
                limits=Limits.from_settings(settings),
                shard_objects=settings.shard_objects,
                run_shards=run_shards,
                observer=phases,
            )
            counts.update(screen(screening, ledger).counts)

    whole = spend(run)
    return Run(whole, phases.spent()["index"], counts)


def read_bare(server: Server, bucket: str, asked: Sequence[Range], *, in_flight: int) -> Spent:
    """Make the same requests in a loop that does nothing else: one event loop, as quick as ours, N at a time."""
    store = BareStore(
        bucket,
        endpoint=server.endpoint,
        region=REGION,
        access_key_id=server.key_id,
        secret_access_key=server.access_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    return spend(lambda: uvloop.run(_read_bare(store, asked, in_flight)))


async def _read_bare(store: BareStore, asked: Sequence[Range], in_flight: int) -> None:
    waiting = iter(asked)

    async def read() -> None:
        for listed, start, end in waiting:
            options: obstore.GetOptions = {"range": (start, end), "if_match": f'"{listed.etag}"'}
            answer = await obstore.get_async(store, listed.key, options=options)
            if len(await answer.bytes_async()) != end - start:
                raise ValueError("not the bytes that were asked for")

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(read())
