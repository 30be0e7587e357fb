"""Build: what a change leaves, what the page then shows, and that it is what the command line says."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import list_places
from dicom_sieve.screening import preview_known
from dicom_sieve.web.address import Given
from tests.web.made import CT_OR_MR, build_address, client_of, context_of, criteria_of, demo_ledger, token_of

MINUS = "\N{MINUS SIGN}"
THIN: Given = {"dicom_tag": ["0018", "0050"], "operation": "AT_MOST", "reference": "3 mm"}
NOT_SCOUT: Given = {"dicom_tag": ["0008", "103E"], "operation": "NOT_CONTAINS", "reference": ["scout"]}


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with demo_ledger(Path(tmp_path_factory.mktemp("web"))) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def client(screened: Ledger) -> TestClient:
    return client_of(context_of(screened), "ann")


def text_of(page: str) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def post(client: TestClient, criteria: list[Given], do: str, **more: str | list[str]) -> Any:
    address = build_address(1, criteria)
    packed = address.partition("criteria=")[2]
    token = token_of(client.get("/places").text)
    return client.post("/build", data={"token": token, "place": "1", "criteria": packed, "do": do, **more})


class TestChanges:
    def test_each_leads_to_the_address_of_what_it_leaves(self, client: TestClient) -> None:
        answer = post(client, [], "add:", attribute="Modality")
        assert answer.status_code == 303
        [card] = criteria_of(answer.headers["location"])
        chosen = post(client, [card], "set:0", operation="IN", value=["CT", "MR"], absent="")

        assert criteria_of(chosen.headers["location"]) == [CT_OR_MR]
        assert "open=0" in chosen.headers["location"]

    def test_what_passes_is_kept_whole_or_one_of_several(self, client: TestClient) -> None:
        answer = post(client, [CT_OR_MR], "choose:", per="PATIENT", prefer="thin", unit="SERIES")

        choose = {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"lowest": ["0018", "0050"]}]}}
        assert criteria_of(answer.headers["location"]) == [CT_OR_MR, {"unit": "SERIES"}, choose]
        page = client.get(answer.headers["location"]).text
        assert 'value="PATIENT" selected' in page
        assert 'value="thin" selected' in page

    def test_a_preference_that_the_page_does_not_know_stays(self, client: TestClient) -> None:
        own = {"choose": {"one": "SERIES", "per": "STUDY", "prefer": [{"highest": "SPACING"}]}}
        answer = post(client, [CT_OR_MR, own], "choose:", per="PATIENT", prefer="as it is")

        assert criteria_of(answer.headers["location"])[1]["choose"]["prefer"] == [{"highest": "SPACING"}]

    def test_what_cannot_be_done_is_said_and_the_cards_stay(self, client: TestClient) -> None:
        answer = post(client, [CT_OR_MR], "json:", json="{", tab="json")

        assert answer.status_code == 400
        assert "this is no JSON" in answer.text
        assert "CT or MR" in answer.text
        assert ">{</textarea>" in answer.text, "and what was typed stays"

    def test_json_as_it_is_used_is_the_cards(self, client: TestClient) -> None:
        given = [CT_OR_MR, {"any": [THIN, NOT_SCOUT]}, {"unit": "SERIES"}]
        answer = post(client, [], "json:", json=json.dumps(given))

        assert criteria_of(answer.headers["location"]) == given
        shown = client.get(build_address(1, given, tab="json")).text
        [area] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", shown, re.DOTALL)
        assert json.loads(unescape(area)) == given


class TestWhatIsShown:
    @pytest.mark.parametrize(
        "criteria",
        [
            [CT_OR_MR],
            [CT_OR_MR, THIN],
            [CT_OR_MR, {"any": [THIN, NOT_SCOUT]}],
            [{"measure": "AGE", "operation": "AT_LEAST", "reference": "018Y"}, CT_OR_MR],
            [CT_OR_MR, {"measure": "SLICES", "operation": "AT_LEAST", "reference": "2"}],
            [CT_OR_MR, {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": []}}],
        ],
    )
    def test_the_numbers_are_those_of_preview(
        self, screened: Ledger, client: TestClient, criteria: list[Given]
    ) -> None:
        [place] = list_places(screened.engine)
        counts = preview_known(place.location, load_criteria(criteria), screened).counts

        page = text_of(client.get(build_address(1, criteria)).text)

        assert f"{counts['passed']:,} of " in page
        judged = counts["listed"] - counts["unread"] - sum(counts["defects"].values())
        assert f"of {judged:,} instances would pass" in page
        series = counts["series"].get("WHOLE", 0) + counts["series"].get("PARTIAL", 0)
        assert f"Series {series:,} of" in page

    def test_a_card_reads_as_a_sentence_with_its_three_answers(self, client: TestClient) -> None:
        page = text_of(client.get(build_address(1, [CT_OR_MR, THIN])).text)

        assert "Modality is one of CT or MR" in page
        assert "and Slice thickness is at most 3 mm" in page
        assert re.search(r"306 pass 72 fail 4 undecided only this one discards", page)

    def test_a_card_without_a_value_says_so_and_nothing_passes(self, client: TestClient) -> None:
        page = client.get(build_address(1, [CT_OR_MR, {**THIN, "reference": ""}])).text

        assert "No value is chosen: nothing passes." in page
        assert "nothing passes until every criterion has a value" in page
        assert re.search(r"<button[^>]*disabled>Start run", page)

    def test_without_criteria_a_run_is_refused(self, client: TestClient) -> None:
        page = client.get("/build?place=1").text

        assert "Everything would pass, so a run is refused." in page
        assert re.search(r"<button[^>]*disabled>Start run", page)

    def test_a_negation_says_what_it_discards_for_want_of_a_value(self, client: TestClient) -> None:
        page = text_of(client.get(build_address(1, [NOT_SCOUT])).text)

        found = re.search(r"([\d,]+) instances have no series description. As it stands they do not pass.", page)
        assert found is not None
        passing = post(client, [NOT_SCOUT], "pass:0")
        page = text_of(client.get(passing.headers["location"]).text)
        assert "or is absent" in page
        assert "As it stands" not in page

    def test_what_makes_no_sense_is_said_in_its_card(self, client: TestClient) -> None:
        wrong = {**THIN, "reference": "thin"}
        page = text_of(client.get(build_address(1, [CT_OR_MR, wrong])).text)

        assert "is not a number" in page
        assert "306 pass 72 fail 4 undecided" in page

    def test_an_open_card_offers_what_is_there(self, client: TestClient) -> None:
        page = client.get(build_address(1, [CT_OR_MR], open="0")).text

        assert re.search(r'value="CT" checked', page)
        assert re.search(r'value="US"(?! checked)', page)
        found = client.get(build_address(1, [CT_OR_MR], open="0", search="rt")).text
        assert 'value="RTDOSE"' in found
        assert 'value="US"' not in found

    def test_numbers_and_dates_are_bars_of_which_a_click_takes_one(self, client: TestClient) -> None:
        dated = {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": ""}
        page = client.get(build_address(1, [dated], open="0")).text
        labels = re.findall(r'name="bar" value="([^"]+)"', page)
        answer = post(client, [dated], "set:0", operation="GREATER", bar=labels[-1], value="")

        [card] = criteria_of(answer.headers["location"])
        assert "2024-01" in labels
        assert card["reference"] == "2023-12-31"

    def test_what_is_known_by_digest_alone_shows_no_values(self, client: TestClient) -> None:
        patient = {"dicom_tag": ["0010", "0020"], "operation": "IN", "reference": ["x"]}
        page = client.get(build_address(1, [patient], open="0")).text

        assert "Kept as keyed digests" in page
        assert "\ufdd1" not in page


def test_a_place_that_was_never_listed_says_so(tmp_path: Path) -> None:
    from dicom_sieve import open_ledger

    with open_ledger(f"sqlite:///{tmp_path / 'empty.db'}") as ledger:
        client = client_of(context_of(ledger), "ann")
        assert "No place yet" in client.get("/places").text
        assert client.get("/build").status_code == 200
        assert client.get("/explore").status_code == 200


class TestUnits:
    def test_series_are_counted_where_that_is_asked(self, screened: Ledger, client: TestClient) -> None:
        given = [CT_OR_MR, {"any": [THIN, NOT_SCOUT]}]
        address = build_address(1, given, counted="series")
        text = text_of(client.get(address).text)

        would = context_of(screened).counts(list_places(screened.engine)[0].location)
        counted = would.count(load_criteria(given), by_series=True)
        for item, left in zip(counted.items, counted.left, strict=True):
            three = item.by_series
            assert three is not None
            assert f"{three.passes} pass {three.fails} fail {three.undecided} undecided" in text
            out = left.by_series.fails + left.by_series.undecided
            assert f" {MINUS}{out} {left.by_series.passes} " in text
        assert counted.items[0].by_series != counted.items[0].three

    def test_a_change_keeps_the_unit(self, client: TestClient) -> None:
        answer = post(client, [CT_OR_MR], "remove:0", counted="series")

        assert "counted=series" in answer.headers["location"]


class TestExplore:
    def test_what_is_measured_is_told_with_how_often_it_is_there(self, client: TestClient) -> None:
        page = client.get("/explore?place=1&attribute=SPACING").text

        [row] = [row for row in re.findall(r"<li data-words.*?</li>", page, re.DOTALL) if 'attribute=SPACING"' in row]
        shown = text_of(row)
        assert re.search(r"[1-9][0-9]? % ", shown)
        assert re.search(r"[1-9][0-9]* values? $", shown)
        assert "in mm" in text_of(page)
