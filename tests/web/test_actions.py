"""Places are added over Prefect by the contract, and what people do is on record."""

from typing import Any

import pytest

from dicom_sieve.contract.read import read_request
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.page_actions import list_actions
from dicom_sieve.ledger.reading.places import find_place
from dicom_sieve.ledger.writing.page_actions import record_action
from dicom_sieve.objects import Location
from dicom_sieve.screening import Preview, preview
from dicom_sieve.stores import Retries
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.web.address import pack
from dicom_sieve.web.listing import ASKED, parameters_of
from dicom_sieve.web.start import parameters_of as parameters_of_run
from tests.screening.screenings import ct, one_of, screen_ct
from tests.support.simulated_store import SimulatedStore
from tests.web.site import RUN, Site, words

CT = [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}]
PLACE = {"bucket": "images", "prefix": "ct/", "endpoint": "https://s3.example.org:9000", "region": "eu", "key": "k"}
HOSTILE = "<script>alert(1)</script>"


def add(site: Site, **form: str) -> str:
    """Add a place as an admin does; give the page that this leads to."""
    answer = site.post("/places/add", PLACE | form, "adam")
    assert answer.status_code == 303, words(answer.text)
    return str(answer.headers["location"])


class TestAddingAPlace:
    def test_a_preview_lists_it_by_the_contract_with_a_block_of_credentials(self, site: Site) -> None:
        location = add(site, credentials="hospital")

        assert location == f"/listing/{RUN.format(0)}"
        [started] = site.prefect.started
        assert started["parameters"] == {
            "input_s3_parameters": {
                "bucket": "images",
                "prefix": "ct/",
                "region": "eu",
                "endpoint": "https://s3.example.org:9000",
                "credentials": {"$ref": {"block_document_id": "block-1"}},
            },
            "criteria": [ASKED],
            "preview": True,
        }
        [action] = list_actions(site.ledger.engine)
        assert (action.person, action.action, action.place) == ("adam", "ADD_PLACE", "images/ct")
        assert "hospital" in site.get("/places/add", "adam")
        assert "block-1" not in site.get("/places/add", "adam") + site.get(location)

    @pytest.mark.parametrize("given", [PLACE, {"bucket": "b"}, {"bucket": "b", "anonymous": "1"}])
    def test_the_contract_accepts_what_is_sent(self, given: dict[str, str]) -> None:
        rules = EndpointRules(default_chain=("s3.example.org:9000",))

        assert read_request(parameters_of(given, {}), Retries(), rules).preview

    def test_a_known_place_is_listed_again_where_it_is(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}, location=Location("https://s", "known", "a/")), site.ledger, "a")
        page = site.get("/places/add?place=1", "adam")
        assert 'name="bucket"' not in page

        add(site, place="1", bucket="other", endpoint="https://other")

        given = site.prefect.started[0]["parameters"]["input_s3_parameters"]
        assert (given["endpoint"], given["bucket"], given["prefix"]) == ("https://s", "known", "a/")
        [action] = list_actions(site.ledger.engine)
        assert (action.action, action.location_id, action.place) == ("LIST_PLACE", 1, "known/a")

    @pytest.mark.parametrize(
        ("form", "why"),
        [
            ({"bucket": " "}, "bucket: missing"),
            ({"endpoint": "https://key:secret@host"}, "endpoint: no URL without credentials"),
            ({"endpoint": "javascript:alert(1)"}, "endpoint: no URL"),
            ({"credentials": HOSTILE}, "Prefect has no such block any more"),
            ({"credentials": "hospital", "anonymous": "1"}, "choose one of both"),
        ],
    )
    def test_what_makes_no_sense_starts_nothing(self, site: Site, form: dict[str, str], why: str) -> None:
        answer = site.post("/places/add", PLACE | form, "adam")

        assert answer.status_code == 400
        assert why in words(answer.text)
        assert HOSTILE not in answer.text
        assert site.prefect.started == []
        assert list_actions(site.ledger.engine) == []

    def test_only_admins_add_places_and_the_form_wants_its_token(self, site: Site) -> None:
        for name in ("vera", "mona"):
            assert "needs the role admin" in words(site.post("/places/add", PLACE, name).text)
            assert "needs the role admin" in site.get("/places/add", name, 403)
            assert "/places/add" not in site.get("/places", name)
        assert site.post("/places/add", PLACE, "adam", token="x").status_code == 403
        assert site.prefect.started == []
        assert "/places/add" in site.get("/places", "adam")

    def test_without_prefect_the_page_says_so(self, site: Site) -> None:
        site.prefect.is_away = True

        assert "does not answer" in words(site.get("/places/add", "adam"))
        assert "does not answer" in words(site.post("/places/add", PLACE, "adam").text)


class TestAListing:
    def state(self, site: Site, kind: str, message: str = "") -> None:
        site.prefect.flow_runs[RUN.format(0)] |= {"state_type": kind, "state": {"message": message}}

    def test_shows_its_state_until_it_is_done_and_leads_to_build(self, site: Site) -> None:
        location = add(site)
        assert 'data-again="2000"' in site.get(location)
        self.state(site, "RUNNING", HOSTILE)
        running = site.get(location)
        assert "running" in words(running)
        assert "Look again" in words(running)
        assert HOSTILE not in running
        where = Location("https://s3.example.org:9000", "images", "ct/")
        preview(Preview(SimulatedStore({"ct/1": ct()}, location=where), one_of("CT")), site.ledger)
        self.state(site, "COMPLETED", "Preview: 1 of 1 instances would pass")

        done = site.get(location)

        assert "data-again" not in done
        assert 'href="/build?place=1">To Build' in done

    def test_says_how_far_it_is(self, site: Site) -> None:
        location = add(site)
        self.state(site, "RUNNING")
        said = {"description": "16,661 objects listed, 12,000 of 16,661 headers read", "data": 72.0}
        site.prefect.progress_of[RUN.format(0)] = said

        page = site.get(location)

        assert "16,661 objects listed" in words(page)
        assert 'width="72.0"' in page

    def test_says_why_it_failed(self, site: Site) -> None:
        location = add(site)
        self.state(site, "FAILED", "cannot list s3://images: no such bucket")

        page = site.get(location)

        assert "no such bucket" in words(page)
        assert "data-again" not in page

    def test_is_stopped_by_admins_and_that_is_on_record(self, site: Site) -> None:
        location = add(site)

        assert "needs the role admin" in words(site.post(f"{location}/stop", {}, "mona").text)
        assert site.post(f"{location}/stop", {}, "adam").status_code == 303

        assert site.prefect.states == [(RUN.format(0), "CANCELLING")]
        assert [action.action for action in list_actions(site.ledger.engine)] == ["STOP", "ADD_PLACE"]

    def test_of_prefect_away_is_not_over(self, site: Site) -> None:
        location = add(site)
        site.prefect.is_away = True

        assert "The listing goes on" in words(site.get(location))

    @pytest.mark.parametrize("run_id", ["x", "..%2Fblock_documents", RUN.format(7)])
    def test_of_another_id_is_not_there(self, site: Site, run_id: str) -> None:
        assert site._client.get(f"/listing/{run_id}", headers={"x-signed-in": "adam"}).status_code in {400, 404}

    def test_is_no_page_of_runs(self, site: Site) -> None:
        add(site)
        site.prefect.flow_runs[RUN.format(0)]["parameters"] = {"preview": False}

        site.get(f"/listing/{RUN.format(0)}", status=400)


class TestHistory:
    def start(self, site: Site) -> Any:
        return site.post("/start", {"place": "1", "criteria": pack(CT), "key": "once", "name": "mine"})

    def test_a_run_that_is_started_twice_by_one_form_is_on_record_once(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}), site.ledger, "a")

        assert self.start(site).status_code == self.start(site).status_code == 303

        [action] = list_actions(site.ledger.engine)
        assert (action.person, action.action, action.run_id) == ("mona", "START", RUN.format(0))
        assert action.location_id == 1
        assert verify(site.ledger.engine).is_intact

    def test_a_run_of_saved_criteria_names_their_version_until_they_are_changed(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}), site.ledger, "a")
        site.post("/criteria/save", {"criteria": pack(CT), "name": "thin"})
        changed = [{**CT[0], "reference": ["MR"]}]
        build = site.get(f"/build?place=1&criteria={pack(CT)}&name=thin&version=1")
        assert "&amp;saved=thin@1" in build
        assert 'name="saved" value="thin@1"' in site.get(f"/start?place=1&criteria={pack(CT)}&saved=thin@1")

        for number, criteria in enumerate((CT, changed)):
            form = {"place": "1", "criteria": pack(criteria), "key": str(number), "saved": "thin@1"}
            assert site.post("/start", form).status_code == 303
        site.post("/start", {"place": "1", "criteria": pack(CT), "key": "other", "saved": "none@7"})

        sent = [started["parameters"]["criteria"] for started in site.prefect.started]
        assert sent == [{"name": "thin", "version": 1}, changed, CT]

    def test_a_run_that_prefect_refuses_is_not_on_record(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}), site.ledger, "a")
        site.prefect.is_away = True

        assert self.start(site).status_code == 400
        assert list_actions(site.ledger.engine) == []

    def test_lists_who_did_what_with_links(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}), site.ledger, "a")
        self.start(site)
        site.post("/criteria/save", {"criteria": pack(CT), "name": "thin"})
        add(site)

        page = site.get("/history", "adam")

        text = words(page)
        assert text.index("added a place") < text.index("saved criteria") < text.index("started a run")
        assert f'href="/runs/{RUN.format(0)}"' in page
        assert 'href="/criteria/thin#v1"' in page
        assert "mona manager" in text

    def test_comes_in_windows_and_escapes_names(self, site: Site) -> None:
        for number in range(51):
            record_action(site.ledger.engine, Action.STOP, person=HOSTILE, role="ADMIN", run_id=f"r{number}")

        page = site.get("/history")

        assert HOSTILE not in page
        assert page.count('<tr class="r"') == 50
        assert 'href="/history?before=2"' in page
        assert site.get("/history?before=2").count('<tr class="r"') == 1

    def test_is_not_for_viewers(self, site: Site) -> None:
        assert "needs the role manager" in site.get("/history", "vera", 403)
        assert "/history" not in site.get("/places", "vera")


class TestOtherClouds:
    """Places in Google Cloud Storage and Azure: by their address, over the parameter ``input``."""

    AZURE = Location("az:http://127.0.0.1:10000", "account/scans", "ct/")

    def test_a_place_is_added_by_its_address_with_a_secret(self, site: Site) -> None:
        add(site, bucket="gs://images", prefix="ct/", endpoint="", credentials="azure-key")

        [started] = site.prefect.started
        assert started["parameters"] == {
            "input": {"uri": "gs://images/ct/", "credentials": {"$ref": {"block_document_id": "block-2"}}},
            "criteria": [ASKED],
            "preview": True,
        }
        page = site.get("/places/add", "adam")
        assert "hospital" in page
        assert "azure-key" in page
        answer = site.post("/places/add", PLACE | {"bucket": "gs://images", "credentials": "hospital"}, "adam")
        assert "Prefect has no such block any more" in words(answer.text)

    def test_a_known_place_is_listed_again_and_screened_where_it_is(self, site: Site) -> None:
        screen_ct(SimulatedStore({"1": ct()}, location=self.AZURE), site.ledger, "a")
        add(site, place="1")
        started = site.prefect.started[0]["parameters"]
        assert started["input"] == {"uri": "az://account/scans/ct/", "endpoint": "http://127.0.0.1:10000"}
        site.prefect.flow_runs[RUN.format(0)] |= {"state_type": "COMPLETED"}
        assert "account/scans/ct" in words(site.get(f"/listing/{RUN.format(0)}", "adam"))

        place = find_place(site.ledger.engine, 1)
        given = parameters_of_run(place, CT, {"credentials": "azure-key"}, {"azure-key": "block-2"})

        assert given["input"] == started["input"] | {"credentials": {"$ref": {"block_document_id": "block-2"}}}
        rules = EndpointRules(default_chain=("127.0.0.1:10000",))
        assert read_request(started, Retries(), rules).store.location == self.AZURE
        with pytest.raises(InvalidRequestError, match="published by: dicom-sieve screen --output"):
            parameters_of_run(place, CT, {"output_bucket": "results"}, {})
