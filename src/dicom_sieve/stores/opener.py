"""What opens a store: how it is to be reached, and the function that each store brings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dicom_sieve.objects import Location
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.s3.credentials import GivesSession


@dataclass(frozen=True, slots=True)
class Access:
    """How a place is to be reached; a store takes of it what it knows.

    Attributes:
        endpoint: URL of the server; None: the one that the store goes to by itself.
        region: None: as the environment says.
        credentials: As the store has them: S3's are ``key_id:access_key``, or what gives a session; those of other
            clouds a text, or JSON. None: this machine's own.
        anonymous: Whether no request is signed.
        requester_pays: Whether the credentials' owner pays.
        is_named: Whether the caller named the endpoint; else a ledger did, perhaps by somebody else's request.
        called: What errors name endpoint and bucket by.
    """

    endpoint: str | None = None
    region: str | None = None
    credentials: str | GivesSession | Mapping[str, Any] | None = field(default=None, repr=False)
    anonymous: bool = False
    requester_pays: bool = False
    is_named: bool = False
    called: tuple[str, str] = ("endpoint", "the bucket")


Opener = Callable[[Location, Access], Place]
"""Opens what lies at a location. It sends credentials only where `Access` and `endpoints.EndpointRules` let it."""
