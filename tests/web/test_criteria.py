"""Criteria under a name: listed, their versions told apart in sentences, saved by managers, never over another's."""

from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.ledger.reading.named_criteria import list_newest, list_versions
from dicom_sieve.ledger.reading.page_actions import list_actions
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.publishing.anchor import compare_with_anchor
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.stores.append_only import AppendOnlyFile
from dicom_sieve.web.address import pack
from tests.screening.screenings import ct, one_of
from tests.support.simulated_store import SimulatedStore
from tests.web.site import Site, words

CT: list[dict[str, Any]] = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}]
CT_MR: list[dict[str, Any]] = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]}]
ADULT: dict[str, Any] = {"dicom_tag": ["0010", "1010"], "operation": "AT_LEAST", "reference": "018Y"}
HOSTILE = "<script>alert(1)</script>"


def save(site: Site, criteria: list[dict[str, Any]], version: str = "", name: str = "thin", **more: str) -> str:
    """Save as a manager does; give where that leads."""
    answer = site.post("/criteria/save", {"criteria": pack(criteria), "name": name, "version": version, **more})
    assert answer.status_code == 303, words(answer.text)
    return str(answer.headers["location"])


class TestSaving:
    def test_a_version_is_saved_as_it_was_built_and_it_is_on_record_who_did(self, site: Site) -> None:
        assert save(site, CT, note="first") == "/criteria/thin"

        saved = site.ledger.criteria("thin")
        assert (saved.version, saved.note) == (1, "first")
        assert saved.items() == tuple(one_of("CT"))
        [action] = list_actions(site.ledger.engine)
        assert (action.person, action.role, action.action) == ("mona", "MANAGER", "SAVE")
        assert (action.criteria_name, action.criteria_version) == ("thin", 1)

    def test_the_form_reads_the_criteria_and_carries_the_version_it_began_with(self, site: Site) -> None:
        page = site.get(f"/criteria/save?criteria={pack(CT)}&name=thin&version=3")

        assert "Modality is CT" in words(page)
        assert 'name="version" value="3"' in page

    def test_what_asks_the_same_is_not_saved(self, site: Site) -> None:
        save(site, CT)

        location = save(site, CT, "1")

        assert location == "/criteria/thin?same=1"
        assert "Version 1 asks the same: nothing was saved." in words(site.get(location))
        assert len(list_versions(site.ledger.engine, "thin")) == 1

    def test_of_two_tabs_the_second_is_shown_the_difference_and_saves_only_when_asked_again(self, site: Site) -> None:
        save(site, CT)
        save(site, CT_MR, "1")
        form = {"criteria": pack([*CT, ADULT]), "name": "thin", "version": "1"}

        refused = site.post("/criteria/save", form)

        assert refused.status_code == 409
        said = words(refused.text)
        assert "Version 2 was saved elsewhere. Nothing was saved yet." in said
        assert "See the difference" in said
        assert "<del>Modality is one of CT or MR</del> <ins>Modality is CT</ins>" in refused.text
        assert site.ledger.criteria("thin").version == 2
        assert 'name="version" value="2"' in refused.text
        save(site, [*CT, ADULT], "2")
        assert site.ledger.criteria("thin").version == 3

    def test_a_name_that_is_taken_is_not_saved_over_by_new_criteria(self, site: Site) -> None:
        save(site, CT)

        assert site.post("/criteria/save", {"criteria": pack(CT_MR), "name": "thin"}).status_code == 409

    @pytest.mark.parametrize(
        ("form", "why"),
        [
            ({"name": HOSTILE}, "is no name of criteria"),
            ({"name": "thin", "note": "two\nlines"}, "note: not accepted"),
            ({"name": "thin", "criteria": ""}, "criteria"),
            ({"name": "thin", "criteria": "not whole"}, "the address is not whole"),
            ({"name": "thin", "criteria": pack([{"dicom_tag": ["0008", "0060"], "operation": "X"}])}, "criteria[0]"),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_words(self, site: Site, form: dict[str, str], why: str) -> None:
        answer = site.post("/criteria/save", {"criteria": pack(CT), **form})

        assert answer.status_code == 400
        assert why in words(answer.text)
        assert HOSTILE not in answer.text
        assert list_actions(site.ledger.engine) == []

    def test_viewers_save_nothing_and_a_form_wants_its_token(self, site: Site) -> None:
        form = {"criteria": pack(CT), "name": "thin"}

        assert "This needs the role manager" in words(site.post("/criteria/save", form, "vera").text)
        assert site.post("/criteria/save", form, token="x").status_code == 403
        assert site.post("/criteria/save", form, token=site.token("vera")).status_code == 403
        assert "This needs the role manager" in site.get(f"/criteria/save?criteria={pack(CT)}", "vera", 403)
        assert site.get("/criteria/thin", status=404)


class TestVersions:
    def test_each_version_says_what_it_added_changed_and_removed(self, site: Site) -> None:
        save(site, CT)
        save(site, [*CT_MR, ADULT], "1")
        save(site, CT_MR, "2")

        third, second, first = site.get("/criteria/thin", "vera").split('<section class="version"')[1:]

        assert "<del>Modality is CT</del> <ins>Modality is one of CT or MR</ins>" in second
        assert "<ins>Patient&#39;s age is at least" in second
        assert "<li>Modality is one of CT or MR</li>" in third
        assert third.count("<del>") == 1
        assert "<ins>" not in third
        assert "<ins>" not in first
        assert "<del>" not in first

    def test_a_version_opens_in_build_and_names_its_runs(self, site: Site) -> None:
        save(site, CT)
        saved = site.ledger.criteria("thin")
        screen(Screening("a", SimulatedStore({"1": ct()}), saved.items(), named=saved.named), site.ledger)

        page = site.get("/criteria/thin")

        assert f"criteria={pack(CT)}&amp;name=thin&amp;version=1" in page
        assert 'href="/runs/a"' in page
        assert "by mona" in words(page)
        build = site.get(f"/build?place=1&criteria={pack(CT)}&name=thin&version=1")
        assert "&amp;name=thin&amp;version=1" in build

    def test_criteria_of_the_name_save_have_their_page(self, site: Site) -> None:
        save(site, CT, name="save")

        assert "Modality is CT" in words(site.get("/criteria/save"))


def test_all_names_are_listed_with_who_saved_them_and_their_runs(site: Site) -> None:
    assert "No criteria are saved yet." in words(site.get("/criteria"))
    save(site, CT, note=HOSTILE)
    save_criteria(site.ledger.engine, "elsewhere", one_of("MR"))
    saved = site.ledger.criteria("thin")
    screen(Screening("a", SimulatedStore({"1": ct()}), saved.items(), named=saved.named), site.ledger)

    page = site.get("/criteria", "vera")

    lines = [words(f"<main{line}</main>") for line in page.split('<tr class="r"')[1:]]
    assert [line.split()[1] for line in lines] == ["elsewhere", "thin"]
    assert lines[1].split("mona")[1].split()[0] == "1"
    assert 'href="/runs?criteria=thin"' in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_seals_are_pushed_to_the_anchor_when_criteria_are_saved(ledger: Ledger, tmp_path: Path) -> None:
    anchor = tmp_path / "seals"
    site = Site(ledger, Settings(anchor=f"file:{anchor}"))

    save(site, CT)

    held = compare_with_anchor(ledger, AppendOnlyFile(anchor))
    assert (held.differences, held.unanchored) == ([], 0)
    wrong = Site(ledger, Settings(anchor="s3://seals", anchor_endpoint="nowhere"))
    assert wrong.post("/criteria/save", {"criteria": pack(CT_MR), "name": "other"}).status_code == 400
    assert [saved.name for saved in list_newest(ledger.engine)] == ["thin"]


def test_what_was_saved_before_there_were_pages_is_of_nobody(ledger: Ledger, site: Site) -> None:
    save_criteria(ledger.engine, "old", one_of("MR"))

    assert " by " not in words(site.get("/criteria/old"))
