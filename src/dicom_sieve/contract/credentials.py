"""Credentials that are kept elsewhere, as in a block of Prefect's: found before a request is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dicom_sieve.stores.s3.credentials import GivesSession


@runtime_checkable
class SavedCredentials(GivesSession, Protocol):
    """Credentials with what was saved beside the keys."""

    @property
    def endpoint(self) -> str:
        """URL of the S3 server that they name; empty: none."""
        ...

    @property
    def ca_bundle(self) -> str:
        """Path of the file of certificate authorities that they name; empty: none."""
        ...

    @property
    def lacks_keys(self) -> bool:
        """Whether AWS's default chain is used in place of them."""
        ...

    def find_problems(self, field: str, region: str, endpoint: str | None) -> Iterator[str]:
        """Tell what is saved and not honoured.

        Args:
            field: Of the location, as ``input_s3_parameters``.
            region: The request's.
            endpoint: The request's, or their own.
        """
        ...


@dataclass(frozen=True, slots=True)
class NotFound:
    """Credentials that a request refers to, and that are not there.

    Attributes:
        problem: What is wrong, and what is accepted.
    """

    problem: str


@dataclass(frozen=True, slots=True, repr=False)
class SavedSecret:
    """Credentials that a block of type Secret keeps, as a text or as JSON.

    Attributes:
        value: They.
    """

    value: str | Mapping[str, Any]
