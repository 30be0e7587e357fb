"""What opens a store that is asked by REST: the same for all services."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import Location
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.endpoints import ALLOWED, DEFAULT_CHAIN, EndpointRules, place_of
from dicom_sieve.stores.interface import Place
from dicom_sieve.stores.opener import Access
from dicom_sieve.stores.retries import Retries


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to be opened.

    Attributes:
        location: Bucket and prefix.
        endpoint: URL of the server; empty: the cloud itself.
        access: Whose credentials are sent.
        retries: Timeouts and attempts.
        rules: Which endpoints may be asked.
        called: Names of endpoint, bucket and credentials in problems.
    """

    location: Location
    endpoint: str
    access: Access
    retries: Retries
    rules: EndpointRules
    called: tuple[str, str, str] = field(default=("endpoint", "the bucket", "credentials"))

    def find_problems(self, url: str, home: str, cloud: str) -> Iterator[str]:
        """Tell what is wrong with endpoint and access, whatever the credentials are.

        Args:
            url: Of the server that is to be asked.
            home: URL of the cloud itself.
            cloud: Its name.
        """
        access = self.access
        is_ours = not access.is_named and not access.anonymous and access.credentials is None
        if wrong := self.rules.find_problem_at(url, home, cloud, uses_default_chain=is_ours):
            yield f"{self.called[0]}: {wrong}"
        if access.anonymous and access.credentials is not None:
            yield f"{self.called[2]}: beside anonymous, which sends none; accepted: one of the two"
        if access.requester_pays:
            yield f"requester_pays: {cloud} is not asked so; accepted with s3://bucket"


Makes = Callable[[Opening, list[str]], Place | None]
"""Makes a store; what is wrong is added to the problems, and nothing is sent."""


def open_for_user(location: Location, access: Access, make: Makes) -> Place:
    """Open a location for the user of this machine: the environment's settings hold.

    Args:
        location: Its endpoint is the scheme, and the server's URL where that is not the cloud itself.
        access: How it is reached.
        make: The service's own.

    Raises:
        InvalidRequestError: The endpoint may not be asked, or the credentials are none.
    """
    settings = load_settings()
    rules = EndpointRules.from_settings(settings, os.environ.get("PREFECT_API_URL"))
    endpoint = (access.endpoint or location.endpoint.partition(":")[2]).rstrip("/")
    problems: list[str] = []
    opening = Opening(
        location, endpoint, access, Retries.from_settings(settings), rules, (*access.called, "credentials")
    )
    store = make(opening, problems)
    # Who names an endpoint sends credentials of their own there; a location may come from somebody else's request.
    is_given = access.credentials is not None and not access.is_named
    if endpoint and is_given and not problems and not rules.trusts(*place_of(endpoint)):
        problems.append(
            f"endpoint: {endpoint} comes from the ledger, and would be sent the credentials that you give; accepted: "
            f"to name it yourself (endpoint, --endpoint), or one that {ALLOWED} or {DEFAULT_CHAIN} lists"
        )
    if problems or store is None:
        raise InvalidRequestError(tuple(problems))
    return store
