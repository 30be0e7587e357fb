"""A run that is started on a page is started over Prefect's REST API, by the contract, as a consumer starts it."""

import uuid
from urllib.parse import quote

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import Place, list_places
from dicom_sieve.screening import Preview, preview
from dicom_sieve.stores import StaticCredentials
from dicom_sieve.web.address import Given
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import make_planted_bucket
from tests.support.prefect_server import PrefectServer
from tests.web.made import CT_OR_MR, client_of, context_of, token_of
from tests.web.made import build_address as address_of

BLOCK = StaticCredentials("AKIAPLANTEDPAGES", "planted/pages+key")
IS_CT = [{**CT_OR_MR, "reference": ["CT"]}]


@pytest.fixture
def block(prefect: PrefectServer) -> str:
    """The name of an AwsCredentials block, as someone saves it once."""
    name = f"block-{uuid.uuid4().hex[:8]}"
    with temporary_settings({PREFECT_API_URL: prefect.url}):
        AwsCredentials(aws_access_key_id=BLOCK.key_id, aws_secret_access_key=SecretStr(BLOCK.access_key)).save(name)
    return name


@pytest.fixture
def place(moto_server: S3Server, served_ledger: Ledger) -> Place:
    """A bucket that was listed, and that no run has judged."""
    store = moto_server.store(make_planted_bucket(moto_server))
    preview(Preview(store, load_criteria(IS_CT)), served_ledger)
    return next(place for place in list_places(served_ledger.engine) if place.location == store.location)


def start(
    prefect: PrefectServer, ledger: Ledger, place: Place, asked: list[Given] = IS_CT, **given: str
) -> tuple[int, str, str]:
    """Send the form of a page; gives the answer's status, where it leads, and what it says."""
    context = context_of(ledger, prefect=prefect.url)
    client = client_of(context, "ann")
    criteria = address_of(place.id, asked).partition("criteria=")[2]
    page = client.get(f"/start?place={place.id}&criteria={criteria}").text
    key = page.partition('name="key" value="')[2].partition('"')[0]
    sent = {"token": token_of(page), "place": str(place.id), "criteria": criteria, "key": key, **given}
    answer = client.post("/start", data=sent)
    again = client.post("/start", data=sent)
    context.prefect.close()
    assert again.headers.get("location") == answer.headers.get("location"), "a second click starts no second run"
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_it_completes_with_the_name_and_the_criteria_of_the_page(
    prefect: PrefectServer, served_ledger: Ledger, place: Place
) -> None:
    status, leads_to, _ = start(prefect, served_ledger, place, name="thin chest", region="eu-west")
    run = leads_to.removeprefix("/runs/")

    assert status == 303
    assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
    assert prefect.flow_run(run)["name"] == "thin chest"
    assert served_ledger.run(run).row.criteria == IS_CT
    assert len([row for row in served_ledger.runs() if row.bucket == place.location.bucket]) == 1


def test_what_prefect_refuses_is_said_and_the_page_stays(
    prefect: PrefectServer, served_ledger: Ledger, place: Place
) -> None:
    too_long = [{**CT_OR_MR, "reference": ["C" * 65]}]
    status, leads_to, text = start(prefect, served_ledger, place, too_long, output_bucket="results")

    assert (status, leads_to) == (400, "")
    assert "criteria[0].reference" in text
    assert 'value="results"' in text, "and what was typed stays"


def test_credentials_are_a_block_that_is_chosen_and_never_shown(
    prefect: PrefectServer, served_ledger: Ledger, place: Place
) -> None:
    status, _, text = start(prefect, served_ledger, place, credentials="no-such-block")

    assert status == 400
    assert "no such block" in text
    assert planted.CREDENTIALS not in text


def test_a_block_is_chosen_by_its_name_signs_and_its_secret_is_on_no_page(
    prefect: PrefectServer, served_ledger: Ledger, place: Place, block: str
) -> None:
    status, leads_to, _ = start(prefect, served_ledger, place, name="with a block", credentials=block)
    run = leads_to.removeprefix("/runs/")
    assert (status, prefect.state(run)[0]) == (303, "Completed")

    context = context_of(served_ledger, prefect=prefect.url)
    client = client_of(context, "bob")
    criteria = address_of(place.id, IS_CT).partition("criteria=")[2]
    seen = {}
    for address in (
        *(f"{page}?place={place.id}" for page in ("/places", "/explore", "/build", "/runs", "/compare", "/criteria")),
        f"{address_of(place.id, IS_CT)}&tab=json",
        f"/start?place={place.id}&criteria={criteria}",
        "/places/add",
        *(f"/runs/{run}{part}" for part in ("", "?show=all", "/hand-on/criteria.json", "/hand-on/report.html")),
    ):
        answer = client.get(address)
        seen[address] = (answer.status_code, answer.text + str(answer.headers))
    context.close()
    context.prefect.close()

    assert {address: status for address, (status, _) in seen.items() if status != 200} == {}
    assert any(block in text for _, text in seen.values()), "it can be chosen"
    for secret in (BLOCK.key_id, BLOCK.access_key, quote(BLOCK.access_key, safe="")):
        assert [address for address, (_, text) in seen.items() if secret in text] == []
        assert secret not in str(prefect.flow_run(run)["parameters"])


def test_prefect_that_is_away_is_said_and_nothing_is_lost(served_ledger: Ledger, place: Place) -> None:
    context = context_of(served_ledger, prefect="http://127.0.0.1:9/api")
    client = client_of(context, "ann")
    criteria = address_of(place.id, IS_CT).partition("criteria=")[2]
    page = client.get(f"/start?place={place.id}&criteria={criteria}")

    assert page.status_code == 200
    assert "does not answer" in page.text
    assert "the page keeps everything" in page.text
    assert client.get(address_of(place.id, IS_CT)).status_code == 200, "Build works"
    context.prefect.close()
