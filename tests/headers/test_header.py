import hashlib
import json
import pickle
import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dicom_sieve.headers import Defect, Header, Instance, defective
from dicom_sieve.headers.header import digest_patient

tags = st.sampled_from(["00080020", "00080060", "00101010"])
attributes = st.dictionaries(tags, st.lists(st.text(max_size=3), max_size=3).map(tuple))
uids = st.none() | st.sampled_from(["", "1.2", "1.3"])
patients = st.none() | st.tuples(st.sampled_from(["1", "2", "ü"]), st.sampled_from(["", "1"]))
headers = st.builds(Header, uids, uids, uids, attributes, st.none() | st.sampled_from(Defect), patients)
SECRET = b"of one ledger"


class TestADigest:
    @given(first=headers, other=headers)
    def test_a_digest_is_the_same_of_equal_headers_alone(self, first: Header, other: Header) -> None:
        assert (first.digest(SECRET) == other.digest(SECRET)) == (first == other)

    @given(values=attributes)
    def test_a_digest_does_not_depend_on_the_order_of_attributes(self, values: Mapping[str, tuple[str, ...]]) -> None:
        backwards = dict(list(values.items())[::-1])

        assert Header(attributes=values).digest(SECRET) == Header(attributes=backwards).digest(SECRET)

    def test_a_digest_tells_an_absent_value_from_an_empty_one(self) -> None:
        contents: list[dict[str, tuple[str, ...]]] = [{}, {"00080060": ()}, {"00080060": ("",)}, {"00080060": ("", "")}]

        assert len({Header(attributes=content).digest(SECRET) for content in contents}) == 4

    def test_a_digest_is_a_sha_256(self) -> None:
        assert re.fullmatch("[0-9a-f]{64}", Header().digest(SECRET))

    def test_a_digest_stays_as_it_is_because_ledgers_hold_it(self) -> None:
        header = Header("1.2", "1.3", "1.4", {"00080060": ("CT", "MR")})

        assert header.digest(SECRET) == "ebdf7d49a1c3614e1de4239671b814567b83489586714bff24b8b48ef9520585"

    @given(values=st.lists(st.text(st.characters(codec=None, exclude_categories=()), max_size=4), max_size=4))
    @example(values=["\x00\x1f\x7f\x80", "\ud800", "\U0001f4c4", '"\\/'])
    def test_a_digest_is_that_of_json_as_python_writes_it_whatever_a_value_holds(self, values: list[str]) -> None:
        content = [None, None, None, {"00080060": values}, None]

        written = json.dumps(content, separators=(",", ":"))
        header = Header(attributes={"00080060": tuple(values)})
        assert header.digest(SECRET) == hashlib.sha256(written.encode()).hexdigest()

    def test_a_digest_of_whom_it_is_needs_the_secret_and_stays_as_it_is_too(self) -> None:
        header = Header("1.2", "1.3", "1.4", {"00080060": ("CT", "MR")}, patient=("4711", "HOSPITAL"))

        assert digest_patient(header.patient, SECRET) == "93e3886e2900fcc16e8cbee1b7f9dde7"
        assert header.digest(SECRET) == "e9cc251cd4b95a3f4e2108adc120bffb3b5ba9f817fed9661a8da892497e2265"
        assert header.digest(SECRET) != header.digest(b"of another ledger")
        assert "4711" not in repr(header)


def test_an_instance_survives_pickling() -> None:
    instance = Instance(Header("1", "2", "3", {"00080060": ("CT",)}, patient=("5", "")), "4")

    assert pickle.loads(pickle.dumps(instance)) == instance


def test_a_defective_instance_holds_nothing_else() -> None:
    assert defective(Defect.GONE) == Instance(Header(defect=Defect.GONE), None)


@pytest.mark.parametrize("defect", Defect)
def test_every_defect_describes_itself(defect: Defect) -> None:
    assert re.fullmatch(r"The (object|store)[^.]*\.", defect.describe())


def test_the_defects_are_a_closed_set_of_which_two_may_pass() -> None:
    lasting = {"NOT_DICOM", "EMPTY_OBJECT", "CORRUPT", "TOO_LARGE", "NO_SERIES"}

    assert {defect.value for defect in Defect if defect.is_lasting} == lasting
    assert {defect.value for defect in Defect if not defect.is_lasting} == {"UNREADABLE", "GONE"}
