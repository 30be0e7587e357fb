"""Credentials of Azure: an account's key, a SAS, an app of Entra ID, or those of the machine. None is ever shown.

Source:
    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dicom_sieve.stores.azure.signing import Sas, SharedKey
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.rest.errors import CredentialsError, NotCredentialsError
from dicom_sieve.stores.rest.tokens import Bearer, Token, ask_for_token
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

TOKENS = "https://login.microsoftonline.com"
"""Where Azure gives tokens out."""
SCOPE = "https://storage.azure.com/.default"
RESOURCE = "https://storage.azure.com/"
MEMBERS = ("tenant_id", "client_id", "client_secret")
ACCEPTED = f"an account's key, a SAS as sv=…&sig=…, or JSON with {', '.join(MEMBERS)}"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_SAS = re.compile(r"[A-Za-z0-9%+/=&._:~-]+")
_SHORTEST_KEY = 16
_METADATA = "http://169.254.169.254/metadata/identity/oauth2/token"
_OF_MACHINE = EndpointRules(allows_metadata=True)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

AzureSigner = SharedKey | Sas | Bearer


@dataclass(frozen=True, slots=True, repr=False)
class App:
    """An app that is registered in Entra ID.

    Attributes:
        tenant_id: Of the directory.
        client_id: Of the app.
        client_secret: Of the app; empty where a file has what stands for it.
        token_file: Path of a file whose content proves who this machine is (workload identity); empty: there is none.
        authority: URL of who gives tokens out.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    tenant_id: str
    client_id: str
    client_secret: str
    token_file: str = ""
    authority: str = TOKENS
    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    def fetch(self) -> Token:
        """Ask for a token (RFC 6749, 4.4; RFC 7523, 2.2)."""
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "scope": SCOPE}
        if self.token_file:
            try:
                assertion = Path(self.token_file).read_text("ascii").strip()
            except (OSError, ValueError, NotCredentialsError):
                raise CredentialsError("AzureCredentialsUnreadable") from None
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        else:
            form |= {"client_secret": self.client_secret}
        url = f"{self.authority}/{self.tenant_id}/oauth2/v2.0/token"
        return ask_for_token(url, form, self.rules, self.retries)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity that Azure gives a machine of its own.

    Attributes:
        client_id: Which one, where it has several; may be empty.
    """

    client_id: str = ""

    def fetch(self) -> Token:
        """Ask the machine's metadata for a token."""
        asked = {"api-version": "2018-02-01", "resource": RESOURCE}
        asked |= {"client_id": self.client_id} if self.client_id else {}
        quick = Retries(connect_timeout_seconds=3.0, request_timeout_seconds=5.0, read_attempts=2)
        try:
            return ask_for_token(f"{_METADATA}?{urlencode(asked)}", None, _OF_MACHINE, quick, {"Metadata": "true"})
        except CredentialsError:
            raise CredentialsError("NoAzureCredentials") from None


def read_credentials(
    given: str | Mapping[str, Any], account: str, rules: EndpointRules, retries: Retries = DEFAULT_RETRIES
) -> AzureSigner:
    """Read credentials of an account.

    Args:
        given: A key, a SAS, or JSON, as a text or as it is.
        account: Name of the storage account.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.

    Raises:
        NotCredentialsError: They are none that are accepted; the text says why, and quotes nothing.
    """
    if isinstance(given, str):
        text = given.strip()
        if not text.startswith("{"):
            return _read_text(text.removeprefix("?"), account)
        try:
            given = json.loads(text)
        except ValueError:
            raise NotCredentialsError(f"no JSON; accepted: {ACCEPTED}") from None
    if not isinstance(given, Mapping):
        raise NotCredentialsError(f"no object of JSON; accepted: {ACCEPTED}")
    values = [given.get(name) for name in MEMBERS]
    if missing := [name for name, value in zip(MEMBERS, values, strict=True) if not (isinstance(value, str) and value)]:
        raise NotCredentialsError(f"without {', '.join(missing)}; accepted: {ACCEPTED}")
    tenant, client, secret = map(str, values)
    if not _TENANT.fullmatch(tenant):
        raise NotCredentialsError("tenant_id is none; accepted: the id of a directory, or a domain of it")
    return Bearer(App(tenant, client, secret, rules=rules, retries=retries))


def find_credentials(account: str, rules: EndpointRules, retries: Retries = DEFAULT_RETRIES) -> AzureSigner:
    """Find what this machine has, by the names of Azure's own tools: key or SAS of this account, an app, an identity.

    Raises:
        NotCredentialsError: What the environment has is none that is accepted; the text quotes nothing.
    """
    said = os.environ.get
    given = said("AZURE_STORAGE_KEY") or said("AZURE_STORAGE_SAS_TOKEN")
    if given and said("AZURE_STORAGE_ACCOUNT") == account:
        return _read_text(given.strip().removeprefix("?"), account)
    tenant, client, secret = (said(f"AZURE_{name.upper()}", "") for name in MEMBERS)
    file = said("AZURE_FEDERATED_TOKEN_FILE", "")
    if tenant and client and (secret or file):
        authority = said("AZURE_AUTHORITY_HOST", TOKENS).rstrip("/")
        return Bearer(App(tenant, client, secret, "" if secret else file, authority, rules, retries))
    return Bearer(ManagedIdentity(client))


def _read_text(text: str, account: str) -> AzureSigner:
    if "sig=" in text:
        if not _SAS.fullmatch(text):
            raise NotCredentialsError("a SAS with characters that no query holds; accepted: as Azure gives it, escaped")
        return Sas(text)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _SHORTEST_KEY:
        raise NotCredentialsError(f"neither key nor SAS; accepted: {ACCEPTED}")
    return SharedKey(account, key)
