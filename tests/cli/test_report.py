"""``dicom-sieve report``: printed, written for its owner alone, shown in a browser."""

import json
import stat
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.reports.reported import HOSTILE, screen_made
from tests.screening.screenings import screen_ct
from tests.support.simulated_store import SimulatedStore

TITLE = "42 of 93 instances passed: 36 in 5 whole series, 6 in 1 partial"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a ledger in which the made bucket was screened."""
    home = tmp_path_factory.mktemp("home")
    (home / ".dicom-sieve").mkdir()
    with open_ledger(f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}") as ledger:
        screen_made(ledger)
        failing = SimulatedStore({"1": b"no DICOM"})
        failing.refused.add("1")
        with pytest.raises(Exception, match="may list but not read"):
            screen_ct(failing, ledger, "failed")
    return home


def test_report_prints_markdown_that_is_inert_in_a_terminal(home: Path) -> None:
    done = run_command("report", "made", "--min-cell", "1", home=home)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"# {TITLE}\n")
    assert "\x1b" not in done.stdout
    assert HOSTILE.partition("<")[0] + r"&lt;SCRIPT&gt;ALERT(1)&lt;/SCRIPT&gt;\|\\x1b\[31M\*\_" in done.stdout


@pytest.mark.parametrize(("ending", "begins"), [("html", "<!doctype html>"), ("md", f"# {TITLE}"), ("json", "{")])
def test_report_writes_the_format_of_the_file_s_ending_for_its_owner_alone(
    home: Path, tmp_path: Path, ending: str, begins: str
) -> None:
    file = tmp_path / f"report.{ending}"

    done = run_command("report", "made", "--output", str(file), home=home)

    assert (done.returncode, done.stdout) == (0, f"{file}\n")
    assert file.read_text().startswith(begins)
    assert TITLE in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_groups_values_of_few_instances_as_asked(home: Path) -> None:
    def labels(min_cell: str) -> list[set[str]]:
        told = json.loads(run_command("report", "made", "--format", "json", "--min-cell", min_cell, home=home).stdout)
        return [{bar["label"] for bar in criterion["distribution"]["bars"]} for criterion in told["criteria"]]

    assert {"1900-01", "2021-12", "2023-01"} <= labels("1")[0]
    assert labels("5")[0] == {"2019-08", "2023-07"}
    assert labels("50")[0] == set()


def test_report_is_shown_in_the_browser(home: Path, tmp_path: Path) -> None:
    shown, browser = tmp_path / "shown", tmp_path / "browser"
    browser.write_text(f'echo "$1" > {shown}\n')

    done = run_command("report", "made", "--open", home=home, BROWSER=f"sh {browser} %s")

    file = home / ".dicom-sieve" / "reports" / "made.html"
    assert (done.returncode, done.stdout) == (0, f"{file}\n")
    assert shown.read_text() == f"{file.as_uri()}\n"
    assert file.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("report", "failed"), 1, "run failed is FAILED: there is no report of it; accepted: COMPLETED, INCOMPLETE"),
        (("report", "none"), 1, "no run 'none' in this ledger"),
        (("report", "made", "--output", "report.txt"), 2, "report.txt does not say its format; accepted: .html, .md"),
        (("report", "made", "--output", "/no/such/place.html"), 2, "cannot be written: No such file or directory"),
        (("report", "made", "--min-cell", "0"), 2, "--min-cell"),
    ],
)
def test_report_says_what_is_wrong(home: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run_command(*arguments, home=home)

    assert done.returncode == code
    assert words in " ".join(done.stderr.split())
