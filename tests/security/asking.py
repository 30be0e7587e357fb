"""A process of its own that asks endpoints for a listing, and counts the connections it would open.

None leaves this machine: whatever is not for loopback is counted and then refused by an audit hook.

Input (JSON on stdin): endpoints, and names with the addresses they have. Output: what became of each endpoint, and
which connections were tried.
"""

import json
import socket
import sys
from typing import Any

from tests.security.resolver import Resolver

tried: list[list[Any]] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Count a connection, and keep it on this machine."""
    if event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        host, port, *_ = arguments[1]
        tried.append([host, port])
        if not str(host).startswith("127.") and host != "::1":
            raise ConnectionRefusedError("kept on this machine")


def main() -> None:
    """Do what is asked on stdin."""
    from dicom_sieve.cli.open_store import open_input

    asked = json.load(sys.stdin)
    socket.getaddrinfo = Resolver({name: [addresses] for name, addresses in asked["names"].items()})
    sys.addaudithook(watch)
    became = {}
    for endpoint in asked["endpoints"]:
        try:
            became[endpoint] = f"listed {len(list(open_input('s3://bucket/', endpoint, 'eu-west').list()))}"
        except Exception as error:
            became[endpoint] = str(error)
    json.dump({"became": became, "tried": tried}, sys.stdout)


if __name__ == "__main__":
    main()
