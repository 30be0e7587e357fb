"""What ``values`` prints of keys that are no tags, and of numbers."""

import datetime
import json

import pytest
from pydicom.dataset import Dataset

from dicom_sieve import open_ledger
from dicom_sieve.cli.output.values import show_attributes, show_values
from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.dicom.marks import IDENTITY, NOT_KEPT
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.headers.edition import read_kept_path
from dicom_sieve.ledger.reading.snapshots import Snapshot, SnapshotCounts, last_snapshot
from dicom_sieve.ledger.reading.values import (
    AttributesHeld,
    AttributeUse,
    AttributeValues,
    ValueCount,
    attributes_held,
    values_held,
)
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import PLACE, SimulatedStore

SNAPSHOT = Snapshot(1, 1, PLACE, SnapshotCounts(4, 4), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
PRIVATE = "0019xx0C SIEMENS MR HEADER"


def test_values_name_an_attribute_whose_key_is_no_tag_by_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    uses = (AttributeUse(PRIVATE, 1, 0, 1), AttributeUse("00185100", 2, 0, 1), AttributeUse("00091010", 1, 1, 1))

    show_attributes(SNAPSHOT, AttributesHeld(4, uses), as_json=True, as_csv=False)

    listed = json.loads(capsys.readouterr().out)["attributes"]
    assert [(row["keyword"], row["tag"], row["vr"], row["absent"]) for row in listed] == [
        ("", PRIVATE, "", 3),
        ("PatientPosition", "0018,5100", "CS", 2),
        ("", "0009,1010", "", 2),
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_values_of_numbers_tell_quartiles_with_their_unit(*, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    thickness = find_attribute(0x00180050)
    assert isinstance(thickness, Attribute)
    held = AttributeValues(4, 4, 0, (ValueCount("1.25", 3, 1), ValueCount("10", 1, 1)))

    show_values(SNAPSHOT, [thickness], held, limit=9, min_cell=1, as_json=as_json, as_csv=False)

    printed = capsys.readouterr().out
    if as_json:
        assert json.loads(printed)["spread"] == {
            "minimum": "1.25",
            "maximum": "10",
            "lower_quartile": "1.25",
            "median": "1.25",
            "upper_quartile": "1.25",
            "unit": "mm",
        }
    else:
        assert printed.splitlines()[-1] == "from 1.25 to 10 mm; quartiles 1.25, 1.25 and 1.25 mm"


def test_values_of_which_rare_ones_are_not_to_be_told_tell_no_ends(capsys: pytest.CaptureFixture[str]) -> None:
    born = find_attribute(0x00100030)
    assert isinstance(born, Attribute)
    held = AttributeValues(4, 4, 0, (ValueCount("20000101", 3, 1), ValueCount("19330303", 1, 1)))

    for as_json in (True, False):
        show_values(SNAPSHOT, [born], held, limit=9, min_cell=2, as_json=as_json, as_csv=False)

    assert "19330303" not in capsys.readouterr().out


class TestWhatIsNotAText:
    def test_what_is_not_kept_as_a_text_is_said_in_words(self, capsys: pytest.CaptureFixture[str]) -> None:
        named = find_attribute(0x00100010)
        assert isinstance(named, Attribute)
        values = (ValueCount(f"{IDENTITY}0123456789abcdef", 2, 1), ValueCount(NOT_KEPT, 1, 1))

        show_values(
            SNAPSHOT, [named], AttributeValues(3, 3, 0, values), limit=9, min_cell=1, as_json=False, as_csv=True
        )

        assert capsys.readouterr().out.splitlines() == [
            "value,instances,series",
            "(digest 01234567...),2,1",
            "(not kept),1,1",
        ]


class TestWithinSequences:
    def test_attributes_within_sequences_are_named_behind_these(self, capsys: pytest.CaptureFixture[str]) -> None:
        uses = (
            AttributeUse("00082218", 3, 0, 2),
            AttributeUse("00082218.00080104", 3, 0, 2),
            AttributeUse("00082218.0019xx0C ACME 1.0", 1, 0, 1),
        )

        show_attributes(SNAPSHOT, AttributesHeld(3, uses), as_json=False, as_csv=True)

        assert [line.split(",present")[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
            'AnatomicRegionSequence,"0008,2218",SQ,3,0,0,2,0',
            'AnatomicRegionSequence.CodeMeaning,"0008,2218.0008,0104",LO,3,0,0,2,0',
            'AnatomicRegionSequence.0019xx0C ACME 1.0,"0008,2218.0019xx0C ACME 1.0",,1,0,2,1,0',
        ]

    def test_values_within_sequences_are_counted(self, capsys: pytest.CaptureFixture[str]) -> None:
        with open_ledger("sqlite:///:memory:") as ledger:
            head = [Dataset()]
            head[0].CodeValue, head[0].CodingSchemeDesignator, head[0].CodeMeaning = "T-D1100", "SRT", "Head"
            store = SimulatedStore({"1": ct("1.5.1", "1.6.1", AnatomicRegionSequence=head), "2": ct("1.5.2", "1.6.2")})
            screen_ct(store, ledger, "run")
            snapshot = last_snapshot(ledger.engine, PLACE)

            path = read_kept_path("AnatomicRegionSequence.CodeMeaning", "KEYWORD")
            found = values_held(ledger.engine, snapshot, path[0].hex_tag, (path[1].hex_tag,))
            uses = {use.tag: use.present for use in attributes_held(ledger.engine, snapshot).attributes}
            show_values(snapshot, path, found, limit=9, min_cell=1, as_json=False, as_csv=False)

        assert [(value.value, value.instances, value.series) for value in found.values] == [("Head", 1, 1)]
        assert (uses["00082218"], uses["00082218.00080104"]) == (1, 1)
        assert (
            "CodeMeaning (0008,0104) in AnatomicRegionSequence (0008,2218), a Long String (LO): 1 of 2 instances have "
            "a value, 0 an empty one, 1 none"
        ) in capsys.readouterr().out

    def test_items_that_are_not_kept_are_refused(self) -> None:
        with pytest.raises(InvalidRequestError, match=r"items of ModifiedAttributesSequence .* are not kept"):
            read_kept_path("ModifiedAttributesSequence.CodeMeaning", "KEYWORD")
