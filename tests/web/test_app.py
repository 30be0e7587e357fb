"""Who is let in, what every answer says to the browser, and that forms from elsewhere change nothing."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger
from dicom_sieve.errors import SettingsError
from dicom_sieve.web import people
from dicom_sieve.web.every_answer import HEADERS
from dicom_sieve.web.pages import SESSION
from dicom_sieve.web.people import Role, Sessions, read_roles
from tests.web.made import CT_OR_MR, HEADER, PASSWORD, build_address, client_of, context_of, demo_ledger, token_of

PAGES = ("/places", "/build", "/explore", "/start?place=1")


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with demo_ledger(Path(tmp_path_factory.mktemp("web"))) as ledger:
        yield ledger


@pytest.fixture
def client(screened: Ledger) -> TestClient:
    return client_of(context_of(screened))


def sign_in(client: TestClient, password: str = PASSWORD, name: str = "Ann", to: str = "/") -> str | None:
    answer = client.post("/sign-in", data={"name": name, "password": password, "to": to})
    return answer.headers.get("location") if answer.status_code == 303 else None


class TestSignIn:
    @pytest.mark.parametrize("path", PAGES)
    def test_nothing_is_shown_before(self, client: TestClient, path: str) -> None:
        answer = client.get(path)

        assert answer.status_code == 303
        assert answer.headers["location"] == f"/sign-in?to={quote(path, safe='')}"
        assert "demo" not in answer.text

    def test_the_password_of_the_api_opens_all_and_leads_where_one_wanted_to_go(self, client: TestClient) -> None:
        assert sign_in(client, to="/places") == "/places"
        assert client.get("/places").status_code == 200
        assert client.cookies.get(SESSION)

    def test_the_part_behind_the_colon_is_enough(self, client: TestClient) -> None:
        assert sign_in(client, PASSWORD.partition(":")[2]) == "/"

    @pytest.mark.parametrize("password", ["", "a-password", PASSWORD + " x", "dicom-sieve:", "é"])
    def test_another_one_does_not(self, client: TestClient, password: str) -> None:
        assert sign_in(client, password) is None
        assert client.get("/places").status_code == 303

    @pytest.mark.parametrize(
        "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/\nx"]
    )
    def test_it_leads_to_no_other_server(self, client: TestClient, to: str) -> None:
        assert sign_in(client, to=to) == "/"

    def test_a_session_is_new_each_time_and_an_older_one_ends(self, client: TestClient) -> None:
        client.cookies.set(SESSION, "chosen-by-an-attacker")
        sign_in(client)
        first = next(cookie.value for cookie in client.cookies.jar if cookie.value != "chosen-by-an-attacker")
        client.cookies.clear()
        client.cookies.set(SESSION, str(first))
        sign_in(client)
        client.cookies.clear()
        client.cookies.set(SESSION, str(first))

        assert client.get("/places").status_code == 303

    def test_the_cookie_is_the_server_s_alone(self, client: TestClient) -> None:
        answer = client.post("/sign-in", data={"name": "Ann", "password": PASSWORD})
        cookie = answer.headers["set-cookie"].lower()

        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert PASSWORD not in cookie

    def test_signing_out_ends_the_session(self, client: TestClient) -> None:
        sign_in(client)
        token = token_of(client.get("/places").text)
        session = client.cookies.get(SESSION)
        client.post("/sign-out", data={"token": token})
        client.cookies.set(SESSION, str(session))

        assert client.get("/places").status_code == 303

    def test_too_many_wrong_ones_close_the_door_for_a_while(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(people.MOST_FAILURES):
            assert sign_in(client, "wrong") is None
        assert sign_in(client) is None

        monkeypatch.setattr(people, "SECONDS_OF_FAILURES", 0.0)
        assert sign_in(client) == "/"

    def test_sessions_have_an_end_and_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sessions = Sessions(PASSWORD)
        monkeypatch.setattr(people, "MOST_SESSIONS", 2)
        first, second, third = (sessions.sign_in(str(number), PASSWORD) for number in range(3))
        assert [sessions.find(key) is not None for key in (first, second, third)] == [False, True, True]
        monkeypatch.setattr(people, "SECONDS_SIGNED_IN", -1)
        assert sessions.find(sessions.sign_in("late", PASSWORD)) is None

    def test_without_a_password_everyone_may_do_everything(self, screened: Ledger) -> None:
        assert client_of(context_of(screened, password=None)).get("/places").status_code == 200


class TestProxy:
    @pytest.mark.parametrize(("name", "status"), [("ann", 200), ("bob", 200), ("eve", 200), ("nobody", 200)])
    def test_whom_it_names_is_signed_in(self, screened: Ledger, name: str, status: int) -> None:
        assert client_of(context_of(screened), name).get("/places").status_code == status

    @pytest.mark.parametrize("names", [["ann", "bob"], [""], ["a\tb"], ["x" * 65]])
    def test_what_is_no_one_name_is_nobody(self, screened: Ledger, names: list[str]) -> None:
        client = client_of(context_of(screened))
        headers = [(HEADER, name) for name in names]
        assert client.get("/places", headers=headers).status_code == 303

    def test_another_address_names_nobody(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "bob")
        client._transport.client = ("192.0.2.1", 1)  # type: ignore[attr-defined]
        assert client.get("/places").status_code == 303

    def test_roles_are_read_or_refused(self) -> None:
        assert read_roles("ann=manager, b=c=ADMIN,*=viewer") == {
            "ann": Role.MANAGER,
            "b=c": Role.ADMIN,
            "*": Role.VIEWER,
        }
        for text in ("ann", "ann=king", "=admin"):
            with pytest.raises(SettingsError, match="WEB_ROLES"):
                read_roles(text)


class TestForms:
    def test_one_without_the_session_s_token_changes_nothing(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "ann")
        right = token_of(client.get("/build?place=1").text)
        for data in ({}, {"token": ""}, {"token": right[:-1]}, {"token": [f"{right}x", right]}):
            assert client.post("/build", data={"do": "new:", **data}).status_code == 403
        assert client.post("/build", data={"do": "new:", "token": right, "place": "1"}).status_code == 303

    def test_another_s_token_does_not_do(self, screened: Ledger) -> None:
        context = context_of(screened)
        token = token_of(client_of(context, "bob").get("/places").text)
        assert client_of(context, "ann").post("/build", data={"do": "new:", "token": token}).status_code == 403

    def test_one_of_another_page_is_refused_by_its_origin(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "ann")
        token = token_of(client.get("/places").text)
        answer = client.post("/build", data={"do": "new:", "token": token}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403

    def test_a_name_that_is_not_the_server_s_is_refused(self, client: TestClient) -> None:
        assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 403

    def test_one_without_a_length_or_too_long_is_refused(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "ann")

        def endless() -> Iterator[bytes]:
            yield b"token=x"

        assert client.post("/build", content=endless()).status_code == 403
        assert client.post("/build", content=b"x" * (4 * 1024 * 1024 + 1)).status_code == 403


class TestEveryAnswer:
    @pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/nothing", "/static/pages.css", "/static/../app.py"])
    def test_allows_no_script_of_others_and_no_frame(self, screened: Ledger, path: str) -> None:
        answer = client_of(context_of(screened), "ann").get(path)

        for name, value in HEADERS.items():
            if not (name == "Cache-Control" and "/static/" in path):
                assert answer.headers[name] == value
        assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
        for inline in ("<style", " style=", "<script>", " onclick=", "javascript:"):
            assert inline not in answer.text

    @pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"])
    def test_files_of_others_are_not_given(self, screened: Ledger, path: str) -> None:
        assert client_of(context_of(screened), "ann").get(path).status_code == 404

    def test_a_place_or_an_address_that_is_not_there_is_said(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "ann")
        assert "no location of the number 77" in client.get("/build?place=77").text
        for path in ("/build?place=x", "/start?place=x", "/start?place=" + "9" * 40, "/explore?place=-1"):
            assert client.get(path).status_code == 404, path
        answer = client.get("/build?place=1&criteria=xyz")
        assert answer.status_code == 400
        assert "a link as it was copied" in answer.text

    def test_what_comes_from_outside_is_escaped(self, screened: Ledger) -> None:
        evil = "<img src=x onerror=alert(1)>"
        card = {**CT_OR_MR, "reference": [evil]}
        client = client_of(context_of(screened), "ann")
        for address in (
            build_address(1, [card], open="0", tab="json", name=quote(evil), search=quote(evil)),
            f"/explore?place=1&attribute=Modality&search={quote(evil)}",
        ):
            page = client.get(address).text
            assert evil not in page
            assert "&lt;img" in page


class TestRoles:
    def test_a_viewer_sees_counts_and_no_rare_value(self, screened: Ledger) -> None:
        context = context_of(screened)
        address = "/explore?place=1&attribute=Modality"
        of_manager, of_viewer = (client_of(context, name).get(address).text for name in ("ann", "eve"))

        assert ">CT<" in of_manager
        assert ">CT<" in of_viewer
        assert ">RTSTRUCT<" in of_manager
        assert ">RTSTRUCT<" not in of_viewer
        assert "too rare to be told apart" in of_viewer

    def test_a_viewer_starts_nothing(self, screened: Ledger) -> None:
        client = client_of(context_of(screened), "eve")
        token = token_of(client.get("/places").text)
        assert client.get("/start?place=1").status_code == 403
        assert client.post("/start", data={"token": token, "place": "1"}).status_code == 403
