"""Values that are kept as digests: a set of them answers as a set of the values does."""

import datetime
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns.looked_up import CollectsDigests, DigestsKey
from dicom_sieve.dicom.identity import digest_identity

SECRET = b"secret of a ledger"
TEXTS = st.text("abcAB1 ^=", min_size=1, max_size=4).filter(str.strip)
DAYS = st.dates()


@given(st.lists(TEXTS), st.lists(TEXTS))
def test_a_set_of_digests_is_a_set(held: list[str], others: list[str]) -> None:
    collected = CollectsDigests(DigestsKey(SECRET))
    for text in held:
        collected.add(text)
    found = collected.finish()

    known = {digest_identity(text, SECRET) for text in held}
    assert found.count == len(known)
    for text in [*held, *others]:
        digest = digest_identity(text, SECRET)
        assert (text in found) == (digest in found) == (digest in known)


@given(st.lists(st.tuples(TEXTS, DAYS)), st.lists(TEXTS))
def test_each_value_has_its_days(rows: list[tuple[str, datetime.date]], others: list[str]) -> None:
    collected, expected = CollectsDigests(DigestsKey()), defaultdict[str, set[datetime.date]](set)
    for text, day in rows:
        collected.add(text, day)
        expected[text].add(day)
    found = collected.finish()

    assert found.count == len(expected)
    for text in [*expected, *others]:
        assert found.of(text) == sorted(expected.get(text, ()))


def test_nothing_of_a_value_or_the_secret_is_shown() -> None:
    collected = CollectsDigests(DigestsKey(SECRET))
    collected.add("PLANTED")

    shown = repr(collected.finish()) + repr(collected.__dict__)

    assert "PLANTED" not in shown
    assert "secret" not in shown
