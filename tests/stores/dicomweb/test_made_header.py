"""A header that was made of metadata says what the object's own bytes say: held to every file of pydicom's corpus."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dicom_sieve.dicom.marks import BYTES, NOT_KEPT, UNTOLD
from dicom_sieve.headers import Instance, Window, scan
from dicom_sieve.stores.dicomweb.answers import MalformedAnswerError, read_json, read_rows
from dicom_sieve.stores.dicomweb.made_header import make_header
from dicom_sieve.stores.interface import ToldHeader
from dicom_sieve.stores.read_header import Limits, Meter, _take

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
OF_YEN = [((), (NOT_KEPT,))]
"""An empty number of an object in ISO_IR 13, where Orthanc tells several numbers as none."""
LIMIT = 16 * 1024 * 1024
UID = {"00080018": {"vr": "UI", "Value": ["1.2"]}, "0020000E": {"vr": "UI", "Value": ["1.3"]}}


def read(data: bytes) -> Instance:
    window = Window(len(data))
    window.add(0, data)
    instance = scan(window, inflated_limit=LIMIT)
    assert isinstance(instance, Instance)
    return instance


def tell(row: Mapping[str, Any]) -> Instance:
    (parsed,) = read_rows(read_json(json.dumps([row]).encode()))
    made = make_header(parsed)
    return _take(ToldHeader(made.data, made.beside, is_whole=made.is_whole), Limits(), Meter())


def told(**attributes: Any) -> dict[str, tuple[str, ...]]:
    """Give the attributes of an instance by its metadata: tags to VR and member, as ``_00080060=("CS", {...})``."""
    row = {key.strip("_"): {"vr": vr, **members} for key, (vr, members) in attributes.items()}
    instance = tell({**UID, **row})
    assert instance.header.defect is None
    return {**instance.header.attributes, **instance.own}


CORPUS = [file for file in sorted(TEST_FILES.rglob("*")) if file.is_file()]


def metadata_of(file: Path) -> dict[str, Any] | None:
    """Give the metadata as pydicom has it; None of what pydicom cannot tell as JSON."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            data_set = pydicom.dcmread(file, stop_before_pixels=True)
            row: dict[str, Any] = data_set.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=str)
        except Exception:
            return None
    return row


def numbers(texts: tuple[str, ...] | None) -> list[float] | None:
    try:
        return None if texts is None else [float(text) for text in texts]
    except ValueError:
        return None


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.relative_to(TEST_FILES).as_posix())
def test_the_header_of_metadata_is_that_of_the_file(file: Path) -> None:
    of_file, row = read(file.read_bytes()), metadata_of(file)
    if of_file.header.defect is not None or row is None:
        return  # nothing to compare
    of_row = tell(row)

    assert of_row.sop_instance_uid == of_file.sop_instance_uid
    for side in ("study_instance_uid", "series_instance_uid", "sop_class_uid", "patient", "defect"):
        assert getattr(of_row.header, side) == getattr(of_file.header, side)
    wanted = {**of_file.header.attributes, **of_file.own}
    found = {**of_row.header.attributes, **of_row.own}
    assert {key for key, texts in found.items() if texts == UNTOLD} >= {"00020010", "00020012"}
    for key in sorted(wanted.keys() | found.keys()):
        texts, others = wanted.get(key), found.get(key)
        if others != UNTOLD and not alike(texts, others) and (texts, others) not in OF_YEN:
            assert (key, others) == (key, texts)


def alike(texts: tuple[str, ...] | None, others: tuple[str, ...] | None) -> bool:
    """Tell whether values are the same, as numbers too; or not kept, of a value that is there."""
    if texts == others or (numbers(texts) is not None and numbers(texts) == numbers(others)):
        return True
    if texts and others and texts[0].startswith("[") and others[0].startswith("["):
        return bool(numbers_in(json.loads(texts[0])) == numbers_in(json.loads(others[0])))
    return False


def numbers_in(value: Any) -> Any:
    """Give items with numbers as such; of functional groups a text may be all values of a frame."""
    if isinstance(value, dict):
        return {key: numbers_in(each) for key, each in value.items()}
    if isinstance(value, list):
        return [numbers_in(each) for each in value]
    parts = numbers(tuple(str(value).split("\\")))
    return value if parts is None else parts


class TestValues:
    @pytest.mark.parametrize(
        ("digits", "text"),
        [
            ("0.69999999999999996", "0.7"),
            ("338.67160000000001", "338.6716"),
            ("-320.197968", "-320.197968"),
            ("1.50", "1.50"),
            ("5", "5"),
            ("1e-05", "1e-05"),
            ("0.1234567890123456789", "0.1234567890123456789"),
        ],
    )
    def test_a_decimal_is_what_the_object_had(self, digits: str, text: str) -> None:
        row = json.dumps([{**UID, "00180050": {"vr": "DS", "Value": ["digits"]}}]).replace('"digits"', digits)
        (parsed,) = read_rows(read_json(row.encode()))

        assert read(make_header(parsed).data).header.attributes["00180050"] == (text,)

    def test_texts_are_those_of_any_script(self) -> None:
        names = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}

        found = told(_00081030=("LO", {"Value": ["Größe", "胸部"]}), _00080090=("PN", {"Value": [names]}))

        assert found["00081030"] == ("Größe", "胸部")
        assert found["00080090"] == ("Yamada^Tarou=山田^太郎=やまだ^たろう",)

    def test_empty_is_not_absent(self) -> None:
        found = told(_00080060=("CS", {}), _00080020=("DA", {"Value": []}), _00081140=("SQ", {}))

        assert (found["00080060"], found["00080020"], found["00081140"]) == ((), (), ("[]",))
        assert "00080070" not in found

    def test_a_value_among_others_may_be_empty(self) -> None:
        assert told(_00080008=("CS", {"Value": ["ORIGINAL", None, "AXIAL"]}))["00080008"] == ("ORIGINAL", "", "AXIAL")

    def test_binary_values(self) -> None:
        found = told(
            _00280010=("US", {"Value": [512]}),
            _00280106=("SS", {"Value": [-5]}),
            _00189087=("FD", {"Value": [0.1]}),
            _00089459=("FL", {"Value": [0.10000000149011612]}),
            _00280009=("AT", {"Value": ["00181063"]}),
        )

        assert [found[key] for key in ("00280010", "00280106", "00189087", "00089459", "00280009")] == [
            ("512",),
            ("-5",),
            ("0.1",),
            ("0.1",),
            ("00181063",),
        ]

    def test_private_elements_are_their_creators(self) -> None:
        found = told(
            _00190010=("LO", {"Value": ["GEMS_ACQU_01"]}),
            _00191004=("DS", {"Value": [1.5]}),
            _0019100C=("UN", {"InlineBinary": "MTI="}),
        )

        assert found["0019xx04 GEMS_ACQU_01"] == ("1.5",)
        assert found["0019xx0C GEMS_ACQU_01"] == (f"{BYTES}3132",)

    def test_what_is_only_pointed_to_is_there_and_not_kept(self) -> None:
        at = {"BulkDataURI": "https://pacs.example.org/bulk/1"}

        creator = ("LO", {"Value": ["X"]})
        found = told(_00204000=("LT", at), _00080060=("CS", at), _00190010=creator, _00191001=("UN", at))

        assert found["00204000"] == found["00080060"] == found["0019xx01 X"] == (NOT_KEPT,)

    def test_a_long_value_is_there(self) -> None:
        assert told(_00204000=("LT", {"Value": ["x" * 70_000]}))["00204000"] == (NOT_KEPT,)
        assert told(_30060050=("DS", {"Value": [0.5] * 40_000}))["30060050"] == (NOT_KEPT,)


class TestWhatMetadataDoesNotTell:
    def test_where_the_class_is_missing_anything_may_be(self) -> None:
        sop_class = {"00080016": {"vr": "UI", "Value": ["1.4"]}}

        assert tell(UID).header.unreadable_from == "00000000"
        assert tell(UID | sop_class).header.unreadable_from is None

    def test_file_meta_information_is_not_told(self) -> None:
        found = told()

        assert {key for key, texts in found.items() if texts == UNTOLD} >= {"00020002", "00020010", "00020016"}

    def test_one_available_transfer_syntax_is_the_object_s(self) -> None:
        one = ("UI", {"Value": ["1.2.840.10008.1.2.4.90"]})
        two = ("UI", {"Value": ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1"]})

        assert told(_00083002=one)["00020010"] == ("1.2.840.10008.1.2.4.90",)
        assert told(_00083002=two)["00020010"] == UNTOLD

    def test_a_character_set_is_told_where_it_is_no_utf_8(self) -> None:
        assert told(_00080005=("CS", {"Value": ["ISO_IR 100"]}))["00080005"] == ("ISO_IR 100",)
        assert told(_00080005=("CS", {"Value": ["ISO_IR 192"]}))["00080005"] == UNTOLD
        assert told()["00080005"] == UNTOLD

    def test_a_character_set_without_all_characters_is_told_all_the_same(self) -> None:
        found = told(_00080005=("CS", {"Value": ["ISO_IR 100"]}), _00081030=("LO", {"Value": ["胸部"]}))

        assert (found["00080005"], found["00081030"]) == (("ISO_IR 100",), ("胸部",))


class TestWhatIsNoMetadata:
    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"<html>",
            b"null",
            b"{}",
            b"[1]",
            b'[{"00080060": "CT"}]',
            b"[" * 100_000,
            b'[{"00080060": {"vr": "CS"}, "00080060": {"vr": "CS", "Value": ["CT"]}}]',
            b"[\xff]",
        ],
    )
    def test_an_answer_that_is_no_dicom_json(self, answer: bytes) -> None:
        with pytest.raises(MalformedAnswerError) as refused:
            read_rows(read_json(answer))
        assert "CT" not in str(refused.value)

    @pytest.mark.parametrize(
        "attribute",
        [
            {},
            {"vr": "ct"},
            {"vr": 5},
            {"vr": "CS", "Value": "CT"},
            {"vr": "CS", "Value": [{"a": 1}]},
            {"vr": "PN", "Value": [{"Alphabetic": ["secret"]}]},
            {"vr": "US", "Value": ["secret"]},
            {"vr": "US", "Value": [-1]},
            {"vr": "AT", "Value": ["secret"]},
            {"vr": "SQ", "Value": ["secret"]},
            {"vr": "UN", "InlineBinary": "secret!"},
        ],
    )
    def test_a_value_that_is_none(self, attribute: dict[str, Any]) -> None:
        (row,) = read_rows(read_json(json.dumps([{**UID, "00189999": attribute}]).encode()))

        with pytest.raises(MalformedAnswerError) as refused:
            make_header(row)
        assert "secret" not in str(refused.value)

    def test_a_tag_that_is_none(self) -> None:
        with pytest.raises(MalformedAnswerError):
            make_header({"Modality": {"vr": "CS"}})

    def test_sequences_of_any_depth(self) -> None:
        item: dict[str, Any] = {"00080060": {"vr": "CS"}}
        for _ in range(500):
            item = {"00081140": {"vr": "SQ", "Value": [item]}}

        assert make_header({**UID, **item}).data
