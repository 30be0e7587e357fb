"""Every page of the pages, in every state: empty, full, wrong, away; as viewers, managers and admins see it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import StoreError
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.web.address import Given, pack
from tests.screening.screenings import ct, mr, screen_ct
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore
from tests.web.site import RUN, Site

WHERE = Location("https://s3.example.org:9000", "images", "ct/")
AWAY, FAILED, WAITING = "AWAY", "5f0c9d2e-0000-4000-8000-00000000fa11", "5f0c9d2e-0000-4000-8000-00000000aaaa"
MODALITY: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]}
ONE: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}
UNSEEN: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "NONE"]}
NOT_HEAD: Given = {"dicom_tag": ["0018", "0015"], "operation": "NOT_IN", "reference": ["HEAD"]}
ADULT: Given = {"dicom_tag": ["0010", "1010"], "operation": "AT_LEAST", "reference": "018Y"}
LATE: Given = {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2014-06-30"}
NAMED: Given = {"dicom_tag": ["0008", "103e"], "operation": "CONTAINS", "reference": ["CHEST"]}
THIN: Given = {"dicom_tag": ["0018", "0050"], "operation": "BETWEEN", "reference": ["1 mm", "3 mm"]}
PATIENT: Given = {"dicom_tag": ["0010", "0020"], "operation": "IN", "reference": ["P1"]}
SLICES: Given = {"measure": "SLICES", "operation": "AT_LEAST", "reference": "2"}
GROUP: Given = {"any": [ONE, {"none": [NOT_HEAD]}]}
KEEP: list[Given] = [
    {"unit": "SERIES"},
    {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"lowest": "TILT"}]}},
]
DRAFT: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": []}
WRONG: Given = {"dicom_tag": ["0008", "0020"], "operation": "AT_LEAST", "reference": "SOON"}
NOTHING: Given = {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["XA"]}
ALL = [MODALITY, NOT_HEAD, ADULT, LATE, GROUP]
KIND = {"datatype": "anat", "suffix": "T1W"}
RULES = json.dumps(
    {
        "descriptions": [
            {"id": "T1", **KIND, "criteria": {"SeriesDescription": "*T1*"}},
            {"id": "T2", **KIND, "criteria": {"Modality": "MR", "SidecarFilename": "*2*"}},
        ]
    }
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One page as somebody asks for it.

    Attributes:
        address: Which.
        name: Who.
        form: That is sent; None: the page is only looked at.
        status: Of the answer.
    """

    address: str
    name: str = "mona"
    form: dict[str, str] | None = field(default=None, hash=False)
    status: int = 200


def objects(series: range) -> Iterator[tuple[str, bytes]]:
    """Give objects of many series, and some that cannot be judged; every value of theirs is in capitals."""
    for number in series:
        values: dict[str, Any] = {
            "PatientID": f"P{number // 3}",
            "StudyInstanceUID": f"2.25.{number // 2}",
            "StudyDate": f"{2010 + number % 8}0214",
            "SliceThickness": ("1", "2.5", "5")[number % 3],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            **({"PatientAge": f"{7 * number % 90:03}Y"} if number % 5 else {}),
            **({"BodyPartExamined": ("CHEST", "HEAD", "THORAX")[number % 3]} if number % 4 else {}),
            **({"SeriesDescription": ("CHEST THIN", "HEAD PLAIN", "TOPOGRAM")[number % 3]} if number % 7 else {}),
        }
        for place in range(1 + number % 3):
            uid = f"2.25.9.{number}.{place + 1}"
            at = {"ImagePositionPatient": [0, 0, place * 2], "InstanceNumber": str(place + 1)}
            yield f"ct/{number:03}/{place}", (mr if number % 4 == 1 else ct)(f"2.25.9.{number}", uid, **values, **at)
    for number in range(2):
        yield f"ct/X/{number}", b"no DICOM"
    data = make_instance(Modality="CT")
    yield "ct/X/CUT", data[: len(data) // 2]


def fill(site: Site, folder: Path) -> None:
    """Fill the ledger with places, runs that ended in every way, saved criteria, and what people did."""
    ledger = site.ledger
    store = SimulatedStore(dict(objects(range(70))), location=WHERE)
    saved = [save_criteria(ledger.engine, "KEPT", load_criteria(each), "WHY")[0] for each in ([ONE], ALL, [ONE, ADULT])]
    screen(Screening("FIRST", store, saved[1].items(), named=saved[1].named), ledger)
    for key, data in objects(range(65, 75)):
        store.put(key, data)
    screen(Screening("SECOND", store, load_criteria([ONE, {**LATE, "if_absent": "MET"}, *KEEP])), ledger)
    (folder / "IMAGES").mkdir(parents=True)
    (folder / "IMAGES" / "1").write_bytes(ct())
    screen_ct(DirectoryStore(folder / "IMAGES"), ledger, "ONLY")
    away = SimulatedStore({"1": ct()}, location=Location("https://s3.example.org:9000", AWAY))

    def fail() -> None:
        raise StoreError("list", "s3://AWAY", "404")

    away.on_listed = fail
    with pytest.raises(StoreError):
        screen_ct(away, ledger, FAILED)
    for run_id, state, more in (
        (WAITING, "SCHEDULED", {}),
        (RUN.format(51), "RUNNING", {"state": {"message": "WHY"}}),
        (RUN.format(52), "CRASHED", {"state": {"message": "WHY"}}),
        (RUN.format(53), "CANCELLING", {}),
        (RUN.format(54), "CANCELLED", {}),
        (RUN.format(55), "COMPLETED", {}),
    ):
        site.prefect.flow_runs[run_id] = {"name": "BRAVE-FOX", "state_type": state, "parameters": {}, **more}
    site.prefect.progress_of[RUN.format(51)] = {"data": 72.0, "description": "12 / 24"}
    form = {"place": "1", "criteria": pack([ONE]), "key": "1", "name": "MINE"}
    assert site.post("/start", form).status_code == 303
    assert site.post("/criteria/save", {"criteria": pack([ONE]), "name": "MINE"}).status_code == 303
    assert site.post("/places/add", {"place": "1", "key": "2"}, "adam").status_code == 303
    new = {"bucket": "NEW", "prefix": "A/", "endpoint": "https://s3.example.org:9000", "key": "3"}
    assert site.post("/places/add", new, "adam").status_code == 303
    assert site.post(f"/listing/{RUN.format(2)}/stop", {}, "adam").status_code == 303
    where = {"bucket": "images", "prefix": "ct/", "endpoint": "https://s3.example.org:9000"}
    listing = {"parameters": {"preview": True, "input_s3_parameters": where}, "name": "BRAVE-FOX"}
    for number, state in enumerate(("RUNNING", "COMPLETED", "FAILED", "CANCELLED"), 61):
        site.prefect.flow_runs[RUN.format(number)] = {**listing, "state_type": state, "state": {"message": "WHY"}}


def build(criteria: list[Given], **more: object) -> str:
    """Give the address of Build."""
    return "/build?" + urlencode({"place": 1, "criteria": pack(criteria), **more})


def near(criteria: list[Given], **more: object) -> str:
    """Give the address of the series of criteria."""
    return "/near?" + urlencode({"place": 1, "criteria": pack(criteria), **more})


def full() -> Iterator[Visit]:
    """Give the visits to a ledger that holds what `fill` makes."""
    for name in ("vera", "mona", "adam"):
        for address in ("/places", build(ALL), "/runs", "/runs/FIRST", "/criteria"):
            yield Visit(address, name)
        yield Visit("/explore?place=1&attribute=Modality", name)
        yield Visit("/compare?place=1&a=run:FIRST&b=run:SECOND", name)
    yield Visit("/places/add", status=403)
    yield from (Visit(address, "adam") for address in ("/places/add", "/places/add?place=1"))
    yield Visit("/places/add?place=2", "adam", status=400)
    for wrong in (
        {"bucket": ""},
        {"bucket": "B", "endpoint": "https://A:B@C"},
        {"bucket": "B", "credentials": "GONE"},
        {"bucket": "B", "credentials": "hospital", "anonymous": "1"},
    ):
        yield Visit("/places/add", "adam", wrong, 400)
    for number in (1, 2, 61, 62, 63, 64):
        yield Visit(f"/listing/{RUN.format(number)}", "adam")
    yield Visit("/listing/NONE", "adam", status=400)
    for attribute in ("PatientAge", "StudyDate", "SeriesDescription", "PatientID", "SliceThickness", "PLANE", "NONE"):
        for name in ("vera", "mona"):
            status = 400 if attribute == "NONE" else 200
            yield Visit(f"/explore?place=1&attribute={attribute}", name, status=status)
    yield from (Visit("/explore?place=1"), Visit("/explore?place=1&attribute=InstanceNumber&search=7"))
    yield from (Visit(build([])), Visit(build([DRAFT], open="0")), Visit(build([WRONG])), Visit(build([NOTHING])))
    for number, card in enumerate((MODALITY, ADULT, LATE, NAMED, THIN, PATIENT, SLICES, GROUP)):
        yield Visit(build([card], open="0"), "mona" if number % 2 else "vera")
    yield from (Visit(build([card], open="0"), "vera") for card in (ADULT, LATE, NAMED, DRAFT))
    yield from (Visit(build([GROUP, ADULT], open="0.1.0")), Visit(build([*ALL, *KEEP], tab="json")))
    yield from (Visit(build([MODALITY, *KEEP])), Visit(build([ALL[0]], name="KEPT", version="2")))
    yield from (Visit(build([UNSEEN, ONE])), Visit(build([NOT_HEAD, NOTHING])))
    yield from (Visit("/build?place=2"), Visit("/build?place=3"), Visit("/explore?place=3"), Visit("/build"))
    yield Visit("/build?place=9", status=404)
    for do, more in (
        ("json:", {"json": "{"}),
        ("json:", {"json": "1"}),
        ("add:", {"attribute": "NONE"}),
        ("out:0", {}),
        ("set:4", {}),
        ("set:7", {}),
        ("remove:9", {}),
        ("kind:0", {}),
        ("join:4", {"into": "4.0"}),
        ("set:3", {"bar": "NONE"}),
        ("NONE:", {}),
        ("set:A", {}),
        ("set:0", {"operation": "NONE"}),
        ("add:0", {"attribute": "Modality"}),
    ):
        yield Visit("/build", form={"place": "1", "criteria": pack(ALL), "do": do, **more}, status=400)
    yield Visit(
        "/build",
        form={"place": "1", "criteria": pack([{"measure": "NONE", "operation": "EQUALS"}]), "do": "set:0"},
        status=400,
    )
    deep: Given = ONE
    for _ in range(3):
        deep = {"any": [deep]}
    yield Visit("/build", form={"place": "1", "criteria": pack([ONE, deep]), "do": "join:1", "into": "0"}, status=400)
    yield Visit("/build", form={"place": "1", "criteria": pack([ONE] * 100), "do": "copy:0"}, status=400)
    yield Visit("/build?place=1&criteria=AAAA", status=400)
    yield from (Visit(near([ONE])), Visit(near(ALL, criterion=3)), Visit(near([ONE], find="NONE")))
    yield from (Visit(near([ONE], **{"from": 50, "sort": "PatientAge"})), Visit(near([ONE], modality="CT")))
    yield Visit(near([ONE]), "vera", status=403)
    start = {"place": "1", "criteria": pack([ONE, ADULT]), "key": "4"}
    yield from (Visit(f"/start?{urlencode(start)}"), Visit(f"/start?{urlencode({**start, 'criteria': pack([ONE])})}"))
    yield Visit("/start", form={**start, "credentials": "GONE", "region": "EU", "output_bucket": "OUT"}, status=400)
    yield Visit("/start", form={**start, "criteria": pack([DRAFT])}, status=400)
    yield Visit("/start", form={**start, "place": "2"}, status=400)
    for address in ("place=1", "place=3", "criteria=KEPT", "criteria=NONE", "place=2&criteria=KEPT"):
        yield Visit(f"/runs?{address}")
    for name, asked in (
        ("FIRST", "unit=series"),
        ("FIRST", "show=all&columns=slices&columns=spacing&columns=plane&columns=thickness"),
        ("FIRST", "show=all&from=50&sort=-PatientAge"),
        ("FIRST", "show=near&by=3"),
        ("FIRST", "show=other&find=NONE"),
        ("FIRST", "show=all&view=pictures"),
        ("FIRST", "show=all&series=2.25.9.7"),
        ("FIRST", "show=all&series=2.25.9.8"),
        ("FIRST", "show=all&object=ct/X/0"),
        ("FIRST", "show=all&object=ct/X/CUT"),
        ("FIRST", "object=NONE"),
        ("SECOND", "show=all&sort=passed"),
        ("SECOND", "show=all&object=ct/004/0"),
        ("SECOND", "show=all&object=ct/002/1"),
        ("ONLY", "show=all"),
        (FAILED, ""),
        (WAITING, ""),
        *((RUN.format(number), "") for number in (51, 52, 53, 54, 55)),
    ):
        yield Visit(f"/runs/{name}?{asked}")
    yield Visit("/runs/NONE", status=404)
    yield Visit("/runs/FIRST/picture/2.25.9.7")
    yield Visit("/runs/FIRST/hand-on/NONE", status=404)
    edit = f"&criteria={pack([ONE, DRAFT])}"
    for asked, status in (
        ("", 200),
        (f"&criteria={pack(ALL)}", 200),
        ("&a=run:FIRST&b=run:SECOND&change=IN", 200),
        ("&a=run:FIRST&b=run:SECOND&change=OUT&start=50", 200),
        ("&a=run:SECOND&b=run:FIRST&change=CHANGED", 200),
        ("&a=run:FIRST&b=run:FIRST", 200),
        ("&a=saved:KEPT@1&b=saved:KEPT@2", 200),
        (f"&a=run:FIRST&b=edit{edit}", 400),
        ("&a=run:FIRST&b=run:ONLY", 400),
        ("&a=run:FIRST&b=NONE", 400),
    ):
        yield Visit(f"/compare?place=1{asked}", status=status)
    yield from (
        Visit("/compare?place=3", status=400),
        Visit("/criteria/KEPT?place=1"),
        Visit("/criteria/KEPT?place=1&same=3"),
    )
    yield from (Visit("/criteria/MINE"), Visit("/criteria/NONE", status=404))
    yield Visit(f"/criteria/save?criteria={pack(ALL)}&name=KEPT&version=1&place=1")
    keep = {"criteria": pack([ONE, LATE]), "name": "KEPT", "version": "1"}
    yield Visit("/criteria/save", form=keep, status=409)
    yield Visit("/criteria/save", form={**keep, "name": "/"}, status=400)
    yield Visit("/criteria/save", form={**keep, "criteria": pack([DRAFT])}, status=400)
    yield Visit("/import?place=1")
    yield from (
        Visit("/import", form={"tool": tool, "text": text, "rule": rule, "place": "1"}, status=status)
        for tool, text, rule, status in (
            ("dcm2bids", RULES, "", 200),
            ("dcm2bids", RULES, "T1_T1W", 400),
            ("dcm2bids", "", "", 400),
            ("NONE", RULES, "", 400),
        )
    )
    yield from (Visit("/history"), Visit("/history?before=3"), Visit("/history", "vera", status=403))
    yield from (Visit("/NONE", status=404), Visit("/theme", form={"token": "NONE"}, status=403))
    yield from (Visit("/sign-in", ""), Visit("/sign-in", "", {"name": "A", "password": "B"}, 403))
    yield from (Visit("/sign-in", "", {"name": "", "password": "B"}, 403), Visit("/x-part", "", status=401))


def empty() -> Iterator[Visit]:
    """Give the visits to a ledger that holds nothing."""
    for name in ("vera", "adam"):
        for address in ("/places", "/explore", "/build", f"/build?criteria={pack([ONE])}", "/runs", "/criteria"):
            yield Visit(address, name)
        yield from (Visit("/compare", name), Visit("/import", name))
    yield from (Visit("/history", "adam"), Visit("/places/add", "adam"))
    yield Visit(f"/compare?a=edit&b=saved:NONE@1&criteria={pack([ONE])}", status=400)


def away() -> Iterator[Visit]:
    """Give the visits to the full ledger while Prefect's server is away."""
    start = {"place": "1", "criteria": pack([ONE]), "key": "5"}
    yield from (Visit(f"/start?{urlencode(start)}"), Visit("/start", form=start, status=400))
    yield from (Visit("/places/add", "adam"), Visit(f"/listing/{RUN.format(1)}", "adam"), Visit(f"/runs/{WAITING}"))
    yield Visit(f"/listing/{RUN.format(1)}/stop", "adam", {}, 503)


def visit(site: Site, each: Visit) -> str:
    """Give a page, when everything of it is there."""
    headers = {"x-signed-in": each.name} if each.name else {}
    if each.address == "/x-part":
        headers["x-part"] = "1"
    for _ in range(200):
        if each.form is None:
            answer = site._client.get(each.address, headers=headers)
        else:
            token = {"token": site.token(each.name)} if each.name else {}
            answer = site._client.post(each.address, data={**token, **each.form}, headers=headers)
        assert answer.status_code == each.status, (each, answer.status_code, answer.text)
        if 'data-again="1000"' not in answer.text and 'xs" data-again="2000"' not in answer.text:
            break
    return str(answer.text)


def every_page(site: Site, folder: Path, nothing: Site) -> Iterator[tuple[Visit, str]]:
    """Give every page; the first site is filled before."""
    fill(site, folder)
    yield from ((each, visit(site, each)) for each in full())
    site.prefect.is_away = True
    yield from ((each, visit(site, each)) for each in away())
    yield from ((each, visit(nothing, each)) for each in empty())
