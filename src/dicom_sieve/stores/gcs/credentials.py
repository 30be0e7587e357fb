"""Credentials of Google Cloud: a service account, those of a user, or of the machine. None is ever shown.

Source:
    https://developers.google.com/identity/protocols/oauth2/service-account
    https://cloud.google.com/docs/authentication/application-default-credentials
"""

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.rest.errors import CredentialsError, NotCredentialsError
from dicom_sieve.stores.rest.tokens import Token, ask_for_token
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

TOKENS = "https://oauth2.googleapis.com/token"
"""Where Google gives tokens out. What credentials say of it is not believed: their sender may write anything there."""
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
LARGEST = 1 << 20
_LIFETIME_SECONDS = 3_600
_METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
_OF_MACHINE = EndpointRules(allows_metadata=True)
"""For the one address of a cloud's metadata that this program itself asks."""
ACCEPTED = "the JSON of a service account's key, or of a user's (authorized_user)"


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAccount:
    """The key of a service account.

    Attributes:
        email: Of the account.
        key: Private key, as PEM.
        key_id: Its id; may be empty.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    email: str
    key: str
    key_id: str = ""
    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    def fetch(self) -> Token:
        """Ask for a token with an assertion that the key signs (RFC 7523)."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self.make_assertion()}
        return ask_for_token(TOKENS, form, self.rules, self.retries)

    def make_assertion(self) -> str:
        """Sign who asks for what, for an hour (RFC 7519, RS256).

        Raises:
            CredentialsError: The key is none.
        """
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        claims = {"iss": self.email, "scope": SCOPE, "aud": TOKENS, "iat": now, "exp": now + _LIFETIME_SECONDS}
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        signature = _load(self.key).sign(signed.encode(), PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"


@dataclass(frozen=True, slots=True, repr=False)
class AuthorizedUser:
    """What ``gcloud auth application-default login`` leaves.

    Attributes:
        client_id: Of gcloud.
        client_secret: Of gcloud.
        refresh_token: Of the user.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    client_id: str
    client_secret: str
    refresh_token: str
    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    def fetch(self) -> Token:
        """Ask for a token with the one that lasts (RFC 6749, 6)."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        return ask_for_token(TOKENS, form, self.rules, self.retries)


@dataclass(frozen=True, slots=True)
class OfThisMachine:
    """Application default credentials: a file that the environment names, gcloud's, or the machine's own.

    Attributes:
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    def fetch(self) -> Token:
        """Ask for a token, by the first of the three that is there."""
        named = os.environ.get(VARIABLE)
        config = os.environ.get("CLOUDSDK_CONFIG") or str(Path.home() / ".config" / "gcloud")
        path = Path(named) if named else Path(config) / "application_default_credentials.json"
        if named or path.is_file():
            try:
                with path.open("rb") as file:
                    found = read_credentials(file.read(LARGEST).decode(), self.rules, self.retries)
            except (OSError, ValueError, NotCredentialsError):
                raise CredentialsError("GoogleCredentialsUnreadable") from None
            return found.fetch()
        quick = Retries(connect_timeout_seconds=3.0, request_timeout_seconds=5.0, read_attempts=2)
        try:
            return ask_for_token(_METADATA, None, _OF_MACHINE, quick, {"Metadata-Flavor": "Google"})
        except CredentialsError:
            raise CredentialsError("NoGoogleCredentials") from None


def read_credentials(
    given: str | Mapping[str, Any], rules: EndpointRules, retries: Retries = DEFAULT_RETRIES
) -> ServiceAccount | AuthorizedUser:
    """Read credentials as Google gives them: JSON, as a text or as it is.

    Args:
        given: They.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.

    Raises:
        NotCredentialsError: They are none that are accepted; the text says why, and quotes nothing.
    """
    said: Any = given
    if isinstance(given, str):
        try:
            said = json.loads(given)
        except ValueError:
            raise NotCredentialsError(f"no JSON; accepted: {ACCEPTED}") from None
    if not isinstance(said, Mapping):
        raise NotCredentialsError(f"no object of JSON; accepted: {ACCEPTED}")
    names = {
        "service_account": ("client_email", "private_key"),
        "authorized_user": ("client_id", "client_secret", "refresh_token"),
    }
    kind = said.get("type")
    if not isinstance(kind, str) or kind not in names:
        raise NotCredentialsError(f"of another type; accepted: {ACCEPTED}")
    values = [said.get(name) for name in names[kind]]
    if missing := [name for name, value in zip(names[kind], values, strict=True) if not _is_text(value)]:
        raise NotCredentialsError(f"without {', '.join(missing)}; accepted: {ACCEPTED}")
    texts = [str(value) for value in values]
    if kind == "authorized_user":
        return AuthorizedUser(texts[0], texts[1], texts[2], rules, retries)
    email, key = texts
    try:
        _load(key)
    except CredentialsError:
        raise NotCredentialsError(f"private_key is no RSA key in PEM; accepted: {ACCEPTED}") from None
    key_id = said.get("private_key_id")
    return ServiceAccount(email, key, str(key_id) if _is_text(key_id) else "", rules, retries)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _load(key: str) -> RSAPrivateKey:
    try:
        loaded = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredentialsError("GoogleCredentialsUnreadable") from None
    if not isinstance(loaded, RSAPrivateKey):
        raise CredentialsError("GoogleCredentialsUnreadable")
    return loaded


def _encode(data: bytes) -> str:
    """Encode as JSON Web Tokens are (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
