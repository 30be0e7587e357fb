"""The settings of a deployment, from the environment: prefix ``DICOM_SIEVE_``."""

import difflib
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dicom_sieve.errors import SettingsError

KIB = 1024
MIB = 1024 * KIB
PREFIX = "DICOM_SIEVE_"
OF_TESTS = ("DICOM_SIEVE_REQUIRE_REAL",)
"""Names that are no settings: the project's own tests read them."""
_ENDPOINT = re.compile(r"([A-Za-z0-9.*-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def _default_database() -> SecretStr:
    return SecretStr(f"sqlite:///{Path.home() / '.dicom-sieve' / 'ledger.db'}")


class Settings(BaseSettings):
    """What engineers own: where the ledger is, and how much is read at a time."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    database_url: Annotated[
        SecretStr,
        Field(
            default_factory=_default_database,
            description="The ledger: sqlite:///path or postgresql://user:password@host/database.",
        ),
    ]
    runs_in_flight: Annotated[
        int, Field(ge=1, le=100, description="Runs that one serving process executes at the same time.")
    ] = 2
    task_runner: Annotated[
        Literal["threads", "processes", "ray"],
        Field(description="What shards and series run in: threads of one process, processes, or workers on Ray."),
    ] = "threads"
    ray_address: Annotated[
        str,
        Field(
            pattern=r"^$|^(ray://)?[^\s/@]+:[0-9]{1,5}$",
            description="Of a running Ray: host:6379 or ray://host:10001. Empty: a run starts one and stops it.",
        ),
    ] = ""
    shard_objects: Annotated[int, Field(ge=1, le=100_000, description="Objects that one task indexes, at most.")] = (
        1_000
    )
    shards_in_flight: Annotated[int, Field(ge=1, le=1_000, description="Shards that are indexed at the same time.")] = 4
    reads_in_flight: Annotated[
        int, Field(ge=1, le=1_000, description="Requests that one shard has under way at the same time.")
    ] = 32
    lists_in_flight: Annotated[
        int,
        Field(ge=1, le=64, description="Requests that list one location at the same time, once it proves large."),
    ] = 16
    commands: Annotated[
        str, Field(description="File of JSON that names programs to compute with. Empty: there are none.")
    ] = ""
    series_in_flight: Annotated[
        int, Field(ge=1, le=1_000, description="Series that one run of compute-series computes on at the same time.")
    ] = 2
    request_timeout_seconds: Annotated[
        float, Field(gt=0, le=3_600, description="Seconds after which one request to S3 is given up, and made again.")
    ] = 30.0
    read_deadline_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="Seconds after which one read is given up, all its attempts together."),
    ] = 120.0
    read_attempts: Annotated[int, Field(ge=1, le=100, description="How often one request is made, at most.")] = 6
    first_read_bytes: Annotated[
        int, Field(ge=1 * KIB, le=16 * MIB, description="Bytes of the first read of an object.")
    ] = 8 * KIB
    header_limit_bytes: Annotated[
        int,
        Field(
            ge=64 * KIB, le=1024 * MIB, description="Bytes read of one object at most; what lies behind is not known."
        ),
    ] = 16 * MIB
    inflated_limit_bytes: Annotated[
        int,
        Field(
            ge=64 * KIB,
            le=1024 * MIB,
            description="Bytes that a deflated header may inflate to; what lies behind is not known.",
        ),
    ] = 16 * MIB
    elements_limit: Annotated[
        int,
        Field(
            ge=1_000,
            le=10_000_000,
            description="Elements that an unusual object may have, those in items included; what lies behind is not "
            "known.",
        ),
    ] = 50_000

    log_format: Annotated[
        Literal["text", "json"],
        Field(description="Of the logs of all processes: text, or JSON, an object a line."),
    ] = "text"

    allowed_endpoints: Annotated[
        str,
        Field(description="Endpoints that may be asked, as host or host:port, with commas. Empty: any."),
    ] = ""
    default_chain_endpoints: Annotated[
        str,
        Field(
            description="Endpoints beside AWS that requests without credentials may name: they get this machine's own.",
        ),
    ] = ""
    dicomweb_credentials: Annotated[
        SecretStr,
        Field(
            description="Of this machine at a PACS, as user:password, or Bearer and a token. Sent where the user names "
            "the PACS on the command line, or default_chain_endpoints lists it.",
        ),
    ] = SecretStr("")
    dicomweb_identity: Annotated[
        Literal["listing", "metadata"],
        Field(
            description="By what an instance of a PACS other than Orthanc is known: what the PACS lists of it, or all "
            "of its metadata, which each run reads then.",
        ),
    ] = "listing"
    input_directories: Annotated[
        str,
        Field(
            description="Directories of the serving machine, with commas between, that requests may name as input, and "
            "all that lies below. Empty: none.",
        ),
    ] = ""
    ca_bundle: Annotated[
        str,
        Field(
            description="File in PEM of the authorities that S3 servers' certificates are of. Empty: AWS_CA_BUNDLE, "
            "else the usual ones.",
        ),
    ] = ""
    keep_in_clear: Annotated[
        str,
        Field(
            description="Keywords, with commas between, of attributes that identify and are kept as they are, not as "
            "digests; never names. For objects that are read from then on.",
        ),
    ] = ""
    anchor: Annotated[
        str,
        Field(
            pattern=r"^$|^file:/.+$|^s3://[^/]+(/.*)?$",
            description="Where seals of the ledger are kept, apart from it: file:/path or s3://bucket/prefix.",
        ),
    ] = ""
    anchor_endpoint: Annotated[str, Field(description="Of the anchor's S3 server; empty: AWS.")] = ""
    anchor_region: Annotated[str, Field(description="Of the anchor's bucket.")] = "us-east-1"
    anchor_credentials: Annotated[
        SecretStr,
        Field(
            description="Of the anchor's bucket, as key_id:access_key; empty: AWS's default chain. Never a request's."
        ),
    ] = SecretStr("")
    anchor_retain_days: Annotated[
        int, Field(ge=0, le=36_500, description="Days that the bucket's Object Lock keeps each seal; 0: none is asked.")
    ] = 0

    report_link_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=604_800,
            description="Seconds for which a link to a published report opens for all who have it; 0: none is made.",
        ),
    ] = 0

    web_user_header: Annotated[
        str,
        Field(
            pattern=r"^$|^[A-Za-z][A-Za-z0-9-]{0,63}$",
            description="Header in which a proxy on this machine names who is signed in, as X-Forwarded-User. Empty: "
            "pages ask for the password.",
        ),
    ] = ""
    web_roles: Annotated[
        str,
        Field(
            description="Roles of those whom the proxy names, as ann=manager,bob=admin,*=viewer; others are viewers.",
        ),
    ] = ""

    @field_validator("allowed_endpoints", "default_chain_endpoints")
    @classmethod
    def _are_hosts(cls, endpoints: str) -> str:
        if endpoints.strip() and not all(_ENDPOINT.fullmatch(endpoint.strip()) for endpoint in endpoints.split(",")):
            raise ValueError(
                "accepted: hosts, each with a port or without, and commas between, as minio.org:9000,*.local"
            )
        return endpoints

    @field_validator("input_directories")
    @classmethod
    def _are_absolute(cls, paths: str) -> str:
        if not all(path.strip().startswith("/") for path in paths.split(",") if path.strip()):
            raise ValueError("accepted: absolute paths, with commas between, as /data/images,/mnt/scans")
        return paths

    @field_validator("keep_in_clear")
    @classmethod
    def _can_be_in_clear(cls, keywords: str) -> str:
        try:
            _read_in_clear(keywords)
        except ValueError:
            raise ValueError(
                "accepted: keywords of attributes that are kept as digests, with commas between, as "
                "AccessionNumber,StudyID; never of names"
            ) from None
        return keywords

    @field_validator("ca_bundle")
    @classmethod
    def _is_file(cls, path: str) -> str:
        if path and not Path(path).is_file():
            raise ValueError("no such file; accepted: a file of certificates in PEM")
        return path

    @field_validator("task_runner")
    @classmethod
    def _is_installed(cls, task_runner: str) -> str:
        if task_runner == "ray" and find_spec("ray") is None:
            raise ValueError("ray is not installed; pip install 'dicom-sieve[ray]'")
        return task_runner

    @property
    def in_clear(self) -> frozenset[int]:
        """The tags of `keep_in_clear`."""
        return _read_in_clear(self.keep_in_clear)


def _read_in_clear(keywords: str) -> frozenset[int]:
    named = [keyword.strip() for keyword in keywords.split(",") if keyword.strip()]
    if not named:
        return frozenset()
    from dicom_sieve.dicom.identifying import read_in_clear  # noqa: PLC0415 - slow to import, and rarely needed

    return read_in_clear(named)


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: Every setting that is not accepted; the message does not repeat its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = (f"{PREFIX}{str(detail['loc'][0]).upper()}: {detail['msg']}" for detail in error.errors())
        raise SettingsError(tuple(problems)) from None


def find_unknown(names: Iterable[str]) -> list[str]:
    """Say of each name that looks like a setting and is none that it is not used, and which one may be meant.

    Args:
        names: Of environment variables. Case does not matter, as it does not to `load_settings`.
    """
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    sentences = []
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in (*known, *OF_TESTS):
            nearest = difflib.get_close_matches(name.upper(), known, 1, cutoff=0.8)
            meant = f"is {nearest[0]} meant?" if nearest else "docs/settings.md lists all settings"
            sentences.append(f"{name} is no setting, and not used; {meant}")
    return sentences
