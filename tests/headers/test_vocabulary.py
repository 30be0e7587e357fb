"""What editions read: the current one what it always did, the full one all that is listed."""

import re
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from dicom_sieve.dicom import identifying, kept
from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.identifying import identifying_tags
from dicom_sieve.dicom.kept import kept_tags, object_tags, sequence_tags
from dicom_sieve.headers import Instance
from dicom_sieve.headers.edition import FIRST_DIGEST, current_edition, first_edition
from dicom_sieve.headers.vocabulary import Vocabulary, current_vocabulary, first_vocabulary
from tests.corpus import FILES
from tests.headers.raw import read_carefully, window_over

LISTS = (identifying._VALUES, identifying._SEQUENCES, kept._OBJECT_KEYWORDS, kept._OWN_BY_NATURE, kept._SEQUENCES)
ASKED_BY_RULES = {
    *("SeriesDescription", "EchoTime", "Rows", "ImageOrientationPatient", "TransferSyntaxUID", "SOPClassUID"),
    *("StudyInstanceUID", "PatientID", "PatientName", "DeviceSerialNumber", "ContrastBolusStartTime", "ImageComments"),
    *("CTDIPhantomTypeCodeSequence", "ReferencedSeriesSequence", "ReferencedImageSequence", "SourceImageSequence"),
    *("SegmentSequence", "AnatomicRegionSequence", "SpecimenDescriptionSequence", "PrimaryAnatomicStructureSequence"),
    *("ContentSequence", "ViewCodeSequence", "IssuerOfPatientID", "SecondaryCaptureDeviceSoftwareVersions"),
}
"""Attributes of published selection rules."""

KEYS = {f"{tag:08X}" for tag in header_tags()}


def read_whole(data: bytes, vocabulary: Vocabulary) -> Instance:
    answer = read_carefully(window_over(data), vocabulary)
    assert isinstance(answer, Instance)
    return answer


def keywords(tags: frozenset[int]) -> set[str]:
    return {keyword_for_tag(tag) for tag in tags}


@pytest.mark.parametrize("listed", LISTS)
def test_every_keyword_of_a_list_is_in_the_dictionary_and_stands_there_once(listed: str) -> None:
    names = listed.split()

    assert None not in set(map(tag_for_keyword, names))
    assert len(names) == len(set(names))


def test_the_current_edition_is_the_first_one() -> None:
    assert first_edition().digest == FIRST_DIGEST
    assert first_vocabulary().tags == header_tags()


def test_the_full_edition_has_a_digest_of_its_own_that_tells_the_limit() -> None:
    edition = current_edition()

    assert edition.mark == edition.digest != FIRST_DIGEST
    assert edition.limit_bytes == 256
    assert re.fullmatch(r"([0-9A-F]{8} )+([0-9A-F]{8}\+ )+xx", edition.header_tags)


def test_the_full_edition_has_all_that_the_current_one_has() -> None:
    assert current_vocabulary().wanted >= first_vocabulary().wanted


def test_what_published_rules_ask_for_is_kept() -> None:
    assert keywords(kept_tags()) >= ASKED_BY_RULES
    nested = {keyword for keyword in ASKED_BY_RULES if keyword.endswith("Sequence")}
    assert keywords(sequence_tags()) >= nested


def test_of_what_published_rules_ask_for_three_attributes_identify() -> None:
    assert ASKED_BY_RULES & keywords(identifying_tags()) == {"PatientID", "PatientName", "IssuerOfPatientID"}


def test_every_person_name_identifies() -> None:
    names = {tag for tag in kept_tags() if dictionary_VR(tag) == "PN"}

    assert names
    assert names <= identifying_tags()


def test_what_the_first_contract_reads_identifies_nobody() -> None:
    assert not identifying_tags() & header_tags()


def test_sequences_that_identify_are_kept_without_items() -> None:
    assert not sequence_tags() & identifying_tags()


def test_what_belongs_to_the_object_is_kept() -> None:
    assert object_tags() <= kept_tags()


@pytest.mark.parametrize("path", FILES.values(), ids=FILES.keys())
def test_the_full_edition_says_of_a_file_what_the_current_one_says(path: Path) -> None:
    data = path.read_bytes()
    if data:
        now, full = (read_whole(data, vocabulary) for vocabulary in (first_vocabulary(), current_vocabulary()))
        said = {**full.header.attributes, **full.own}

        assert {key: said[key] for key in said if key in KEYS} == now.header.attributes
        assert (full.header.defect, full.header.damage) == (now.header.defect, now.header.damage)
        assert (full.header.patient, full.sop_instance_uid) == (now.header.patient, now.sop_instance_uid)


class TestAHeader:
    def test_shows_no_value(self) -> None:
        instance = read_whole((FILES["test_files/CT_small.dcm"]).read_bytes(), current_vocabulary())

        assert "CompressedSamples" not in repr(instance)
        assert "1CT1" not in repr(instance)

    def test_has_no_attribute_that_is_kept_with_the_object(self) -> None:
        instance = read_whole((FILES["test_files/CT_small.dcm"]).read_bytes(), current_vocabulary())

        assert not {f"{tag:08X}" for tag in object_tags()} & instance.header.attributes.keys()
        assert instance.own["00200013"] == ("1",)
        assert read_whole((FILES["test_files/CT_small.dcm"]).read_bytes(), first_vocabulary()).own == {}
