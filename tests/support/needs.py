"""What a test needs, told by what it uses: nobody has to remember to mark a test.

A test uses the code of its function and of its fixtures, and what those name of ``tests``. Where that comes to one of
the things below, the test gets the mark. What needs nothing of them, and not long, is ``fast``.
"""

from collections.abc import Callable, Iterator
from functools import cache
from inspect import unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

FIXTURES = {
    "azure_server": "needs_azurite",
    "gcs_server": "needs_gcs",
    "ledger_url": "needs_ledger",
    "moto_server": "needs_moto",
    "orthanc_server": "needs_orthanc",
    "postgres_server": "needs_postgresql",
    "rgw_server": "needs_rgw",
}
"""Fixtures that start a server, or make a ledger."""
PARAMETERS = {name.removesuffix("_server"): need for name, need in FIXTURES.items()} | {
    "postgresql": "needs_postgresql"
}
"""Values of parameters by which a test asks for such a fixture while it runs; others are marked by hand."""
STARTERS = {
    "tests.support.browser.chromium": "needs_browser",
    "tests.support.postgres_of_own.postgres_of_own": "needs_postgresql",
    "tests.support.prefect_server.prefect_server": "needs_prefect",
    "tests.support.prefect_server.running": "needs_processes",
    "tests.support.ray_cluster.running_ray": "needs_ray",
    "tests.support.up.running_up": "needs_prefect",
    "concurrent.futures.process.ProcessPoolExecutor": "needs_processes",
    "dicom_sieve.ledger.reading.ledger.open_ledger": "needs_ledger",
    "dicom_sieve.workers.local.in_processes": "needs_processes",
    "dicom_sieve.workers.local.process_pool": "needs_processes",
    "dicom_sieve.workers.processes.own_processes": "needs_processes",
    "multiprocessing": "needs_processes",
    "subprocess": "needs_processes",
}
"""Functions, classes and modules that start something."""
BY_HAND = {
    "needs_dcmtk": "DCMTK, of Debian's packages",
    "needs_image": "buildah, podman, mmdebstrap and root; the image that scripts/build_image.sh builds",
    "slow": "takes more than some seconds, by what it is for",
}
MARKS = {
    "fast": "needs none of the things below; derived, as are all that start with needs_",
    "needs_azurite": "Azurite, of npm",
    "needs_browser": "Chromium, of Debian's packages",
    "needs_gcs": "fake-gcs-server, of its wheel",
    "needs_ledger": "a ledger on a disk: a run of three objects takes 0.1 s",
    "needs_moto": "moto's S3 server, of its wheel",
    "needs_orthanc": "Orthanc with its DICOMweb plugin, of Debian's packages",
    "needs_postgresql": "PostgreSQL, of its wheel",
    "needs_prefect": "a Prefect server",
    "needs_processes": "processes of its own, each of which starts Python and what it imports",
    "needs_ray": "Ray's processes",
    "needs_rgw": "Ceph RGW, of Debian's packages",
    **BY_HAND,
}
FAST = "fast"
SECONDS = 20
"""Time that a test may take in the fast part, on a machine that does other things, too."""


def mark(items: list[pytest.Item]) -> None:
    """Give each test the marks of what it needs; the rest is fast."""
    for item in items:
        for name in sorted(needs_of(item)):
            item.add_marker(name)
        if not any(mark.name in MARKS for mark in item.iter_markers()):
            item.add_marker(FAST)


def needs_of(item: pytest.Item) -> frozenset[str]:
    """Name what a test needs, by the marks."""
    asked = item.get_closest_marker("timeout")
    slow = {"slow"} if asked is not None and asked.args[0] >= 60 else set()
    if not isinstance(item, pytest.Function):
        return frozenset(slow)
    by_fixture = {FIXTURES[name] for name in item.fixturenames if name in FIXTURES}
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    by_value = {PARAMETERS[value] for value in values if isinstance(value, str) and value in PARAMETERS}
    fixtures = [each.func for found in item._fixtureinfo.name2fixturedefs.values() for each in found]
    by_code = {need for function in (item.function, *fixtures) for need in _needs_of(unwrap(function))}
    return frozenset(slow | by_fixture | by_value | by_code)


def check_that_it_is_marked(fixture: str, mark_expression: str) -> None:
    """Fail where a test of the fast part asks for a server: a parameter of it lacks its mark."""
    if mark_expression == FAST and fixture in FIXTURES:
        pytest.fail(f"the test asks for {fixture}, and is not marked as {FIXTURES[fixture]}")


def _needs_of(used: object) -> frozenset[str]:
    return frozenset(STARTERS[name] for name in _reached_from(used))


@cache
def _reached_from(function: object) -> frozenset[str]:
    """Name the starters that a function comes to."""
    reached, seen, waiting = set(), set(), [function]
    while waiting:
        used = waiting.pop()
        if id(used) in seen:
            continue
        seen.add(id(used))
        if (name := _name_of(used)) in STARTERS:
            reached.add(name)
        elif name.startswith("tests.") or used is function:
            waiting.extend(_named_by(used))
    return frozenset(reached)


def _name_of(used: object) -> str:
    if isinstance(used, ModuleType):
        return used.__name__
    return f"{getattr(used, '__module__', '')}.{getattr(used, '__qualname__', '')}"


def _named_by(used: object) -> Iterator[object]:
    """Give what a function, or the functions of a class, name of their module and of modules that it imports."""
    if isinstance(used, type):
        for member in vars(used).values():
            yield from _named_by(unwrap(getattr(member, "__func__", member)) if callable(member) else None)
    elif isinstance(used, FunctionType):
        yield from _values_of(used)


def _values_of(function: FunctionType) -> Iterator[object]:
    names = set(_names_in(function.__code__))
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    for value in values:
        yield _unwrapped(value)
        if isinstance(value, ModuleType) and value.__name__.startswith("tests."):
            yield from (_unwrapped(vars(value)[name]) for name in names if name in vars(value))


def _unwrapped(value: Any) -> object:
    is_function: Callable[[Any], bool] = callable
    return unwrap(value) if is_function(value) else value


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
