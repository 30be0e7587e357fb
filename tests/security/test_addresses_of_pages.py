"""Addresses and forms that say anything: each is answered, and none is a failure of the server."""

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection

from dicom_sieve import open_ledger
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web import address, edit
from dicom_sieve.web.shape import MOST_CARDS
from tests.security.attacked_pages import CT, GETS, POSTS, Attacked, attacked, fill, packed_text, starts

MARKUP = "'\"%_\\../..{{7*7}}<script>"
ODD = ("\0", "-1", "9" * 18, "1e999", "x" * 5_000, MARKUP)
"""What any parameter of an address may be."""
MORE = dict.fromkeys(("a", "b"), ("run:\0", f"run:{MARKUP}", "saved:kept@9", "saved:\0@1", "edit"))
NO_TEXT = "%ED%A0%80%FF"
"""Bytes that are no UTF-8: half of a pair of surrogates, and one more."""
[LEAF] = CT
STEPS: tuple[str, ...] = (
    "add:0",
    "add:",
    "set:0",
    "set:0.0",
    "pass:0",
    "remove:0.0",
    "copy:0.0",
    "up:0",
    "group:0",
    "out:0.0",
)
STEPS += ("join:0", "kind:0", "choose:", "new:")


class Recorded(QueryParams):
    """What an address says, which tells what it is asked for."""

    names: set[str]

    def get(self, key: Any, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)

    def getlist(self, key: Any) -> list[Any]:
        self.names.add(key)
        return super().getlist(key)

    def __contains__(self, key: object) -> bool:
        self.names.add(str(key))
        return super().__contains__(key)


class RecordedForm(dict[str, list[str]]):
    """What a form says, which tells what it is asked for."""

    names: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('addresses') / 'ledger.db'}"
    else:
        url = request.getfixturevalue("postgres_database")
    with open_ledger(url) as ledger, attacked(ledger) as made:
        fill(ledger)
        yield made


@pytest.fixture(scope="module")
def parameters(site: Attacked) -> Mapping[str, set[str]]:
    """The names that each page asks an address for, as it does so."""
    found: dict[str, set[str]] = defaultdict(set)
    paths = [""]

    def query_params(connection: HTTPConnection) -> QueryParams:
        made = Recorded(connection.scope["query_string"])
        made.names = found[paths[0]]
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnection, "query_params", property(query_params))
        client = site.client("adam")
        for start in starts():
            paths[0] = start.partition("?")[0]
            client.get(start)
    return found


@pytest.fixture(scope="module")
def fields(site: Attacked) -> Mapping[str, set[str]]:
    """The names that each page asks a form for."""
    found: dict[str, set[str]] = defaultdict(set)
    paths = [""]

    def read(*arguments: Any, **named: Any) -> RecordedForm:
        made = RecordedForm(parse_qs(*arguments, **named))
        made.names = found[paths[0]]
        return made

    def change(cards: Any, action: str, form: Any) -> edit.Change:
        made = RecordedForm(form)
        made.names = found[paths[0]]
        return original(cards, action, made)

    original = edit.change
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dicom_sieve.web.app.parse_qs", read)
        patch.setattr(edit, "change", change)
        client, token = site.client("adam"), site.token("adam")
        for route in POSTS:
            for action in STEPS if route.path == "/build" else ("",):
                paths[0] = route.address
                data = {"place": "1", "criteria": address.pack([{"any": CT}]), "do": action, "token": token}
                client.post(route.address, data=data)
    return found


def test_what_pages_ask_for_is_found(parameters: Mapping[str, set[str]], fields: Mapping[str, set[str]]) -> None:
    assert {"place", "criteria", "open", "tab", "search", "name", "version"} <= parameters["/build"]
    assert {"find", "sort", "columns", "from", "series", "object", "by"} <= parameters["/runs/first"]
    assert {"a", "b", "change", "start"} <= parameters["/compare"]
    assert {"bucket", "endpoint", "credentials", "token"} <= fields["/places/add"]
    assert {"do", "card", "attribute", "value", "bar", "into", "kind", "per"} <= fields["/build"]


def test_any_value_of_any_parameter_is_answered(site: Attacked, parameters: Mapping[str, set[str]]) -> None:
    failed = []
    with site.client("adam") as client:
        for path, names in parameters.items():
            usual = {"place": "1"} if "place" in names else {}
            usual |= {"criteria": address.pack(CT)} if "criteria" in names else {}
            for name in sorted(names):
                others = "&".join(f"{key}={value}" for key, value in usual.items() if key != name)
                for value in [*map(quote, (*ODD, *MORE.get(name, ()))), NO_TEXT]:
                    answer = client.get(f"{path}?{others}&{name}={value}")
                    if answer.status_code >= 500:
                        failed.append(f"{path} {name}={value[:30]}: {answer.status_code}")
    assert failed == []


def test_any_value_of_any_field_is_answered(site: Attacked, fields: Mapping[str, set[str]]) -> None:
    failed = []
    with site.client("adam") as client:
        for path, names in fields.items():
            usual = {"token": site.token("adam"), "place": "1", "criteria": address.pack([{"any": CT}]), "name": "odd"}
            usual |= {"do": "set:0.0", "bucket": "b", "tool": "dcm2niix", "text": "{}", "key": "odd"}
            for name in sorted(names - {"token"}):
                others = "&".join(f"{key}={quote(value)}" for key, value in usual.items() if key != name)
                for value in [*map(quote, ODD), NO_TEXT]:
                    answer = client.post(path, content=f"{others}&{name}={value}")
                    if answer.status_code >= 500:
                        failed.append(f"{path} {name}={value[:30]}: {answer.status_code}")
    assert failed == []


@pytest.mark.parametrize("value", [*ODD, "9" * 400, "\u202e", ".", "..", "first\0"])
def test_any_part_of_a_path_is_answered(site: Attacked, value: str) -> None:
    with site.client("adam") as client:
        for route in GETS:
            for usual in ("first", "kept", "1.2.7731.5", "criteria.json"):
                if f"/{usual}" in route.address:
                    answer = client.get(route.address.replace(f"/{usual}", f"/{quote(value, safe='')}"))
                    assert answer.status_code in {303, 400, 404, 200}, f"{route} {value[:20]}"


def nested(kind: str, levels: int) -> str:
    return f"[{f'{{{chr(34)}{kind}{chr(34)}:[' * levels}{json.dumps(LEAF)}{']}' * levels}]"


def leaf(**members: str) -> str:
    """Write a criterion of which some members are any JSON."""
    return (
        "[{"
        + ",".join(
            f'"{name}":{text}' for name, text in {**{k: json.dumps(v) for k, v in LEAF.items()}, **members}.items()
        )
        + "}]"
    )


REFUSED = {
    "number": "5",
    "text": '"x"',
    "object": "{}",
    "members": "[5]",
    "not a number": leaf(reference="NaN"),
    "infinite": leaf(reference="-Infinity"),
    "too large for a number": leaf(reference="1e999"),
    "too many digits": leaf(reference="9" * 5_000),
    "a group of a number": '[{"any":5}]',
    "a group of nothing": '[{"any":null}]',
    "a group of an object": '[{"any":{"x":1}}]',
    "a group of a text": '[{"all":"abc"}]',
    "a group of numbers": '[{"none":[5]}]',
    "two groups in one": '[{"any":[],"all":5}]',
    "no operation but a list": leaf(operation="[]"),
    "no operation but an object": leaf(operation="{}"),
    "no measure but a list": '[{"measure":[],"operation":"IN"}]',
    "no VR but a list": '[{"private_creator":"X","vr":[],"dicom_tag":["0009","1001"],"operation":"IN"}]',
    "choose a text": '[{"choose":"x"}]',
    "half a pair": leaf(reference='["\\ud800"]'),
    "half a pair in a name": '[{"\\udfff":1}]',
    "four groups deep": nested("any", 4),
    "900 groups deep": nested("any", 900),
    "5,000 groups deep": nested("all", 5_000),
    "a deep list": "[" * 100_000,
    "a deep reference": leaf(reference="[" * 900 + "]" * 900),
    "many cards": f"[{','.join(['{}'] * 300_000)}]",
    "many cards in a group": f'[{{"any":[{",".join(["{}"] * 200_000)}]}}]',
    "a few too many": json.dumps(CT * (MOST_CARDS + 1)),
    "many references": leaf(reference=json.dumps(["x"] * 90_000)),
    "spaces": f"[{' ' * 50_000_000}]",
}
"""No page can work with these."""
ODD_CARDS = {
    "no members": "[{}]",
    "no operation": '[{"dicom_tag":["0008","0060"]}]',
    "an unknown operation": leaf(operation='"XX"'),
    "no attribute": '[{"operation":"IN","reference":["CT"]}]',
    "a number for a tag": leaf(dicom_tag="5"),
    "an object for a tag": leaf(dicom_tag='{"a":[]}'),
    "three parts of a tag": leaf(dicom_tag='["0008","0060","x"]'),
    "an unknown measure": '[{"measure":"X","operation":"IN","reference":["a"]}]',
    "references of every kind": leaf(reference='[["a"],{"b":1},3,null,true]'),
    "an object for a reference": leaf(reference='{"a":1}'),
    "members twice": '[{"dicom_tag":["0008","0060"],"dicom_tag":["0018","0050"],"operation":"IN","operation":"LESS"}]',
    "NUL": leaf(reference='["\\u0000"]'),
    "NUL of what identifies": leaf(dicom_tag='["0010","0020"]', reference='["\\u0000"]'),
    "a number without an end": leaf(dicom_tag='["0018","0050"]', operation='"LESS"', reference='"1e999999999"'),
    "a number of many digits": leaf(dicom_tag='["0018","0050"]', operation='"LESS"', reference="9" * 4_000),
    "a number of a value": leaf(value="99999999999999999999999"),
    "a list of a value": leaf(value="[]"),
    "within a number": leaf(within="5"),
    "many stars": leaf(dicom_tag='["0008","103e"]', operation='"MATCHES"', reference=json.dumps(["*a" * 2_000])),
    "an empty group": '[{"any":[]}]',
    "steps alone": '[{"choose":{}},{"unit":[]}]',
    "a choice of nothing": f'[{json.dumps(LEAF)},{{"choose":{{"one":[],"per":{{}},"prefer":5}}}}]',
    "as many as a page takes": json.dumps([{**LEAF, "reference": [str(number)]} for number in range(MOST_CARDS)]),
}
"""Pages show these, and say at each what is wrong."""
ON_EACH = [pytest.param("sqlite", text, id=name) for name, text in ODD_CARDS.items()] + [
    pytest.param("postgresql", text, id=f"{name}, PostgreSQL", marks=pytest.mark.needs_postgresql)
    for name, text in ODD_CARDS.items()
    if "NUL" in name  # which is a text for one of the databases alone
]
PAGES = (
    "/build?place=1&open=0&",
    "/build?place=1&open=0.0&tab=json&",
    "/start?place=1&",
    "/criteria/save?",
    "/compare?place=1&a=edit&b=run:first&",
    "/near?place=1&criterion=1&",
)


class TestCriteriaInAnAddress:
    @pytest.mark.parametrize("site", ["sqlite"], indirect=True, scope="module")
    @pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
    def test_what_no_page_can_work_with_is_refused_by_each(self, site: Attacked, text: str) -> None:
        packed, token = packed_text(text), site.token("mona")
        with site.client("mona") as client:
            statuses = [client.get(f"{page}criteria={packed}").status_code for page in PAGES if len(packed) < 60_000]
            typed = {"token": token, "do": "json:", "json": text[:3_000_000]}
            statuses.append(client.post("/build", data=typed).status_code)
            statuses.append(client.post("/build", data={"token": token, "do": "up:0", "criteria": packed}).status_code)

        # The form for a name is shown all the same, with what is wrong.
        assert {
            status for page, status in zip((*PAGES, "", ""), statuses[-8:], strict=False) if "save" not in page
        } == {400}
        assert set(statuses) <= {200, 400}

    @pytest.mark.parametrize(("site", "text"), ON_EACH, indirect=["site"], scope="module")
    def test_what_makes_no_sense_is_answered_by_each(self, site: Attacked, text: str) -> None:
        packed = packed_text(text)
        form = {"token": site.token("mona"), "place": "1", "criteria": packed, "attribute": "Modality", "into": "0"}
        form |= {"kind": "all", "bar": "2020", "per": "STUDY", "prefer": "as it is", "value": "20"}
        with site.client("mona") as client:
            answers = {page: client.get(f"{page}criteria={packed}").status_code for page in PAGES}
            steps = STEPS if len(text) < 20_000 else STEPS[:1]
            answers |= {step: client.post("/build", data={**form, "do": step}).status_code for step in steps}
            answers |= {path: client.post(path, data=form).status_code for path in ("/start", "/criteria/save")}

        assert {step: status for step, status in answers.items() if status not in {200, 303, 400}} == {}

    @pytest.mark.parametrize("data", [b"\xff\xfe[", b'[{"a":', b"", b"\0" * 100], ids=["utf-16", "cut", "empty", "NUL"])
    def test_what_is_no_json_is_refused(self, data: bytes) -> None:
        with pytest.raises(InvalidRequestError, match="a link as it was copied"):
            address.unpack(packed_text(data))

    def test_what_is_cut_or_changed_is_refused_or_read(self) -> None:
        packed, read = address.pack(CT), []
        for place in range(len(packed)):
            for changed in (packed[:place], packed[:place] + "A" + packed[place + 1 :]):
                with suppress(InvalidRequestError):
                    read.append(address.unpack(changed))

        assert all(isinstance(each, list) for each in read)
        assert len(read) < 10  # nearly all are refused: a sum is checked

    def test_a_bomb_of_many_layers_is_cut(self) -> None:
        bomb = zlib.compress(b"[" + b" " * 200_000_000 + b"]", 9)

        with pytest.raises(InvalidRequestError):
            address.unpack(base64.urlsafe_b64encode(bomb).decode())

    def test_cards_that_one_page_takes_every_page_takes(self) -> None:
        cards = [{**LEAF, "reference": [str(number)]} for number in range(MOST_CARDS)]

        assert address.unpack(address.pack(cards)) == cards
        assert edit.change(cards, "json", {"json": [json.dumps(cards)]}).cards == cards
