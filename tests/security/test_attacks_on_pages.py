"""Attacks on the pages: forms of elsewhere, answers in frames, other people's sessions, addresses of other servers."""

import html
import re
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import unquote

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.web import people
from dicom_sieve.web.address import pack
from dicom_sieve.web.every_answer import HEADERS
from dicom_sieve.web.pages import SESSION
from dicom_sieve.web.people import Person, Role, is_right
from dicom_sieve.web.watching import METRICS
from tests.security.attacked_pages import (
    CT,
    GETS,
    LISTING,
    PASSWORD,
    PATIENT,
    PEOPLE,
    PLANTED,
    POSTS,
    ROUTES,
    RUNNING,
    STUDY_DATE,
    Attacked,
    Route,
    attacked,
    crawl,
    fill,
    starts,
)
from tests.web.site import HEADER, ROLES

FORMS = {
    "/places/add": {"bucket": "new", "key": "k"},
    "/start": {"place": "1", "criteria": pack(CT), "key": "k"},
    "/criteria/save": {"criteria": pack(CT), "name": "saved"},
    "/build": {"place": "1", "criteria": pack(CT), "do": "new:"},
    "/import": {"tool": "dcm2bids", "text": "{}"},
    "/theme": {"theme": "dark", "to": "/places"},
    "/language": {"language": "en", "to": "/places"},
    "/sign-out": {},
    "/sign-in": {"name": "Ann", "password": PASSWORD},
    "/runs/{run_id}/stop": {},
    "/listing/{run_id}/stop": {},
}
"""What the pages send, so that only who sends it can be wrong."""
EVIL = "https://evil.example"
MAY = {
    "/places/add": Role.ADMIN,
    "/listing/{run_id}": Role.MANAGER,
    "/listing/{run_id}/stop": Role.ADMIN,
    "/near": Role.MANAGER,
    "/start": Role.MANAGER,
    "/runs/{run_id}/trace": Role.MANAGER,
    "/runs/{run_id}/stop": Role.MANAGER,
    "/runs/{run_id}/picture/{series}": Role.MANAGER,
    "/runs/{run_id}/hand-on/{name}": Role.MANAGER,
    "/criteria/save": Role.MANAGER,
    "/history": Role.MANAGER,
    "/places": Role.VIEWER,
    "/explore": Role.VIEWER,
    "/build": Role.VIEWER,
    "/runs": Role.VIEWER,
    "/runs/{run_id}": Role.VIEWER,
    "/criteria": Role.VIEWER,
    "/criteria/{name}": Role.VIEWER,
    "/compare": Role.VIEWER,
    "/import": Role.VIEWER,
    "/": Role.VIEWER,
    "/sign-out": Role.VIEWER,
    "/theme": Role.VIEWER,
    "/language": Role.VIEWER,
    "/static/charts.css": None,
    "/sign-in": None,
    "/health": None,
    "/health/live": None,
    "/health/ready": None,
    METRICS: Role.VIEWER,
}
"""The least role that a page is for; None: it is for everyone. A new route must be put here."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    with (
        open_ledger(f"sqlite:///{tmp_path_factory.mktemp('attacked') / 'ledger.db'}") as ledger,
        attacked(ledger) as made,
    ):
        fill(ledger)
        yield made


@pytest.fixture
def signed_out(site: Attacked) -> Iterator[Attacked]:
    """The same pages, without what others did before: no session, no wrong password."""
    with attacked(site.ledger) as made:
        yield made


def form_of(route: Route) -> dict[str, str]:
    return dict(FORMS[route.path])


class TestForms:
    @pytest.mark.parametrize("route", [each for each in POSTS if each.path != "/sign-in"], ids=str)
    def test_a_form_of_elsewhere_changes_nothing(self, site: Attacked, route: Route) -> None:
        client, own, others = site.client("adam"), site.token("adam"), site.token("mona")
        before = site.changed()
        lies: list[tuple[dict[str, str | list[str]], dict[str, str]]] = [
            ({}, {}),
            ({"token": ""}, {}),
            ({"token": others}, {}),
            ({"token": [others, own]}, {}),
            ({"token": own[:-1]}, {}),
            ({"token": own}, {"Origin": EVIL}),
            ({"token": own}, {"Origin": "null"}),
            ({"token": own}, {"Origin": "http://localhost.evil.example"}),
            ({"token": own}, {"Origin": "http://localhost@evil.example"}),
            ({"token": own}, {"Host": "evil.example"}),
        ]

        statuses = [
            client.post(route.address, data={**form_of(route), **data}, headers=headers).status_code
            for data, headers in lies
        ]

        assert statuses == [403] * len(lies)
        assert site.changed() == before

    @pytest.mark.parametrize("route", [each for each in POSTS if each.path != "/sign-in"], ids=str)
    def test_a_token_in_the_address_is_none(self, site: Attacked, route: Route) -> None:
        token = site.token("adam")

        answer = site.client("adam").post(f"{route.address}?token={token}", data=form_of(route))

        assert answer.status_code == 403

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
    def test_what_is_no_form_of_a_page_changes_nothing(self, site: Attacked, kind: str) -> None:
        before, token = site.changed(), site.token("adam")
        body = f'{{"token": "{token}", "bucket": "new"}}'

        answer = site.client("adam").post("/places/add", content=body, headers={"Content-Type": kind})

        assert answer.status_code == 403
        assert site.changed() == before

    def test_nobody_is_signed_in_by_a_page_of_elsewhere(self, signed_out: Attacked) -> None:
        answer = signed_out.client().post("/sign-in", data=FORMS["/sign-in"], headers={"Origin": EVIL})

        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("name", ROLES)
    def test_what_is_only_looked_at_changes_nothing(self, site: Attacked, name: str) -> None:
        before = site.changed()

        seen = [answer.status_code for _, answer in crawl(site.client(name), starts())]

        assert seen.count(200) > 30
        assert site.changed() == before

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "GET", "HEAD"])
    def test_another_method_does_nothing(self, site: Attacked, method: str) -> None:
        before, token, client = site.changed(), site.token("adam"), site.client("adam")
        declared = {(route.method, route.path) for route in ROUTES}
        others = [route for route in ROUTES if (method, route.path) not in declared]
        assert others

        for route in others:
            data = {**FORMS.get(route.path, {}), "token": token}
            answer = client.request(method, route.address, data=data)
            assert answer.status_code in {404, 405}, f"{method} {route.address}"
        assert site.changed() == before


class TestEveryAnswer:
    """An answer may be a page, a refusal or a file: each says to the browser what it may do with it."""

    @pytest.mark.parametrize("name", PEOPLE)
    def test_every_route_says_it(self, site: Attacked, name: str) -> None:
        for route in ROUTES:
            answer = site.client(name).request(route.method, route.address)
            self.check(answer.headers, str(route))

    @pytest.mark.parametrize(
        ("method", "address", "headers", "status"),
        [
            ("GET", "/nothing", {}, 404),
            ("GET", "/runs/none", {}, 404),
            ("GET", "/build?place=77", {}, 404),
            ("DELETE", "/places", {}, 403),
            ("HEAD", "/places", {}, 405),
            ("GET", "/build?criteria=x", {}, 400),
            ("GET", "/places", {"Host": "evil.example"}, 403),
            ("GET", "/places", {"Origin": EVIL}, 403),
            ("GET", "/static/none.css", {}, 404),
            ("GET", "/static/../app.py", {}, 404),
            ("POST", "/static/pages.css", {}, 403),
            ("POST", "/build", {"Content-Length": "9999999999"}, 403),
        ],
    )
    def test_refusals_say_it(
        self, site: Attacked, method: str, address: str, headers: dict[str, str], status: int
    ) -> None:
        answer = site.client("adam").request(method, address, headers=headers)

        assert answer.status_code == status
        self.check(answer.headers, address)

    def test_a_page_that_fails_says_it_and_tells_nothing_of_why(
        self, site: Attacked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError(PLANTED[0])

        monkeypatch.setattr("dicom_sieve.web.runs.list_places", fail)

        answer = site.client("adam").get("/runs")

        assert answer.status_code == 500
        assert "This page failed" in answer.text
        assert PLANTED[0] not in answer.text + caplog.text
        assert "RuntimeError in /runs" in caplog.text
        self.check(answer.headers, "/runs")

    @pytest.mark.parametrize("path", ["pages.css", "pages.js", "mark.svg"])
    def test_files_of_the_package_may_be_kept_and_nothing_else(self, site: Attacked, path: str) -> None:
        answer = site.client().get(f"/static/{path}")

        assert answer.status_code == 200
        self.check({**answer.headers, "Cache-Control": "no-store"}, path)
        assert answer.headers["cache-control"] == "no-cache"

    def test_a_version_was_saved_meanwhile_says_it(self, site: Attacked) -> None:
        form = {"criteria": pack(CT), "name": "kept", "version": "1", "token": site.token("mona")}

        answer = site.client("mona").post("/criteria/save", data=form)

        assert answer.status_code == 409
        self.check(answer.headers, "/criteria/save")

    def test_what_is_downloaded_is_a_file_of_a_plain_name(self, site: Attacked) -> None:
        downloads = [route.address for route in GETS if route.path.endswith("/hand-on/{name}")]
        assert len(downloads) == 6

        for address in downloads:
            answer = site.client("mona").get(address)
            assert answer.status_code == 200, address
            said = answer.headers["content-disposition"]
            assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9._%-]+", said), said

    def test_no_policy_allows_what_is_written_into_a_page(self) -> None:
        policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))

        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy[name] for name in policy if name.endswith("-src") and name != "default-src"} == {"'self'"}
        assert policy["form-action"] == "'self'"

    @staticmethod
    def check(headers: object, of: str) -> None:
        given = {name.lower(): value for name, value in dict(headers).items()}  # type: ignore[call-overload]
        for name, value in HEADERS.items():
            if not (name == "Cache-Control" and "/static/" in of):
                assert given.get(name.lower()) == value, f"{of}: {name}"


class TestSigningIn:
    def sign_in(self, site: Attacked, cookie: str = "", **form: str) -> tuple[str, str]:
        """Sign in; give where that leads to, and the session."""
        client = site.client()
        if cookie:
            client.cookies.set(SESSION, cookie)
        answer = client.post("/sign-in", data={"name": "Ann", "password": PASSWORD, **form})
        set_ = SimpleCookie(answer.headers.get("set-cookie", ""))
        return answer.headers.get("location", ""), set_[SESSION].value if SESSION in set_ else ""

    def is_in(self, site: Attacked, session: str) -> bool:
        client = site.client()
        client.cookies.set(SESSION, session)
        return client.get("/places").status_code == 200

    def test_a_session_that_somebody_else_chose_is_not_kept(self, signed_out: Attacked) -> None:
        _, session = self.sign_in(signed_out, cookie="chosen")

        assert session not in ("", "chosen")
        assert self.is_in(signed_out, session)
        assert not self.is_in(signed_out, "chosen")

    def test_signing_in_again_ends_the_session_before(self, signed_out: Attacked) -> None:
        _, first = self.sign_in(signed_out)
        _, second = self.sign_in(signed_out, cookie=first)

        assert (self.is_in(signed_out, first), self.is_in(signed_out, second)) == (False, True)

    def test_a_session_ends_after_its_time(self, signed_out: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
        _, session = self.sign_in(signed_out)
        now = time.monotonic()
        assert self.is_in(signed_out, session)

        monkeypatch.setattr("dicom_sieve.web.people.time.monotonic", lambda: now + people.SECONDS_SIGNED_IN + 1)

        assert not self.is_in(signed_out, session)

    @pytest.mark.parametrize(
        ("headers", "address", "is_secure"),
        [
            ({}, "127.0.0.1", False),
            ({"X-Forwarded-Proto": "http"}, "127.0.0.1", False),
            ({"X-Forwarded-Proto": "https"}, "127.0.0.1", True),
            ({"X-Forwarded-Proto": "https"}, "192.0.2.1", False),
            ({"X-Forwarded-Proto": "https,http"}, "127.0.0.1", False),
        ],
    )
    @pytest.mark.parametrize("name", ["session", "theme", "language", "place"])
    def test_every_cookie_is_this_server_s_alone_and_by_tls_where_that_is_used(
        self, signed_out: Attacked, name: str, headers: dict[str, str], address: str, is_secure: bool
    ) -> None:
        client = signed_out.client(client=(address, 1))
        answer = client.post("/sign-in", data=FORMS["/sign-in"], headers=headers)
        client.cookies.clear()
        client.cookies.set(SESSION, SimpleCookie(answer.headers["set-cookie"])[SESSION].value)
        if name in {"theme", "language"}:
            [token] = set(re.findall(r'name="token" value="([^"]+)"', client.get("/places").text))
            answer = client.post(f"/{name}", data={"token": token, name: "en"}, headers=headers)
        if name == "place":
            answer = client.get("/build?place=1", headers=headers)

        said = answer.headers["set-cookie"].lower()

        assert "httponly" in said
        assert "samesite=lax" in said
        assert "domain" not in said
        assert ("; secure" in said) is is_secure

    def test_wrong_passwords_are_not_told_apart(self, signed_out: Attacked) -> None:
        user, _, own = PASSWORD.partition(":")
        wrong = ["x", user, f"{user}:", f"{user}:{own}x", f"x:{own}", f" : {own}", own[:-1], own.upper(), "\0", ":"]
        assert len(wrong) == people.MOST_FAILURES

        texts = {signed_out.client().post("/sign-in", data={"name": "A", "password": each}).text for each in wrong}
        late = signed_out.client().post("/sign-in", data={"name": "A", "password": PASSWORD})

        assert texts == {late.text}
        assert late.status_code == 403

    @pytest.mark.parametrize("password", ["secret", "user:secret", "user:", ":", "user"])
    def test_nothing_is_no_password(self, password: str) -> None:
        assert not is_right("", password)
        assert is_right(password, password)

    def test_a_password_of_no_colon_is_not_opened_by_nothing(self, site: Attacked) -> None:
        with attacked(site.ledger, "secret") as made:
            for password in ("", " ", ":"):
                answer = made.client().post("/sign-in", data={"name": "A", "password": password})
                assert answer.status_code == 403

    @pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "127.0.0.2", "testclient", ""])
    def test_a_name_is_believed_from_the_proxy_alone(self, site: Attacked, address: str) -> None:
        answer = site.client("adam", client=(address, 1)).get("/places")

        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")

    @pytest.mark.parametrize(
        "names", [["adam", "adam"], ["vera", "adam"], [""], ["adam\x00"], ["adam\x7f"], ["a" * 65], ["\u202eadam"]]
    )
    def test_what_is_no_one_name_is_nobody(self, site: Attacked, names: list[str]) -> None:
        headers = [(HEADER.encode(), name.encode("utf-8")) for name in names]

        assert site.client().get("/places", headers=headers).status_code == 303

    def test_names_in_one_header_are_no_admin(self, site: Attacked) -> None:
        assert site.client().get("/places/add", headers={HEADER: "vera, adam"}).status_code == 403

    def test_a_person_is_shown_without_their_token(self) -> None:
        assert "planted" not in repr(Person("ann", Role.ADMIN, "planted"))

    @pytest.mark.parametrize(
        "to",
        [
            EVIL,
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            " //evil.example",
            "/places\r\nSet-Cookie: a=b",
            "/places\n",
            "\0/places",
            "",
        ],
    )
    def test_it_leads_to_no_other_server(self, signed_out: Attacked, to: str) -> None:
        client, token = signed_out.client("vera"), signed_out.token("vera")
        asked = client.get("/sign-in", params={"to": to}).text
        led = [
            self.sign_in(signed_out, to=to)[0],
            *(
                client.post(path, data={"token": token, "to": to}).headers["location"]
                for path in ("/theme", "/language")
            ),
            *(html.unescape(each) for each in re.findall(r'name="to" value="([^"]*)"', asked)),
        ]

        # The form of the theme leads back to the page that was asked for: an address of this server that says `to`.
        assert {each for each in led if not each.startswith("/sign-in?to=")} == {"/"}

    @pytest.mark.parametrize(
        "to", ["/%2F/evil.example", "/%5Cevil.example", "/.//evil.example", "/runs?a=//evil.example"]
    )
    def test_an_address_of_this_server_stays_one(self, signed_out: Attacked, to: str) -> None:
        location, _ = self.sign_in(signed_out, to=to)

        assert re.match(r"/[^/\\]", location)

    @pytest.mark.parametrize("address", ["//evil.example/places", "/\\evil.example", "/%2F%2Fevil.example"])
    def test_who_is_not_signed_in_is_sent_to_no_other_server(self, signed_out: Attacked, address: str) -> None:
        location = signed_out.client().get(f"http://localhost{address}").headers["location"]

        assert location.startswith("/sign-in?to=%2F")
        page = signed_out.client().get(location).text
        [to] = re.findall(r'name="to" value="([^"]*)"', page)
        assert re.match(r"/([^/\\]|$)", html.unescape(to))


class TestRoles:
    def test_every_route_is_in_the_table(self) -> None:
        assert {route.path for route in ROUTES} == MAY.keys()

    @pytest.mark.parametrize("name", PEOPLE)
    @pytest.mark.parametrize("route", ROUTES, ids=str)
    def test_a_route_is_for_its_role_and_those_above(self, signed_out: Attacked, route: Route, name: str) -> None:
        least, before = MAY[route.path], signed_out.changed()
        is_allowed = least is None or (name != "" and ROLES[name] >= least)
        client = signed_out.client(name)
        token = signed_out.token(name) if name else ""
        data = {**form_of(route), "token": token} if route.method == "POST" else None
        params = {"place": "1", "criteria": pack(CT)} if route.method == "GET" and "{" not in route.path else None

        answer = client.request(route.method, route.address, data=data, params=params)

        if is_allowed:
            assert answer.status_code in {200, 303, 400}, answer.text
            assert "/sign-in?to=" not in answer.headers.get("location", "")
        elif name == "" and route.path == METRICS:  # for programs, which do not sign in
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="dicom-sieve"')
        elif name == "":
            assert answer.headers["location"].startswith("/sign-in?to=")
        else:
            assert answer.status_code == 403
            assert f"needs the role {least.name.lower() if least else ''}" in answer.text
        assert is_allowed or signed_out.changed() == before

    def test_a_viewer_sees_no_value_of_a_patient(self, site: Attacked) -> None:
        manager = site.client("mona")
        addresses = [address for address, _ in crawl(manager, starts(), 90)]
        seen = set()
        for address, answer in crawl(site.client("vera"), [*starts(), *addresses], 160):
            seen.add(address)
            page = html.unescape(answer.text)
            asked = unquote(address)  # what an address says already, its page may repeat
            assert [value for value in PLANTED if value in page and value not in asked] == [], address
        assert len(seen) > 100

    def test_a_manager_sees_them(self, site: Attacked) -> None:
        pages = "".join(answer.text for _, answer in crawl(site.client("mona"), starts(), 90))

        # The first is kept as a digest, so nobody sees it; days are written with dashes.
        assert [value for value in PLANTED if value not in pages] == [PATIENT, STUDY_DATE]

    def test_a_viewer_finds_no_rare_value_by_searching(self, site: Attacked) -> None:
        for attribute, text in (
            ("SeriesDescription", "Planted"),
            ("BodyPartExamined", "PLANTED"),
            ("StudyDate", "1931"),
        ):
            page = site.client("vera").get(f"/explore?place=1&attribute={attribute}&search={text}").text
            assert not re.search(rf">[^<]*{text}[^<]*<", page), attribute

    def test_what_a_viewer_may_not_do_is_not_offered(self, site: Attacked) -> None:
        pages = "".join(answer.text for _, answer in crawl(site.client("vera"), ["/places", "/runs", "/build"], 60))

        for address in ("/places/add", "/start", "/hand-on/", "/picture/", "/history", RUNNING + "/stop", LISTING):
            assert address not in pages, address
