"""Tests are marked by what they use: in a suite of its own, which is only collected, or run where it must fail."""

import textwrap
from pathlib import Path

import pytest
from _pytest.pytester import Pytester

from tests.support import needs

pytest_plugins = ["pytester"]

SUITE = """
    import subprocess

    import pytest
    from tests.support import prefect_server
    from tests.support.browser import chromium

    @pytest.fixture
    def postgres_server(): return 1

    @pytest.fixture
    def shown(postgres_server): return postgres_server

    @pytest.fixture(params=["moto", "plain"])
    def server(request): return request.param

    @pytest.fixture
    def page():
        with chromium() as browser: yield browser

    def start(): return subprocess.run(["true"])

    def through_another(): return start()

    class Started:
        def run(self): return [start() for _ in range(2)]

    def test_nothing(): pass
    def test_fixture_of_fixture(shown): pass
    def test_parameter(server): pass
    def test_fixture_that_starts(page): pass
    def test_function_of_a_function(): through_another()
    def test_class(): Started().run()
    def test_module(): prefect_server.prefect_server
    @pytest.mark.timeout(120)
    def test_takes_its_time(): pass
    @pytest.mark.timeout(5)
    def test_may_take_little(): pass
"""
EXPECTED = {
    "test_class": {"needs_processes"},
    "test_fixture_of_fixture": {"needs_postgresql"},
    "test_fixture_that_starts": {"needs_browser"},
    "test_function_of_a_function": {"needs_processes"},
    "test_may_take_little": {"fast"},
    "test_module": {"needs_prefect"},
    "test_nothing": {"fast"},
    "test_parameter[moto]": {"needs_moto"},
    "test_parameter[plain]": {"fast"},
    "test_takes_its_time": {"slow"},
}


def test_each_test_has_the_marks_of_what_it_uses(pytester: Pytester) -> None:
    items = pytester.getitems(textwrap.dedent(SUITE))

    _of_tests(items)
    needs.mark(items)

    marks = {item.name: {mark.name for mark in item.iter_markers()} & set(needs.MARKS) for item in items}
    assert marks == EXPECTED


def _of_tests(items: list[pytest.Item]) -> None:
    """Let the functions be those of a file of ``tests``: only those are followed."""
    module = items[0].getparent(pytest.Module)
    assert module is not None
    for value in vars(module.obj).values():
        if getattr(value, "__module__", None) == module.obj.__name__:
            value.__module__ = f"tests.{module.obj.__name__}"


def test_a_fast_test_that_asks_for_a_server_by_itself_fails(pytestconfig: pytest.Config) -> None:
    with pytest.raises(pytest.fail.Exception, match="asks for rgw_server, and is not marked as needs_rgw"):
        needs.check_that_it_is_marked("rgw_server", "fast")
    needs.check_that_it_is_marked("rgw_server", "needs_rgw")
    needs.check_that_it_is_marked("tmp_path", "fast")


def test_every_starter_is_there_under_its_name() -> None:
    missing = [name for name in needs.STARTERS if "." in name and not _is_there(name)]

    assert missing == []


def _is_there(name: str) -> bool:
    from importlib import import_module

    module, _, function = name.rpartition(".")
    return bool(getattr(import_module(module), function).__module__ == module)


def test_every_mark_that_the_ci_and_the_documents_name_is_one() -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert {word for word in text.replace("`", " ").replace('"', " ").split() if word.startswith("needs_")} <= set(
        needs.MARKS
    )
