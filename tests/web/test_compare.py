"""Compare says what the command line says, and tells changes of the bucket from those of criteria."""

import json
import re
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.cli.output.comparison import open_sides, show_json
from dicom_sieve.ledger.reading.bucket_changes import BucketChanges, bucket_changes
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.objects import Location
from dicom_sieve.reports.compare_runs import Change, Side, Summary, compare
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web import compared
from dicom_sieve.web.address import pack
from tests.screening.screenings import ct, mr, one_of, screen_ct
from tests.support.simulated_store import SimulatedStore
from tests.web.site import Site, words

MR = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["MR"]}]
RUNS = "/compare?place=1&a=run:first&b=run:second"


def said_by_cli(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Give what ``dicom-sieve compare first second --json`` prints."""
    sides = open_sides(ledger, "first", "second", None, None, damaged=None)
    summary = Summary()
    show_json(sides, compare(ledger, sides[Side.A], sides[Side.B], summary), summary)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def uids_on(page: str) -> list[str]:
    """Give the series that a page lists."""
    return re.findall(r'class="high uid">([^<]*)<', page)


class TestRuns:
    def test_counts_and_series_are_those_of_the_command_line(
        self, screened: Site, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = said_by_cli(screened.ledger, capsys)

        page = screened.get(RUNS)

        text = words(page)
        assert len(said["series"]) == 4
        assert re.findall(r'class="high uid">([^<]*)<', page) == [
            each["series_instance_uid"] for each in said["series"]
        ]
        by_change = {change: sum(each["change"] == change for each in said["series"]) for change in Change}
        assert [int(each) for each in re.findall(r'class="big">(\d+)<', page)] == list(by_change.values())
        sums = said["summary"]
        assert f"{sums['came_in']} instances come in, {sums['went_out']} instances go out." in text
        for side in ("A", "B"):
            assert f"{sums['passed'][side]} instances pass." in text
        for series in said["series"]:
            assert f"{series['A']['passed']} of {series['A']['instances']}" in text

    def test_changes_of_the_bucket_stand_apart(self, screened: Site) -> None:
        text = words(screened.get(RUNS))

        assert "1 object added, 1 object removed, 1 object changed between the two listings." in text
        assert "came to the bucket" in text
        assert "not in the bucket" in text

    def test_the_criterion_that_decides_is_named_on_its_side(self, screened: Site) -> None:
        text = words(screened.get(RUNS))

        assert "1 Modality: not met" in text
        assert "Modality is one of CT or MR" in text

    def test_viewers_see_no_uid(self, screened: Site) -> None:
        page = screened.get(RUNS, "vera")

        assert "1.5.1" in screened.get(RUNS)
        assert not re.search(r"1\.[56]\.\d", page)
        assert "Series 1" in words(page)

    def test_the_newest_two_runs_are_chosen_where_the_address_chooses_none(self, screened: Site) -> None:
        page = screened.get("/compare?place=1")

        assert re.findall(r'<option value="run:(\w+)" selected', page) == ["first", "second"]


class TestCriteria:
    def test_an_edit_is_compared_with_the_last_run(self, screened: Site) -> None:
        page = screened.get(f"/compare?place=1&criteria={pack(MR)}")

        assert re.findall(r'<option value="(run:\w+|edit)" selected', page) == ["run:second", "edit"]
        text = words(page)
        assert "Both judge the same objects." in text
        assert "1 Modality: not met" in text
        assert "0 instances come in" in text

    def test_two_saved_versions_are_compared_at_the_place(self, site: Site) -> None:
        save_criteria(site.ledger.engine, "kept", one_of("CT"))
        save_criteria(site.ledger.engine, "kept", one_of("MR"))
        store = SimulatedStore({"1": ct("1.5.1", "1.6.1"), "2": mr("1.5.2", "1.6.2"), "3": mr("1.5.3", "1.6.3")})
        screen_ct(store, site.ledger, "a")

        page = site.get("/compare?place=1&a=saved:kept@1&b=saved:kept@2")

        assert [int(each) for each in re.findall(r'class="big">(\d+)<', page)] == [2, 1, 0]
        only_in = site.get("/compare?place=1&a=saved:kept@1&b=saved:kept@2&change=IN")
        assert uids_on(only_in) == ["1.5.2", "1.5.3"]

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            ("a=run:none&b=run:first", "no run"),
            ("a=saved:none&b=run:first", "no criteria"),
            ("a=saved:%3Cb%3E&b=run:first", "is no name of criteria"),
            ("a=other&b=run:first", "side: not known"),
            ("a=run:first&b=edit&criteria=x", "the address is not whole"),
            ("a=run:first&b=edit", "criteria"),
        ],
    )
    def test_what_cannot_be_compared_is_said(self, screened: Site, asked: str, why: str) -> None:
        page = screened.get(f"/compare?place=1&{asked}", status=400)

        assert why in words(page)
        assert "<b>" not in page


class TestWindows:
    def test_series_come_in_windows_of_fifty(self, site: Site) -> None:
        store = SimulatedStore({f"{n:03}": mr(f"1.5.{n}", f"1.6.{n}") for n in range(1, 121)})
        screen_ct(store, site.ledger, "first")
        screen(Screening("second", store, one_of("MR")), site.ledger)

        pages = [site.get(f"{RUNS}&start={start}") for start in (0, 50, 100, 9999)]

        counts = [len(uids_on(page)) for page in pages]
        assert counts == [50, 50, 20, 20]
        assert "51 to 100 of 120" in words(pages[1])
        assert "start=50" in pages[0]
        assert "start=100" in pages[1]

    def test_of_very_many_series_the_first_are_shown_and_all_are_counted(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compared, "MOST_KEPT", 2)
        store = SimulatedStore({str(n): mr(f"1.5.{n}", f"1.6.{n}") for n in range(1, 6)})
        screen_ct(store, site.ledger, "first")
        screen(Screening("second", store, one_of("MR")), site.ledger)

        text = words(site.get(RUNS))

        assert "5 series come in" in text
        assert "3 series more change." in text


def test_runs_of_another_place_are_not_compared_here(site: Site) -> None:
    screen_ct(SimulatedStore({"1": ct()}), site.ledger, "first")
    screen_ct(SimulatedStore({"1": ct()}, location=Location("https://s", "elsewhere")), site.ledger, "second")

    assert "not about" in words(site.get("/compare?place=1&a=run:second&b=run:second", status=400))


def test_objects_of_two_listings_are_told_apart(ledger: Ledger) -> None:
    store = SimulatedStore({name: ct(f"1.5.{name}", f"1.6.{name}") for name in "12345"})
    screen_ct(store, ledger, "first")
    store.delete("1")
    store.put("2", mr())
    store.put("3", mr())
    screen_ct(store, ledger, "between")
    store.put("3", ct("1.5.3", "1.6.3"))
    store.put("6", ct("1.5.6", "1.6.6"))
    store.put("7", ct("1.5.7", "1.6.7"))
    screen_ct(store, ledger, "last")
    first, last = (snapshot_of_run(ledger.engine, ledger.run(name).row) for name in ("first", "last"))

    assert bucket_changes(ledger.engine, first, last) == BucketChanges(added=2, removed=1, changed=1, read_again=1)
    assert bucket_changes(ledger.engine, last, first) == BucketChanges(added=1, removed=2, changed=1, read_again=1)
    assert bucket_changes(ledger.engine, last, last).is_empty
