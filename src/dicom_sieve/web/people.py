"""Who looks at the pages, and what they may do.

One sign-in for pages and API: the password of ``dicom-sieve up``. Behind a proxy that signs people in, the proxy names
them in a header, and settings say which role each has.
"""

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from threading import Lock

from dicom_sieve.errors import SettingsError

SECONDS_SIGNED_IN = 12 * 3600
"""Of a session; after that one signs in again."""
MOST_SESSIONS = 1_000
"""Those used longest ago end first."""
MOST_FAILURES, SECONDS_OF_FAILURES = 10, 60.0
"""Wrong passwords, of everyone together, after which nobody is let in for the rest of a minute."""
LONGEST_NAME = 64
EVERYONE = "*"


class Role(IntEnum):
    """What one may do; each may do what those before it may."""

    VIEWER = 1
    """Counts, and no values of patients: small cells are grouped, and values that identify are not shown."""
    MANAGER = 2
    """Values, criteria, runs."""
    ADMIN = 3
    """Places and their credentials."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks at the pages.

    Attributes:
        name: As history shows it.
        role: What they may do.
        token: Of their session, which forms send back; what comes from elsewhere does not know it.
    """

    name: str
    role: Role
    token: str = field(repr=False)

    def may(self, role: Role) -> bool:
        """Tell whether they may do what this role may."""
        return self.role >= role


@dataclass(slots=True)
class _Session:
    person: Person
    ends_at: float


class Sessions:
    """The people who are signed in, in memory: after a restart one signs in again.

    Args:
        password: ``user:password``, as the API takes it; None: everyone who comes may do everything.
    """

    def __init__(self, password: str | None) -> None:
        self._password = password
        self._sessions: dict[str, _Session] = {}
        self._failures: list[float] = []
        self._lock = Lock()
        self.of_anyone = Person("anyone", Role.ADMIN, secrets.token_urlsafe(32)) if password is None else None

    def sign_in(self, name: str, password: str) -> str | None:
        """Give a new session, whatever session there was before; None: the password is wrong, or too many were.

        Args:
            name: Whose history it is to be; any.
            password: The API's, or the part of it behind the colon.
        """
        with self._lock:
            if self._are_too_many_wrong():
                return None
            now = time.monotonic()
            if self._password is None or not is_right(password, self._password):
                self._failures.append(now)
                return None
            while len(self._sessions) >= MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            key = secrets.token_urlsafe(32)
            person = Person(name[:LONGEST_NAME], Role.ADMIN, secrets.token_urlsafe(32))
            self._sessions[key] = _Session(person, now + SECONDS_SIGNED_IN)
            return key

    def knows(self, password: str) -> bool:
        """Tell whether a program sends the API's password; too many wrong ones let nobody in for a while."""
        with self._lock:
            if self._are_too_many_wrong():
                return False
            if self._password is not None and hmac.compare_digest(password.encode(), self._password.encode()):
                return True
            self._failures.append(time.monotonic())
            return False

    def _are_too_many_wrong(self) -> bool:
        now = time.monotonic()
        self._failures = [at for at in self._failures if now - at < SECONDS_OF_FAILURES]
        return len(self._failures) >= MOST_FAILURES

    def find(self, key: str | None) -> Person | None:
        """Give who has a session; None: there is none of this key."""
        with self._lock:
            session = self._sessions.get(key or "")
            if session is None or session.ends_at < time.monotonic():
                self._sessions.pop(key or "", None)
                return None
            return session.person

    def sign_out(self, key: str | None) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(key or "", None)


def is_right(given: str, password: str) -> bool:
    """Tell whether a text is ``user:password``, or what stands behind the colon, in a time that tells nothing.

    Nothing is no password, whatever stands behind the colon.
    """
    sent = given.encode()
    is_whole = hmac.compare_digest(sent, password.encode())
    return (is_whole | hmac.compare_digest(sent, password.partition(":")[2].encode())) and bool(sent)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that signs people in, and names them.

    Attributes:
        header: In which it names them; empty: there is none.
        addresses: Whence it calls.
        roles: By name; `EVERYONE` for all others.
        secret: Tokens of forms are made of it and the name.
    """

    header: str = ""
    addresses: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    roles: Mapping[str, Role] = field(default_factory=dict)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def find(self, address: str | None, names: list[str]) -> Person | None:
        """Give who is named.

        Args:
            address: Whence the request comes.
            names: What stands in the header; several are refused, since one of them is not the proxy's.
        """
        if not self.header or len(names) != 1 or not self.is_trusted(address):
            return None
        name = names[0].strip()
        role = self.roles.get(name, self.roles.get(EVERYONE, Role.VIEWER))
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            return None
        return Person(name, role, hmac.new(self.secret, name.encode(), "sha256").hexdigest())

    def is_trusted(self, address: str | None) -> bool:
        """Tell whether a request from an address comes from the proxy."""
        try:
            return address is not None and str(ip_address(address)) in self.addresses
        except ValueError:
            return False


def read_roles(text: str) -> dict[str, Role]:
    """Read ``ann=manager,bob=admin,*=viewer``.

    Raises:
        SettingsError: It is not that.
    """
    roles = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, role = (each.strip() for each in part.rpartition("="))
        if not (name and sign and role.upper() in Role.__members__):
            raise SettingsError(("DICOM_SIEVE_WEB_ROLES: accepted: name=viewer, manager or admin, with commas",))
        roles[name] = Role[role.upper()]
    return roles
