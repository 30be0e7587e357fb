"""Prefect or the ledger is away, a run is killed, a place changes: pages say what is, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import open_ledger
from dicom_sieve.errors import DicomSieveError
from dicom_sieve.ledger.database.outages import seconds_of
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web.address import pack, unpack
from dicom_sieve.web.app import SECONDS_AWAY
from dicom_sieve.web.prefect_api import PrefectApi, PrefectAwayError
from tests.screening.screenings import ct, one_of, sql
from tests.security.attacked_pages import (
    CT,
    GETS,
    LISTING,
    PASSWORD,
    PLACE,
    RUNNING,
    Attacked,
    attacked,
    crawl,
    fill,
    starts,
)
from tests.support.loopback import Silent, serving
from tests.support.postgres_of_own import Postgres, postgres_of_own
from tests.support.simulated_store import SimulatedStore
from tests.web.made import criteria_of
from tests.web.site import words

NEEDS_NO_LEDGER = {"/sign-in", "/health", "/health/live", "/health/ready", "/import"}
DATABASE_PASSWORD, SECRET_KEY, BLOCK_SECRET = "planted-database-password", "planted-secret-key", "planted-block-secret"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Attacked]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger, attacked(ledger) as made:
        fill(ledger)
        yield made


class TestPrefectAway:
    def test_what_was_asked_stays_in_the_form_and_nothing_is_on_record(self, site: Attacked) -> None:
        site.prefect.is_away = True
        before, client = site.changed(), site.client("mona")
        form = {"place": "1", "criteria": pack(CT), "name": "mine", "key": "k", "token": site.token("mona")}

        answer = client.post("/start", data=form)

        assert answer.status_code == 400
        assert "Prefect's server does not answer" in words(answer.text)
        assert f'name="criteria" value="{pack(CT)}"' in answer.text
        assert 'value="mine"' in answer.text
        assert site.changed() == before
        site.prefect.is_away = False
        assert client.post("/start", data=form).status_code == 303
        assert len(site.prefect.started) == 1

    @pytest.mark.parametrize("address", ["/places/add", f"/listing/{LISTING}", f"/runs/{RUNNING}", "/start?place=1"])
    def test_a_page_says_so(self, site: Attacked, address: str) -> None:
        site.prefect.is_away = True

        answer = site.client("adam").get(address)

        assert answer.status_code == 200
        assert "Prefect's server does not answer" in words(answer.text)

    @pytest.mark.parametrize("path", [f"/runs/{RUNNING}/stop", f"/listing/{LISTING}/stop"])
    def test_what_is_not_stopped_is_not_on_record_as_stopped(self, site: Attacked, path: str) -> None:
        site.prefect.is_away, before = True, site.changed()

        answer = site.client("adam").post(path, data={"token": site.token("adam")})

        assert answer.status_code == 503
        assert "Prefect's server does not answer" in words(answer.text)
        assert site.changed() == before

    def test_all_else_works(self, site: Attacked) -> None:
        site.prefect.is_away = True

        with site.client("mona") as client:
            statuses = {answer.status_code for _, answer in crawl(client, starts(), 60)}

        assert statuses <= {200, 303, 400, 403, 404}

    @pytest.mark.parametrize("path", ["/runs/x/stop", "/runs/..%2Fadmin/stop", "/runs/first/stop", "/listing/x/stop"])
    def test_nothing_but_a_flow_run_is_asked_of_it(self, site: Attacked, path: str) -> None:
        answer = site.client("adam").post(path, data={"token": site.token("adam")})

        assert answer.status_code in {400, 404, 405}
        assert site.prefect.states == []


@contextmanager
def server_that_says(status: int, body: bytes) -> Iterator[str]:
    """Run a server that gives one answer to everything; gives its address."""

    class Handler(Silent, BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that it calls

    with serving(Handler) as url:
        yield f"{url}/api"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Sign in</html>"),
        (302, b"moved"),
        (401, b'{"detail":"no"}'),
        (500, b"\xff"),
        (400, b"[]"),
        (404, b""),
    ],
)
def test_another_server_than_prefect_s_is_said(status: int, body: bytes) -> None:
    with server_that_says(status, body) as url:
        api = PrefectApi(url, PASSWORD)
        try:
            with pytest.raises(PrefectAwayError, match="Prefect's server") as told:
                api.blocks()
            _, away = api.blocks_or_why()
        finally:
            api.close()

    assert PASSWORD.partition(":")[2] not in str(told.value)
    assert away == str(told.value)


class TestLedgerAway:
    def test_a_file_that_is_gone_is_said_and_used_again_when_it_is_back(self, site: Attacked) -> None:
        file = Path(str(site.ledger.engine.url.database))
        away = file.with_name("away")
        with site.client("adam") as client:
            client.get("/places")
            file.rename(away)
            answers = {route.address: client.get(route.address) for route in GETS}
            change = {"token": site.token("adam"), "place": "1", "criteria": pack(CT), "do": "copy:0"}
            changed = client.post("/build", data=change)
            away.rename(file)
            after = {client.get(route.address).status_code for route in GETS}
            again = client.post("/build", data=change)

        needs = {address: answer for address, answer in answers.items() if address not in NEEDS_NO_LEDGER}
        assert {answer.status_code for answer in needs.values()} <= {503, 303, 200}
        assert sum(answer.status_code == 503 for answer in needs.values()) > 15
        for answer in (*needs.values(), changed):
            if answer.status_code == 503:
                assert "was deleted or moved" in words(answer.text)
                assert "data-again" in answer.text
        assert after <= {200, 303, 404}
        assert again.status_code == 303

    def test_pages_wait_less_than_runs_do(self, site: Attacked) -> None:
        assert seconds_of(site.ledger.engine) == SECONDS_AWAY


@pytest.fixture(scope="module")
def own(postgres_server: sa.URL) -> Iterator[Postgres]:
    with postgres_of_own() as server:
        yield server


@pytest.mark.needs_postgresql
@pytest.mark.timeout(180)
def test_a_server_that_is_killed_is_said_without_secrets_and_used_again(
    own: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    url = sa.make_url(own.url).set(password=DATABASE_PASSWORD).render_as_string(hide_password=False)
    texts = []
    with open_ledger(url) as ledger, attacked(ledger) as site:
        fill(ledger)
        ledger.wait_at_most(0.05)
        site.prefect.flow_runs[LISTING]["parameters"]["input_s3_parameters"] |= {"credentials": BLOCK_SECRET}
        site.prefect.flow_runs[RUNNING]["parameters"]["input_s3_parameters"] |= {"credentials": BLOCK_SECRET}
        with site.client("adam") as client:
            texts += [f"{answer.headers} {answer.text}" for _, answer in crawl(client, starts(), 100)]
            own.kill()
            answers = {route.address: client.get(route.address) for route in GETS}
            own.start()
            after = {client.get(route.address).status_code for route in GETS}
    texts += [f"{answer.headers} {answer.text}" for answer in answers.values()]

    assert {answer.status_code for answer in answers.values()} <= {200, 303, 503}
    assert answers["/health/ready"].json()["ledger"] == "away"
    pages = [answer for address, answer in answers.items() if address != "/health/ready"]
    away = [words(answer.text) for answer in pages if answer.status_code == 503]
    assert len(away) > 15
    assert all("cannot be reached" in text or "could not be reached" in text for text in away)
    assert after <= {200, 303, 404}
    secrets = (DATABASE_PASSWORD, SECRET_KEY, BLOCK_SECRET, PASSWORD.partition(":")[2], "block-1")
    assert [secret for secret in secrets if secret in "".join(texts) + caplog.text] == []


def test_a_run_that_was_killed_is_said(site: Attacked) -> None:
    store = SimulatedStore({"images/x": ct()}, location=PLACE)

    def die() -> None:
        with site.ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE lease SET expires_at = '2020-01-01 00:00:00'")
        seen.append(site.client("mona").get(f"/runs/{RUNNING}").text)

    seen: list[str] = []
    store.on_listed = die
    with suppress(DicomSieveError):  # it has lost its lease
        screen(Screening(RUNNING, store, one_of("CT")), site.ledger)

    assert len(seen) == 1
    assert "its process ended before the run did" in words(seen[0])
    assert "data-again" not in seen[0]
    assert "Change and run again" in seen[0]


class TestTwoTabs:
    def test_two_edits_of_one_person_do_not_disturb_each_other(self, site: Attacked) -> None:
        client, token = site.client("mona"), site.token("mona")
        tabs = [CT, [{**CT[0], "reference": ["MR"]}]]

        for _ in range(2):
            for number, cards in enumerate(tabs):
                form = {"token": token, "place": "1", "criteria": pack(cards), "do": "copy:0"}
                tabs[number] = criteria_of(client.post("/build", data=form).headers["location"])

        assert [[card["reference"] for card in cards] for cards in tabs] == [[["CT"]] * 3, [["MR"]] * 3]

    def test_the_second_to_save_a_name_is_told_and_may_save_the_next_version(self, site: Attacked) -> None:
        client, token = site.client("mona"), site.token("mona")
        forms = [
            {"token": token, "name": "kept", "version": "2", "criteria": pack([{**CT[0], "reference": [code]}])}
            for code in ("US", "PT")
        ]

        first, second = (client.post("/criteria/save", data=form) for form in forms)
        third = client.post("/criteria/save", data={**forms[1], "version": "3"})

        assert (first.status_code, second.status_code, third.status_code) == (303, 409, 303)
        assert "Version 3 was saved elsewhere" in words(second.text)
        assert f'name="criteria" value="{pack([{**CT[0], "reference": ["PT"]}])}"' in second.text
        saved = [site.ledger.criteria("kept", version).criteria[0]["reference"] for version in (3, 4)]
        assert saved == [["US"], ["PT"]]


class TestAPlaceThatChanges:
    def test_counts_are_those_of_the_newest_listing(self, site: Attacked) -> None:
        client, token = site.client("mona"), site.token("mona")
        address = f"/build?place=1&criteria={pack(CT)}"
        before = client.get(address).text

        more = {f"images/new/{number}.dcm": ct("1.2.9", f"1.2.9.{number}") for number in range(3)}
        screen(Screening("later", SimulatedStore(more, location=PLACE), one_of("CT")), site.ledger)
        form = {"token": token, "place": "1", "criteria": pack(CT), "do": "copy:0"}
        after = client.get(client.post("/build", data=form).headers["location"]).text

        assert "of 20 instances would pass" in words(before)
        assert "of 3 instances would pass" in words(after)

    def test_what_a_run_decided_stays_as_it_was(self, site: Attacked) -> None:
        with site.client("mona") as client:
            before = client.get("/runs/first/hand-on/series.csv?show=all").text
            screen(Screening("later", SimulatedStore({}, location=PLACE), one_of("CT")), site.ledger)
            after = client.get("/runs/first/hand-on/series.csv?show=all").text
            page = client.get("/runs/first").text

        assert before == after
        assert "14 of 20 instances passed" in words(page)

    def test_criteria_saved_meanwhile_are_there(self, site: Attacked) -> None:
        client = site.client("mona")
        assert "three" not in client.get("/criteria").text

        save_criteria(site.ledger.engine, "three", one_of("US"))

        assert "three" in client.get("/criteria").text
        assert unpack(pack(CT)) == CT
        assert sql(site.ledger, "SELECT count(*) FROM run") == [(2,)]
