"""The tutorials for engineers and auditors, typed into a shell line by line, and that for managers, clicked."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.screening import Screening, screen
from tests.cli.command import environment_of
from tests.support.browser import chromium
from tests.support.documents import read
from tests.support.transcript import Names, Shell, commands_of, files_of
from tests.support.up import unused_port
from tests.web import chest
from tests.web.made import CT_OR_MR, context_of, criteria_of
from tests.web.server import Manager, serving

PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    environment = {name: value for name, value in environment_of(tmp_path).items() if not name.startswith("PREFECT_")}
    with Shell(tmp_path, environment | {"PATH": f"{PROGRAMS}:{environment['PATH']}"}, "true") as opened:
        yield opened


def type_page(page: str, shell: Shell, names: Names, folder: Path) -> None:
    """Write the files that a page shows, type its commands, and hold what they print to it."""
    for name, text in files_of(page).items():
        (folder / name).write_text(names.here(text))
    for command, printed in commands_of(page):
        names.check(printed, shell.run(names.here(command)))


@pytest.mark.timeout(900)
def test_the_auditor_finds_the_forgery_and_nothing_else(shell: Shell, tmp_path: Path) -> None:
    type_page(read("docs/tutorials/auditor.md"), shell, Names({"/home/you": str(tmp_path)}), tmp_path)


@pytest.mark.timeout(900)
def test_the_engineer_serves_runs_watches_and_stops(shell: Shell, tmp_path: Path) -> None:
    port = unused_port()
    names = {
        "/home/you": str(tmp_path),
        "dicom-sieve up": f"dicom-sieve up --port {port}",
        "127.0.0.1:4200": f"127.0.0.1:{port}",
        "127.0.0.1:4201": f"127.0.0.1:{port + 1}",
    }

    type_page(read("docs/tutorials/engineer.md"), shell, Names(names), tmp_path)

    assert "unexpected" not in (tmp_path / "up.log").read_text()


@pytest.fixture
def screened(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        screen(Screening("first", chest.store(), load_criteria([CT_OR_MR])), ledger)
        yield ledger


@pytest.mark.needs_browser
def test_the_manager_finds_each_word_where_the_tutorial_says(screened: Ledger) -> None:
    """What is set in bold on the page is there to be clicked or read, step by step."""
    page = read("docs/tutorials/manager.md")
    bold = set(re.findall(r"\*\*(\w[^*]*)\*\*", page)) - {"Start"}
    seen: set[str] = set()

    with serving(context_of(screened, password=None)) as address, chromium() as browser:
        manager = Manager(browser.new_page(viewport={"width": 1440, "height": 1000}), address)

        def look() -> None:
            text = manager.page.locator("body").inner_text()
            seen.update(word for word in bold if re.search(rf"\b{word}\b", text, re.IGNORECASE))

        manager.open("/places")
        look()
        manager.click(manager.page.get_by_role("link", name="challenge-tech"))
        manager.add("Modality")
        manager.tick("CT")
        manager.tick("MR")
        assert "Modality is one of CT or MR" in " ".join(manager.page.locator("article").first.inner_text().split())
        manager.add("Slice thickness")
        manager.choose(manager.page.get_by_label("How it is compared"), "AT_MOST")
        manager.type(manager.page.get_by_label("Value in mm"), "3")
        look()
        assert len(criteria_of(manager.page.url)) == 2
        manager.click(manager.page.get_by_role("link", name="Start run"))
        assert manager.page.get_by_role("button", name="Start", exact=True).is_visible()
        manager.open("/runs")
        manager.click(manager.page.get_by_role("link", name="first", exact=True))
        manager.page.get_by_label("Find by description or UID").wait_for()
        look()

    assert seen == bold
