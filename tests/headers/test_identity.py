"""Keyed digests: what stands for a value that tells who somebody is."""

import pytest

from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.marks import IDENTITY

SECRET = b"of the ledger"


def test_a_digest_is_a_mark_and_128_bits_in_hex() -> None:
    digest = digest_identity("4711", SECRET)

    assert digest.startswith(IDENTITY)
    assert len(bytes.fromhex(digest[1:])) == 16


def test_a_digest_stays_what_it_is() -> None:
    assert digest_identity("4711", SECRET) == IDENTITY + "a0053027fe36d5f2cab19a64e53e6517"
    assert digest_identity("Müller^Änne", SECRET, vr="PN") == IDENTITY + "89ba091a99b4caf3fe0c5c0e5f7edd16"


@pytest.mark.parametrize("written", [" 4711a", "4711A ", "4711a\0", "\t4711A"])
def test_white_space_and_case_do_not_matter(written: str) -> None:
    assert digest_identity(written, SECRET) == digest_identity("4711a", SECRET)


def test_a_composed_character_is_the_same_as_its_parts() -> None:
    assert digest_identity("A\u0308", SECRET) == digest_identity("\u00c4", SECRET)


@pytest.mark.parametrize("written", ["Doe^Jane", "DOE^JANE^^", "Doe^Jane==", "Doe ^ Jane^^^=", " doe^jane "])
def test_a_name_has_one_digest_however_it_ends(written: str) -> None:
    assert digest_identity(written, SECRET, vr="PN") == digest_identity("Doe^Jane", SECRET, vr="PN")


@pytest.mark.parametrize("other", ["Doe^John", "DoeJane", "^Doe^Jane", "Doe^Jane=Doe^Jane"])
def test_another_name_has_another_digest(other: str) -> None:
    assert digest_identity(other, SECRET, vr="PN") != digest_identity("Doe^Jane", SECRET, vr="PN")


def test_another_ledger_has_another_digest() -> None:
    assert digest_identity("4711", SECRET) != digest_identity("4711", b"of another")
