"""The pages with many people at once: what a change on Build takes, and opening a page, and the server's memory.

The server is a process of its own over a made ledger on SQLite. Each person changes one criterion, looks, thinks, and
changes it again; what is measured is from the click to the whole answer. Server and people share the machine's cores.
"""

import argparse
import itertools
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.made_ledger import make_ledger
from benchmarks.measure import Promise, Report, Table, run
from dicom_sieve.web.address import pack

MIB = 1024 * 1024
LARGE = 1_000_000
PEOPLE = 20
CHANGES = 10
"""Of each person."""
SECONDS_TO_THINK = 3.0
"""Between two changes, on average."""
SECONDS_TO_START = 300
SECONDS_KEPT_OPEN = 2.0
"""Of a connection that is not used; the server closes it after five."""
PAGES = ("/places", "/explore?place=1&attribute=Modality", "/build?place=1", "/runs", "/criteria")
MODALITY = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]}
PART = {"dicom_tag": ["0018", "0015"], "operation": "IN", "reference": ["CHEST"]}
AGE = {"dicom_tag": ["0010", "1010"], "operation": "AT_LEAST", "reference": "018Y"}


def dated(year: int, month: int) -> dict[str, Any]:
    """Give a criterion on the study date."""
    return {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": f"{year}-{month:02}-01"}


@contextmanager
def served(ledger: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Serve the pages on a ledger; gives their address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DICOM_SIEVE_"))}
    environment = {**outside, "DICOM_SIEVE_DATABASE_URL": f"sqlite:///{ledger}"}
    command = [sys.executable, "-m", "dicom_sieve.web", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address)
            yield address, process
        finally:
            process.terminate()


def _wait(address: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"{address} did not answer within {SECONDS_TO_START} s")


def _warm(client: httpx.Client) -> float:
    """Open Build until the attributes are counted; gives the seconds that took."""
    begun = time.perf_counter()
    while "being counted" in client.get("/build?place=1").raise_for_status().text:
        time.sleep(0.5)
    client.get(f"/build?place=1&criteria={pack([MODALITY, PART, AGE, dated(2022, 1)])}").raise_for_status()
    return time.perf_counter() - begun


def _person(address: str, number: int, thinking: float, changes: list[float], opened: list[float]) -> None:
    """Change a criterion, and look at a page, again and again."""
    chance = random.Random(number)
    pages = itertools.cycle(PAGES)
    kept_open = httpx.Limits(keepalive_expiry=SECONDS_KEPT_OPEN)
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True, limits=kept_open) as client:
        page = client.get("/build?place=1").text
        token = re.findall(r'name="token" value="([^"]+)"', page)[0]
        for _ in range(CHANGES):
            time.sleep(chance.uniform(0, 2 * thinking))
            criteria = pack([MODALITY, PART, AGE, dated(2022, 1)])
            sent = {"token": token, "place": "1", "criteria": criteria, "do": "set:3", "operation": "GREATER"}
            wanted = dated(chance.randrange(2020, 2026), chance.randrange(1, 13))["reference"]
            begun = time.perf_counter()
            answer = client.post("/build", data={**sent, "value": wanted})
            changes.append(time.perf_counter() - begun)
            if wanted not in answer.raise_for_status().text:
                raise ValueError("the page does not show what was asked for")
            begun = time.perf_counter()
            client.get(next(pages)).raise_for_status()
            opened.append(time.perf_counter() - begun)


def _at(times: Sequence[float], share: float) -> float:
    """Give the time that a share of all did not exceed."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def _resident(pid: int, what: str) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) * 1024


def measure_one(headers: int, people: int, thinking: float) -> dict[str, Any]:
    """Let people change criteria on a made ledger of N headers."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        make_ledger(f"sqlite:///{ledger}", headers, 0)
        with served(ledger) as (address, process):
            with httpx.Client(base_url=address, timeout=SECONDS_TO_START) as client:
                warmed = _warm(client)
            changes, opened = list[float](), list[float]()
            threads = [
                threading.Thread(target=_person, args=(address, number, thinking, changes, opened))
                for number in range(people)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            peak = _resident(process.pid, "VmHWM")
    if len(changes) != people * CHANGES:
        raise ValueError(f"{people * CHANGES} changes were to be made, not {len(changes)}")
    return {"warm": warmed, "changes": changes, "opened": opened, "peak_bytes": peak}


def measure(chosen: argparse.Namespace) -> Report:
    """Measure one size."""
    headers = LARGE if chosen.large else chosen.headers
    measured = measure_one(headers, chosen.people, chosen.thinking)
    changes, opened = measured["changes"], measured["opened"]
    people = f"{chosen.people} people, {headers:,} headers"
    promises = (
        Promise(f"a change on Build, {people}: 95 of 100 within", 0.5, _at(changes, 0.95), "s", at_least=False),
        Promise(f"opening a page, {people}: 95 of 100 within", 1.0, _at(opened, 0.95), "s", at_least=False),
        Promise("peak of resident memory, pages", 512.0, measured["peak_bytes"] / MIB, "MiB", at_least=False),
    )
    rows = tuple((name, median(of), _at(of, 0.95), max(of)) for name, of in (("change", changes), ("open", opened)))
    table = Table("**Seconds, from the click to the whole answer**", ("what", "median", "95 of 100", "slowest"), rows)
    kept = Table("", ("what", "s"), (("until attributes are counted, at the first look", measured["warm"]),))
    settings = {"people": chosen.people, "changes_each": CHANGES, "seconds_to_think": chosen.thinking}
    return Report("pages", settings, promises, (table, kept), measured)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headers", type=int, default=100_000, help="of the made ledger")
    parser.add_argument("--people", type=int, default=PEOPLE, help="at the same time")
    parser.add_argument("--thinking", type=float, default=SECONDS_TO_THINK, help="seconds between two changes")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} headers: minutes")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
