"""What an AWS Credentials block says beside its keys: honoured, or refused by name (ADR 27).

boto3 would take all of it; here two clients are made alike, and only of what both can do. No value is repeated.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect_aws import AwsCredentials
from pydantic import ValidationError

from dicom_sieve.contract.credentials import NotFound, SavedSecret
from dicom_sieve.stores import UnreadableBundleError, read_bundle

PARAMETERS = "aws_client_parameters"
API_VERSION = "2006-03-01"
"""The only one that S3 has."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True, slots=True, repr=False)
class SavedBlock:
    """Credentials in a block, and what it says beside them.

    Attributes:
        block: As it was saved.
    """

    block: AwsCredentials

    @property
    def endpoint(self) -> str:
        """URL of the S3 server that it names; empty: none."""
        return self.block.aws_client_parameters.endpoint_url or ""

    @property
    def ca_bundle(self) -> str:
        """Path of the file of authorities that it names; empty: none."""
        said = self.block.aws_client_parameters
        path = said.verify_cert_path or (said.verify if isinstance(said.verify, Path) else None)
        return str(path or "")

    @property
    def lacks_keys(self) -> bool:
        """Whether boto3 falls back to this machine's own credentials."""
        return not (self.block.aws_access_key_id and self.block.aws_secret_access_key)

    def get_boto3_session(self) -> Any:
        """Open a session of boto3 with them."""
        return self.block.get_boto3_session()

    def find_problems(self, field: str, region: str, endpoint: str | None) -> Iterator[str]:
        """Tell what the block says that is not honoured.

        Args:
            field: Of the location, as ``input_s3_parameters``.
            region: The request's.
            endpoint: The request's, or the block's.
        """
        block = self.block
        if block.region_name and block.region_name != region:
            yield (
                f"{field}.region: is another than the block's region_name; accepted: the same in both, or a block "
                "without"
            )
        if block.aws_session_token and self.lacks_keys:
            yield (
                f"{field}.credentials: the block has aws_session_token without both keys; accepted: aws_access_key_id "
                "and aws_secret_access_key with it"
            )
        for problem in _find_in_parameters(self, endpoint):
            yield f"{field}.credentials: the block's {PARAMETERS}.{problem}"


def load_block(reference: Any) -> SavedBlock | NotFound:
    """Load a block with credentials of AWS, or tell what is wrong with it.

    Args:
        reference: Its id, or what Prefect has in place of it.
    """
    block = _load(reference)
    if isinstance(block, AwsCredentials):
        return saved_block(block)
    return block if isinstance(block, NotFound) else _of_another_type(block, "AwsCredentials")


def load_secret(reference: Any) -> SavedBlock | SavedSecret | NotFound:
    """Load a block with credentials of any kind, or tell what is wrong with it.

    Args:
        reference: As `load_block`'s.
    """
    block = _load(reference)
    if isinstance(block, AwsCredentials):
        return saved_block(block)
    if not isinstance(block, Secret):
        return block if isinstance(block, NotFound) else _of_another_type(block, "Secret, or AwsCredentials for s3://")
    value = block.get()
    if isinstance(value, str | Mapping):
        return SavedSecret(value)
    return NotFound("the block keeps neither a text nor an object of JSON; accepted: one of both")


def _load(reference: Any) -> Block | NotFound:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # prefect-aws: that it drops a file, which `saved_block` puts back
            block = Block.load_from_ref(reference)
    except Exception as error:  # Prefect raises several kinds for what is not there; none is worth quoting
        wrong = error if isinstance(error, ValidationError) else error.__cause__
        if not isinstance(wrong, ValidationError):
            return NotFound(f"the block cannot be loaded ({type(error).__name__}); accepted: id of a block")
        members = ", ".join(sorted({".".join(str(part) for part in detail["loc"]) for detail in wrong.errors()}))
        return NotFound(f"the block cannot be loaded: not valid here, as a file that is not on this machine: {members}")
    return block if isinstance(block, Block) else NotFound("the block cannot be loaded; accepted: id of a block")


def _of_another_type(block: Block, accepted: str) -> NotFound:
    return NotFound(f"a block of type {type(block).__name__}; accepted: {accepted}")


def saved_block(block: AwsCredentials) -> SavedBlock:
    """Give a block the file of authorities that it was saved with.

    prefect-aws drops it when it loads a block whose ``verify`` is not set: it takes null for false.
    """
    said = block.aws_client_parameters
    if block._block_document_id is None or said.verify is not None or said.verify_cert_path is not None:
        return SavedBlock(block)
    with get_client(sync_client=True) as client:
        saved = client.read_block_document(block._block_document_id).data.get("aws_client_parameters") or {}
    if path := saved.get("verify_cert_path"):
        said.verify_cert_path = Path(path)
    return SavedBlock(block)


def _find_in_parameters(saved: SavedBlock, endpoint: str | None) -> Iterator[str]:
    said = saved.block.aws_client_parameters
    if said.verify is False:
        yield (
            "verify is false, and certificates are always checked; accepted: true, and the file of the server's "
            "authority in verify_cert_path, or in DICOM_SIEVE_CA_BUNDLE"
        )
    if not said.use_ssl and not (endpoint or "").lower().startswith("http://"):
        yield "use_ssl is false; accepted: true, or an endpoint as http://host"
    if said.api_version and said.api_version != API_VERSION:
        yield f"api_version is not read; accepted: none, or {API_VERSION}"
    if said.config:
        names = ", ".join(sorted(name for name in said.config if _NAME.fullmatch(name))) or "members"
        yield (
            f"config has {names}, which are not read; accepted: none. For requests that are not signed: anonymous; for "
            "times: DICOM_SIEVE_… settings"
        )
    if saved.ca_bundle:
        try:
            read_bundle(saved.ca_bundle)
        except UnreadableBundleError:
            yield "verify_cert_path holds no certificates that can be read; accepted: a file in PEM on this machine"
