"""How a bucket is reached."""

from dataclasses import dataclass, field

from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries
from dicom_sieve.stores.s3.credentials import Anonymous, GivesSession

AWS_ENDPOINT = "https://s3.amazonaws.com"
"""Stands for AWS itself, whatever the region: names of its buckets are unique across regions."""


@dataclass(frozen=True, slots=True)
class S3Access:
    """How a bucket is reached.

    Attributes:
        bucket: Its name.
        region: Any string that the server accepts in signatures.
        endpoint: URL, or None for AWS itself.
        credentials: What opens a session; never shown.
        retries: Timeouts and attempts.
        rules: Which endpoints may be asked, and which certificate authorities are trusted.
        requester_pays: Whether the requester pays for the requests, as some buckets want it.
    """

    bucket: str
    region: str
    endpoint: str | None
    credentials: GivesSession
    retries: Retries = DEFAULT_RETRIES
    rules: EndpointRules = field(default_factory=EndpointRules)
    requester_pays: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Tell whether requests are not signed."""
        return isinstance(self.credentials, Anonymous)
