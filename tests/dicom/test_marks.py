"""What stands for a value that is not kept as a text is read by people and programs as what it is."""

import pytest

from dicom_sieve.dicom.marks import BYTES, IDENTITY, NOT_KEPT, as_plain, describe_mark, show_text


@pytest.mark.parametrize(
    ("text", "plain", "shown"),
    [
        ("CT", "CT", "'CT'"),
        ("", "", "''"),
        (NOT_KEPT, "(not kept)", "(not kept)"),
        (f"{IDENTITY}0123456789abcdef", "digest:0123456789abcdef", "(digest 01234567...)"),
        (f"{BYTES}0102", "bytes:0102", "(bytes 0102)"),
        (f"{BYTES}0102030405", "bytes:0102030405", "(bytes 01020304...)"),
    ],
)
def test_a_mark_is_written_for_people_and_programs(text: str, plain: str, shown: str) -> None:
    assert as_plain(text) == plain
    assert show_text(text) == shown
    assert (describe_mark(text) is None) == (text == plain)
