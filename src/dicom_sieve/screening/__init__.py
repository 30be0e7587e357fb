"""The way through: snapshot, index, decide, publish. Plain Python that runs without Prefect."""

from dicom_sieve.screening.index import RunsShards, Shard, ShardResult, index_shard
from dicom_sieve.screening.observer import Observer, Silent
from dicom_sieve.screening.preview import Preview, PreviewResult, preview, preview_known
from dicom_sieve.screening.screen import Outcome, Screening, screen
from dicom_sieve.stores.read_header import Limits
from dicom_sieve.workers.choose import executor_for
from dicom_sieve.workers.local import in_processes, in_threads, one_by_one

__all__ = [
    "Limits",
    "Observer",
    "Outcome",
    "Preview",
    "PreviewResult",
    "RunsShards",
    "Screening",
    "Shard",
    "ShardResult",
    "Silent",
    "executor_for",
    "in_processes",
    "in_threads",
    "index_shard",
    "one_by_one",
    "preview",
    "preview_known",
    "screen",
]
