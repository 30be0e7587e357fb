"""Pictures: drawn from the object that was judged, in a process of their own; or a box that says why not."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.web.draughtsman import Draughtsman
from dicom_sieve.web.drawn import MOST_BYTES, Pictures
from dicom_sieve.web.picture import LONGEST_SIDE, NoPictureError, Reason, as_png, draw
from tests.screening.screenings import one_of
from tests.stores.archives.packed import PACKERS
from tests.support.builders import make_instance
from tests.web.served import pages, see


def real(name: str) -> bytes:
    return Path(str(get_testdata_file(name))).read_bytes()


def changed(name: str = "CT_small.dcm", **values: object) -> bytes:
    """Give a real instance with other values."""
    instance = pydicom.dcmread(io.BytesIO(real(name)))
    for keyword, value in values.items():
        setattr(instance, keyword, value)
    file = io.BytesIO()
    instance.save_as(file)
    return file.getvalue()


def pixels_of(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Read grey PNG as `as_png` writes it."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    body = png[png.index(b"IDAT") + 4 : png.index(b"IEND") - 8]
    return np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)[:, 1:][:, :width]


def reason_of(data: bytes) -> Reason:
    with pytest.raises(NoPictureError) as told:
        draw(data)
    return told.value.reason


class TestDrawing:
    def test_draws_the_window_of_the_header(self) -> None:
        png = draw(changed(WindowCenter="40", WindowWidth="400"))

        instance = pydicom.dcmread(io.BytesIO(real("CT_small.dcm")))
        hounsfield = instance.pixel_array * float(instance.RescaleSlope) + float(instance.RescaleIntercept)
        expected = np.clip((hounsfield + 160) / 400, 0, 1) * 255
        assert np.abs(pixels_of(png).astype(float) - expected).max() < 1.5

    def test_draws_between_percentiles_where_there_is_no_window(self) -> None:
        grey = pixels_of(draw(changed(WindowCenter="", WindowWidth="")))

        assert (grey.min(), grey.max()) == (0, 255)

    def test_the_lowest_value_of_monochrome1_is_white(self) -> None:
        plain, inverse = (draw(changed(PhotometricInterpretation=f"MONOCHROME{number}")) for number in (2, 1))

        assert np.abs(pixels_of(plain).astype(int) + pixels_of(inverse) - 255).max() <= 1

    @pytest.mark.parametrize(
        "name", ["examples_rgb_color.dcm", "examples_palette.dcm", "SC_rgb_rle_16bit.dcm", "examples_ybr_color.dcm"]
    )
    def test_draws_colours(self, name: str) -> None:
        png = draw(real(name))

        assert png[25] == 2  # RGB
        assert max(struct.unpack(">II", png[16:24])) <= LONGEST_SIDE

    def test_a_large_image_becomes_small(self) -> None:
        made = changed(Rows=1_000, Columns=700, PixelData=bytes(2 * 1_000 * 700))

        assert pixels_of(draw(made)).shape == (250, 175)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (make_instance(Modality="SR"), Reason.NO_PIXELS),
            (b"no DICOM", Reason.DAMAGED),
            (changed(Rows=65_535, Columns=65_535), Reason.TOO_LARGE),
            (changed(NumberOfFrames=2**31 - 1), Reason.TOO_LARGE),
            (changed(PixelData=b"\0\0"), Reason.DAMAGED),
            (changed(SamplesPerPixel=200), Reason.TOO_LARGE),
        ],
        ids=["no pixels", "no DICOM", "many rows", "many frames", "few bytes", "many samples"],
    )
    def test_says_why_there_is_none(self, data: bytes, reason: Reason) -> None:
        assert reason_of(data) is reason

    def test_a_picture_is_a_png(self) -> None:
        assert as_png(np.zeros((2, 3), np.uint8))[12:16] == b"IHDR"


class TestBombs:
    def test_a_bomb_ends_no_more_than_its_own_picture(self) -> None:
        draughtsman = Draughtsman()
        try:
            with pytest.raises(NoPictureError) as told:
                draughtsman.draw(deflated_bomb())
            drawn = draughtsman.draw(real("CT_small.dcm"))
        finally:
            draughtsman.close()

        assert told.value.reason is Reason.TOO_LARGE
        assert drawn == draw(real("CT_small.dcm"))


def deflated_bomb() -> bytes:
    """Make an object of some megabytes that stands for 4 GiB of zeros."""
    instance = pydicom.dcmread(io.BytesIO(real("CT_small.dcm")))
    file = io.BytesIO()
    instance.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    instance.save_as(file)
    whole = file.getvalue()
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = engine.compress(bytes(2**24)) + engine.flush(zlib.Z_FULL_FLUSH)  # stands for itself, however often
    bomb = block * 256 + engine.flush()
    with io.BytesIO(whole) as read:
        pydicom.filereader.read_preamble(read, force=False)
        pydicom.filereader._read_file_meta_info(read)
        return whole[: read.tell()] + bomb


class TestOfARun:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        root = tmp_path / "images"
        root.mkdir()
        for number in range(3):
            uid = f"1.2.3.{number}"
            (root / f"{number}.dcm").write_bytes(
                changed(SOPInstanceUID=uid, InstanceNumber=3 - number, SeriesInstanceUID="1.2.3")
            )
        (root / "text.dcm").write_bytes(make_instance(series_instance_uid="1.2.4", Modality="CT"))
        return root

    @pytest.fixture
    def client(self, folder: Path, tmp_path: Path) -> Iterator[TestClient]:
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            self.screen(folder, ledger)
            with pages(ledger) as served:
                yield served

    @staticmethod
    def screen(folder: Path, ledger: Ledger) -> None:
        screen(Screening("pictured", DirectoryStore(folder), one_of("CT")), ledger)

    def test_shows_the_middle_image(self, client: TestClient, folder: Path) -> None:
        answer = client.get("/runs/pictured/picture/1.2.3")

        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == draw((folder / "1.dcm").read_bytes())

    @pytest.mark.parametrize("name", ["deflated.zip", "plain.tar", "packed.tgz"])
    def test_shows_an_image_that_lies_in_an_archive(self, name: str, folder: Path, tmp_path: Path) -> None:
        packed = tmp_path / "packed"
        packed.mkdir()
        members = {file.name: file.read_bytes() for file in folder.iterdir()}
        (packed / name).write_bytes(PACKERS[name](members))
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            screen(Screening("pictured", ArchivesOpened(DirectoryStore(packed)), one_of("CT")), ledger)
            with pages(ledger) as client:
                answer = client.get("/runs/pictured/picture/1.2.3")
                chosen = client.get("/runs/pictured/picture/1.2.3", params={"object": f"{name}!/2.dcm"})
                (packed / name).write_bytes(PACKERS[name](members | {"3.dcm": b""}))
                gone = client.get("/runs/pictured/picture/1.2.3", params={"object": f"{name}!/0.dcm"})

        assert answer.headers["content-type"] == "image/png", answer.text
        assert answer.content == draw(members["1.dcm"])
        assert chosen.content == draw(members["2.dcm"])
        assert "gone, or" in gone.text

    def test_says_why_there_is_none(self, client: TestClient) -> None:
        answer = client.get("/runs/pictured/picture/1.2.4")

        assert answer.headers["content-type"] == "image/svg+xml"
        assert "no pixels" in answer.text

    def test_an_object_that_changed_is_not_shown(self, client: TestClient, folder: Path) -> None:
        (folder / "1.dcm").write_bytes(changed(PatientID="another", InstanceNumber=2))

        assert "gone, or" in client.get("/runs/pictured/picture/1.2.3").text

    @pytest.mark.parametrize("key", ["../secret.dcm", "/etc/passwd", "3.dcm", "%2e%2e/secret.dcm"])
    def test_a_path_in_the_address_leads_nowhere(self, client: TestClient, folder: Path, key: str) -> None:
        (folder.parent / "secret.dcm").write_bytes(real("CT_small.dcm"))

        answer = client.get("/runs/pictured/picture/1.2.3", params={"object": key})

        assert answer.headers["content-type"] == "image/svg+xml"

    def test_pictures_are_asked_for_when_they_are_in_view(self, client: TestClient) -> None:
        page = see(client, "/runs/pictured?view=pictures")

        assert page.count('loading="lazy"') == 2

    def test_a_large_object_is_not_read(self, folder: Path) -> None:
        pictures = Pictures()
        stat = (folder / "1.dcm").stat()
        listed = next(each for each in DirectoryStore(folder).list() if each.key == "1.dcm")
        large = ObjectInfo(listed.key, listed.etag, MOST_BYTES + 1, listed.last_modified)

        with pytest.raises(NoPictureError) as told:
            pictures.draw(DirectoryStore(folder).location, large)

        assert told.value.reason is Reason.TOO_LARGE
        assert stat.st_size < MOST_BYTES

    def test_a_server_that_no_setting_lists_is_sent_no_credentials(self) -> None:
        listed = ObjectInfo("a", "b", 10, next(iter(DirectoryStore(Path(__file__).parent).list())).last_modified)

        with pytest.raises(NoPictureError) as told:
            Pictures().draw(Location("http://192.0.2.1:9000", "bucket"), listed)

        assert told.value.reason is Reason.NOT_ALLOWED
