"""Pictures of objects that lie, of objects that are no run's, and of paths that lead elsewhere: a box says why not."""

import io
import resource
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.web.drawn import AT_A_TIME, MOST_BYTES
from tests.screening.screenings import one_of
from tests.security.attacked_pages import SERIES, Attacked, attacked, fill

MOST_GROWTH = 256 * 1024
"""In KiB, of this process: some objects stand for gigabytes."""
SVG, PNG = "image/svg+xml", "image/png"


def made(number: int, **values: object) -> pydicom.FileDataset:
    """Give a real instance as the one object of a series of its own."""
    instance = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    instance.SeriesInstanceUID, instance.SOPInstanceUID = f"1.7.{number}", f"1.7.{number}.1"
    for keyword, value in values.items():
        setattr(instance, keyword, value)
    return instance


def written(instance: pydicom.FileDataset) -> bytes:
    file = io.BytesIO()
    instance.save_as(file)
    return file.getvalue()


def encapsulated(number: int, syntax: UID, frame: bytes, **values: object) -> bytes:
    instance = made(number, **values)
    instance.file_meta.TransferSyntaxUID = syntax
    instance.PixelData = encapsulate([frame])
    instance["PixelData"].is_undefined_length = True
    return written(instance)


def rle_bomb() -> bytes:
    """Make a frame of RLE of which each two bytes stand for 128."""
    segments = [struct.pack("<16L", 2, 64, 64 + 2_000_000, *[0] * 13), b"\x81\x00" * 1_000_000, b"\x81\x00" * 1_000_000]
    return b"".join(segments)


def jpeg_of(rows: int, columns: int) -> bytes:
    """Make the beginning of a JPEG that says it is large."""
    return b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, rows, columns, 1) + b"\x01\x11\x00\xff\xd9"


def j2k_of(side: int) -> bytes:
    """Make the beginning of JPEG 2000 that says it is large."""
    size = struct.pack(">HHHIIIIIIIIH", 0xFF51, 41, 0, side, side, 0, 0, side, side, 0, 0, 1) + b"\x07\x01\x01"
    return b"\xff\x4f" + size + b"\xff\xd9"


LIARS: dict[str, Callable[[int], bytes]] = {
    "few bytes": lambda number: written(made(number, PixelData=b"\0\0")),
    "65,535 rows and columns": lambda number: written(made(number, Rows=65_535, Columns=65_535)),
    "just below the bound": lambda number: written(made(number, Rows=5_600, Columns=5_600)),
    "many frames": lambda number: written(made(number, NumberOfFrames="2147483647")),
    "frames below the bound": lambda number: written(made(number, NumberOfFrames="20000")),
    "less than no frame": lambda number: written(made(number, NumberOfFrames="-5")),
    "many bits": lambda number: written(made(number, BitsAllocated=65_528)),
    "no bits": lambda number: written(made(number, BitsAllocated=0)),
    "many samples": lambda number: written(made(number, SamplesPerPixel=65_535)),
    "another colour": lambda number: written(made(number, PhotometricInterpretation="PALETTE COLOR")),
    "cut": lambda number: written(made(number))[:-5_000],
    "a bomb of RLE": lambda number: encapsulated(number, RLELossless, rle_bomb()),
    "a large JPEG": lambda number: encapsulated(number, JPEGBaseline8Bit, jpeg_of(65_000, 65_000)),
    "a large JPEG 2000": lambda number: encapsulated(number, JPEG2000Lossless, j2k_of(2**31 - 1)),
    "noise": lambda number: encapsulated(number, JPEG2000Lossless, bytes(range(256)) * 20),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    (root / "images").mkdir()
    (root / "other").mkdir()
    for number, make in enumerate(LIARS.values()):
        (root / "images" / f"{number}.dcm").write_bytes(make(number))
    (root / "images" / "good.dcm").write_bytes(written(made(100)))
    (root / "images" / "link.dcm").write_bytes(written(made(101)))
    (root / "other" / "secret.dcm").write_bytes(written(made(200)))
    return root


@pytest.fixture(scope="module")
def ledger(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}") as opened:
        fill(opened)
        screen(Screening("pictured", DirectoryStore(folder / "images"), one_of("CT")), opened)
        screen(Screening("others", DirectoryStore(folder / "other"), one_of("CT")), opened)
        yield opened


@pytest.fixture(scope="module")
def site(ledger: Ledger) -> Iterator[Attacked]:
    with attacked(ledger) as made:
        yield made


def picture(site: Attacked, series: str, key: str = "", run: str = "pictured") -> tuple[int, str]:
    answer = site.client("mona").get(f"/runs/{run}/picture/{series}", params={"object": key} if key else None)
    return answer.status_code, answer.headers["content-type"]


def test_an_object_that_lies_ends_nothing_and_takes_no_memory_here(site: Attacked) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    kinds = {name: picture(site, f"1.7.{number}") for number, name in enumerate(LIARS)}

    assert {status for status, _ in kinds.values()} == {200}
    drawn = {name for name, (_, kind) in kinds.items() if kind != SVG}
    assert drawn <= {"less than no frame", "another colour", "a bomb of RLE"}  # what goes beyond the frame is left out
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH
    assert picture(site, "1.7.100") == (200, PNG)


def test_an_object_of_another_run_is_not_shown(site: Attacked) -> None:
    assert picture(site, "1.7.200", run="others") == (200, PNG)

    assert picture(site, "1.7.200") == (200, SVG)
    assert picture(site, "1.7.100", key="secret.dcm") == (200, SVG)
    assert picture(site, "1.7.200", key="secret.dcm") == (200, SVG)


@pytest.mark.parametrize(
    "key",
    [
        "../other/secret.dcm",
        "/etc/passwd",
        "images/../good.dcm",
        "./good.dcm",
        "good.dcm\0",
        "\\x2e\\x2e/other/secret.dcm",
    ],
)
def test_a_path_leads_to_no_file(site: Attacked, folder: Path, key: str) -> None:
    assert picture(site, "1.7.100", key=key) == (200, SVG)
    assert picture(site, "1.7.100", key=str(folder / "other" / "secret.dcm")) == (200, SVG)


@pytest.mark.parametrize(
    "part", ["..", "../../static/pages.css", "../../../etc/passwd", "\0", "%", "1.7.100/../1.7.200"]
)
def test_a_path_in_a_series_or_a_run_leads_nowhere(site: Attacked, part: str) -> None:
    client = site.client("mona")
    for address in (f"/runs/pictured/picture/{quote(part, safe='')}", f"/runs/{quote(part, safe='')}/picture/1.7.100"):
        answer = client.get(address)
        assert answer.status_code in {200, 404}, address
        assert answer.headers["content-type"].partition(";")[0] in {SVG, "text/html"}


def test_a_file_that_became_a_link_is_not_shown(site: Attacked, folder: Path) -> None:
    file = folder / "images" / "link.dcm"
    assert picture(site, "1.7.101") == (200, PNG)
    with attacked(site.ledger) as fresh:  # one that remembers no picture
        file.unlink()
        file.symlink_to(folder / "other" / "secret.dcm")

        assert picture(fresh, "1.7.101") == (200, SVG)


def test_what_these_credentials_may_not_read_is_a_box_that_says_so(site: Attacked) -> None:
    answer = site.client("mona").get(f"/runs/first/picture/{SERIES}")

    assert answer.status_code == 200
    assert "not allowed" in answer.text


def test_a_viewer_is_shown_none(site: Attacked) -> None:
    assert site.client("vera").get("/runs/pictured/picture/1.7.100").status_code == 403


def test_what_is_in_memory_at_a_time_is_bounded() -> None:
    assert AT_A_TIME * MOST_BYTES <= 64 * 1024 * 1024
