"""Credentials of an object store, which no ``repr`` and no message ever shows."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import boto3


@runtime_checkable
class GivesSession(Protocol):
    """Anything that can open a boto3 session: keys, the default chain, or Prefect's ``AwsCredentials`` block."""

    def get_boto3_session(self) -> boto3.Session:
        """Open a session."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class StaticCredentials:
    """A key id and its secret, as the contract's ``key_id:access_key``.

    Attributes:
        key_id: The access key id.
        access_key: The secret access key.
    """

    key_id: str
    access_key: str

    @classmethod
    def parse(cls, text: str) -> "StaticCredentials | None":
        """Split at the first colon; None where the text has not both parts."""
        key_id, colon, access_key = text.partition(":")
        return cls(key_id, access_key) if colon and key_id and access_key else None

    def get_boto3_session(self) -> boto3.Session:
        """Open a session with these keys."""
        return boto3.Session(aws_access_key_id=self.key_id, aws_secret_access_key=self.access_key)

    def __repr__(self) -> str:
        return "StaticCredentials(***)"


@dataclass(frozen=True, slots=True)
class DefaultChain:
    """Whatever AWS's default chain finds: environment, profile, role of the machine."""

    def get_boto3_session(self) -> boto3.Session:
        """Open a session of the default chain."""
        return boto3.Session()


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials: requests are not signed, as for a public bucket. The default chain is not asked for any."""

    def get_boto3_session(self) -> boto3.Session:
        """Open a session; the client that is made of it must not sign."""
        return boto3.Session()
