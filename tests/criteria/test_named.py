"""Names of criteria, and what a version changes in another."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.criteria import Asked
from dicom_sieve.criteria.named import NAME, NamedCriteria, check_name, read_named
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.criteria.revision import Revision, compare_versions
from dicom_sieve.errors import InvalidRequestError

IS_CT = {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}
IS_MR = {**IS_CT, "reference": "MR"}
THIN = {"dicom_tag": "SliceThickness", "operation": "AT_MOST", "reference": "5 mm"}
ACCEPTED = "accepted: 1 to 64 of A-Z, a-z, 0-9, '-', '_' and '.', of which the first is a letter or digit"


class TestNames:
    @pytest.mark.parametrize("name", ["a", "7", "thin-axial-ct", "Thin_CT.v2", "A" * 64])
    def test_names_are_read_with_and_without_a_version(self, name: str) -> None:
        assert read_named(name, "NAME") == NamedCriteria(name)
        assert read_named(f"{name}@12", "NAME") == NamedCriteria(name, 12)
        assert str(NamedCriteria(name, 12)) == f"{name}@12"

    @pytest.mark.parametrize("name", ["", "-a", ".", "..", "a b", "a/b", "a\n", "ä", "a" * 65, "@a"])
    def test_names_of_other_letters_or_lengths_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            check_name(name, "NAME")

        assert str(caught.value).startswith("NAME: ")
        assert str(caught.value).endswith(f" is no name of criteria; {ACCEPTED}")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("version", ["", "0", "-1", "01", "x", "1.5", "1@2", "1" * 10])
    def test_names_with_what_is_no_version_are_refused(self, version: str) -> None:
        with pytest.raises(InvalidRequestError, match="is no version; accepted: a number from 1"):
            read_named(f"a@{version}", "NAME")

    @given(st.text(max_size=70))
    def test_names_are_accepted_where_the_schema_accepts_them(self, text: str) -> None:
        accepts = re.search(NAME, text) is not None
        try:
            check_name(text, "NAME")
        except InvalidRequestError:
            assert not accepts
        else:
            assert accepts
            assert read_named(f"{text}@3", "NAME") == NamedCriteria(text, 3)


class TestRevisions:
    def test_a_revision_names_what_was_added_removed_and_changed(self) -> None:
        before = load_criteria([IS_CT, THIN, {"dicom_tag": "PatientSex", "operation": "EQUALS", "reference": "F"}])
        after = load_criteria([IS_CT, {**THIN, "reference": "3 mm"}, {"any": [IS_CT, IS_MR]}])

        revision = compare_versions(before, after)

        assert revision == Revision((after[2],), (before[2],), ((before[1], after[1]),), is_reordered=False)

    def test_a_revision_of_a_group_is_one_change(self) -> None:
        before, after = (load_criteria([{"any": items, "name": "modality"}]) for items in ([IS_CT], [IS_CT, IS_MR]))

        assert compare_versions(before, after).changed == ((before[0], after[0]),)

    def test_a_revision_sees_another_order_and_not_other_letters_of_a_tag(self) -> None:
        small = {"dicom_tag": ["300a", "00b2"], "operation": "PRESENT"}
        before = load_criteria([small, THIN])

        assert compare_versions(before, load_criteria([THIN, small])) == Revision((), (), (), is_reordered=True)
        assert compare_versions(before, load_criteria([{**small, "dicom_tag": ["300A", "00B2"]}, THIN])).is_empty

    def test_a_revision_accounts_for_every_item(self) -> None:
        pool = load_criteria([IS_CT, IS_MR, THIN, {"any": [IS_CT]}, {"any": [IS_MR]}, {"none": [THIN], "name": "x"}])
        chance = random.Random(20260201)
        for _ in range(500):
            before, after = (chance.choices(pool, k=chance.randint(1, 6)) for _ in range(2))

            revision = compare_versions(before, after)

            was, now = ([pair[side] for pair in revision.changed] for side in (0, 1))
            rest: list[Asked] = list(before)
            for item in (*revision.removed, *was):
                rest.remove(item)
            assert sorted(map(key, [*rest, *revision.added, *now])) == sorted(map(key, after))
            assert not {key(item) for item in revision.removed} & {key(item) for item in revision.added}
            assert revision.is_empty == (list(map(key, before)) == list(map(key, after)))


def key(item: Asked) -> str:
    return repr(item.as_given())
