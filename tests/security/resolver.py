"""A resolver for tests: it knows the names that it is told, may change its mind, and asks nobody."""

import socket
from collections.abc import Mapping, Sequence
from typing import Any

_REAL = socket.getaddrinfo


class Resolver:
    """Stands in for ``socket.getaddrinfo``.

    Args:
        answers: By name, the addresses it has; where they are given several times over, at the first call, the second
            …, and the last ones from then on.

    Attributes:
        asked: The names that were asked for.
    """

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Answer as ``getaddrinfo`` does."""
        name = str(host).lower().removesuffix(".")
        if name == "localhost" or not any(letter in "ghijklmnopqrstuvwyz" for letter in name):  # an address
            return list(_REAL(host, port, *args, **kwargs))
        self.asked.append(name)
        turns = self._answers.get(name)
        if turns is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name in this test")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [answer for address in addresses for answer in _REAL(address, port, *args, **kwargs)]
