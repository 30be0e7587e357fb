"""Rules of other tools become criteria on the page, as on the command line, with what they leave out."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from dicom_sieve.importers import IMPORTERS, import_rules, put_together
from dicom_sieve.web.address import unpack
from tests.web.site import Site, words

DCM2BIDS = json.dumps(
    {
        "descriptions": [
            {"id": "t1", "datatype": "anat", "suffix": "T1w", "criteria": {"SeriesDescription": "*t1*"}},
            {
                "id": "t2",
                "datatype": "anat",
                "suffix": "T2w",
                "criteria": {"Modality": "MR", "SidecarFilename": "*2*"},
            },
        ]
    }
)
HOSTILE = "<script>alert(1)</script>"


def use(page: str) -> list[dict[str, object]]:
    """Give the criteria that the link of a page leads to Build with."""
    found = re.search(r'href="([^"]+)">Use them<', page)
    assert found is not None
    address = urlsplit(found[1].replace("&amp;", "&"))
    assert address.path == "/build"
    return unpack(parse_qs(address.query)["criteria"][0])


def test_rules_of_a_file_are_sentences_and_go_to_build(site: Site) -> None:
    rules = import_rules("dcm2bids", DCM2BIDS)

    answer = site.post("/import", {"tool": "dcm2bids", "text": DCM2BIDS}, "vera")

    assert use(answer.text) == [dict(each) for each in put_together(rules)]
    text = words(answer.text)
    assert "Series description" in text
    for rule in rules:
        assert all(line in text for line in rule.left_out)
    assert any(rule.left_out for rule in rules)


def test_one_rule_is_chosen_by_name(site: Site) -> None:
    rule = import_rules("dcm2bids", DCM2BIDS)[0]

    answer = site.post("/import", {"tool": "dcm2bids", "text": DCM2BIDS, "rule": rule.name})

    assert use(answer.text) == [dict(each) for each in rule.criteria]
    assert "Nothing is left out." in words(answer.text)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"tool": "other", "text": "{}"}, "tool: not known"),
        ({"tool": "dcm2bids", "text": "  "}, "the file is empty"),
        ({"tool": "dcm2bids", "text": HOSTILE}, "accepted"),
        ({"tool": "dcm2bids", "text": DCM2BIDS, "rule": HOSTILE}, "rule: there is none of this name"),
    ],
)
def test_what_is_no_file_is_refused_in_words(site: Site, form: dict[str, str], why: str) -> None:
    answer = site.post("/import", form)

    assert answer.status_code == 400
    assert why in words(answer.text)
    assert HOSTILE not in answer.text


def test_hostile_names_are_shown_as_text(site: Site) -> None:
    text = json.dumps({"descriptions": [{"id": HOSTILE, "criteria": {"SeriesDescription": HOSTILE, "Nothing": "x"}}]})

    answer = site.post("/import", {"tool": "dcm2bids", "text": text})

    assert answer.status_code == 200
    assert HOSTILE not in answer.text
    assert "alert(1)" in words(answer.text)


def test_a_form_wants_its_token(site: Site) -> None:
    assert site.post("/import", {"tool": "dcm2bids", "text": DCM2BIDS}, token="x").status_code == 403


def test_build_links_to_import(site: Site) -> None:
    assert 'href="/import?place=' in site.get("/build")
    assert set(re.findall(r"<option>(\w+)</option>|<option selected>(\w+)", site.get("/import"))) == {
        (tool, "") for tool in IMPORTERS
    }


def test_criteria_that_are_too_long_for_an_address_are_read_and_not_linked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_sieve.web.address.LONGEST", 10)

    answer = site.post("/import", {"tool": "dcm2bids", "text": DCM2BIDS})

    assert "Use them" not in answer.text
    assert "too long for a page" in words(answer.text)
